// SPDX-License-Identifier: Apache-2.0
// Tenants, and the notes beside their domains.
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/xalloc.h"
#include "store/sqlite/internal.h"

enum { TENANTS_PAGE = 100 };

/* ---- notes ----------------------------------------------------------------------------------- */

static const char *const NOTE_KINDS[] = {
    [STORE_NOTE_CHECK] = "check", [STORE_NOTE_SES] = "ses", [STORE_NOTE_SES_SAID] = "ses_said"};

struct note {
    const char *domain_id;
    const char *kind;
    const char *text;
};

static enum status
run_note(void *context, struct sql *sql, struct why *why)
{
    const struct note *note = context;
    enum status status = sql_run(
        sql,
        "INSERT INTO note (domain_id, kind, text) SELECT id, ?2, ?3 FROM domain WHERE id = ?1"
        " ON CONFLICT (domain_id, kind) DO UPDATE SET text = excluded.text",
        SQL_VALUES(SQL_TEXT(note->domain_id), SQL_TEXT(note->kind), SQL_TEXT(note->text)), why);
    if (status == ST_OK && sql_changes(sql) == 0) {
        return why_set(why, ST_NOT_FOUND, "there is no domain with the id %s", note->domain_id);
    }
    return status;
}

enum status
store_note_put(struct store *store, const struct id *domain, enum store_note note, const char *text,
               struct why *why)
{
    if (strlen(text) > STORE_NOTE_MAX) {
        return why_set(why, ST_TOO_LARGE, "a note of %zu bytes; there is room for %d", strlen(text),
                       STORE_NOTE_MAX);
    }
    struct note row = {.domain_id = domain->text, .kind = NOTE_KINDS[note], .text = text};
    // What a check saw is seen again by the next one; an identity must not be forgotten.
    struct operation operation = {
        .run = run_note, .context = &row, .durable = note == STORE_NOTE_SES};
    return writer_call(store->writer, &operation, why);
}

enum status
store_note_get(struct store *store, const struct id *domain, enum store_note note, char **text_out,
               struct why *why)
{
    AUTO_READER reader = reader_borrow(store->readers);
    AUTO_QUERY *query = NULL;
    enum status status =
        sql_query(reader.sql, "SELECT text FROM note WHERE domain_id = ? AND kind = ?",
                  SQL_VALUES(SQL_TEXT(domain->text), SQL_TEXT(NOTE_KINDS[note])), &query, why);
    if (status == ST_OK) {
        status = query_next(query, why);
    }
    if (status == ST_NOT_FOUND) {
        return why_set(why, status, "nothing was kept of this domain yet");
    }
    if (status == ST_OK) {
        *text_out = xstrdup(query_text(query, 0));
    }
    return status;
}

/* ---- tenants --------------------------------------------------------------------------------- */

static enum status
tenant_page(struct store *store, const char *after, size_t limit, struct store_tenant *rows,
            size_t *count_out, struct why *why)
{
    AUTO_READER reader = reader_borrow(store->readers);
    AUTO_QUERY *query = NULL;
    enum status status =
        sql_query(reader.sql,
                  "SELECT name, created_at, (SELECT count(*) FROM domain WHERE"
                  " domain.tenant = tenant.name AND status <> 'removed') FROM tenant"
                  " WHERE name > ? AND removed_at = 0 ORDER BY name LIMIT ?",
                  SQL_VALUES(SQL_TEXT(after), SQL_INT(limit)), &query, why);
    *count_out = 0;
    while (status == ST_OK && (status = query_next(query, why)) == ST_OK) {
        struct store_tenant *row = &rows[(*count_out)++];
        *row = (struct store_tenant){.created_at = query_int(query, 1),
                                     .domains = (uint64_t)query_int(query, 2)};
        (void)snprintf(row->name, sizeof(row->name), "%s", query_text(query, 0));
    }
    return status == ST_NOT_FOUND ? ST_OK : status;
}

enum status
store_tenant_list(struct store *store, const char *after, size_t limit, store_tenant_visit *visit,
                  void *context, struct why *why)
{
    struct store_tenant rows[TENANTS_PAGE];
    while (limit > 0) {
        size_t count = 0;
        size_t most = limit < TENANTS_PAGE ? limit : (size_t)TENANTS_PAGE;
        enum status status = tenant_page(store, after, most, rows, &count, why);
        if (status != ST_OK) {
            return status;
        }
        for (size_t i = 0; i < count; i++) {
            visit(context, &rows[i]);
        }
        after = rows[count > 0 ? count - 1 : 0].name;
        limit = count < most ? 0 : limit - count;
    }
    return ST_OK;
}

struct tenant_change {
    const char *name;
};

static enum status
run_add(void *context, struct sql *sql, struct why *why)
{
    const char *name = ((const struct tenant_change *)context)->name;
    enum status status =
        sql_run(sql,
                "INSERT INTO tenant (name, created_at) VALUES (?, ?)"
                " ON CONFLICT (name) DO UPDATE SET removed_at = 0 WHERE removed_at <> 0",
                SQL_VALUES(SQL_TEXT(name), SQL_INT(clock_steady_ms())), why);
    if (status == ST_OK && sql_changes(sql) == 0) {
        return why_set(why, ST_CONFLICT, "tenant %s has been added already", name);
    }
    return status;
}

enum status
store_tenant_add(struct store *store, const char *name, struct why *why)
{
    struct tenant_change change = {.name = name};
    struct operation operation = {.run = run_add, .context = &change, .durable = true};
    return writer_call(store->writer, &operation, why);
}

static enum status
run_remove(void *context, struct sql *sql, struct why *why)
{
    const char *name = ((const struct tenant_change *)context)->name;
    int64_t domains = 0;
    enum status status =
        sql_number(sql, "SELECT count(*) FROM domain WHERE tenant = ? AND status <> 'removed'",
                   SQL_VALUES(SQL_TEXT(name)), &domains, why);
    if (status == ST_OK && domains > 0) {
        return why_set(why, ST_REFUSED,
                       "tenant %s has %lld %s: remove %s first, or with the tenant: --domains "
                       "(\"domains\": true)",
                       name, (long long)domains, domains == 1 ? "domain" : "domains",
                       domains == 1 ? "it" : "them");
    }
    if (status == ST_OK) {
        // The row stays: what was removed still points to it.
        status = sql_run(sql, "UPDATE tenant SET removed_at = ? WHERE name = ? AND removed_at = 0",
                         SQL_VALUES(SQL_INT(clock_steady_ms()), SQL_TEXT(name)), why);
    }
    if (status == ST_OK && sql_changes(sql) == 0) {
        return why_set(why, ST_NOT_FOUND, "there is no tenant %s", name);
    }
    return status;
}

enum status
store_tenant_remove(struct store *store, const char *name, struct why *why)
{
    struct tenant_change change = {.name = name};
    struct operation operation = {.run = run_remove, .context = &change, .durable = true};
    return writer_call(store->writer, &operation, why);
}
