// SPDX-License-Identifier: Apache-2.0
// /v1/domains: the registry over HTTP.
#include <string.h>

#include "control/api/fields.h"
#include "control/api/handlers.h"
#include "control/api/json.h"
#include "control/api/views.h"

enum { EVENTS_DEFAULT = 100, EVENTS_MAX = 1000 };

static const char DEFAULT_TENANT[] = "default";
static const char DEFAULT_PROFILE[] = "local";

// ---- finding the domain that {id} names

struct search {
    const char *id;
    bool found;
    struct store_domain domain;
};

static void
on_search(void *context, const struct store_domain *domain)
{
    struct search *search = context;
    if (!search->found && strcmp(domain->id.text, search->id) == 0) {
        search->domain = *domain;
        search->found = true;
    }
}

// {id} is an id or a name as a person types it.
static enum status
find_domain(const struct call *call, struct store_domain *domain_out, struct why *why)
{
    struct registry *registry = call->context->registry;
    if (id_is_valid(call->id)) {
        struct search search = {.id = call->id};
        registry_list(registry, true, on_search, &search);
        if (search.found) {
            *domain_out = search.domain;
            return ST_OK;
        }
        return why_set(why, ST_NOT_FOUND, "there is no domain with the id %s", call->id);
    }
    char name[DOMAIN_NAME_SIZE];
    if (address_normalize_domain(call->id, name, NULL) != ST_OK ||
        registry_find(registry, name, domain_out) != ST_OK) {
        return why_set(why, ST_NOT_FOUND, "there is no domain %.200s", call->id);
    }
    return ST_OK;
}

// As find_domain, for requests that change something: a removed one is gone.
static enum status
find_living_domain(const struct call *call, struct store_domain *domain_out, struct why *why)
{
    struct store_domain domain;
    enum status status = find_domain(call, &domain, why);
    if (status != ST_OK) {
        return status;
    }
    if (domain.status == DOMAIN_REMOVED) {
        return why_set(why, ST_NOT_FOUND, "%s was removed", domain.name);
    }
    *domain_out = domain;
    return ST_OK;
}

// ---- answers

static void
answer_domain(const struct call *call, unsigned http_status, const struct store_domain *domain,
              const struct registry_record *records, size_t count)
{
    AUTO_CONFIG *config = config_holder_get(call->context->holder);
    json_t *view = view_domain(domain, config);
    if (records != NULL) {
        json_object_set_new(view, "records", view_records(records, count, domain->name));
    }
    api_respond_json(call->response, http_status, view);
}

static void
answer_with_records(const struct call *call, unsigned http_status,
                    const struct store_domain *domain)
{
    struct registry_record records[REGISTRY_RECORDS_MAX];
    AUTO_CONFIG *config = config_holder_get(call->context->holder);
    size_t count = registry_records(call->context->registry, domain, config->inbound_mx, records);
    answer_domain(call, http_status, domain, records, count);
}

// ---- handlers

struct add_body {
    const char *domain;
    const char *tenant;
    const char *profile;
};
static const struct field ADD_FIELDS[] = {
    {FIELD(struct add_body, domain, FIELD_TEXT), .required = true},
    {FIELD(struct add_body, tenant, FIELD_TEXT)},
    {FIELD(struct add_body, profile, FIELD_TEXT)},
};

enum status
domains_add(struct call *call, struct why *why)
{
    struct add_body body = {.tenant = DEFAULT_TENANT, .profile = DEFAULT_PROFILE};
    struct store_domain domain;
    enum status status =
        fields_read_body(call->body, ADD_FIELDS, ARRAY_LEN(ADD_FIELDS), &body, why);
    if (status == ST_OK) {
        status = registry_add(call->context->registry, body.tenant, body.domain, body.profile,
                              &domain, why);
    }
    if (status == ST_OK) {
        answer_with_records(call, 201, &domain);
    }
    return status;
}

struct list_query {
    const char *tenant;
    bool removed;
};
static const struct field LIST_FIELDS[] = {
    {FIELD(struct list_query, tenant, FIELD_TEXT)},
    {FIELD(struct list_query, removed, FIELD_BOOL)},
};

struct listing {
    const struct list_query *query;
    const struct config *config;
    json_t *domains;
};

static void
on_listed(void *context, const struct store_domain *domain)
{
    struct listing *listing = context;
    const char *tenant = listing->query->tenant;
    if (tenant == NULL || strcmp(tenant, domain->tenant) == 0) {
        (void)json_array_append_new(listing->domains, view_domain(domain, listing->config));
    }
}

