// SPDX-License-Identifier: Apache-2.0
#include "store/sqlite/schema.h"

#include <assert.h>
#include <stdio.h>

// Step n makes version n of n-1, and is never changed once released.
static const char *const MIGRATIONS[] = {
    "CREATE TABLE tenant (name TEXT PRIMARY KEY, created_at INTEGER NOT NULL) STRICT;"

    // One row a counter, so that versions keep growing when rows go.
    "CREATE TABLE counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;"
    "INSERT INTO counter VALUES ('registry', 0);"

    "CREATE TABLE domain ("
    " id TEXT PRIMARY KEY, tenant TEXT NOT NULL REFERENCES tenant(name), name TEXT NOT NULL,"
    " profile TEXT NOT NULL, status TEXT NOT NULL, inbound INTEGER NOT NULL, token TEXT NOT NULL,"
    " created_at INTEGER NOT NULL, verified_at INTEGER NOT NULL, checked_at INTEGER NOT NULL,"
    " removed_at INTEGER NOT NULL, version INTEGER NOT NULL) STRICT;"
    "CREATE UNIQUE INDEX domain_name ON domain(name) WHERE status <> 'removed';"
    "CREATE UNIQUE INDEX domain_version ON domain(version);"

    "CREATE TABLE event ("
    " id INTEGER PRIMARY KEY, at INTEGER NOT NULL, tenant TEXT NOT NULL, domain TEXT NOT NULL,"
    " kind TEXT NOT NULL, detail TEXT NOT NULL) STRICT;"
    "CREATE INDEX event_domain ON event(domain, id);"

    "CREATE TABLE message ("
    " id TEXT PRIMARY KEY, tenant TEXT NOT NULL, domain TEXT NOT NULL, sender TEXT NOT NULL,"
    " recipients TEXT NOT NULL, queue_id TEXT NOT NULL, client_address TEXT NOT NULL,"
    " client_name TEXT NOT NULL, helo TEXT NOT NULL, subject TEXT NOT NULL,"
    " message_id_field TEXT NOT NULL, verdict TEXT NOT NULL, received_at INTEGER NOT NULL,"
    " size INTEGER NOT NULL, header_length INTEGER NOT NULL) STRICT;"
    "CREATE INDEX message_tenant ON message(tenant, id, size);" // covers the usage of tenants
    "CREATE INDEX message_domain ON message(domain, id);"

    // No foreign key: chunks of large messages are there before their message.
    "CREATE TABLE body ("
    " message_id TEXT NOT NULL, number INTEGER NOT NULL, data BLOB NOT NULL) STRICT;"
    "CREATE UNIQUE INDEX body_message ON body(message_id, number);"
    // Ids whose chunks no message claims (yet, or any more): swept at open.
    "CREATE TABLE staged (message_id TEXT PRIMARY KEY) STRICT;"

    "CREATE TABLE dedupe ("
    " key BLOB PRIMARY KEY, message_id TEXT NOT NULL, expires_at INTEGER NOT NULL,"
    " until_acknowledged INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE INDEX dedupe_expires ON dedupe(expires_at);"
    "CREATE INDEX dedupe_unacknowledged ON dedupe(message_id) WHERE until_acknowledged = 1;"

    "CREATE TABLE delivery ("
    " id TEXT PRIMARY KEY, message_id TEXT NOT NULL REFERENCES message(id), tenant TEXT NOT NULL,"
    " domain TEXT NOT NULL, recipient TEXT NOT NULL, route TEXT NOT NULL, action TEXT NOT NULL,"
    " destination TEXT NOT NULL, captures TEXT NOT NULL, state TEXT NOT NULL,"
    " reason TEXT NOT NULL, created_at INTEGER NOT NULL, due_at INTEGER NOT NULL,"
    " attempts INTEGER NOT NULL, fence INTEGER NOT NULL, last_http_status INTEGER NOT NULL,"
    " state_at INTEGER NOT NULL," // since when it is in this state
    " lease_owner TEXT NOT NULL, lease_until INTEGER NOT NULL) STRICT;"
    "CREATE INDEX delivery_message ON delivery(message_id);"
    "CREATE INDEX delivery_waiting ON delivery(destination, due_at, state) WHERE " SQL_WAITING ";"
    "CREATE INDEX delivery_leased ON delivery(lease_until) WHERE state = 'leased';"
    "CREATE INDEX delivery_parked ON delivery(state, id) WHERE " SQL_PARKED ";"
    "CREATE INDEX delivery_finished ON delivery(state, state_at) WHERE " SQL_FINISHED ";"

    "CREATE TABLE attempt ("
    " id INTEGER PRIMARY KEY, delivery_id TEXT NOT NULL REFERENCES delivery(id),"
    " at INTEGER NOT NULL, number INTEGER NOT NULL, outcome TEXT NOT NULL,"
    " http_status INTEGER NOT NULL, detail TEXT NOT NULL, duration_ms INTEGER NOT NULL) STRICT;"
    "CREATE INDEX attempt_delivery ON attempt(delivery_id, id);",

    // Ids tell when they were made, so they are the order in which evidence is purged.
    "CREATE TABLE evidence ("
    " id TEXT PRIMARY KEY, refused INTEGER NOT NULL, tenant TEXT NOT NULL, domain TEXT NOT NULL,"
    " size INTEGER NOT NULL, data TEXT NOT NULL) STRICT;"
    "CREATE INDEX evidence_refused ON evidence(id, size) WHERE refused = 1;",
    // The life of a domain. Names that are removed or only claimed are not unique.
    "ALTER TABLE domain ADD COLUMN region TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE domain ADD COLUMN claims INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE domain ADD COLUMN needs_approval INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE domain ADD COLUMN mail TEXT NOT NULL DEFAULT 'open';"
    "ALTER TABLE domain ADD COLUMN mx_points_here INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE domain ADD COLUMN releases_identity INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE domain ADD COLUMN forgotten INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE domain ADD COLUMN checks INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE domain ADD COLUMN misses INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE domain ADD COLUMN ownership_misses INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE domain ADD COLUMN status_ms INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE domain ADD COLUMN ownership_missing_ms INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE domain ADD COLUMN owned_at INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE domain ADD COLUMN missing_since INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE domain ADD COLUMN ownership_missing_since INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE domain ADD COLUMN claim_seen_at INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE domain ADD COLUMN failed_at INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE domain ADD COLUMN next_check_at INTEGER NOT NULL DEFAULT 0;"
    // Until now the proof of ownership was all that a check asked for.
    "UPDATE domain SET owned_at = verified_at, profile = 'inbound';"
    "DROP INDEX domain_name;"
    "CREATE UNIQUE INDEX domain_name ON domain(name) WHERE status <> 'removed' AND claims = 0;"
    "CREATE UNIQUE INDEX domain_claim ON domain(name, tenant) WHERE status <> 'removed';"
    "CREATE TABLE note ("
    " domain_id TEXT NOT NULL REFERENCES domain(id), kind TEXT NOT NULL, text TEXT NOT NULL,"
    " PRIMARY KEY (domain_id, kind)) STRICT;"
    "ALTER TABLE tenant ADD COLUMN removed_at INTEGER NOT NULL DEFAULT 0;"
    "CREATE INDEX domain_tenant ON domain(tenant) WHERE status <> 'removed';",
    // Events are told to the operator's endpoint; those of before are not.
    "ALTER TABLE domain ADD COLUMN contested_at INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE event ADD COLUMN uid TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE event ADD COLUMN domain_id TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE event ADD COLUMN status TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE event ADD COLUMN previous TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE event ADD COLUMN findings TEXT NOT NULL DEFAULT '';"
    "INSERT INTO counter SELECT 'told', coalesce(max(id), 0) FROM event;",
    // What the operator approved is kept; until now only the event told of it.
    "ALTER TABLE domain ADD COLUMN approved INTEGER NOT NULL DEFAULT 0;"
    "UPDATE domain SET approved = 1 WHERE needs_approval = 0 AND EXISTS (SELECT 1 FROM event"
    " WHERE event.domain = domain.name AND event.tenant = domain.tenant"
    " AND event.kind = 'domain.approved' AND event.at >= domain.created_at);",
};

