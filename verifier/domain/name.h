// SPDX-License-Identifier: Apache-2.0
// Is what a person typed a domain that can be added? Each mistake has its own sentence.
#ifndef VERIFIER_DOMAIN_NAME_H
#define VERIFIER_DOMAIN_NAME_H

#include "common/address.h"
#include "common/status.h"
#include "config/config.h"

enum {
    /* Leaves room for "_mailspur." in front (RFC 1035 allows 253 in all). */
    DOMAIN_CHECKED_MAX = 243,
    /* A character of an A-label stands for at most one of UTF-8. */
    DOMAIN_UNICODE_SIZE = 4 * DOMAIN_CHECKED_MAX + 1
};

/**
 * Check and normalise a domain name as typed: lower case, A-labels, without final dot. A TLD nobody
 * knows is allowed (private DNS); a public suffix is not.
 *
 * @hostname  of this host: neither it nor a name below is a tenant's domain; NULL: not checked
 * @return    ST_OK; ST_INVALID with a sentence for the user, that offers the corrected name where
 *            there is one
 * @thread    any; the first call reads the public suffix list
 */
MUST_CHECK enum status domain_name_check(const char *text, const char *hostname,
                                         char out[DOMAIN_NAME_SIZE], struct why *why);

/**
 * The letters a person reads in place of A-labels ("xn--bcher-kva.example": "bücher.example").
 *
 * @name    as domain_name_check gives it; anything else has none
 * @return  false, `out` untouched: the name has no A-labels, or its letters are not to be shown,
 * since domain_name_check would refuse them (look-alikes, signs nobody sees)
 * @thread  any
 */
MUST_CHECK bool domain_name_unicode(const char *name, char out[DOMAIN_UNICODE_SIZE]);

/** True for "com" and "co.uk": names under which anybody can register. Any thread. */
bool domain_name_is_public_suffix(const char *name);

/**
 * May a tenant have this name, as far as this host goes? Not its own names (hostname, authserv_id,
 * inbound_mx, backup_mx), the operator's zones (spf_include, dkim_zone), reserved_names, nor what
 * stands below them.
 *
 * @name    as domain_name_check gives it
 * @return  ST_OK; ST_INVALID with a sentence for the user
 */
MUST_CHECK enum status domain_name_check_free(const char *name, const struct config *config,
                                              struct why *why);

#endif
