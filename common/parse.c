// SPDX-License-Identifier: Apache-2.0
#include "common/parse.h"

#include <inttypes.h>
#include <string.h>

struct unit {
    const char *suffix;
    uint64_t factor;
};

static const struct unit DURATION_UNITS[] = {
    {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}, {NULL, 0},
};
static const struct unit SIZE_UNITS[] = {
    {"", 1}, {"K", 1ULL << 10}, {"M", 1ULL << 20}, {"G", 1ULL << 30}, {NULL, 0},
};

// The digits at the start; false when there are none or the value passes `max`.
static bool
take_digits(const char *text, uint64_t max, uint64_t *value_out, const char **rest_out)
{
    uint64_t value = 0;
    const char *c = text;
    for (; *c >= '0' && *c <= '9'; c++) {
        uint64_t digit = (uint64_t)(*c - '0');
        if (value > (max - digit) / 10 || digit > max) {
            return false;
        }
        value = value * 10 + digit;
    }
    *value_out = value;
    *rest_out = c;
    return c != text;
}

enum status
parse_uint(const char *text, uint64_t max, uint64_t *value_out, struct why *why)
{
    uint64_t value;
    const char *rest;
    if (!take_digits(text, max, &value, &rest) || *rest != '\0') {
        return why_set(why, ST_INVALID, "'%.60s' is not a whole number from 0 to %" PRIu64, text,
                       max);
    }
    *value_out = value;
    return ST_OK;
}

static bool
take_with_unit(const char *text, const struct unit *units, uint64_t *value_out)
{
    uint64_t value;
    const char *rest;
    if (!take_digits(text, INT64_MAX, &value, &rest)) {
        return false;
    }
    for (const struct unit *unit = units; unit->suffix != NULL; unit++) {
        if (strcmp(rest, unit->suffix) == 0) {
            *value_out = value * unit->factor;
            return value <= INT64_MAX / unit->factor;
        }
    }
    return false;
}

enum status
parse_duration_ms(const char *text, int64_t *ms_out, struct why *why)
{
    uint64_t value;
    if (!take_with_unit(text, DURATION_UNITS, &value)) {
        return why_set(why, ST_INVALID, "'%.60s' is not a time such as 500ms, 30s, 5m, 2h or 7d",
                       text);
    }
    *ms_out = (int64_t)value;
    return ST_OK;
}

enum status
parse_size(const char *text, uint64_t *bytes_out, struct why *why)
{
    uint64_t value;
    if (!take_with_unit(text, SIZE_UNITS, &value)) {
        return why_set(why, ST_INVALID, "'%.60s' is not a size such as 4096, 256K, 50M or 20G",
                       text);
    }
    *bytes_out = value;
    return ST_OK;
}

enum status
parse_bool(const char *text, bool *value_out, struct why *why)
{
    static const char *const yes[] = {"on", "true", "yes"};
    static const char *const no[] = {"off", "false", "no"};
    for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
        if (strcmp(text, yes[i]) == 0 || strcmp(text, no[i]) == 0) {
            *value_out = strcmp(text, yes[i]) == 0;
            return ST_OK;
        }
    }
    return why_set(why, ST_INVALID, "'%.60s' is neither on nor off", text);
}
