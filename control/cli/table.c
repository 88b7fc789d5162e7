// SPDX-License-Identifier: Apache-2.0
#include "control/cli/table.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/xalloc.h"

enum {
    CELL_MAX = 16 * 1024,
    GAP = 2,      /* blanks between columns */
    NARROWEST = 8 /* a cut column keeps this much */
};

struct row {
    char *cells[TABLE_COLUMNS_MAX];
};

struct table {
    const struct screen *screen;
    const struct column *columns;
    size_t column_count;
    struct row *rows;
    size_t row_count;
    size_t widths[TABLE_COLUMNS_MAX]; /* of what was printed, not cut */
    bool has_titles;                  /* they are printed */
};

struct table *
table_new(const struct screen *screen, const struct column *columns, size_t count)
{
    assert(count <= TABLE_COLUMNS_MAX);
    struct table *table = xcalloc(1, sizeof(*table));
    *table = (struct table){.screen = screen, .columns = columns, .column_count = count};
    return table;
}

static void
drop_rows(struct table *table)
{
    for (size_t i = 0; i < table->row_count; i++) {
        for (size_t k = 0; k < table->column_count; k++) {
            free(table->rows[i].cells[k]);
        }
    }
    free(table->rows);
    table->rows = NULL;
    table->row_count = 0;
}

void
table_free(struct table *table)
{
    if (table != NULL) {
        drop_rows(table);
        free(table);
    }
}

void
table_add(struct table *table, const char *const cells[])
{
    table->rows = xreallocarray(table->rows, table->row_count + 1, sizeof(*table->rows));
    struct row *row = &table->rows[table->row_count++];
    *row = (struct row){.cells = {NULL}};
    for (size_t i = 0; i < table->column_count; i++) {
        struct strbuf clean = STRBUF_INIT(CELL_MAX);
        const char *cell = cells[i] == NULL || cells[i][0] == '\0' ? "-" : cells[i];
        screen_clean(table->screen, cell, &clean);
        row->cells[i] = strbuf_steal(&clean);
    }
}

// ---- widths

static void
measure(const struct table *table, size_t widths[TABLE_COLUMNS_MAX])
{
    for (size_t i = 0; i < table->column_count; i++) {
        size_t title = screen_text_width(table->columns[i].title);
        widths[i] = title > table->widths[i] ? title : table->widths[i];
        for (size_t k = 0; k < table->row_count; k++) {
            size_t width = screen_text_width(table->rows[k].cells[i]);
            widths[i] = width > widths[i] ? width : widths[i];
        }
    }
}

static size_t
total_width(const struct table *table, const size_t widths[TABLE_COLUMNS_MAX])
{
    size_t total = GAP * (table->column_count - 1);
    for (size_t i = 0; i < table->column_count; i++) {
        total += widths[i];
    }
    return total;
}

bool
table_fits(const struct table *table)
{
    size_t widths[TABLE_COLUMNS_MAX];
    measure(table, widths);
    return table->screen->width == 0 || total_width(table, widths) <= table->screen->width;
}

// The widest column that may still lose some; `column_count` when there is none.
static size_t
widest(const struct table *table, const size_t widths[TABLE_COLUMNS_MAX])
{
    size_t found = table->column_count;
    for (size_t i = 0; i < table->column_count; i++) {
        bool may = !table->columns[i].whole && widths[i] > NARROWEST;
        if (may && (found == table->column_count || widths[i] > widths[found])) {
            found = i;
        }
    }
    return found;
}

static void
narrow(const struct table *table, size_t widths[TABLE_COLUMNS_MAX])
{
    if (table->screen->width == 0) {
        return;
    }
    while (total_width(table, widths) > table->screen->width) {
        size_t column = widest(table, widths);
        if (column == table->column_count) {
            return; // the terminal wraps what cannot be cut
        }
        widths[column]--;
    }
}

// ---- printing

static void
pad(FILE *out, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        (void)fputc(' ', out);
    }
}

// The text, or its start and an ellipsis; owned by the caller.
static char *
cut(const struct table *table, const char *text, size_t width)
{
    if (screen_text_width(text) <= width) {
        return xstrdup(text);
    }
    struct strbuf out = STRBUF_INIT(CELL_MAX + sizeof("\xe2\x80\xa6"));
    strbuf_append(&out, text, screen_fit(text, width - 1));
    strbuf_puts(&out, table->screen->utf8 ? "\xe2\x80\xa6" : "~"); // one column wide
    return strbuf_steal(&out);
}

static void
print_cell(const struct table *table, size_t column, const char *text, size_t width)
{
    FILE *out = table->screen->out;
    bool last = column + 1 == table->column_count;
    AUTO_FREE char *shown = cut(table, text, width);
    size_t own = screen_text_width(shown);
    bool right = table->columns[column].right;
    pad(out, right ? width - own : 0);
    (void)fputs(shown, out);
    pad(out, last ? 0 : GAP + (right ? 0 : width - own));
}

static void
print_row(const struct table *table, char *const cells[], const size_t widths[TABLE_COLUMNS_MAX])
{
    for (size_t i = 0; i < table->column_count; i++) {
        print_cell(table, i, cells[i], widths[i]);
    }
    (void)fputc('\n', table->screen->out);
}

static void
print_titles(const struct table *table, const size_t widths[TABLE_COLUMNS_MAX])
{
    (void)fputs(screen_style_on(table->screen, STYLE_HEAD), table->screen->out);
    for (size_t i = 0; i < table->column_count; i++) {
        print_cell(table, i, table->columns[i].title, widths[i]);
    }
    (void)fprintf(table->screen->out, "%s\n", screen_style_off(table->screen, STYLE_HEAD));
}

void
table_print(struct table *table)
{
    if (table->row_count == 0) {
        return;
    }
    size_t widths[TABLE_COLUMNS_MAX];
    measure(table, widths);
    memcpy(table->widths, widths, table->column_count * sizeof(*widths));
    narrow(table, widths);
    if (!table->has_titles) {
        print_titles(table, widths);
        table->has_titles = true;
    }
    for (size_t i = 0; i < table->row_count; i++) {
        print_row(table, table->rows[i].cells, widths);
    }
    drop_rows(table);
}
