// SPDX-License-Identifier: Apache-2.0
// Is what a person typed a domain that can be added? Each mistake has its own sentence.
#ifndef VERIFIER_DOMAIN_NAME_H
#define VERIFIER_DOMAIN_NAME_H

#include "common/address.h"
#include "common/status.h"

enum {
    /* Leaves room for "_mailspur." in front (RFC 1035 allows 253 in all). */
    DOMAIN_CHECKED_MAX = 243
};

/**
 * Check and normalise a domain name as typed: lower case, A-labels, without final dot. A TLD nobody
 * knows is allowed (private DNS); a public suffix is not.
 *
 * @hostname  of this host, which is no tenant's domain; NULL: not checked
 * @return    ST_OK; ST_INVALID with a sentence for the user, that offers the corrected name where
 *            there is one
 * @thread    any; the first call reads the public suffix list
 */
MUST_CHECK enum status domain_name_check(const char *text, const char *hostname,
                                         char out[DOMAIN_NAME_SIZE], struct why *why);

#endif
