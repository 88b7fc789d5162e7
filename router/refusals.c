// SPDX-License-Identifier: Apache-2.0
#include "router/refusals.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/xalloc.h"

enum { MINUTE_MS = 60 * 1000 };

struct refusals {
    struct store *store;
    struct limits *limits;
    int64_t minute_mono_ms; /* when the minute under way began */
    unsigned kept;          /* in it */
    unsigned dropped;
};

struct refusals *
refusals_new(struct store *store, struct limits *limits)
{
    struct refusals *refusals = xcalloc(1, sizeof(*refusals));
    refusals->store = store;
    refusals->limits = limits;
    return refusals;
}

void
refusals_free(struct refusals *refusals)
{
    free(refusals);
}

static bool
is_within_share(struct refusals *refusals, int64_t now_ms)
{
    if (now_ms - refusals->minute_mono_ms >= MINUTE_MS) {
        if (refusals->dropped > 0) {
            log_warn("evidence.dropped", LOG_INT("refusals", refusals->dropped),
                     LOG_INT("kept", refusals->kept));
        }
        refusals->minute_mono_ms = now_ms;
        refusals->kept = 0;
        refusals->dropped = 0;
    }
    return refusals->kept < REFUSALS_PER_MINUTE;
}

static bool
has_room(const struct refusals *refusals, const struct config *config,
         const struct intake_refused *refused)
{
    struct reservation reservation = {.held = false};
    const struct limits_request request = {.tenant = refused->tenant,
                                           .bytes = strlen(refused->evidence)};
    const struct smtp_reply *reply =
        limits_reserve(refusals->limits, &config->limits, &request, &reservation);
    limits_release(refusals->limits, &reservation);
    return reply == NULL;
}

struct keeping {
    struct refusals_waiter waiter;
    struct id id;
    char *queue_id;
    char *domain;
};

// On a thread of the store. Behind the answer everything else may be gone.
static void
on_kept(void *context, enum status status, const struct why *why)
{
    struct keeping *keeping = context;
    const struct refusals_waiter waiter = keeping->waiter;
    if (status == ST_OK) {
        log_info("evidence.kept", LOG_STR("id", keeping->id.text),
                 LOG_STR("queue_id", keeping->queue_id), LOG_STR("domain", keeping->domain));
    } else {
        log_warn("evidence.not_kept", LOG_STR("queue_id", keeping->queue_id),
                 LOG_STR("domain", keeping->domain), LOG_STR("why", why->text));
    }
    free(keeping->queue_id);
    free(keeping->domain);
    free(keeping);
    waiter.answered(waiter.context, status == ST_OK);
}

static void
put(const struct refusals *refusals, const struct intake_refused *refused,
    const struct refusals_waiter *waiter)
{
    struct store_evidence evidence = {.refused = true,
                                      .tenant = refused->tenant,
                                      .domain = refused->domain,
                                      .data = refused->evidence};
    (void)snprintf(evidence.id.text, sizeof(evidence.id.text), "%s", refused->id);
    struct keeping *keeping = xcalloc(1, sizeof(*keeping));
    *keeping = (struct keeping){.waiter = *waiter,
                                .id = evidence.id,
                                .queue_id = xstrdup(refused->queue_id),
                                .domain = xstrdup(refused->domain)};
    store_evidence_put(refusals->store, &evidence, on_kept, keeping);
}

enum status
refusals_keep(struct refusals *refusals, const struct config *config,
              const struct intake_refused *refused, int64_t now_ms,
              const struct refusals_waiter *waiter, struct why *why)
{
    if (!id_is_valid(refused->id)) {
        return why_set(why, ST_INVALID, "REFUSED with an id that is none");
    }
    if (config->store.keep_evidence_ms == 0) {
        waiter->answered(waiter->context, false);
    } else if (!is_within_share(refusals, now_ms) || !has_room(refusals, config, refused)) {
        refusals->dropped++;
        waiter->answered(waiter->context, false);
    } else {
        refusals->kept++;
        put(refusals, refused, waiter);
    }
    return ST_OK;
}
