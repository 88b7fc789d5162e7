// SPDX-License-Identifier: Apache-2.0
// Aligned columns. On a terminal wide cells are cut to its width, except in columns whose text is
// there to be copied.
#ifndef CONTROL_CLI_TABLE_H
#define CONTROL_CLI_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/cleanup.h"
#include "control/cli/screen.h"

enum { TABLE_COLUMNS_MAX = 12 };

struct column {
    const char *title;
    bool whole; /* never cut */
    bool right; /* aligned right: numbers */
};

struct table;

/** `columns` is borrowed for the table's life; at most TABLE_COLUMNS_MAX. */
struct table *table_new(const struct screen *screen, const struct column *columns, size_t count);
void table_free(struct table *table);

/** Add a row of `count` cells as given to table_new; NULL shows as "-". Cleaned and copied. */
void table_add(struct table *table, const char *const cells[]);

/** Is no line of it wider than the terminal, with nothing cut? */
bool table_fits(const struct table *table);

/** Print the rows, below a title line; nothing without rows. They are forgotten then: rows that are
 *  added and printed later follow without titles, in columns that are as wide or wider. */
void table_print(struct table *table);

static inline void
table_cleanup(struct table **table)
{
    table_free(*table);
}
#define AUTO_TABLE AUTO(table_cleanup) struct table

#endif
