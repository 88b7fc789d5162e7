// SPDX-License-Identifier: Apache-2.0
// Times and sizes as people say them.
#ifndef CONTROL_CLI_HUMAN_H
#define CONTROL_CLI_HUMAN_H

#include <stdint.h>

#include "common/status.h"

enum { HUMAN_SIZE = 48 };

/** "2026-11-22T10:15:30.123Z" (UTC, this form only) → wall-clock milliseconds. */
MUST_CHECK enum status human_parse_iso(const char *iso, int64_t *wall_ms_out);

/**
 * "just now", "5 min ago", "in 2 h", "3 d ago"; a date when it is more than two weeks away; "-" for
 * NULL; the text itself when it is no time. Returns `out`.
 */
const char *human_time(const char *iso, int64_t now_ms, char out[HUMAN_SIZE]);

/** The time of day as people here read it, "14:20"; with its date when it is not today's. The text
 *  itself when it is no time. Returns `out`. */
const char *human_clock(const char *iso, int64_t now_ms, char out[HUMAN_SIZE]);

/** "812 B", "4.2 KB", "50 MB" (1024-based). Returns `out`. */
const char *human_bytes(uint64_t bytes, char out[HUMAN_SIZE]);

/** "350 ms", "12 s", "5 min", "3 h", "4 d". Returns `out`. */
const char *human_duration(int64_t ms, char out[HUMAN_SIZE]);

#endif
