// SPDX-License-Identifier: Apache-2.0
// Who asks for a check: the schedule, and people, who may not ask as often as they like.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/xalloc.h"
#include "verifier/domain/registry_parts.h"

enum {
    MINUTE_MS = 60 * 1000,
    TURN_KEY_SIZE = sizeof("tenant ") + STORE_NAME_SIZE /* or an id */
};

/* ---- one at a time --------------------------------------------------------------------------- */

void
registry_begin_work(struct registry *registry, const struct id *id, struct registry_work *work)
{
    AUTO_LOCK(lock, &registry->busy_mutex);
    while (map_get(registry->busy, id->text) != NULL) {
        (void)pthread_cond_wait(&registry->busy_changed, &registry->busy_mutex);
    }
    (void)map_put(registry->busy, id->text, work);
}

void
registry_end_work(struct registry *registry, const struct id *id, struct registry_work *work)
{
    AUTO_LOCK(lock, &registry->busy_mutex);
    (void)map_remove(registry->busy, id->text);
    work->is_over = true;
    (void)pthread_cond_broadcast(&registry->busy_changed);
    while (work->joined > 0) { // they still look at it
        (void)pthread_cond_wait(&registry->busy_changed, &registry->busy_mutex);
    }
}

// Wait for the end of somebody else's check. Under the busy mutex.
static enum status
join(struct registry *registry, struct registry_work *work)
{
    work->joined++;
    while (!work->is_over) {
        (void)pthread_cond_wait(&registry->busy_changed, &registry->busy_mutex);
    }
    enum status status = work->status;
    work->joined--;
    (void)pthread_cond_broadcast(&registry->busy_changed);
    return status;
}

static enum status
run_check(struct registry *registry, const struct id *id, struct registry_work *work,
          struct registry_check *check, struct why *why)
{
    work->status = registry_check_row(registry, id, check, why);
    registry_end_work(registry, id, work);
    return work->status;
}

static enum status
check_alone(struct registry *registry, const struct id *id, struct registry_check *check,
            struct why *why)
{
    struct registry_work work = {.is_check = true};
    registry_begin_work(registry, id, &work);
    return run_check(registry, id, &work, check, why);
}

/* ---- by anybody ------------------------------------------------------------------------------ */

enum status
registry_verify(struct registry *registry, const char *which, struct registry_check **check_out,
                struct why *why)
{
    struct store_domain domain;
    enum status status = registry_find_living(registry, which, &domain, why);
    if (status != ST_OK) {
        return status;
    }
    AUTO_REGISTRY_CHECK *check = xcalloc(1, sizeof(*check));
    status = check_alone(registry, &domain.id, check, why);
    if (status == ST_OK) {
        *check_out = STEAL(check);
    }
    return status;
}

enum status
registry_check_id(struct registry *registry, const struct id *id, struct store_domain *domain_out,
                  struct why *why)
{
    AUTO_REGISTRY_CHECK *check = xcalloc(1, sizeof(*check));
    enum status status = check_alone(registry, id, check, why);
    if (status == ST_OK) {
        *domain_out = check->domain;
    }
    return status;
}

/* ---- by hand --------------------------------------------------------------------------------- */

const char *
registry_by_hand_name(enum registry_by_hand how)
{
    static const char *const names[] = {[REGISTRY_CHECK_MADE] = "made",
                                        [REGISTRY_CHECK_JOINED] = "joined",
                                        [REGISTRY_CHECK_KEPT] = "kept"};
    return names[how];
}

// Under the busy mutex.
static bool
take_turn(struct registry *registry, const struct config *config, const struct store_domain *domain)
{
    char key[TURN_KEY_SIZE];
    int64_t now = clock_mono_ms();
    struct config_tenant_limits limits;
    config_tenant_limits(&config->limits, domain->tenant, &limits);
    uint64_t per_minute = limits.checks_per_minute;
    int64_t every_ms = config->verification.by_hand_every_ms;
    (void)snprintf(key, sizeof(key), "tenant %s", domain->tenant);
    if (per_minute > 0 && !turns_take(registry->turns, key, (unsigned)per_minute,
                                      MINUTE_MS / (int64_t)per_minute, now)) {
        return false;
    }
    return every_ms == 0 ||
           turns_take(registry->turns, domain->id.text, REGISTRY_BY_HAND_AT_ONCE, every_ms, now);
}

// What is to be done: MADE, the check has been begun; JOINED, one was under way and went well.
static enum registry_by_hand
begin_or_join(struct registry *registry, const struct config *config,
              const struct store_domain *domain, struct registry_work *work)
{
    AUTO_LOCK(lock, &registry->busy_mutex);
    for (;;) {
        struct registry_work *other = map_get(registry->busy, domain->id.text);
        if (other == NULL) {
            break;
        }
        if (!other->is_check) {
            (void)pthread_cond_wait(&registry->busy_changed, &registry->busy_mutex);
        } else if (join(registry, other) == ST_OK) {
            return REGISTRY_CHECK_JOINED;
        }
    }
    if (!take_turn(registry, config, domain)) {
        return REGISTRY_CHECK_KEPT;
    }
    (void)map_put(registry->busy, domain->id.text, work);
    return REGISTRY_CHECK_MADE;
}

static enum status
explain_kept(struct registry *registry, const struct store_domain *domain, struct why *why)
{
    AUTO_FREE char *json = NULL;
    enum status status = registry_last_check(registry, domain, &json, why);
    if (status == ST_NOT_FOUND) {
        return why_set(why, ST_TOO_LARGE,
                       "checks of %.100s, or of other domains of tenant %.60s, were asked for too "
                       "often; the next one comes by itself",
                       domain->name, domain->tenant);
    }
    return status;
}

enum status
registry_verify_by_hand(struct registry *registry, const char *which,
                        enum registry_by_hand *how_out, struct registry_check **check_out,
                        struct why *why)
{
    struct store_domain domain;
    enum status status = registry_find_living(registry, which, &domain, why);
    if (status != ST_OK) {
        return status;
    }
    AUTO_CONFIG *config = config_holder_get(registry->settings.holder);
    AUTO_REGISTRY_CHECK *check = xcalloc(1, sizeof(*check));
    struct registry_work work = {.is_check = true};
    enum registry_by_hand how = begin_or_join(registry, config, &domain, &work);
    if (how == REGISTRY_CHECK_MADE) {
        status = run_check(registry, &domain.id, &work, check, why);
    } else if (how == REGISTRY_CHECK_KEPT) {
        status = explain_kept(registry, &domain, why);
    }
    if (status == ST_OK) {
        *how_out = how;
        *check_out = how == REGISTRY_CHECK_MADE ? STEAL(check) : NULL;
    }
    return status;
}
