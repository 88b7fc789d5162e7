// SPDX-License-Identifier: Apache-2.0
#include "common/clock_guard.h"

#include <stdlib.h>

#include "common/clock.h"

void
clock_guard_init(struct clock_guard *guard)
{
    guard->wall_minus_mono_ms = clock_wall_ms() - clock_mono_ms();
    atomic_init(&guard->jumped, false);
}

int64_t
clock_guard_drift_ms(const struct clock_guard *guard)
{
    return clock_wall_ms() - clock_mono_ms() - guard->wall_minus_mono_ms;
}

bool
clock_guard_is_sane(struct clock_guard *guard)
{
    if (llabs(clock_guard_drift_ms(guard)) > CLOCK_GUARD_DRIFT_MS) {
        atomic_store(&guard->jumped, true);
    }
    return !atomic_load(&guard->jumped);
}
