// SPDX-License-Identifier: Apache-2.0
// The servers of a zone: from their names to the addresses that may be asked.
#ifndef VERIFIER_DNS_HOSTS_H
#define VERIFIER_DNS_HOSTS_H

#include <stddef.h>
#include <stdint.h>

#include "verifier/dns/zones.h"

enum { DNS_HOST_ADDRESSES_MAX = 4 }; /* of one server's name and family */

/** A zone as it was found: its servers by name, in order. */
struct dns_zone_plan {
    struct dns_name zone;
    bool is_from_parent;
    size_t count;
    struct dns_name names[AUTHORITY_NAMES_MAX];
    size_t left_out;
    const struct dns_referral
        *referral;         /* its glue serves where the resolver cannot; may be NULL */
    struct dns_zone *made; /* out: a reference */
};

/**
 * Look up the addresses of all servers of all plans, and make the zones. Blocks.
 *
 * @hosts   what was looked up lately
 * @budget  of queries; NULL: no limit
 */
void dns_hosts_make_zones(const struct authority_settings *settings, struct brief *hosts,
                          struct dns_budget *budget, struct dns_zone_plan *plans, size_t count,
                          int64_t deadline_mono_ms);

#endif