static enum status
check_is_ours(struct sql *sql, int64_t version, struct why *why)
{
    if (version > (int64_t)ARRAY_LEN(MIGRATIONS)) {
        return why_set(why, ST_INVALID,
                       "store: schema %lld is newer than this program, which knows up to %zu",
                       (long long)version, ARRAY_LEN(MIGRATIONS));
    }
    int64_t tables = 0;
    enum status status =
        sql_number(sql, "SELECT count(*) FROM sqlite_master", SQL_NO_VALUES, &tables, why);
    if (status == ST_OK && (version < 0 || (version == 0 && tables > 0))) {
        return why_set(why, ST_INVALID, "store: this database belongs to another program");
    }
    return status;
}

static enum status
apply(struct sql *sql, size_t version, struct why *why)
{
    assert(version >= 1);
    char finish[64];
    (void)snprintf(finish, sizeof(finish), "PRAGMA user_version=%zu; COMMIT;", version);
    enum status status = sql_script(sql, "BEGIN IMMEDIATE", why);
    if (status == ST_OK) {
        status = sql_script(sql, MIGRATIONS[version - 1], why);
    }
    if (status == ST_OK) {
        status = sql_script(sql, finish, why);
    }
    if (status != ST_OK && sql_in_transaction(sql)) {
        status_ignore(
            sql_script(sql, "ROLLBACK", NULL)); // the connection is closed by the caller anyway
    }
    return status;
}

enum status
schema_migrate(struct sql *sql, struct why *why)
{
    return schema_migrate_to(sql, ARRAY_LEN(MIGRATIONS), why);
}

enum status
schema_migrate_to(struct sql *sql, size_t newest, struct why *why)
{
    int64_t version = 0;
    enum status status = sql_number(sql, "PRAGMA user_version", SQL_NO_VALUES, &version, why);
    if (status == ST_OK) {
        status = check_is_ours(sql, version, why);
    }
    for (size_t next = (size_t)version + 1; status == ST_OK && next <= newest; next++) {
        status = apply(sql, next, why);
    }
    return status;
}
