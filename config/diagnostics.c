// SPDX-License-Identifier: Apache-2.0
#include "config/diagnostics.h"

#include <stdarg.h>
#include <stdlib.h>

#include "common/strbuf.h"
#include "common/xalloc.h"

enum {
    TEXT_MAX = 1024,     /* of one diagnostic; values are cut by those who quote them */
    FORMATTED_MAX = 8192 /* with its place; a path is at most 4096 bytes */
};

PRINTF_LIKE(6, 0)
static void
add(struct diagnostics *list, bool is_error, const char *file, unsigned line, unsigned column,
    const char *format, va_list args)
{
    list->errors += is_error ? 1 : 0;
    if (list->count == DIAGNOSTICS_MAX) {
        return;
    }
    if (list->items == NULL) {
        list->items = xcalloc(DIAGNOSTICS_MAX, sizeof(*list->items));
    }
    char text[TEXT_MAX];
    (void)vsnprintf(text, sizeof(text), format, args);
    list->items[list->count++] = (struct diagnostic){
        .is_error = is_error,
        .file = xstrdup(file),
        .line = line,
        .column = column,
        .text = xstrdup(text),
    };
}

void
diagnostics_error(struct diagnostics *list, const char *file, unsigned line, unsigned column,
                  const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add(list, true, file, line, column, format, args);
    va_end(args);
}

void
diagnostics_warning(struct diagnostics *list, const char *file, unsigned line, unsigned column,
                    const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add(list, false, file, line, column, format, args);
    va_end(args);
}

void
diagnostics_done(struct diagnostics *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->items[i].file);
        free(list->items[i].text);
    }
    free(list->items);
    *list = (struct diagnostics){.items = NULL};
}

char *
diagnostic_format(const struct diagnostic *item)
{
    AUTO_STRBUF out = STRBUF_INIT(FORMATTED_MAX);
    strbuf_puts(&out, item->file);
    if (item->line > 0) {
        strbuf_printf(&out, ":%u:%u", item->line, item->column);
    }
    strbuf_printf(&out, ": %s: %s", item->is_error ? "error" : "warning", item->text);
    return strbuf_steal(&out);
}
