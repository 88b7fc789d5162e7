// SPDX-License-Identifier: Apache-2.0
// WHERE clauses from a store_filter. Only fixed texts and the words of states enter the SQL; what
// comes from outside is bound.
#include <assert.h>

#include "store/sqlite/internal.h"
#include "store/sqlite/schema.h"

void
filter_start(struct filter_sql *sql, const char *text)
{
    *sql = (struct filter_sql){.text = STRBUF_INIT(FILTER_SQL_MAX)};
    strbuf_puts(&sql->text, text);
}

static void
add_value(struct filter_sql *sql, const char *text, struct sql_value value)
{
    assert(sql->count < FILTER_VALUES_MAX);
    strbuf_puts(&sql->text, text);
    sql->values[sql->count++] = value;
}

void
filter_text(struct filter_sql *sql, const char *text, const char *value)
{
    if (value != NULL) {
        add_value(sql, text, (struct sql_value)SQL_TEXT(value));
    }
}

void
filter_int(struct filter_sql *sql, const char *text, int64_t value)
{
    add_value(sql, text, (struct sql_value)SQL_INT(value));
}

// The partial index that has the rows of a state; the planner wants to see its condition.
static const char *
index_condition(enum delivery_state state)
{
    switch (state) {
    case DELIVERY_QUEUED:
    case DELIVERY_UNKNOWN:
        return " AND " SQL_WAITING;
    case DELIVERY_HELD:
    case DELIVERY_BLOCKED:
    case DELIVERY_DEAD:
        return " AND " SQL_PARKED;
    case DELIVERY_LEASED:
    case DELIVERY_DONE:
        return "";
    }
    return "";
}

void
filter_messages(struct filter_sql *sql, const struct store_filter *filter)
{
    filter_text(sql, " AND tenant = ?", filter->tenant);
    filter_text(sql, " AND domain = ?", filter->domain);
    filter_text(sql, " AND id = ?", filter->message_id);
    filter_text(sql, " AND id = (SELECT message_id FROM delivery WHERE id = ?)",
                filter->delivery_id);
    filter_text(sql,
                " AND EXISTS (SELECT 1 FROM delivery WHERE message_id = message.id"
                " AND destination = ?)",
                filter->destination);
    if (filter->state != NULL && *filter->state == DELIVERY_DONE) { // most messages: ask of each
        strbuf_puts(&sql->text, " AND EXISTS (SELECT 1 FROM delivery"
                                " WHERE message_id = message.id AND state = 'done')");
    } else if (filter->state != NULL) { // few: start from them
        strbuf_printf(&sql->text,
                      " AND id IN (SELECT message_id FROM delivery WHERE state = '%s'%s)",
                      delivery_state_name(*filter->state), index_condition(*filter->state));
    }
}

void
filter_deliveries(struct filter_sql *sql, const struct store_filter *filter)
{
    filter_text(sql, " AND tenant = ?", filter->tenant);
    filter_text(sql, " AND domain = ?", filter->domain);
    filter_text(sql, " AND message_id = ?", filter->message_id);
    filter_text(sql, " AND id = ?", filter->delivery_id);
    filter_text(sql, " AND destination = ?", filter->destination);
    filter_text(sql, " AND reason = ?", filter->reason);
    if (filter->state != NULL) {
        strbuf_printf(&sql->text, " AND state = '%s'%s", delivery_state_name(*filter->state),
                      index_condition(*filter->state));
    }
}
