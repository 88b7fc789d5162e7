// SPDX-License-Identifier: Apache-2.0
#include "control/cli/human.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { JUST_NOW_MS = 2000, DATE_BEYOND_MS = 14 * 24 * 3600 * 1000 };

#define SECOND_MS INT64_C(1000)
#define MINUTE_MS (60 * SECOND_MS)
#define HOUR_MS (60 * MINUTE_MS)

struct duration_unit {
    int64_t ms;    /* of one */
    int64_t below; /* used for shorter times than this */
    const char *name;
};
static const struct duration_unit DURATION_UNITS[] = {
    {1, 1000, "ms"},
    {SECOND_MS, 120 * SECOND_MS, "s"},
    {MINUTE_MS, 120 * MINUTE_MS, "min"},
    {HOUR_MS, 48 * HOUR_MS, "h"},
    {24 * HOUR_MS, INT64_MAX, "d"},
};

static const char *const BYTE_UNITS[] = {"B", "KB", "MB", "GB", "TB", "PB", "EB"};

enum status
human_parse_iso(const char *iso, int64_t *wall_ms_out)
{
    struct tm fields = {.tm_year = 0};
    const char *rest = strptime(iso, "%Y-%m-%dT%H:%M:%S", &fields);
    if (rest == NULL || *rest != '.' || strspn(rest + 1, "0123456789") != 3 ||
        strcmp(rest + 4, "Z") != 0) {
        return ST_INVALID;
    }
    int ms = (rest[1] - '0') * 100 + (rest[2] - '0') * 10 + (rest[3] - '0');
    *wall_ms_out = (int64_t)timegm(&fields) * SECOND_MS + ms;
    return ST_OK;
}

const char *
human_duration(int64_t ms, char out[HUMAN_SIZE])
{
    size_t i = 0;
    while (i + 1 < ARRAY_LEN(DURATION_UNITS) && ms >= DURATION_UNITS[i].below) {
        i++;
    }
    (void)snprintf(out, HUMAN_SIZE, "%" PRId64 " %s", ms / DURATION_UNITS[i].ms,
                   DURATION_UNITS[i].name);
    return out;
}

const char *
human_time(const char *iso, int64_t now_ms, char out[HUMAN_SIZE])
{
    int64_t at;
    char length[HUMAN_SIZE];
    if (iso == NULL || human_parse_iso(iso, &at) != ST_OK) {
        (void)snprintf(out, HUMAN_SIZE, "%s", iso == NULL ? "-" : iso);
        return out;
    }
    int64_t distance = now_ms > at ? now_ms - at : at - now_ms;
    if (distance < JUST_NOW_MS) {
        (void)snprintf(out, HUMAN_SIZE, "just now");
    } else if (distance > DATE_BEYOND_MS) {
        (void)snprintf(out, HUMAN_SIZE, "%.10s", iso);
    } else {
        (void)human_duration(distance, length);
        bool past = now_ms > at;
        (void)snprintf(out, HUMAN_SIZE, "%s%.30s%s", past ? "" : "in ", length, past ? " ago" : "");
    }
    return out;
}

const char *
human_clock(const char *iso, int64_t now_ms, char out[HUMAN_SIZE])
{
    int64_t at;
    if (human_parse_iso(iso, &at) != ST_OK) {
        (void)snprintf(out, HUMAN_SIZE, "%s", iso);
        return out;
    }
    struct tm then;
    struct tm now;
    time_t then_s = (time_t)(at / SECOND_MS);
    time_t now_s = (time_t)(now_ms / SECOND_MS);
    (void)localtime_r(&then_s, &then); // fails in the year 2^31 only
    (void)localtime_r(&now_s, &now);
    bool is_today = then.tm_year == now.tm_year && then.tm_yday == now.tm_yday;
    (void)strftime(out, HUMAN_SIZE, is_today ? "%H:%M" : "%Y-%m-%d %H:%M", &then);
    return out;
}

const char *
human_bytes(uint64_t bytes, char out[HUMAN_SIZE])
{
    double value = (double)bytes;
    size_t unit = 0;
    while (value >= 1024 && unit + 1 < ARRAY_LEN(BYTE_UNITS)) {
        value /= 1024;
        unit++;
    }
    // One decimal only where it tells something.
    bool decimal = unit > 0 && value < 10;
    (void)snprintf(out, HUMAN_SIZE, "%.*f %s", decimal ? 1 : 0, value, BYTE_UNITS[unit]);
    return out;
}
