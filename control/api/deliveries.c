// SPDX-License-Identifier: Apache-2.0
// /v1/deliveries: what becomes of a message at each of its destinations.
#include <string.h>

#include "control/api/handlers.h"
#include "control/api/json.h"
#include "control/api/listing.h"
#include "control/api/views.h"

static const struct field LIST_FIELDS[] = {
    {FIELD(struct selection, tenant, FIELD_TEXT)},
    {FIELD(struct selection, domain, FIELD_TEXT)},
    {FIELD(struct selection, destination, FIELD_TEXT)},
    {FIELD(struct selection, message, FIELD_ID)},
    {FIELD(struct selection, state, FIELD_STATE)},
};

enum status
deliveries_list(struct call *call, struct why *why)
{
    struct selection selection;
    enum status status =
        selection_read_query(call, LIST_FIELDS, ARRAY_LEN(LIST_FIELDS), &selection, why);
    return status == ST_OK ? listing_answer_deliveries(call, &selection, why) : status;
}

static void
on_shown(void *context, const struct store_delivery *delivery)
{
    json_t **view = context;
    json_decref(*view);
    *view = view_delivery(delivery);
}

// The last ones: a delivery that is retried again and again has many.
static void
on_attempt(void *context, const struct store_attempt *attempt)
{
    (void)json_array_append_new(context, view_attempt(attempt));
    if (json_array_size(context) > LISTING_LIMIT_MAX) {
        (void)json_array_remove(context, 0);
    }
}

enum status
deliveries_show(struct call *call, struct why *why)
{
    AUTO_JSON *view = NULL;
    enum status status = ST_OK;
    if (id_is_valid(call->id)) {
        struct store_filter filter = {.delivery_id = call->id, .limit = 1};
        status = store_delivery_list(call->context->store, &filter, on_shown, &view, why);
    }
    if (status != ST_OK) {
        return status;
    }
    if (view == NULL) {
        return why_set(why, ST_NOT_FOUND, "there is no delivery %.60s", call->id);
    }
    json_t *attempts = json_array();
    json_object_set_new(view, "attempts", attempts);
    status = store_attempts(call->context->store, call->id, on_attempt, attempts, why);
    if (status == ST_OK) {
        api_respond_json(call->response, 200, STEAL(view));
    }
    return status;
}

// ---- again

static const struct field RETRY_FIELDS[] = {
    {FIELD(struct selection, delivery, FIELD_ID)},
    {FIELD(struct selection, message, FIELD_ID)},
    {FIELD(struct selection, destination, FIELD_TEXT)},
    {FIELD(struct selection, domain, FIELD_TEXT)},
    {FIELD(struct selection, tenant, FIELD_TEXT)},
    {FIELD(struct selection, state, FIELD_STATE)},
};

// What a retry takes when no state is named: "done" would send everything a second time, so it is
// to be asked for.
static const enum delivery_state UNDELIVERED[] = {
    DELIVERY_DEAD,
    DELIVERY_BLOCKED,
    DELIVERY_UNKNOWN,
    DELIVERY_QUEUED,
};

static enum status
check_retry(const struct selection *selection, struct why *why)
{
    bool selects = selection->delivery != NULL || selection->message != NULL ||
                   selection->destination != NULL || selection->domain != NULL ||
                   selection->tenant != NULL || selection->state.given;
    if (!selects) {
        return why_set(why, ST_INVALID,
                       "name a delivery, message, destination, domain, tenant or state");
    }
    if (selection->state.given && selection->state.value == DELIVERY_HELD) {
        return why_set(why, ST_REFUSED, "held mail is released by /v1/holds/release");
    }
    if (selection->state.given && selection->state.value == DELIVERY_LEASED) {
        return why_set(why, ST_REFUSED, "leased deliveries are being tried right now");
    }
    return ST_OK;
}

// By state when none is named; a single named delivery is taken whatever became of it.
static enum status
retry(struct store *store, struct store_filter *filter, uint64_t *count_out, struct why *why)
{
    if (filter->state != NULL || filter->delivery_id != NULL) {
        return store_delivery_retry(store, filter, count_out, why);
    }
    uint64_t total = 0;
    for (size_t i = 0; i < ARRAY_LEN(UNDELIVERED); i++) {
        uint64_t count;
        filter->state = &UNDELIVERED[i];
        enum status status = store_delivery_retry(store, filter, &count, why);
        if (status != ST_OK) {
            return status;
        }
        total += count;
    }
    *count_out = total;
    return ST_OK;
}

enum status
deliveries_retry(struct call *call, struct why *why)
{
    struct selection selection = {.limit = 0};
    struct store_filter filter;
    char name[DOMAIN_NAME_SIZE];
    uint64_t count = 0;
    enum status status =
        fields_read_body(call->body, RETRY_FIELDS, ARRAY_LEN(RETRY_FIELDS), &selection, why);
    if (status == ST_OK) {
        status = check_retry(&selection, why);
    }
    if (status == ST_OK) {
        status = selection_to_filter(&selection, name, &filter, why);
    }
    if (status == ST_OK) {
        status = selection_check_exists(call, &selection, why);
    }
    if (status == ST_OK) {
        status = retry(call->context->store, &filter, &count, why);
    }
    if (status != ST_OK) {
        return status;
    }
    dispatcher_kick(call->context->dispatcher, selection.destination);
    listing_answer_count(call, count);
    return ST_OK;
}
