// SPDX-License-Identifier: Apache-2.0
// Has the wall clock jumped since the start? Then everything would look old (or young) at once:
// rather purge nothing, and let nothing run out, until a restart.
#ifndef COMMON_CLOCK_GUARD_H
#define COMMON_CLOCK_GUARD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { CLOCK_GUARD_DRIFT_MS = 3600000 }; /* wall clock against CLOCK_BOOTTIME, since the start */

struct clock_guard {
    int64_t wall_minus_mono_ms; /* at the start */
    atomic_bool jumped;
};

void clock_guard_init(struct clock_guard *guard);

/** True while wall clock and CLOCK_BOOTTIME go together. Once they did not, false for good. Any
 *  thread. */
bool clock_guard_is_sane(struct clock_guard *guard);

/** How far the wall clock is ahead of what it was at the start. Any thread. */
int64_t clock_guard_drift_ms(const struct clock_guard *guard);

#endif
