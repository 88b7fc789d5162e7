// SPDX-License-Identifier: Apache-2.0
// Condition variables with deadlines that no one moves by setting the wall clock.
#ifndef COMMON_CONDITION_H
#define COMMON_CONDITION_H

#include <pthread.h>
#include <stdint.h>
#include <time.h>

/** Initialise one that counts in CLOCK_MONOTONIC. Release with pthread_cond_destroy. */
void condition_init(pthread_cond_t *condition);

/**
 * In `ms` milliseconds (less than 0: now), for pthread_cond_timedwait on a condition of
 * condition_init. Real time, whatever clock_fake_set says. Suspend does not count, unlike in
 * clock_mono_ms: who waits for a time of that clock looks at it again.
 */
struct timespec condition_deadline(int64_t ms);

#endif
