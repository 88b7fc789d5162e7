// SPDX-License-Identifier: Apache-2.0
// /v1/holds: mail that waits for a person's word.
#include "control/api/handlers.h"
#include "control/api/listing.h"

static const struct field HOLDS_FIELDS[] = {
    {FIELD(struct selection, tenant, FIELD_TEXT)},
    {FIELD(struct selection, domain, FIELD_TEXT)},
    {FIELD(struct selection, message, FIELD_ID)},
};

enum status
holds_list(struct call *call, struct why *why)
{
    struct selection selection;
    enum status status =
        selection_read_query(call, HOLDS_FIELDS, ARRAY_LEN(HOLDS_FIELDS), &selection, why);
    if (status != ST_OK) {
        return status;
    }
    selection.state = (struct field_state){.given = true, .value = DELIVERY_HELD};
    return listing_answer_deliveries(call, &selection, why);
}

// The last row is for discarding only.
static const struct field HOLD_FIELDS[] = {
    {FIELD(struct selection, delivery, FIELD_ID)},
    {FIELD(struct selection, message, FIELD_ID)},
    {FIELD(struct selection, domain, FIELD_TEXT)},
    {FIELD(struct selection, tenant, FIELD_TEXT)},
    {FIELD(struct selection, reason, FIELD_TEXT), .max = STORE_REASON_SIZE - 1},
};

static enum status
select_holds(const struct call *call, size_t field_count, struct selection *selection,
             char name[DOMAIN_NAME_SIZE], struct store_filter *filter_out, struct why *why)
{
    enum status status = fields_read_body(call->body, HOLD_FIELDS, field_count, selection, why);
    if (status != ST_OK) {
        return status;
    }
    if (selection->delivery == NULL && selection->message == NULL && selection->domain == NULL &&
        selection->tenant == NULL) {
        return why_set(why, ST_INVALID, "name a delivery, message, domain or tenant");
    }
    status = selection_to_filter(selection, name, filter_out, why);
    return status == ST_OK ? selection_check_exists(call, selection, why) : status;
}

enum status
holds_release(struct call *call, struct why *why)
{
    struct selection selection = {.limit = 0};
    struct store_filter filter;
    char name[DOMAIN_NAME_SIZE];
    uint64_t count = 0;
    enum status status =
        select_holds(call, ARRAY_LEN(HOLD_FIELDS) - 1, &selection, name, &filter, why);
    if (status == ST_OK) {
        status = store_hold_release(call->context->store, &filter, &count, why);
    }
    if (status != ST_OK) {
        return status;
    }
    dispatcher_kick(call->context->dispatcher, NULL);
    listing_answer_count(call, count);
    return ST_OK;
}

enum status
holds_discard(struct call *call, struct why *why)
{
    struct selection selection = {.reason = "discarded by an operator"};
    struct store_filter filter;
    char name[DOMAIN_NAME_SIZE];
    uint64_t count = 0;
    enum status status = select_holds(call, ARRAY_LEN(HOLD_FIELDS), &selection, name, &filter, why);
    if (status == ST_OK) {
        status = store_hold_discard(call->context->store, &filter, selection.reason, &count, why);
    }
    if (status == ST_OK) {
        listing_answer_count(call, count);
    }
    return status;
}
