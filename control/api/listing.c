// SPDX-License-Identifier: Apache-2.0
#include "control/api/listing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/api/json.h"
#include "control/api/views.h"

enum {
    FIELDS_MAX = 8,               /* of one list, without `before` and `limit` */
    ANSWER_MAX = 64 * 1024 * 1024 /* one row alone, whatever is in it, fits */
};

static const struct field PAGE_FIELDS[] = {LISTING_FIELDS(struct selection, FIELD_ID)};

// ---- pages

struct page
page_new(uint64_t limit, const char *cursor)
{
    return (struct page){.rows = STRBUF_INIT(ANSWER_MAX), .limit = limit, .cursor = cursor};
}

void
page_done(struct page *page)
{
    strbuf_done(&page->rows);
}

static void
set_next(struct page *page, const json_t *row)
{
    const json_t *cursor = json_object_get(row, page->cursor);
    if (json_is_integer(cursor)) {
        (void)snprintf(page->next, sizeof(page->next), "%" JSON_INTEGER_FORMAT,
                       json_integer_value(cursor));
    } else {
        (void)snprintf(page->next, sizeof(page->next), "%s", json_string_value(cursor));
    }
}

void
page_add(struct page *page, json_t *row)
{
    AUTO_JSON *taken = row;
    AUTO_FREE char *text = api_json_dump(taken);
    bool is_full = page->count == page->limit ||
                   (page->count > 0 && page->rows.length + strlen(text) > LISTING_BYTES_MAX);
    page->more |= is_full;
    if (!page->more) {
        strbuf_printf(&page->rows, "%s%s", page->count == 0 ? "" : ",", text);
        set_next(page, taken);
        page->count++;
    }
}

void
page_answer(struct page *page, const char *name, const char *next_name, json_t *others,
            struct response *response)
{
    AUTO_JSON *members = others == NULL ? json_object() : others;
    AUTO_FREE char *first = api_json_dump(members);
    AUTO_JSON *next = page->more ? json_string(page->next) : json_null();
    AUTO_FREE char *last = api_json_dump(next);
    struct strbuf text = STRBUF_INIT(ANSWER_MAX);
    first[strlen(first) - 1] = '\0'; // its brace
    strbuf_printf(&text, "%s%s\"%s\":[", first, json_object_size(members) == 0 ? "" : ",", name);
    strbuf_append(&text, strbuf_text(&page->rows), page->rows.length);
    strbuf_printf(&text, "],\"%s\":%s}", next_name, last);
    response->http_status = 200;
    response->content_type = "application/json";
    response->body_length = text.length;
    response->body = strbuf_steal(&text);
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
    AUTO_PAGE page = page_new(selection->limit, "id");
    status = messages ? store_message_list(call->context->store, &filter, on_message, &page, why)
                      : store_delivery_list(call->context->store, &filter, on_delivery, &page, why);
    if (status == ST_OK) {
        page_answer(&page, messages ? "messages" : "deliveries", "next", NULL, call->response);
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
