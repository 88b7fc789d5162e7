// SPDX-License-Identifier: Apache-2.0
// The list of what was found.
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/xalloc.h"
#include "control/cli/doctor/doctor.h"

const char *
doctor_level_name(enum doctor_level level)
{
    static const char *const NAMES[] = {
        [DOCTOR_OK] = "ok", [DOCTOR_WARNING] = "warning", [DOCTOR_WRONG] = "wrong"};
    return NAMES[level];
}

static void
add(struct doctor *doctor, const struct doctor_finding *finding)
{
    doctor->items = xreallocarray(doctor->items, doctor->count + 1, sizeof(doctor->items[0]));
    doctor->items[doctor->count++] = *finding;
}

static char *format_text(const char *format, va_list args) PRINTF_LIKE(1, 0);

static char *
format_text(const char *format, va_list args)
{
    char *text = NULL;
    if (vasprintf(&text, format, args) < 0) {
        return xstrdup("");
    }
    return text;
}

void
doctor_ok(struct doctor *doctor, const char *check, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const struct doctor_finding finding = {
        .level = DOCTOR_OK, .check = check, .text = format_text(format, args)};
    va_end(args);
    add(doctor, &finding);
}

void
doctor_tell(struct doctor *doctor, enum doctor_level level, const char *check,
            struct doctor_cure cure, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const struct doctor_finding finding = {.level = level,
                                           .check = check,
                                           .text = format_text(format, args),
                                           .file = cure.file,
                                           .line = xstrdup(cure.line)};
    va_end(args);
    add(doctor, &finding);
}

size_t
doctor_count(const struct doctor *doctor, enum doctor_level level)
{
    size_t count = 0;
    for (size_t i = 0; i < doctor->count; i++) {
        count += doctor->items[i].level == level ? 1 : 0;
    }
    return count;
}

void
doctor_done(struct doctor *doctor)
{
    for (size_t i = 0; i < doctor->count; i++) {
        free(doctor->items[i].text);
        free(doctor->items[i].line);
    }
    free(doctor->items);
    *doctor = (struct doctor){.items = NULL};
}
