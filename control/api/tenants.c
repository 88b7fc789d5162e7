// SPDX-License-Identifier: Apache-2.0
// /v1/tenants: the customers of the operator.
#include "control/api/fields.h"
#include "control/api/handlers.h"
#include "control/api/json.h"
#include "control/api/listing.h"
#include "control/api/views.h"

static void
on_tenant(void *context, const struct store_tenant *tenant)
{
    page_add(context, view_tenant(tenant));
}

struct list_query {
    const char *before;
    uint64_t limit;
};
static const struct field LIST_FIELDS[] = {LISTING_FIELDS(struct list_query, FIELD_TEXT)};

enum status
tenants_list(struct call *call, struct why *why)
{
    struct list_query query = {.before = "", .limit = LISTING_LIMIT_DEFAULT};
    enum status status =
        fields_read_query(call->request, LIST_FIELDS, ARRAY_LEN(LIST_FIELDS), &query, why);
    if (status != ST_OK) {
        return status;
    }
    AUTO_PAGE page = page_new(query.limit, "tenant");
    status = store_tenant_list(call->context->store, query.before, query.limit + 1, on_tenant,
                               &page, why);
    if (status == ST_OK) {
        page_answer(&page, "tenants", "next", NULL, call->response);
    }
    return status;
}

struct tenant_body {
    const char *tenant;
};
static const struct field TENANT_FIELDS[] = {
    {FIELD(struct tenant_body, tenant, FIELD_TEXT), .required = true},
};

static void
answer_tenant(const struct call *call, unsigned http_status, const char *name)
{
    json_t *root = json_object();
    (void)json_object_set_new(root, "tenant", api_json_text(name));
    api_respond_json(call->response, http_status, root);
}

enum status
tenants_add(struct call *call, struct why *why)
{
    struct tenant_body body = {.tenant = NULL};
    enum status status =
        fields_read_body(call->body, TENANT_FIELDS, ARRAY_LEN(TENANT_FIELDS), &body, why);
    if (status == ST_OK) {
        status = registry_check_tenant(body.tenant, why);
    }
    if (status == ST_OK) {
        status = store_tenant_add(call->context->store, body.tenant, why);
    }
    if (status == ST_OK) {
        answer_tenant(call, 201, body.tenant);
    }
    return status;
}

struct remove_body {
    bool domains; /* its domains too */
    const char *held;
};
static const struct field REMOVE_FIELDS[] = {
    {FIELD(struct remove_body, domains, FIELD_BOOL)},
    {FIELD(struct remove_body, held, FIELD_TEXT)},
};

static enum status
remove_with_domains(const struct call *call, enum registry_held held, struct why *why)
{
    uint64_t domains = 0;
    uint64_t moved = 0;
    enum status status =
        registry_remove_tenant(call->context->registry, call->id, held, &domains, &moved, why);
    if (moved > 0) {
        dispatcher_kick(call->context->dispatcher, NULL);
    }
    if (status != ST_OK) {
        return status;
    }
    json_t *root = json_object();
    (void)json_object_set_new(root, "tenant", api_json_text(call->id));
    (void)json_object_set_new(root, "domains", api_json_number(domains));
    (void)json_object_set_new(root, "held", api_json_number(moved));
    api_respond_json(call->response, 200, root);
    return ST_OK;
}

enum status
tenants_remove(struct call *call, struct why *why)
{
    struct remove_body body = {.domains = false};
    enum registry_held held = REGISTRY_HELD_STAYS;
    enum status status =
        call->body == NULL
            ? ST_OK
            : fields_read_body(call->body, REMOVE_FIELDS, ARRAY_LEN(REMOVE_FIELDS), &body, why);
    if (status == ST_OK) {
        status = held_from_word(body.held, &held, why);
    }
    if (status == ST_OK && body.held != NULL && !body.domains) {
        status =
            why_set(why, ST_INVALID,
                    "'held' is about the mail of the tenant's domains: add \"domains\": true to "
                    "remove them too, or leave it out");
    }
    if (status == ST_OK && body.domains) {
        return remove_with_domains(call, held, why);
    }
    if (status == ST_OK) {
        status = store_tenant_remove(call->context->store, call->id, why);
    }
    if (status == ST_OK) {
        answer_tenant(call, 200, call->id);
    }
    return status;
}
