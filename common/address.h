// SPDX-License-Identifier: Apache-2.0
// Envelope addresses (RFC 5321, 4.1.2; RFC 6531) and domain names. One normaliser for every place
// that compares them: milter, socketmap, routes, registry.
#ifndef COMMON_ADDRESS_H
#define COMMON_ADDRESS_H

#include <stdbool.h>

#include "common/status.h"

enum {
    ADDRESS_MAX = 320,     /* local part 64 (we take up to 66 quoted), "@", domain 253 */
    DOMAIN_NAME_MAX = 253, /* RFC 1035, without the final dot */
    DOMAIN_NAME_SIZE = 254,
    LOCAL_PART_SIZE = 67
};

/** An address taken apart. `local_part` keeps the sender's bytes; `domain` is the A-label form. */
struct address {
    char local_part[LOCAL_PART_SIZE]; /* unquoted bytes, case as sent, UTF-8 allowed */
    char domain[DOMAIN_NAME_SIZE];    /* lower-case A-labels; "" for the null sender */
};

/**
 * Take an envelope address apart: "user@example.org", "<user@example.org>", "<>" or "" (null).
 * Source routes are refused, address literals too.
 *
 * @return ST_OK; ST_INVALID with what is wrong. `out` is untouched on failure.
 */
MUST_CHECK enum status address_parse(const char *text, struct address *out, struct why *why);

/**
 * A domain name in its comparable form: lower case, U-labels to A-labels (IDNA 2008,
 * non-transitional), one final dot dropped. Only letters, digits, hyphens, dots and underscores
 * (sending domains use them) pass, labels 1 to 63, at least one label, at most DOMAIN_NAME_MAX in
 * all. ST_INVALID with what is wrong.
 */
MUST_CHECK enum status address_normalize_domain(const char *text, char out[DOMAIN_NAME_SIZE],
                                                struct why *why);

#endif
