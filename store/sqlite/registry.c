// SPDX-License-Identifier: Apache-2.0
// Tenants, domains and their events.
#include <inttypes.h>
#include <stdio.h>

#include "common/clock.h"
#include "store/sqlite/internal.h"

enum { EVENTS_PAGE = 100, DOMAINS_PAGE = 100 };

struct put {
    const struct store_domain *domain;
    uint64_t expected_version;
    const struct store_event *event;
    uint64_t version; /* given to the row */
};

static enum status
next_version(struct sql *sql, uint64_t *version_out, struct why *why)
{
    int64_t version = 0;
    enum status status = sql_run(
        sql, "UPDATE counter SET value = value + 1 WHERE name = 'registry'", SQL_NO_VALUES, why);
    if (status == ST_OK) {
        status = sql_number(sql, "SELECT value FROM counter WHERE name = 'registry'", SQL_NO_VALUES,
                            &version, why);
    }
    *version_out = (uint64_t)version;
    return status;
}

static enum status
write_domain(const struct put *put, struct sql *sql, struct why *why)
{
    static const char INSERT[] =
        "INSERT INTO domain (id, tenant, name, profile, status, inbound, token, created_at,"
        " verified_at, checked_at, removed_at, version)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
    static const char UPDATE[] =
        "UPDATE domain SET tenant = ?2, name = ?3, profile = ?4, status = ?5, inbound = ?6,"
        " token = ?7, created_at = ?8, verified_at = ?9, checked_at = ?10, removed_at = ?11,"
        " version = ?12 WHERE id = ?1 AND version = ?13";
    const struct store_domain *domain = put->domain;
    const struct sql_value values[] = {
        SQL_TEXT(domain->id.text),
        SQL_TEXT(domain->tenant),
        SQL_TEXT(domain->name),
        SQL_TEXT(domain->profile),
        SQL_TEXT(domain_status_name(domain->status)),
        SQL_INT(domain->inbound),
        SQL_TEXT(domain->token),
        SQL_INT(domain->created_at),
        SQL_INT(domain->verified_at),
        SQL_INT(domain->checked_at),
        SQL_INT(domain->removed_at),
        SQL_INT(put->version),
        SQL_INT(put->expected_version),
    };
    bool is_new = put->expected_version == 0;
    enum status status =
        sql_run(sql, is_new ? INSERT : UPDATE, values, ARRAY_LEN(values) - (is_new ? 1 : 0), why);
    if (status == ST_CONFLICT) {
        return why_set(why, status, "domain %s exists", domain->name);
    }
    if (status == ST_OK && sql_changes(sql) == 0) {
        return why_set(why, ST_CONFLICT, "domain %s was changed meanwhile: not at version %" PRIu64,
                       domain->name, put->expected_version);
    }
    return status;
}

static enum status
write_event(const struct put *put, struct sql *sql, struct why *why)
{
    return sql_run(sql, "INSERT INTO event (at, tenant, domain, kind, detail) VALUES (?,?,?,?,?)",
                   SQL_VALUES(SQL_INT(clock_wall_ms()), SQL_TEXT(put->domain->tenant),
                              SQL_TEXT(put->domain->name), SQL_TEXT(put->event->kind),
                              SQL_TEXT(put->event->detail)),
                   why);
}

static enum status
run_put(void *context, struct sql *sql, struct why *why)
{
    struct put *put = context;
    enum status status =
        sql_run(sql, "INSERT OR IGNORE INTO tenant (name, created_at) VALUES (?, ?)",
                SQL_VALUES(SQL_TEXT(put->domain->tenant), SQL_INT(clock_wall_ms())), why);
    if (status == ST_OK) {
        status = next_version(sql, &put->version, why);
    }
    if (status == ST_OK) {
        status = write_domain(put, sql, why);
    }
    return status == ST_OK ? write_event(put, sql, why) : status;
}

enum status
store_domain_put(struct store *store, struct store_domain *domain, uint64_t expected_version,
                 const struct store_event *event, struct why *why)
{
    struct put put = {.domain = domain, .expected_version = expected_version, .event = event};
    struct operation operation = {.run = run_put, .context = &put, .durable = true};
    enum status status = writer_call(store->writer, &operation, why);
    if (status == ST_OK) {
        domain->version = put.version;
    }
    return status;
}