enum status
domains_list(struct call *call, struct why *why)
{
    struct list_query query = {.tenant = NULL};
    enum status status =
        fields_read_query(call->request, LIST_FIELDS, ARRAY_LEN(LIST_FIELDS), &query, why);
    if (status != ST_OK) {
        return status;
    }
    AUTO_CONFIG *config = config_holder_get(call->context->holder);
    struct listing listing = {.query = &query, .config = config, .domains = json_array()};
    registry_list(call->context->registry, query.removed, on_listed, &listing);
    json_t *root = json_object();
    json_object_set_new(root, "domains", listing.domains);
    api_respond_json(call->response, 200, root);
    return ST_OK;
}

enum status
domains_show(struct call *call, struct why *why)
{
    struct store_domain domain;
    enum status status = find_domain(call, &domain, why);
    if (status == ST_OK) {
        answer_domain(call, 200, &domain, NULL, 0);
    }
    return status;
}

enum status
domains_records(struct call *call, struct why *why)
{
    struct store_domain domain;
    enum status status = find_living_domain(call, &domain, why);
    if (status == ST_OK) {
        answer_with_records(call, 200, &domain);
    }
    return status;
}

enum status
domains_verify(struct call *call, struct why *why)
{
    struct store_domain domain;
    struct registry_record records[REGISTRY_RECORDS_MAX];
    size_t count;
    enum status status = find_living_domain(call, &domain, why);
    if (status == ST_OK) {
        AUTO_CONFIG *config = config_holder_get(call->context->holder);
        status = registry_verify(call->context->registry, domain.name, config->inbound_mx, &domain,
                                 records, &count, why);
    }
    if (status == ST_OK) {
        answer_domain(call, 200, &domain, records, count);
    }
    return status;
}

// Mail for a name without routes would be refused recipient by recipient; say so before.
static enum status
check_routes(const struct call *call, const char *name, struct why *why)
{
    AUTO_CONFIG *config = config_holder_get(call->context->holder);
    const struct config_domain *domain = config_find_domain(config, name);
    if (domain == NULL) {
        return why_set(why, ST_REFUSED,
                       "%s has no file in the configuration, so no route would take its mail: "
                       "write one in domains.d, reload, and try again",
                       name);
    }
    if (domain->route_count == 0) {
        return why_set(why, ST_REFUSED, "%s has no routes in %s: write one, reload, and try again",
                       name, domain->file);
    }
    return ST_OK;
}

struct change_body {
    bool inbound;
};
static const struct field CHANGE_FIELDS[] = {
    {FIELD(struct change_body, inbound, FIELD_BOOL), .required = true},
};

enum status
domains_change(struct call *call, struct why *why)
{
    struct change_body body = {.inbound = false};
    struct store_domain domain;
    enum status status =
        fields_read_body(call->body, CHANGE_FIELDS, ARRAY_LEN(CHANGE_FIELDS), &body, why);
    if (status == ST_OK) {
        status = find_living_domain(call, &domain, why);
    }
    if (status == ST_OK && body.inbound) {
        status = check_routes(call, domain.name, why);
    }
    if (status == ST_OK) {
        status =
            registry_set_inbound(call->context->registry, domain.name, body.inbound, &domain, why);
    }
    if (status == ST_OK) {
        answer_domain(call, 200, &domain, NULL, 0);
    }
    return status;
}

enum status
domains_remove(struct call *call, struct why *why)
{
    struct store_domain domain;
    enum status status = find_living_domain(call, &domain, why);
    if (status == ST_OK) {
        status = registry_remove(call->context->registry, domain.name, &domain, why);
    }
    if (status == ST_OK) {
        answer_domain(call, 200, &domain, NULL, 0);
    }
    return status;
}

struct events_query {
    uint64_t limit;
};
static const struct field EVENTS_FIELDS[] = {
    {FIELD(struct events_query, limit, FIELD_NUMBER), .max = EVENTS_MAX},
};

static void
on_event(void *context, const struct store_event_row *event)
{
    (void)json_array_append_new(context, view_event(event));
}

enum status
domains_events(struct call *call, struct why *why)
{
    struct events_query query = {.limit = EVENTS_DEFAULT};
    struct store_domain domain;
    enum status status =
        fields_read_query(call->request, EVENTS_FIELDS, ARRAY_LEN(EVENTS_FIELDS), &query, why);
    if (status == ST_OK) {
        status = find_domain(call, &domain, why);
    }
    if (status != ST_OK) {
        return status;
    }
    json_t *events = json_array();
    AUTO_JSON *root = json_object();
    json_object_set_new(root, "domain", api_json_text(domain.name));
    json_object_set_new(root, "events", events);
    status = store_events(call->context->store, domain.name, NULL, query.limit, on_event, events, why);
    if (status == ST_OK) {
        api_respond_json(call->response, 200, STEAL(root));
    }
    return status;
}
