// SPDX-License-Identifier: Apache-2.0
#include "common/condition.h"

void
condition_init(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(condition, &attributes);
    (void)pthread_condattr_destroy(&attributes);
}

struct timespec
condition_deadline(int64_t ms)
{
    enum { MS_NS = 1000000, SECOND_NS = 1000000000 };
    int64_t wait_ms = ms > 0 ? ms : 0;
    struct timespec when;
    (void)clock_gettime(CLOCK_MONOTONIC, &when); // cannot fail for this id
    int64_t nanoseconds = when.tv_nsec + wait_ms % 1000 * MS_NS;
    when.tv_sec += wait_ms / 1000 + nanoseconds / SECOND_NS;
    when.tv_nsec = nanoseconds % SECOND_NS;
    return when;
}
