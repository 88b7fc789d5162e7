// SPDX-License-Identifier: Apache-2.0
#include "common/status.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

// For clang-tidy they are macros: tests/lint/analyzer.h.
#undef why_set
#undef why_errno

static const char *const NAMES[] = {
    [ST_OK] = "ok",
    [ST_NOT_FOUND] = "not_found",
    [ST_CONFLICT] = "conflict",
    [ST_INVALID] = "invalid",
    [ST_TOO_LARGE] = "too_large",
    [ST_REFUSED] = "refused",
    [ST_AGAIN] = "again",
    [ST_NO_SPACE] = "no_space",
    [ST_AMBIGUOUS] = "ambiguous",
    [ST_IO] = "io",
    [ST_BUG] = "bug",
};
_Static_assert(ARRAY_LEN(NAMES) == ST_BUG + 1, "every status has a name");

const char *
status_name(enum status status)
{
    return (size_t)status < ARRAY_LEN(NAMES) ? NAMES[status] : "unknown";
}

bool
status_is_temporary(enum status status)
{
    switch (status) {
    case ST_AGAIN:
    case ST_NO_SPACE:
    case ST_AMBIGUOUS:
    case ST_IO:
    case ST_BUG: // when in doubt about a message: temporary
        return true;
    case ST_OK:
    case ST_NOT_FOUND:
    case ST_CONFLICT:
    case ST_INVALID:
    case ST_TOO_LARGE:
    case ST_REFUSED:
        return false;
    }
    return true;
}

PRINTF_LIKE(3, 0)
static void
fill(struct why *why, const char *suffix, const char *format, va_list args)
{
    if (why == NULL) {
        return;
    }
    // Built aside, because an argument may be the old text of the same `why`.
    struct why fresh;
    int length = vsnprintf(fresh.text, sizeof(fresh.text), format, args);
    if (suffix != NULL && length >= 0 && (size_t)length < sizeof(fresh.text)) {
        (void)snprintf(fresh.text + length, sizeof(fresh.text) - (size_t)length, ": %s", suffix);
    }
    *why = fresh;
}

enum status
why_set(struct why *why, enum status status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fill(why, NULL, format, args);
    va_end(args);
    return status;
}

enum status
why_errno(struct why *why, enum status status, const char *format, ...)
{
    int error = errno;
    char buffer[128];
    const char *text = strerror_r(error, buffer, sizeof(buffer));
    va_list args;
    va_start(args, format);
    fill(why, text, format, args);
    va_end(args);
    errno = error;
    return error == ENOSPC || error == EDQUOT ? ST_NO_SPACE : status;
}
