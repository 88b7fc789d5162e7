// SPDX-License-Identifier: Apache-2.0
// /v1/messages: what arrived.
#include <stdlib.h>
#include <string.h>

#include "common/xalloc.h"
#include "control/api/handlers.h"
#include "control/api/json.h"
#include "control/api/listing.h"
#include "control/api/views.h"

static const struct field LIST_FIELDS[] = {
    {FIELD(struct selection, tenant, FIELD_TEXT)},
    {FIELD(struct selection, domain, FIELD_TEXT)},
    {FIELD(struct selection, state, FIELD_STATE)},
};

enum status
messages_list(struct call *call, struct why *why)
{
    struct selection selection;
    enum status status =
        selection_read_query(call, LIST_FIELDS, ARRAY_LEN(LIST_FIELDS), &selection, why);
    return status == ST_OK ? listing_answer_messages(call, &selection, why) : status;
}

static enum status
read_message(const struct call *call, struct store_message *message_out, void **owner_out,
             struct why *why)
{
    if (!id_is_valid(call->id)) {
        return why_set(why, ST_NOT_FOUND, "there is no message %.60s", call->id);
    }
    return store_message_get(call->context->store, call->id, message_out, owner_out, why);
}

static void
on_delivery(void *context, const struct store_delivery *delivery)
{
    page_add(context, view_delivery(delivery));
}

enum status
messages_show(struct call *call, struct why *why)
{
    struct store_message message;
    AUTO_FREE void *owner = NULL;
    enum status status = read_message(call, &message, &owner, why);
    if (status != ST_OK) {
        return status;
    }
    AUTO_JSON *view = view_message(&message, true);
    AUTO_PAGE page = page_new(LISTING_LIMIT_MAX, "id");
    struct store_filter filter = {.message_id = message.id.text, .limit = LISTING_LIMIT_MAX + 1};
    status = store_delivery_list(call->context->store, &filter, on_delivery, &page, why);
    if (status == ST_OK) {
        page_answer(&page, "deliveries", "deliveries_next", STEAL(view), call->response);
    }
    return status;
}

// ---- why it was judged as it was; of refused mail too, which is no message

enum status
messages_evidence(struct call *call, struct why *why)
{
    if (!id_is_valid(call->id)) {
        return why_set(why, ST_NOT_FOUND, "there is no message %.60s", call->id);
    }
    struct store_evidence evidence;
    AUTO_FREE void *owner = NULL;
    AUTO_JSON *view = NULL;
    enum status status = store_evidence_get(call->context->store, call->id, &evidence, &owner, why);
    if (status == ST_OK) {
        status = view_evidence(&evidence, &view, why);
    }
    if (status == ST_OK) {
        api_respond_json(call->response, 200, STEAL(view));
    }
    return status;
}

// ---- the message itself, as it arrived

struct raw_reader {
    struct store *store;
    struct id message_id;
};

static ssize_t
read_raw(void *context, uint64_t offset, char *buffer, size_t size)
{
    const struct raw_reader *reader = context;
    size_t length;
    enum status status =
        store_body_read(reader->store, &reader->message_id, offset, buffer, size, &length, NULL);
    return status == ST_OK ? (ssize_t)length : -1;
}

enum status
messages_raw(struct call *call, struct why *why)
{
    struct store_message message;
    AUTO_FREE void *owner = NULL;
    enum status status = read_message(call, &message, &owner, why);
    if (status != ST_OK) {
        return status;
    }
    struct raw_reader *reader = xcalloc(1, sizeof(*reader));
    *reader = (struct raw_reader){.store = call->context->store, .message_id = message.id};
    call->response->http_status = 200;
    call->response->content_type = "message/rfc822";
    call->response->stream = (struct response_stream){
        .read = read_raw, .close = free, .context = reader, .size = message.size};
    return ST_OK;
}
