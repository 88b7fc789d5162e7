// SPDX-License-Identifier: Apache-2.0
// Whether the servers of a zone are silent, and those of the zone above too.
#include "verifier/dns/zones.h"

#include <string.h>

#include "common/clock.h"

enum { FIND_PERCENT = 60 }; /* of the time, to find the zone above */

struct probe {
    bool has_answered;
    bool is_silent; /* one that was asked; who was not asked proves nothing */
};

static void
on_probe(struct dns_exchange *exchange, enum dns_exchange_end end, int64_t took_ms,
         const struct dns_query *query, const unsigned char *message, size_t length)
{
    struct probe *probe = exchange->context;
    (void)took_ms;
    (void)query;
    (void)message;
    (void)length;
    probe->has_answered |= end == DNS_EXCHANGE_ANSWERED || end == DNS_EXCHANGE_BROKEN;
    probe->is_silent |= end == DNS_EXCHANGE_TIMEOUT || end == DNS_EXCHANGE_UNREACHABLE;
}

bool
dns_zone_is_silent(const struct dns_zone *zone, const struct dns_exchange_policy *policy,
                   int64_t deadline_mono_ms)
{
    const struct dns_question question = {
        .name = zone->name, .type = DNS_SOA, .is_iterative = true};
    struct dns_exchange exchanges[AUTHORITY_SERVERS_MAX];
    struct probe probe = {.has_answered = false};
    size_t count = 0;
    for (size_t i = 0; i < zone->view.server_count; i++) {
        if (zone->view.servers[i].not_asked == AUTHORITY_NO_REASON) {
            exchanges[count++] = (struct dns_exchange){
                .server = &zone->addresses[i],
                .question = &question,
                .policy = policy,
                .on_end = on_probe,
                .context = &probe,
            };
        }
    }
    dns_exchange_run(exchanges, count, deadline_mono_ms);
    return probe.is_silent && !probe.has_answered;
}

bool
dns_zones_is_parent_silent(struct dns_zones *zones, const struct dns_exchange_policy *policy,
                           const struct dns_zone *zone, int64_t deadline_mono_ms)
{
    struct dns_zone_request above = {.zone = NULL};
    int64_t now = clock_mono_ms();
    size_t label = 1U + zone->name.wire[0];
    if (zone->name.length <= label + 1) {
        return false;
    }
    above.name.length = zone->name.length - label;
    memcpy(above.name.wire, zone->name.wire + label, above.name.length);
    dns_zones_find(zones, policy, &above, 1, now + (deadline_mono_ms - now) * FIND_PERCENT / 100);
    bool is_silent = above.zone != NULL && dns_zone_is_silent(above.zone, policy, deadline_mono_ms);
    brief_unref(above.zone);
    return is_silent;
}
