// SPDX-License-Identifier: Apache-2.0
#include "control/api/listing.h"

#include <stdlib.h>
#include <string.h>

#include "control/api/json.h"
#include "control/api/views.h"

enum { FIELDS_MAX = 8 }; /* of one list, without `before` and `limit` */

static const struct field PAGE_FIELDS[] = {LISTING_FIELDS(struct selection, FIELD_ID)};

// ---- pages

struct page
page_new(uint64_t limit)
{
    return (struct page){.rows = json_array(), .limit = limit};
}

void
page_done(struct page *page)
{
    json_decref(page->rows);
    page->rows = NULL;
}

void
page_add(struct page *page, json_t *row)
{
    if (json_array_size(page->rows) < page->limit) {
        (void)json_array_append_new(page->rows, row);
    } else {
        page->more = true;
        json_decref(row);
    }
}

void
page_put(struct page *page, const char *name, const char *next_name, const char *cursor,
         json_t *root)
{
    size_t count = json_array_size(page->rows);
    const json_t *last = count == 0 ? NULL : json_array_get(page->rows, count - 1);
    json_t *next = page->more ? json_object_get(last, cursor) : NULL;
    (void)json_object_set_new(root, name, STEAL(page->rows));
    (void)json_object_set_new(root, next_name,
                              next == NULL ? json_null()
                              : json_is_integer(next)
                                  ? json_sprintf("%" JSON_INTEGER_FORMAT, json_integer_value(next))
                                  : json_incref(next));
}

// ---- messages, deliveries, holds

enum status
selection_read_query(const struct call *call, const struct field *fields, size_t count,
                     struct selection *out, struct why *why)
{
    struct field all[FIELDS_MAX + ARRAY_LEN(PAGE_FIELDS)];
    if (count > FIELDS_MAX) {
        return why_set(why, ST_BUG, "%zu fields in one list", count);
    }
    memcpy(all, fields, count * sizeof(*fields));
    memcpy(all + count, PAGE_FIELDS, sizeof(PAGE_FIELDS));
    struct selection selection = {.limit = LISTING_LIMIT_DEFAULT};
    enum status status =
        fields_read_query(call->request, all, count + ARRAY_LEN(PAGE_FIELDS), &selection, why);
    if (status == ST_OK) {
        *out = selection;
    }
    return status;
}

enum status
selection_to_filter(const struct selection *selection, char name[DOMAIN_NAME_SIZE],
                    struct store_filter *filter_out, struct why *why)
{
    if (selection->domain != NULL) {
        enum status status = address_normalize_domain(selection->domain, name, why);
        if (status != ST_OK) {
            return status;
        }
    }
    *filter_out = (struct store_filter){
        .tenant = selection->tenant,
        .domain = selection->domain == NULL ? NULL : name,
        .message_id = selection->message,
        .delivery_id = selection->delivery,
        .destination = selection->destination,
        .state = selection->state.given ? &selection->state.value : NULL,
        .before_id = selection->before,
        .limit = (size_t)selection->limit,
    };
    return ST_OK;
}

static void
on_delivery(void *context, const struct store_delivery *delivery)
{
    page_add(context, view_delivery(delivery));
}

static void
on_message(void *context, const struct store_message *message)
{
    page_add(context, view_message(message, false));
}

// Read one page of deliveries or messages and answer with it.
static enum status
answer_list(struct call *call, const struct selection *selection, bool messages, struct why *why)
{
    char name[DOMAIN_NAME_SIZE];
    struct store_filter filter;
    enum status status = selection_to_filter(selection, name, &filter, why);
    if (status != ST_OK) {
        return status;
    }
    filter.limit++;
    AUTO_PAGE page = page_new(selection->limit);
    status = messages ? store_message_list(call->context->store, &filter, on_message, &page, why)
                      : store_delivery_list(call->context->store, &filter, on_delivery, &page, why);
    if (status == ST_OK) {
        json_t *root = json_object();
        page_put(&page, messages ? "messages" : "deliveries", "next", "id", root);
        api_respond_json(call->response, 200, root);
    }
    return status;
}

enum status
listing_answer_deliveries(struct call *call, const struct selection *selection, struct why *why)
{
    return answer_list(call, selection, false, why);
}

enum status
listing_answer_messages(struct call *call, const struct selection *selection, struct why *why)
{
    return answer_list(call, selection, true, why);
}

void
listing_answer_count(struct call *call, uint64_t count)
{
    json_t *root = json_object();
    json_object_set_new(root, "count", api_json_number(count));
    api_respond_json(call->response, 200, root);
}

static void
on_counted(void *context, const struct store_delivery *delivery)
{
    (void)delivery;
    (*(size_t *)context)++;
}

enum status
selection_check_exists(const struct call *call, const struct selection *selection, struct why *why)
{
    if (selection->message != NULL) {
        struct store_message message;
        AUTO_FREE void *owner = NULL;
        enum status status =
            store_message_get(call->context->store, selection->message, &message, &owner, why);
        if (status != ST_OK) {
            return status;
        }
    }
    if (selection->delivery == NULL) {
        return ST_OK;
    }
    size_t found = 0;
    struct store_filter filter = {.delivery_id = selection->delivery, .limit = 1};
    enum status status =
        store_delivery_list(call->context->store, &filter, on_counted, &found, why);
    if (status == ST_OK && found == 0) {
        return why_set(why, ST_NOT_FOUND, "there is no delivery %s", selection->delivery);
    }
    return status;
}
