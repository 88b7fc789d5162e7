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

enum status
refusals_keep(struct refusals *refusals, const struct config *config,
              const struct intake_refused *refused, int64_t now_ms, struct why *why)
{
    struct store_evidence evidence = {.refused = true,
                                      .tenant = refused->tenant,
                                      .domain = refused->domain,
                                      .data = refused->evidence};
    if (!id_is_valid(refused->id)) {
        return why_set(why, ST_INVALID, "REFUSED with an id that is none");
    }
    if (config->store.keep_evidence_ms == 0) {
        return ST_OK;
    }
    if (!is_within_share(refusals, now_ms) || !has_room(refusals, config, refused)) {
        refusals->dropped++;
        return ST_OK;
    }
    (void)snprintf(evidence.id.text, sizeof(evidence.id.text), "%s", refused->id);
    refusals->kept++;
    store_evidence_put(refusals->store, &evidence);
    log_info("evidence.kept", LOG_STR("id", refused->id), LOG_STR("queue_id", refused->queue_id),
             LOG_STR("tenant", refused->tenant), LOG_STR("domain", refused->domain));
    return ST_OK;
}
