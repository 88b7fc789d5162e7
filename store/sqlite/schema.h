// SPDX-License-Identifier: Apache-2.0
// The tables, and how older databases become current ones.
#ifndef STORE_SQLITE_SCHEMA_H
#define STORE_SQLITE_SCHEMA_H

#include "store/sqlite/sql.h"

/* The states a claim may take. Indexes and queries must write this alike to fit together. */
#define SQL_WAITING "state IN ('queued','unknown')"
/* The states that wait for a person. */
#define SQL_PARKED "state IN ('held','blocked','dead')"
/* The states a purge looks at. */
#define SQL_FINISHED "state IN ('done','dead')"

/**
 * Bring the database to the newest schema, each step in its own transaction.
 *
 * @return ST_OK; ST_INVALID it is newer than this program, or not ours; else as sql_run
 */
MUST_CHECK enum status schema_migrate(struct sql *sql, struct why *why);

/** The same, but no further than version `newest`: databases as older programs left them, for
 * tests. */
MUST_CHECK enum status schema_migrate_to(struct sql *sql, size_t newest, struct why *why);

#endif
