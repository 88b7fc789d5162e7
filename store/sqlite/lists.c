// SPDX-License-Identifier: Apache-2.0
// Reading: messages, deliveries, attempts, what is due. Rows are copied page by page and the
// connection is given back before the visitor is called: a slow visitor holds no read lock, which
// would let the WAL grow.
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "store/sqlite/internal.h"
#include "store/sqlite/schema.h"

enum { PAGE_ROWS = 100, RECIPIENTS_MAX = 2 * STORE_DELIVERIES_MAX * ADDRESS_MAX };

// Before the first page, the cursor is the filter's.
struct cursor {
    const char *before_id;
    struct id last;
    size_t left; /* rows; SIZE_MAX: no limit */
};

static struct cursor
cursor_of(const struct store_filter *filter)
{
    return (struct cursor){.before_id = filter->before_id,
                           .left = filter->limit == 0 ? SIZE_MAX : filter->limit};
}

static size_t
page_size(const struct cursor *cursor)
{
    return cursor->left < PAGE_ROWS ? cursor->left : (size_t)PAGE_ROWS;
}

static void
cursor_move(struct cursor *cursor, const struct id *last, size_t count)
{
    cursor->left = count < PAGE_ROWS ? 0 : cursor->left - count;
    cursor->last = *last;
    cursor->before_id = cursor->last.text;
}

union row {
    struct id id; /* what each kind begins with */
    struct store_message message;
    struct store_delivery delivery;
};

_Static_assert(offsetof(struct store_message, id) == 0 && offsetof(struct store_delivery, id) == 0,
               "both begin with their id");

/** Whose pages are listed, and who is shown their rows. */
struct listing {
    const char *select;
    void (*restrict_to)(struct filter_sql *sql, const struct store_filter *filter);
    void (*read)(struct query *query, struct arena *arena, union row *row_out);
    void (*show)(const struct listing *listing, const union row *row);
    store_message_visit *visit_message;
    store_delivery_visit *visit_delivery;
    void *context;
};

static enum status
read_page(struct store *store, const struct listing *listing, const struct store_filter *filter,
          const struct cursor *cursor, struct arena *arena, union row *rows, size_t *count_out,
          struct why *why)
{
    AUTO_READER reader = reader_borrow(store->readers);
    AUTO_FILTER_SQL sql;
    filter_start(&sql, listing->select);
    listing->restrict_to(&sql, filter);
    filter_text(&sql, " AND id < ?", cursor->before_id);
    filter_int(&sql, " ORDER BY id DESC LIMIT ?", (int64_t)page_size(cursor));
    AUTO_QUERY *query = NULL;
    enum status status =
        sql_query(reader.sql, strbuf_text(&sql.text), sql.values, sql.count, &query, why);
    *count_out = 0;
    while (status == ST_OK && (status = query_next(query, why)) == ST_OK) {
        listing->read(query, arena, &rows[(*count_out)++]);
    }
    return status == ST_NOT_FOUND ? ST_OK : status;
}

static enum status
list_pages(struct store *store, const struct listing *listing, const struct store_filter *filter,
           struct why *why)
{
    struct cursor cursor = cursor_of(filter);
    while (cursor.left > 0) {
        AUTO_ARENA arena = {.blocks = NULL};
        union row rows[PAGE_ROWS];
        size_t count = 0;
        enum status status = read_page(store, listing, filter, &cursor, &arena, rows, &count, why);
        if (status != ST_OK || count == 0) {
            return status;
        }
        for (size_t i = 0; i < count; i++) {
            listing->show(listing, &rows[i]);
        }
        cursor_move(&cursor, &rows[count - 1].id, count);
    }
    return ST_OK;
}

static void
read_message(struct query *query, struct arena *arena, union row *row_out)
{
    message_read(query, arena, &row_out->message);
}

static void
show_message(const struct listing *listing, const union row *row)
{
    listing->visit_message(listing->context, &row->message);
}

enum status
store_message_list(struct store *store, const struct store_filter *filter,
                   store_message_visit *visit, void *context, struct why *why)
{
    const struct listing messages = {
        .select = "SELECT " SQL_MESSAGE_COLUMNS " FROM message WHERE 1",
        .restrict_to = filter_messages,
        .read = read_message,
        .show = show_message,
        .visit_message = visit,
        .context = context,
    };
    return list_pages(store, &messages, filter, why);
}

static void
read_delivery(struct query *query, struct arena *arena, union row *row_out)
{
    delivery_read(query, arena, &row_out->delivery);
}

static void
show_delivery(const struct listing *listing, const union row *row)
{
    listing->visit_delivery(listing->context, &row->delivery);
}

enum status
store_delivery_list(struct store *store, const struct store_filter *filter,
                    store_delivery_visit *visit, void *context, struct why *why)
{
    const struct listing deliveries = {
        .select = "SELECT " SQL_DELIVERY_COLUMNS " FROM delivery WHERE 1",
        .restrict_to = filter_deliveries,
        .read = read_delivery,
        .show = show_delivery,
        .visit_delivery = visit,
        .context = context,
    };
    return list_pages(store, &deliveries, filter, why);
}

