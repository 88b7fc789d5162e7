// SPDX-License-Identifier: Apache-2.0
// Where DMARC records are looked for, and which name is the organizational domain: by the tree walk
// (RFC 9989, 4.10), or by the public suffix list, as RFC 7489 had it.
#ifndef VERIFIER_MESSAGE_DMARC_DISCOVERY_H
#define VERIFIER_MESSAGE_DMARC_DISCOVERY_H

#include "common/address.h"
#include "verifier/dns/dns.h"
#include "verifier/message/dmarc_record.h"

enum dmarc_discovery { DMARC_DISCOVERY_TREEWALK, DMARC_DISCOVERY_PSL };

enum { DMARC_WALK_MAX = 8 }; /* names of one tree walk (RFC 9989, 4.10) */

/** One name that was asked. */
struct dmarc_step {
    const char *name; /* points into the name the walk began with */
    bool has_record;
    struct dmarc_record record;
};

/** What was found on the way from a name up. */
struct dmarc_walk {
    struct dmarc_step steps[DMARC_WALK_MAX];
    size_t count;
    bool failed;                       /* the DNS did not answer for one of the names */
    const char *org;                   /* organizational domain; NULL: not known */
    const struct dmarc_step *org_step; /* NULL: the organizational domain was not asked */
};

/**
 * Ask from `name` up as far as it takes.
 *
 * @name   lower-case A-labels; must outlive `walk`
 * @thread any; blocks on the DNS up to the budget's deadline
 */
void dmarc_discover(struct dns *dns, struct dns_budget *budget, enum dmarc_discovery discovery,
                    const char *name, struct dmarc_walk *walk);

/**
 * The organizational domain of a name. Without DNS when the public suffix list tells it.
 *
 * @return ST_OK; ST_AGAIN: the DNS did not tell
 */
MUST_CHECK enum status dmarc_org_domain(struct dns *dns, struct dns_budget *budget,
                                        enum dmarc_discovery discovery, const char *name,
                                        char out[DOMAIN_NAME_SIZE]);

#endif
