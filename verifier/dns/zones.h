// SPDX-License-Identifier: Apache-2.0
// Where a name's zone begins and which servers it has: through the local resolver, and when that
// cannot tell (all servers dead, or DNSSEC broken), from the servers of the zone above.
#ifndef VERIFIER_DNS_ZONES_H
#define VERIFIER_DNS_ZONES_H

#include <stddef.h>
#include <stdint.h>

#include "verifier/dns/authority.h"
#include "verifier/dns/brief.h"
#include "verifier/dns/exchange.h"

/** One block, shared, never changed. */
struct dns_zone {
    struct brief_value value;
    struct dns_name name;
    struct authority_zone view;
    const struct dns_server *addresses; /* of `view.servers`, in their order */
};

struct dns_zones;

/** The settings' networks and DNS must outlive it. */
struct dns_zones *dns_zones_new(const struct authority_settings *settings);

/** NULL-safe. */
void dns_zones_free(struct dns_zones *zones);

enum { DNS_ZONE_PROBLEM_SIZE = 200 };

struct dns_zone_request {
    struct dns_name name;
    struct dns_zone *zone; /* found: a reference, brief_unref; else NULL */
    char problem[DNS_ZONE_PROBLEM_SIZE];
};

/**
 * Find the zone of each name. Blocks up to the deadline.
 *
 * @policy  for the servers of zones
 */
void dns_zones_find(struct dns_zones *zones, const struct dns_exchange_policy *policy,
                    struct dns_zone_request *requests, size_t count, int64_t deadline_mono_ms);

/**
 * The servers of the zones that were found refer to others for these names: put the zones they
 * refer to in the requests' places, where they tell. One step down. Blocks up to the deadline.
 */
void dns_zones_descend(struct dns_zones *zones, const struct dns_exchange_policy *policy,
                       struct dns_zone_request *const *requests, size_t count,
                       int64_t deadline_mono_ms);

/**
 * True if servers of the zone were asked, and none of them said anything. Blocks up to the
 * deadline.
 */
bool dns_zone_is_silent(const struct dns_zone *zone, const struct dns_exchange_policy *policy,
                        int64_t deadline_mono_ms);

/**
 * True if the servers of the zone above `zone` were asked, and none of them said anything. False
 * when it is the root. Blocks up to the deadline.
 */
bool dns_zones_is_parent_silent(struct dns_zones *zones, const struct dns_exchange_policy *policy,
                                const struct dns_zone *zone, int64_t deadline_mono_ms);

#endif
