// SPDX-License-Identifier: Apache-2.0
#include "daemon/maintenance.h"

#include <stdlib.h>

#include "common/clock.h"
#include "common/log.h"

void
maintenance_init(struct maintenance *maintenance)
{
    int64_t now = clock_mono_ms();
    *maintenance = (struct maintenance){
        .due_mono_ms = now + MAINTENANCE_EVERY_MS,
        .wall_minus_mono_ms = clock_wall_ms() - now,
    };
}

// A clock that jumped would make everything old at once: rather purge nothing.
static bool
clock_is_sane(struct maintenance *maintenance)
{
    int64_t drift = clock_wall_ms() - clock_mono_ms() - maintenance->wall_minus_mono_ms;
    bool drifted = llabs(drift) > MAINTENANCE_CLOCK_DRIFT_MS;
    if (drifted && !maintenance->drifted) {
        log_err("clock.jumped", LOG_INT("drift_ms", drift),
                LOG_STR("effect", "nothing is purged until a restart"));
    }
    maintenance->drifted = maintenance->drifted || drifted;
    return !maintenance->drifted;
}

static void
expire_holds(struct store *store, const struct config_store *settings, int64_t now)
{
    uint64_t count = 0;
    struct why why;
    if (store_hold_expire(store, now - settings->hold_for_ms, &count, &why) != ST_OK) {
        log_warn("hold.expire_failed", LOG_STR("why", why.text));
    } else if (count > 0) {
        log_info("hold.expired", LOG_INT("deliveries", count));
    }
}

// True when there may be more to purge.
static bool
purge(struct store *store, const struct config_store *settings, int64_t now)
{
    uint64_t count = 0;
    struct why why;
    int64_t dead_before = settings->keep_dead_ms == 0 ? 0 : now - settings->keep_dead_ms;
    if (store_purge(store, now - settings->keep_done_ms, dead_before, MAINTENANCE_STEP_MESSAGES,
                    &count, &why) != ST_OK) {
        log_warn("store.purge_failed", LOG_STR("why", why.text));
        return false;
    }
    if (count > 0) {
        log_info("store.purged", LOG_INT("messages", count));
    }
    return count >= MAINTENANCE_STEP_MESSAGES;
}

// Evidence has a retention of its own: it stays when its message goes, and goes when that stays.
static bool
purge_evidence(struct store *store, const struct config_store *settings, int64_t now)
{
    uint64_t count = 0;
    struct why why;
    if (store_evidence_purge(store, now - settings->keep_evidence_ms, MAINTENANCE_STEP_EVIDENCE,
                             &count, &why) != ST_OK) {
        log_warn("evidence.purge_failed", LOG_STR("why", why.text));
        return false;
    }
    if (count > 0) {
        log_info("evidence.purged", LOG_INT("count", count));
    }
    return count >= MAINTENANCE_STEP_EVIDENCE;
}

int
maintenance_step(struct maintenance *maintenance, struct store *store,
                 const struct config_store *settings)
{
    int64_t left = maintenance->due_mono_ms - clock_mono_ms();
    if (left > 0) {
        return left < MAINTENANCE_EVERY_MS ? (int)left : MAINTENANCE_EVERY_MS;
    }
    bool more = false;
    if (clock_is_sane(maintenance)) {
        int64_t now = store_now_ms(store);
        expire_holds(store, settings, now);
        more = purge(store, settings, now);
        more = purge_evidence(store, settings, now) || more;
    }
    int wait_ms = more ? MAINTENANCE_PAUSE_MS : MAINTENANCE_EVERY_MS;
    maintenance->due_mono_ms = clock_mono_ms() + wait_ms;
    return wait_ms;
}
