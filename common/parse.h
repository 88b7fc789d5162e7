// SPDX-License-Identifier: Apache-2.0
// Values from text, strictly: the whole text or nothing, no sign, no leading blank, no overflow.
#ifndef COMMON_PARSE_H
#define COMMON_PARSE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/status.h"

/** Decimal digits only, at most `max`. ST_INVALID names the text and what would be right. */
MUST_CHECK enum status parse_uint(const char *text, uint64_t max, uint64_t *value_out,
                                  struct why *why);

/** "500ms", "30s", "5m", "2h", "7d" (a unit is required) → milliseconds. */
MUST_CHECK enum status parse_duration_ms(const char *text, int64_t *ms_out, struct why *why);

/** "4096", "256K", "50M", "20G" (1024-based) → bytes. */
MUST_CHECK enum status parse_size(const char *text, uint64_t *bytes_out, struct why *why);

/** "on", "off", "true", "false", "yes", "no". */
MUST_CHECK enum status parse_bool(const char *text, bool *value_out, struct why *why);

#endif
