// SPDX-License-Identifier: Apache-2.0
// What all lists share: pages; and those of messages, deliveries and holds: filters.
#ifndef CONTROL_API_LISTING_H
#define CONTROL_API_LISTING_H

#include "control/api/fields.h"
#include "control/api/handlers.h"
#include "store/store.h"

enum { LISTING_LIMIT_DEFAULT = 50, LISTING_LIMIT_MAX = 500 }; /* rows of a page */

/** The members `before` and `limit` of a list's query, for its table of fields. */
#define LISTING_FIELDS(type_name, kind_of_before)                                                  \
    {FIELD(type_name, before, kind_of_before)},                                                    \
    {                                                                                              \
        FIELD(type_name, limit, FIELD_NUMBER), .max = LISTING_LIMIT_MAX                            \
    }

/** A page under way. One row more than the limit is to be asked for, to know whether another page
 *  follows. */
struct page {
    struct json_t *rows; /* an array, owned */
    uint64_t limit;
    bool more;
};

struct page page_new(uint64_t limit);
void page_done(struct page *page);
#define AUTO_PAGE AUTO(page_done) struct page

/** Take a row (a new reference) over, up to the limit. */
void page_add(struct page *page, struct json_t *row);

/** Put the rows into an answer as `name`, and as `next_name` what stands in the last one's
 *  `cursor`: as text, for `before` of the next page; null when there is none. */
void page_put(struct page *page, const char *name, const char *next_name, const char *cursor,
              struct json_t *root);

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
