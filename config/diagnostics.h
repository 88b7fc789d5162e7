// SPDX-License-Identifier: Apache-2.0
// What is wrong with the configuration: a list, so that one run tells everything.
#ifndef CONFIG_DIAGNOSTICS_H
#define CONFIG_DIAGNOSTICS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/attrs.h"

enum { DIAGNOSTICS_MAX = 200 }; /* further ones are only counted */

struct diagnostic {
    bool is_error; /* else a warning */
    char *file;
    unsigned line; /* from 1; 0: the file as a whole */
    unsigned column;
    char *text; /* the key or value, what is wrong, what would be right */
};

struct diagnostics {
    struct diagnostic *items;
    size_t count;
    size_t errors; /* all of them, also those past the cap */
};

void diagnostics_error(struct diagnostics *list, const char *file, unsigned line, unsigned column,
                       const char *format, ...) PRINTF_LIKE(5, 6);
void diagnostics_warning(struct diagnostics *list, const char *file, unsigned line, unsigned column,
                         const char *format, ...) PRINTF_LIKE(5, 6);
void diagnostics_done(struct diagnostics *list);

/** "file:line:column: error: text" of one item, owned by the caller. */
char *diagnostic_format(const struct diagnostic *item);

#endif
