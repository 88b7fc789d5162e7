// SPDX-License-Identifier: Apache-2.0
// A few connections for reading, lent for one short read at a time.
#ifndef STORE_SQLITE_READERS_H
#define STORE_SQLITE_READERS_H

#include "store/sqlite/sql.h"

struct readers;

/** Open the connections. Errors as sql_open. */
MUST_CHECK enum status readers_open(const char *path, struct readers **readers_out,
                                    struct why *why);
void readers_close(struct readers *readers); /* NULL-safe; all must be back */

/** One connection; waits while all are lent. Give it back before calling anyone's code. */
struct reader {
    struct readers *owner;
    struct sql *sql;
};
struct reader reader_borrow(struct readers *readers);
void reader_return(struct reader *reader);

#define AUTO_READER AUTO(reader_return) struct reader

#endif
