// SPDX-License-Identifier: Apache-2.0
#include "daemon/maintenance.h"

#include "common/clock.h"
#include "common/log.h"

void
maintenance_init(struct maintenance *maintenance, struct clock_guard *clock)
{
    *maintenance = (struct maintenance){
        .due_mono_ms = clock_mono_ms() + MAINTENANCE_EVERY_MS,
        .clock = clock,
    };
}

static bool
clock_is_sane(struct maintenance *maintenance)
{
    bool sane = clock_guard_is_sane(maintenance->clock);
    if (!sane && !maintenance->told) {
        maintenance->told = true;
        log_err("clock.jumped", LOG_INT("drift_ms", clock_guard_drift_ms(maintenance->clock)),
                LOG_STR("effect", "nothing is purged, and no domain fails, until a restart"));
    }
    return sane;
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