static enum status
read_domain(struct query *query, struct store_domain *domain_out, struct why *why)
{
    struct store_domain *domain = domain_out;
    *domain = (struct store_domain){
        .inbound = query_int(query, 5) != 0,
        .created_at = query_int(query, 7),
        .verified_at = query_int(query, 8),
        .checked_at = query_int(query, 9),
        .removed_at = query_int(query, 10),
        .version = (uint64_t)query_int(query, 11),
    };
    id_read(query, 0, &domain->id);
    (void)snprintf(domain->tenant, sizeof(domain->tenant), "%s", query_text(query, 1));
    (void)snprintf(domain->name, sizeof(domain->name), "%s", query_text(query, 2));
    (void)snprintf(domain->profile, sizeof(domain->profile), "%s", query_text(query, 3));
    (void)snprintf(domain->token, sizeof(domain->token), "%s", query_text(query, 6));
    const char *status = query_text(query, 4);
    return domain_status_from_name(status, &domain->status) == ST_OK
               ? ST_OK
               : why_set(why, ST_IO, "store: domain %s has status \"%.20s\"", domain->name, status);
}

static enum status
domain_page(struct store *store, uint64_t after, struct store_domain *rows, size_t *count_out,
            struct why *why)
{
    AUTO_READER reader = reader_borrow(store->readers);
    AUTO_QUERY *query = NULL;
    enum status status = sql_query(
        reader.sql,
        "SELECT id, tenant, name, profile, status, inbound, token, created_at, verified_at,"
        " checked_at, removed_at, version FROM domain WHERE version > ? ORDER BY version LIMIT ?",
        SQL_VALUES(SQL_INT(after), SQL_INT(DOMAINS_PAGE)), &query, why);
    *count_out = 0;
    while (status == ST_OK && (status = query_next(query, why)) == ST_OK) {
        status = read_domain(query, &rows[*count_out], why);
        (*count_out)++;
    }
    return status == ST_NOT_FOUND ? ST_OK : status;
}

enum status
store_domains_since(struct store *store, uint64_t after_version, store_domain_visit *visit,
                    void *context, struct why *why)
{
    struct store_domain rows[DOMAINS_PAGE];
    size_t count;
    do {
        count = 0;
        enum status status = domain_page(store, after_version, rows, &count, why);
        if (status != ST_OK) {
            return status;
        }
        for (size_t i = 0; i < count; i++) {
            visit(context, &rows[i]);
            after_version = rows[i].version;
        }
    } while (count == DOMAINS_PAGE);
    return ST_OK;
}

static enum status
event_page(struct store *store, const char *domain, int64_t *before, size_t limit,
           struct store_event_row *rows, size_t *count_out, struct why *why)
{
    AUTO_READER reader = reader_borrow(store->readers);
    AUTO_QUERY *query = NULL;
    enum status status =
        sql_query(reader.sql,
                  "SELECT id, at, domain, kind, detail FROM event WHERE domain = ? AND id < ?"
                  " ORDER BY id DESC LIMIT ?",
                  SQL_VALUES(SQL_TEXT(domain), SQL_INT(*before), SQL_INT(limit)), &query, why);
    *count_out = 0;
    while (status == ST_OK && (status = query_next(query, why)) == ST_OK) {
        struct store_event_row *row = &rows[(*count_out)++];
        *before = query_int(query, 0);
        row->at = query_int(query, 1);
        (void)snprintf(row->domain, sizeof(row->domain), "%s", query_text(query, 2));
        (void)snprintf(row->kind, sizeof(row->kind), "%s", query_text(query, 3));
        (void)snprintf(row->detail, sizeof(row->detail), "%s", query_text(query, 4));
    }
    return status == ST_NOT_FOUND ? ST_OK : status;
}

enum status
store_events(struct store *store, const char *domain, size_t limit, store_event_visit *visit,
             void *context, struct why *why)
{
    struct store_event_row rows[EVENTS_PAGE];
    int64_t before = INT64_MAX;
    while (limit > 0) {
        size_t wanted = limit < EVENTS_PAGE ? limit : (size_t)EVENTS_PAGE;
        size_t count = 0;
        enum status status = event_page(store, domain, &before, wanted, rows, &count, why);
        if (status != ST_OK) {
            return status;
        }
        for (size_t i = 0; i < count; i++) {
            visit(context, &rows[i]);
        }
        limit = count < wanted ? 0 : limit - count;
    }
    return ST_OK;
}
