// SPDX-License-Identifier: Apache-2.0
#include "daemon/domains.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/xalloc.h"
#include "verifier/domain/agenda.h"
#include "verifier/domain/schedule.h"
#include "verifier/domain/state.h"

struct domains {
    struct registry *registry;
    struct store *store;
    struct dispatcher *dispatcher;
    struct announcer *announcer;
    struct schedule *schedule;
};

static int64_t
time_until(const struct store_domain *domain, int64_t now)
{
    if (domain->next_check_at == 0) {
        return 0;
    }
    return domain->next_check_at > now ? domain->next_check_at - now : 1;
}

static enum log_level
level_of(const char *kind)
{
    static const char *const WARNINGS[] = {"domain.at_risk",         "domain.failed",
                                           "domain.inbound_held",    "domain.inbound_deferred",
                                           "domain.inbound_refused", "domain.mx_points_here",
                                           "domain.contested",       "domain.needs_approval"};
    for (size_t i = 0; i < ARRAY_LEN(WARNINGS); i++) {
        if (strcmp(kind, WARNINGS[i]) == 0) {
            return LOG_LEVEL_WARN;
        }
    }
    return LOG_LEVEL_INFO;
}

// On the thread that made the change.
static void
on_changed(void *context, const struct store_domain *domain, const struct store_event *events)
{
    struct domains *domains = context;
    for (const struct store_event *event = events; event != NULL; event = event->also) {
        log_at(level_of(event->kind), event->kind, LOG_STR("domain", domain->name),
               LOG_STR("tenant", domain->tenant),
               LOG_STR("status", domain_status_name(domain->status)),
               LOG_STR("detail", event->detail));
        if (strcmp(event->kind, "domain.inbound_reopened") == 0) {
            dispatcher_kick(domains->dispatcher, NULL); // what was held may go on
        }
    }
    if (events != NULL) {
        announcer_kick(domains->announcer);
    }
    schedule_put(domains->schedule, &domain->id, time_until(domain, store_now_ms(domains->store)));
}

static void
find_provider(void *context, const struct id *id, char provider_out[SCHEDULE_PROVIDER_SIZE])
{
    _Static_assert((int)SCHEDULE_PROVIDER_SIZE == (int)AUTHORITY_PROVIDER_SIZE, "same size");
    struct domains *domains = context;
    struct authority_provider provider;
    registry_find_provider(domains->registry, id, &provider);
    (void)snprintf(provider_out, SCHEDULE_PROVIDER_SIZE, "%s",
                   provider.is_sound ? provider.name : AGENDA_DEAD);
}

static int64_t
check(void *context, const struct id *id)
{
    struct domains *domains = context;
    struct store_domain domain;
    struct why why;
    enum status status = registry_check_id(domains->registry, id, &domain, &why);
    if (status == ST_OK) {
        return time_until(&domain, store_now_ms(domains->store));
    }
    log_warn("domain.check_not_made", LOG_STR("id", id->text),
             LOG_STR("status", status_name(status)), LOG_STR("why", why.text));
    return status == ST_NOT_FOUND ? 0 : STATE_CONFIRM_MS;
}

static void
put_first(void *context, const struct store_domain *domain)
{
    struct domains *domains = context;
    schedule_put(domains->schedule, &domain->id,
                 schedule_first_in_ms(domain, store_now_ms(domains->store)));
}

enum status
domains_open(struct registry *registry, struct store *store, struct dispatcher *dispatcher,
             struct announcer *announcer, unsigned checks_at_once, struct domains **domains_out,
             struct why *why)
{
    AUTO_FREE struct domains *domains = xcalloc(1, sizeof(*domains));
    *domains = (struct domains){
        .registry = registry, .store = store, .dispatcher = dispatcher, .announcer = announcer};
    const struct schedule_settings settings = {
        .checks_at_once = checks_at_once,
        .find_provider = find_provider,
        .check = check,
        .context = domains,
    };
    enum status status = schedule_open(&settings, &domains->schedule, why);
    if (status != ST_OK) {
        return status;
    }
    const struct registry_listener listener = {.changed = on_changed, .context = domains};
    registry_listen(registry, &listener);
    registry_list(registry, true, put_first, domains);
    *domains_out = STEAL(domains);
    return ST_OK;
}

void
domains_close(struct domains *domains)
{
    if (domains == NULL) {
        return;
    }
    schedule_close(domains->schedule);
    free(domains);
}
