// SPDX-License-Identifier: Apache-2.0
// Time: the wall clock for dates people read and the store keeps, the monotonic one for durations.
// Tests move both without waiting.
#ifndef COMMON_CLOCK_H
#define COMMON_CLOCK_H

#include <stddef.h>
#include <stdint.h>

/** Milliseconds since 1970-01-01 UTC. Any thread. */
int64_t clock_wall_ms(void);

/** Milliseconds of a clock that never jumps (CLOCK_BOOTTIME: suspend counts). Any thread. */
int64_t clock_mono_ms(void);

enum { CLOCK_FOLLOWED_MS = 3600 * 1000 };

/**
 * The wall clock for times that are stored and waited for. It follows corrections, but not a jump
 * of more than CLOCK_FOLLOWED_MS: then it goes on as if there had been none, until the wall clock
 * is back or the process restarts. Else a retry would wait for a day, or a delivery be old at once.
 * Any thread.
 */
int64_t clock_steady_ms(void);

enum { CLOCK_ISO_SIZE = 32 };

/** "2026-11-22T10:15:30.123Z" into `out` (CLOCK_ISO_SIZE bytes); returns `out`. */
const char *clock_format_iso(int64_t wall_ms, char out[CLOCK_ISO_SIZE]);

/** Tests only: stop both clocks at these values, until clock_fake_off(). For all threads. */
void clock_fake_set(int64_t wall_ms, int64_t mono_ms);
void clock_fake_off(void);

#endif
