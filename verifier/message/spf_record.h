// SPDX-License-Identifier: Apache-2.0
// An SPF record as a program: the whole text is checked against the grammar of RFC 7208, 4.6, 5, 6
// and 7.1 first, so that evaluation meets no syntax error.
#ifndef VERIFIER_MESSAGE_SPF_RECORD_H
#define VERIFIER_MESSAGE_SPF_RECORD_H

#include <stdbool.h>
#include <stddef.h>

#include "common/network.h"
#include "common/status.h"
#include "common/verdict.h"
#include "verifier/message/spf_macro.h"

enum { SPF_RECORD_MAX = 16384 }; /* bytes of a record that are read */

enum spf_mechanism { SPF_ALL, SPF_INCLUDE, SPF_A, SPF_MX, SPF_PTR, SPF_IP4, SPF_IP6, SPF_EXISTS };

struct spf_term {
    enum spf_mechanism mechanism;
    enum auth_result qualifier; /* pass, fail, softfail or neutral: what a match comes to */
    struct network network;     /* ip4, ip6 */
    unsigned prefix4;           /* a, mx */
    unsigned prefix6;
    bool has_target;
    struct spf_string target; /* of the others; with a, mx and ptr it may be missing */
    const char *text;         /* as written, for the trace */
    size_t length;
};

struct spf_record {
    char *text; /* the whole record; everything else points into it */
    struct spf_term *terms;
    size_t count;
    bool has_redirect;
    bool has_explanation;
    struct spf_string redirect;
    struct spf_string explanation;
};

/** True for "v=spf1" alone or with a space behind it (RFC 7208, 4.5). */
bool spf_record_is_spf1(const char *text, size_t length);

/**
 * Read a record for which spf_record_is_spf1 is true.
 *
 * @out   release with spf_record_done; untouched on failure
 * @return ST_OK; ST_INVALID says which term is wrong; ST_TOO_LARGE
 */
MUST_CHECK enum status spf_record_parse(const char *text, size_t length, struct spf_record *out,
                                        struct why *why);

/** Release what the record holds. NULL-safe. */
void spf_record_done(struct spf_record *record);

/** "include" and so on. Static text. */
const char *spf_mechanism_name(enum spf_mechanism mechanism);

#endif
