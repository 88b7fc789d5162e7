// SPDX-License-Identifier: Apache-2.0
// What all lists share: pages; and those of messages, deliveries and holds: filters.
#ifndef CONTROL_API_LISTING_H
#define CONTROL_API_LISTING_H

#include "common/cleanup.h"
#include "common/strbuf.h"
#include "control/api/fields.h"
#include "control/api/handlers.h"
#include "store/store.h"

enum {
    LISTING_LIMIT_DEFAULT = 50, /* rows of a page */
    LISTING_LIMIT_MAX = 500,
    LISTING_BYTES_MAX = 4 * 1024 * 1024
};

/** The members `before` and `limit` of a list's query, for its table of fields. */
#define LISTING_FIELDS(type_name, kind_of_before)                                                  \
    {FIELD(type_name, before, kind_of_before)},                                                    \
    {                                                                                              \
        FIELD(type_name, limit, FIELD_NUMBER), .max = LISTING_LIMIT_MAX                            \
    }

/** A page under way: text, so that its rows are not held as trees. One row more than the limit is
 * to be asked for, to know whether another page follows. */
struct page {
    struct strbuf rows;
    uint64_t limit;
    uint64_t count;
    bool more;
    const char *cursor;           /* member of the rows that `before` goes by; static */
    char next[REQUEST_TEXT_SIZE]; /* that of the last row */
};

struct page page_new(uint64_t limit, const char *cursor);
void page_done(struct page *page);
#define AUTO_PAGE AUTO(page_done) struct page

/** Take a row (a new reference) over, up to the limit, and up to LISTING_BYTES_MAX: a page has one
 *  row at least. */
void page_add(struct page *page, struct json_t *row);

/** Answer with the rows as `name`; `next_name` is for `before` of the next page, null when there is
 *  none. @others  further members (taken); NULL: none */
void page_answer(struct page *page, const char *name, const char *next_name, struct json_t *others,
                 struct response *response);

/** The query of a list, or the selection in a body. Fields that are not given are NULL. */
struct selection {
    const char *tenant;
    const char *domain;
    const char *message;
    const char *delivery;
    const char *destination;
    const char *reason; /* of holds/discard */
    struct field_state state;
    const char *before;
    uint64_t limit;
};

/** Read a list's query: `before` and `limit` besides the given fields. */
MUST_CHECK enum status selection_read_query(const struct call *call, const struct field *fields,
                                            size_t count, struct selection *out, struct why *why);

/** The store's filter; borrows from the selection. The domain becomes A-labels in `name`. */
MUST_CHECK enum status selection_to_filter(const struct selection *selection,
                                           char name[DOMAIN_NAME_SIZE],
                                           struct store_filter *filter_out, struct why *why);

/** Answer with a page of deliveries. */
MUST_CHECK enum status
listing_answer_deliveries(struct call *call, const struct selection *selection, struct why *why);

/** Answer with a page of messages. */
MUST_CHECK enum status listing_answer_messages(struct call *call, const struct selection *selection,
                                               struct why *why);

/** {"count":n} */
void listing_answer_count(struct call *call, uint64_t count);

/** ST_NOT_FOUND if the selection names a message or a delivery that does not exist. */
MUST_CHECK enum status selection_check_exists(const struct call *call,
                                              const struct selection *selection, struct why *why);

#endif
