// SPDX-License-Identifier: Apache-2.0
// How functions fail: one enum for the caller's decision, one sentence for the human.
#ifndef COMMON_STATUS_H
#define COMMON_STATUS_H

#include <stdbool.h>

#include "common/attrs.h"

enum status {
    ST_OK = 0,
    ST_NOT_FOUND, /* the thing asked for does not exist; often not a fault */
    ST_CONFLICT,  /* it exists already, or another writer was faster (stale version) */
    ST_INVALID,   /* input breaks its grammar or a rule: permanent */
    ST_TOO_LARGE, /* a named cap was reached: permanent for this input */
    ST_REFUSED,   /* peer or policy said no: permanent */
    ST_AGAIN,     /* time-out, busy, DNS failure, shutting down: try later */
    ST_NO_SPACE,  /* disk or quota full: try later */
    ST_AMBIGUOUS, /* the commit was sent, its answer was lost: repeat with the same ids */
    ST_IO,        /* local fault: try later, and alarm */
    ST_BUG        /* an invariant does not hold */
};

/** Says what failed and with which value; filled on failure only. NULL where nobody asks. */
struct why {
    char text[320];
};

/** The name of a status for logs and JSON, such as "again". Static text. */
const char *status_name(enum status status);

/** True when the same call may succeed later: the one place that tells 4xx from 5xx. */
bool status_is_temporary(enum status status);

/**
 * Fill `why` (may be NULL) and return `status`, so that failing is one line:
 * `return why_set(why, ST_INVALID, "...", ...)`.
 */
enum status why_set(struct why *why, enum status status, const char *format, ...) PRINTF_LIKE(3, 4);

/** As why_set, ending in ": " and the text of errno. ENOSPC and EDQUOT become ST_NO_SPACE. */
enum status why_errno(struct why *why, enum status status, const char *format, ...)
    PRINTF_LIKE(3, 4);

/** For a failure that changes nothing; the reason stands beside the call. */
static inline void
status_ignore(enum status status)
{
    (void)status;
}

#endif
