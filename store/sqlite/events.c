// SPDX-License-Identifier: Apache-2.0
#include "store/sqlite/events.h"

#include <stdio.h>

#include "common/clock.h"
#include "store/sqlite/internal.h"

enum { EVENTS_PAGE = 100 };

#define EVENT_COLUMNS                                                                              \
    "id, uid, at, tenant, domain, domain_id, kind, detail, status, previous, findings"

/* ---- writing --------------------------------------------------------------------------------- */

static enum status
write_event(struct sql *sql, const struct store_domain *domain, const char *previous,
            const struct store_event *event, struct why *why)
{
    const struct id id = id_new();
    return sql_run(
        sql,
        "INSERT INTO event (uid, at, tenant, domain, domain_id, kind, detail, status,"
        " previous, findings) VALUES (?,?,?,?,?,?,?,?,?,?)",
        SQL_VALUES(SQL_TEXT(id.text), SQL_INT(clock_steady_ms()), SQL_TEXT(domain->tenant),
                   SQL_TEXT(domain->name), SQL_TEXT(domain->id.text), SQL_TEXT(event->kind),
                   SQL_TEXT(event->detail), SQL_TEXT(domain_status_name(domain->status)),
                   SQL_TEXT(previous), SQL_TEXT(event->findings == NULL ? "" : event->findings)),
        why);
}

enum status
events_write(struct sql *sql, const struct store_domain *domain, const char *previous,
             const struct store_event *events, struct why *why)
{
    enum status status = ST_OK;
    for (const struct store_event *event = events; event != NULL && status == ST_OK;
         event = event->also) {
        status = write_event(sql, domain, previous, event, why);
    }
    return status;
}

/* ---- reading --------------------------------------------------------------------------------- */

static void
read_event(struct query *query, struct store_event_row *row)
{
    *row = (struct store_event_row){.number = (uint64_t)query_int(query, 0),
                                    .at = query_int(query, 2)};
    id_read(query, 1, &row->id);
    id_read(query, 5, &row->domain_id);
    (void)snprintf(row->tenant, sizeof(row->tenant), "%s", query_text(query, 3));
    (void)snprintf(row->domain, sizeof(row->domain), "%s", query_text(query, 4));
    (void)snprintf(row->kind, sizeof(row->kind), "%s", query_text(query, 6));
    (void)snprintf(row->detail, sizeof(row->detail), "%s", query_text(query, 7));
    (void)snprintf(row->status, sizeof(row->status), "%s", query_text(query, 8));
    (void)snprintf(row->previous, sizeof(row->previous), "%s", query_text(query, 9));
    (void)snprintf(row->findings, sizeof(row->findings), "%s", query_text(query, 10));
}

struct page {
    const char *domain;
    const char *tenant; /* "": any */
    int64_t before;
    size_t limit;
};

static enum status
event_page(struct store *store, const struct page *page, struct store_event_row *rows,
           size_t *count_out, struct why *why)
{
    AUTO_READER reader = reader_borrow(store->readers);
    AUTO_QUERY *query = NULL;
    enum status status =
        sql_query(reader.sql,
                  "SELECT " EVENT_COLUMNS " FROM event WHERE domain = ?1 AND id < ?2"
                  " AND (?3 = '' OR tenant = ?3) ORDER BY id DESC LIMIT ?4",
                  SQL_VALUES(SQL_TEXT(page->domain), SQL_INT(page->before), SQL_TEXT(page->tenant),
                             SQL_INT(page->limit)),
                  &query, why);
    *count_out = 0;
    while (status == ST_OK && (status = query_next(query, why)) == ST_OK) {
        read_event(query, &rows[(*count_out)++]);
    }
    return status == ST_NOT_FOUND ? ST_OK : status;
}

enum status
store_events(struct store *store, const struct store_event_choice *choice, store_event_visit *visit,
             void *context, struct why *why)
{
    struct store_event_row rows[EVENTS_PAGE];
    struct page page = {.domain = choice->domain,
                        .tenant = choice->tenant == NULL ? "" : choice->tenant,
                        .before = (int64_t)choice->before};
    size_t limit = choice->limit;
    while (limit > 0) {
        size_t count = 0;
        page.limit = limit < EVENTS_PAGE ? limit : (size_t)EVENTS_PAGE;
        enum status status = event_page(store, &page, rows, &count, why);
        if (status != ST_OK) {
            return status;
        }
        for (size_t i = 0; i < count; i++) {
            visit(context, &rows[i]);
            page.before = (int64_t)rows[i].number;
        }
        limit = count < page.limit ? 0 : limit - count;
    }
    return ST_OK;
}

/* ---- telling the operator -------------------------------------------------------------------- */

enum status
store_event_next(struct store *store, uint64_t number, const char *const *kinds,
                 struct store_event_row *event_out, struct why *why)
{
    struct sql_value values[1 + STORE_EVENT_KINDS_MAX] = {SQL_INT(number)};
    for (size_t i = 0; i < STORE_EVENT_KINDS_MAX; i++) {
        values[1 + i] = (struct sql_value)SQL_TEXT(*kinds == NULL ? "" : *kinds);
        kinds += *kinds == NULL ? 0 : 1;
    }
    AUTO_READER reader = reader_borrow(store->readers);
    AUTO_QUERY *query = NULL;
    enum status status = sql_query(reader.sql,
                                   "SELECT " EVENT_COLUMNS " FROM event WHERE id > ?1"
                                   " AND kind IN (?2,?3,?4,?5,?6,?7,?8,?9) ORDER BY id LIMIT 1",
                                   values, ARRAY_LEN(values), &query, why);
    if (status == ST_OK) {
        status = query_next(query, why);
    }
    if (status == ST_OK) {
        read_event(query, event_out);
    }
    return status;
}

enum status
store_told_get(struct store *store, uint64_t *number_out, struct why *why)
{
    int64_t number = 0;
    AUTO_READER reader = reader_borrow(store->readers);
    enum status status = sql_number(reader.sql, "SELECT value FROM counter WHERE name = 'told'",
                                    SQL_NO_VALUES, &number, why);
    if (status == ST_OK) {
        *number_out = (uint64_t)number;
    }
    return status;
}

static enum status
run_told(void *context, struct sql *sql, struct why *why)
{
    const uint64_t *number = context;
    return sql_run(sql, "UPDATE counter SET value = max(value, ?) WHERE name = 'told'",
                   SQL_VALUES(SQL_INT(*number)), why);
}

enum status
store_told_put(struct store *store, uint64_t number, struct why *why)
{
    struct operation operation = {.run = run_told, .context = &number, .durable = true};
    return writer_call(store->writer, &operation, why);
}
