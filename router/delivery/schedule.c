// SPDX-License-Identifier: Apache-2.0
#include "router/delivery/schedule.h"

static int64_t
min_ms(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

// first, 2 first, 4 first, ... up to most.
static int64_t
plain_wait_ms(const struct schedule *schedule, uint64_t attempts)
{
    int64_t wait = schedule->first_ms;
    for (uint64_t i = 1; i < attempts && wait < schedule->most_ms; i++) {
        wait = wait > schedule->most_ms / 2 ? schedule->most_ms : wait * 2;
    }
    return min_ms(wait, schedule->most_ms);
}

// From 80 to 120 percent, so that what failed together is not repeated together.
static int64_t
with_jitter(int64_t wait_ms, uint32_t random)
{
    double share = 0.8 + 0.4 * ((double)random / (double)UINT32_MAX);
    return (int64_t)((double)wait_ms * share);
}

bool
schedule_next(const struct schedule *schedule, const struct schedule_input *input,
              int64_t *due_at_out)
{
    int64_t last_at = input->started_at + schedule->for_ms;
    if (input->now_ms >= last_at) {
        return false;
    }
    int64_t wait = with_jitter(plain_wait_ms(schedule, input->attempts), input->random);
    if (wait < input->least_ms) {
        wait = input->least_ms;
    }
    *due_at_out = min_ms(input->now_ms + wait, last_at);
    return true;
}
