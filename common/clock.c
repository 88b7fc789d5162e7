// SPDX-License-Identifier: Apache-2.0
#include "common/clock.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static struct {
    atomic_bool on;
    _Atomic int64_t wall_ms;
    _Atomic int64_t mono_ms;
} fake;

static int64_t
read_clock(clockid_t id)
{
    struct timespec now;
    (void)clock_gettime(id, &now); // cannot fail for these ids
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t
clock_wall_ms(void)
{
    return fake.on ? fake.wall_ms : read_clock(CLOCK_REALTIME);
}

int64_t
clock_mono_ms(void)
{
    return fake.on ? fake.mono_ms : read_clock(CLOCK_BOOTTIME);
}

int64_t
clock_steady_ms(void)
{
    static atomic_int_fast64_t followed; // wall minus monotonic; 0: not asked yet
    if (fake.on) {
        return fake.wall_ms;
    }
    int64_t mono = read_clock(CLOCK_BOOTTIME);
    int64_t seen = read_clock(CLOCK_REALTIME) - mono;
    int64_t kept = atomic_load(&followed);
    if (kept != 0 && llabs(seen - kept) > CLOCK_FOLLOWED_MS) {
        return mono + kept;
    }
    atomic_store(&followed, seen);
    return mono + seen;
}

const char *
clock_format_iso(int64_t wall_ms, char out[CLOCK_ISO_SIZE])
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm utc;
    if (wall_ms < 0 || gmtime_r(&seconds, &utc) == NULL) {
        out[0] = '\0';
        return out;
    }
    size_t length = strftime(out, CLOCK_ISO_SIZE, "%Y-%m-%dT%H:%M:%S", &utc);
    (void)snprintf(out + length, CLOCK_ISO_SIZE - length, ".%03" PRId64 "Z", wall_ms % 1000);
    return out;
}

void
clock_fake_set(int64_t wall_ms, int64_t mono_ms)
{
    fake.wall_ms = wall_ms;
    fake.mono_ms = mono_ms;
    fake.on = true;
}

void
clock_fake_off(void)
{
    fake.on = false;
}
