// SPDX-License-Identifier: Apache-2.0
#include "router/delivery/lane.h"

#include <stdlib.h>

#include "common/xalloc.h"

struct lane *
lane_new(const char *key)
{
    struct lane *lane = xcalloc(1, sizeof(*lane));
    lane->key = xstrdup(key);
    lane->due_at = LANE_NOTHING_DUE;
    lane->due_meanwhile = LANE_NOTHING_DUE;
    return lane;
}

void
lane_free(struct lane *lane)
{
    if (lane == NULL) {
        return;
    }
    free(lane->key);
    free(lane);
}

static int64_t
min_ms(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

void
lane_due(struct lane *lane, int64_t due_at)
{
    lane->due_at = min_ms(lane->due_at, due_at);
    if (lane->claiming) {
        lane->due_meanwhile = min_ms(lane->due_meanwhile, due_at);
    }
}

size_t
lane_room(const struct lane *lane, uint64_t concurrency, size_t taken, int64_t now)
{
    uint64_t in_flight = lane->in_flight + taken;
    if (lane->claiming || lane->due_at > now || lane->paused_until > now) {
        return 0;
    }
    uint64_t most = lane->pause_ms > 0 ? 1 : concurrency; // half open: one probe
    return in_flight >= most ? 0 : (size_t)(most - in_flight);
}

bool
lane_is_free(const struct lane *lane, int64_t now)
{
    return !lane->claiming && lane->due_at > now && lane->pause_ms == 0 &&
           lane->paused_until <= now;
}

int64_t
lane_wake_at(const struct lane *lane)
{
    if (lane->claiming || lane->due_at == LANE_NOTHING_DUE) {
        return LANE_NOTHING_DUE;
    }
    return lane->due_at > lane->paused_until ? lane->due_at : lane->paused_until;
}

void
lane_claim_begin(struct lane *lane, size_t most)
{
    lane->claiming = true;
    lane->reserved = most;
    lane->due_meanwhile = LANE_NOTHING_DUE;
}

void
lane_claim_end(struct lane *lane, size_t count, int64_t next_due_at)
{
    lane->claiming = false;
    lane->reserved = 0;
    lane->in_flight += count;
    lane->due_at = min_ms(next_due_at == 0 ? LANE_NOTHING_DUE : next_due_at, lane->due_meanwhile);
}

bool
lane_answered(struct lane *lane)
{
    bool was_open = lane->pause_ms > 0;
    lane->failures = 0;
    lane->pause_ms = 0;
    if (was_open) {
        lane->paused_until = 0;
    }
    return was_open;
}

bool
lane_failed(struct lane *lane, int64_t now)
{
    lane->failures++;
    if (lane->failures < LANE_FAILURES_MAX || lane->paused_until > now) {
        return false; // requests sent before the breaker opened do not lengthen its pause
    }
    lane->pause_ms =
        lane->pause_ms == 0 ? LANE_PAUSE_FIRST_MS : min_ms(lane->pause_ms * 2, LANE_PAUSE_MOST_MS);
    lane_pause(lane, now + lane->pause_ms);
    return true;
}

void
lane_renew(struct lane *lane)
{
    lane->failures = 0;
    lane->pause_ms = 0;
    lane->paused_until = 0;
    lane_due(lane, 0);
}

void
lane_pause(struct lane *lane, int64_t until)
{
    if (lane->paused_until < until) {
        lane->paused_until = until;
    }
}
