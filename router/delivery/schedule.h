// SPDX-License-Identifier: Apache-2.0
// When a delivery is tried again: a doubling wait with jitter, up to an age.
#ifndef ROUTER_DELIVERY_SCHEDULE_H
#define ROUTER_DELIVERY_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

struct schedule {
    int64_t first_ms; /* wait after the first failed attempt; doubles */
    int64_t most_ms;  /* longest wait */
    int64_t for_ms;   /* age at which a failed attempt was the last one */
};

struct schedule_input {
    uint64_t attempts;  /* made so far, at least 1 */
    int64_t now_ms;     /* wall clock, as `started_at` */
    int64_t started_at; /* when the delivery was first tried, or queued */
    int64_t least_ms;   /* the endpoint asked to wait this long; 0: it did not */
    uint32_t random;    /* spreads the waits by a fifth in both directions */
};

/**
 * The time of the next attempt. The last one falls on the moment the age is reached, not before: an
 * endpoint that is repaired shortly before the end still gets its mail.
 *
 * @due_at_out  wall clock ms
 * @return      false: out of time, nothing is written
 */
bool schedule_next(const struct schedule *schedule, const struct schedule_input *input,
                   int64_t *due_at_out);

#endif