enum status
store_message_get(struct store *store, const char *id, struct store_message *message_out,
                  void **owner_out, struct why *why)
{
    AUTO_READER reader = reader_borrow(store->readers);
    AUTO_QUERY *query = NULL;
    enum status status =
        sql_query(reader.sql, "SELECT " SQL_MESSAGE_COLUMNS " FROM message WHERE id = ?",
                  SQL_VALUES(SQL_TEXT(id)), &query, why);
    if (status == ST_OK) {
        status = query_next(query, why);
    }
    if (status == ST_OK) {
        message_read_owned(query, message_out, owner_out);
    }
    return status == ST_NOT_FOUND ? why_set(why, status, "no message %.40s", id) : status;
}

struct attempt_page {
    struct store_attempt rows[PAGE_ROWS];
    size_t count;
    int64_t last; /* row id */
    struct arena arena;
};

static enum status
attempts_next(struct store *store, const char *delivery_id, struct attempt_page *page,
              struct why *why)
{
    AUTO_READER reader = reader_borrow(store->readers);
    AUTO_QUERY *query = NULL;
    enum status status = sql_query(
        reader.sql,
        "SELECT id, at, number, outcome, http_status, detail, duration_ms FROM attempt"
        " WHERE delivery_id = ? AND id > ? ORDER BY id LIMIT ?",
        SQL_VALUES(SQL_TEXT(delivery_id), SQL_INT(page->last), SQL_INT(PAGE_ROWS)), &query, why);
    page->count = 0;
    while (status == ST_OK && (status = query_next(query, why)) == ST_OK) {
        page->last = query_int(query, 0);
        page->rows[page->count++] = (struct store_attempt){
            .at = query_int(query, 1),
            .number = (uint64_t)query_int(query, 2),
            .outcome = arena_text(&page->arena, query_text(query, 3)),
            .http_status = (uint64_t)query_int(query, 4),
            .detail = arena_text(&page->arena, query_text(query, 5)),
            .duration_ms = query_int(query, 6),
        };
    }
    return status == ST_NOT_FOUND ? ST_OK : status;
}

enum status
store_attempts(struct store *store, const char *delivery_id, store_attempt_visit *visit,
               void *context, struct why *why)
{
    struct attempt_page page = {.last = 0};
    do {
        enum status status = attempts_next(store, delivery_id, &page, why);
        for (size_t i = 0; status == ST_OK && i < page.count; i++) {
            visit(context, &page.rows[i]);
        }
        arena_done(&page.arena);
        if (status != ST_OK) {
            return status;
        }
    } while (page.count == PAGE_ROWS);
    return ST_OK;
}

// From destination to destination by the index, whatever the number of deliveries of each.
static const char SELECT_NEXT_DUE[] = "SELECT destination, due_at FROM delivery WHERE " SQL_WAITING
                                      " AND destination > ? ORDER BY destination, due_at LIMIT 1";

static enum status
due_page(struct store *store, const char *after, struct store_due *rows, size_t *count_out,
         struct why *why)
{
    AUTO_READER reader = reader_borrow(store->readers);
    *count_out = 0;
    while (*count_out < PAGE_ROWS) {
        AUTO_QUERY *query = NULL;
        enum status status =
            sql_query(reader.sql, SELECT_NEXT_DUE, SQL_VALUES(SQL_TEXT(after)), &query, why);
        if (status == ST_OK) {
            status = query_next(query, why);
        }
        if (status != ST_OK) {
            return status == ST_NOT_FOUND ? ST_OK : status;
        }
        struct store_due *row = &rows[(*count_out)++];
        (void)snprintf(row->destination, sizeof(row->destination), "%s", query_text(query, 0));
        row->due_at = query_int(query, 1);
        after = row->destination;
    }
    return ST_OK;
}

enum status
store_due_list(struct store *store, store_due_visit *visit, void *context, struct why *why)
{
    struct store_due rows[PAGE_ROWS];
    struct store_due last = {.destination = ""};
    size_t count;
    do {
        count = 0;
        enum status status = due_page(store, last.destination, rows, &count, why);
        if (status != ST_OK) {
            return status;
        }
        for (size_t i = 0; i < count; i++) {
            visit(context, &rows[i]);
        }
        if (count > 0) {
            last = rows[count - 1];
        }
    } while (count == PAGE_ROWS);
    return ST_OK;
}

enum status
store_recipients_for(struct store *store, const struct id *message_id, const char *domain,
                     const char *destination, char **recipients_out, struct why *why)
{
    AUTO_READER reader = reader_borrow(store->readers);
    AUTO_QUERY *query = NULL;
    enum status status =
        sql_query(reader.sql,
                  "SELECT recipient, min(id) AS first FROM delivery"
                  " WHERE message_id = ? AND domain = ? AND destination = ?"
                  " GROUP BY recipient ORDER BY first",
                  SQL_VALUES(SQL_TEXT(message_id->text), SQL_TEXT(domain), SQL_TEXT(destination)),
                  &query, why);
    AUTO_STRBUF text = STRBUF_INIT(RECIPIENTS_MAX);
    while (status == ST_OK && (status = query_next(query, why)) == ST_OK) {
        strbuf_printf(&text, "%s%s", text.length > 0 ? "\n" : "", query_text(query, 0));
    }
    if (status != ST_NOT_FOUND) {
        return status;
    }
    if (text.overflow) {
        return why_set(why, ST_TOO_LARGE, "recipients of message %s", message_id->text);
    }
    if (text.length == 0) {
        return why_set(why, ST_NOT_FOUND, "message %s has no delivery to %s", message_id->text,
                       destination);
    }
    *recipients_out = strbuf_steal(&text);
    return ST_OK;
}
