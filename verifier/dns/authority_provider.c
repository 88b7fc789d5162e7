// SPDX-License-Identifier: Apache-2.0
// Who runs the servers of a name's zone, and do they live?
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "verifier/dns/authority_parts.h"
#include "verifier/dns/name.h"
#include "verifier/dns/resolver.h"

static bool
are_all_dead(struct dns_peers *peers, const struct dns_zone *zone)
{
    int64_t now = clock_mono_ms();
    for (size_t i = 0; i < zone->view.server_count; i++) {
        if (zone->view.servers[i].not_asked == AUTHORITY_NO_REASON &&
            !dns_peers_is_dead(peers, zone->addresses[i].text, now)) {
            return false;
        }
    }
    return true;
}

// A resolver that failed may be slow itself; one question tells.
static bool
is_sound(const struct authority *authority, const struct dns_zone *zone, struct dns_budget *budget)
{
    if (!zone->view.is_from_parent) {
        return true;
    }
    if (are_all_dead(authority->peers, zone)) {
        return false;
    }
    struct dns_exchange_policy policy = authority->policy;
    policy.budget = budget;
    policy.tries = 1;
    policy.is_hasty = true;
    int64_t until = clock_mono_ms() + AUTHORITY_SHORT_TRY_MS;
    return !dns_zone_is_silent(zone, &policy,
                               until < budget->deadline_mono_ms ? until : budget->deadline_mono_ms);
}

// Zones of one provider have servers below the same name, such as ns1.provider.example.
static void
name_provider(const struct authority_zone *zone, struct authority_provider *out)
{
    const char *server = zone->server_count == 0 ? "" : zone->servers[0].name;
    const char *dot = strchr(server, '.');
    (void)snprintf(out->name, sizeof(out->name), "%s", dot == NULL ? server : dot + 1);
}

void
authority_find_provider(struct authority *authority, const char *name, struct dns_budget *budget,
                        struct authority_provider *provider_out)
{
    struct dns_zone_request request = {.zone = NULL};
    bool is_fixture = dns_resolver_of(authority->settings.dns) == NULL;
    *provider_out = (struct authority_provider){.is_sound = is_fixture};
    if (is_fixture || !dns_name_parse(name, &request.name) ||
        dns_name_labels(&request.name) > AUTHORITY_LABELS_MAX) {
        return;
    }
    struct dns_exchange_policy policy = authority->policy;
    policy.budget = budget;
    dns_zones_find(authority->zones, &policy, &request, 1, budget->deadline_mono_ms);
    if (request.zone != NULL) {
        name_provider(&request.zone->view, provider_out);
        provider_out->is_sound = is_sound(authority, request.zone, budget);
    }
    brief_unref(request.zone);
}
