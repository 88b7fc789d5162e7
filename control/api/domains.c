// SPDX-License-Identifier: Apache-2.0
// /v1/domains: the registry over HTTP.
#include <string.h>

#include "common/xalloc.h"
#include "control/api/fields.h"
#include "control/api/handlers.h"
#include "control/api/json.h"
#include "control/api/listing.h"
#include "control/api/views.h"
#include "verifier/domain/local_keys.h"
#include "verifier/domain/name.h"
#include "verifier/domain/record_json.h"

static const char DEFAULT_TENANT[] = "default";

// "NAME@TENANT": of a name that one tenant holds, others may have claims. There may be entries that
// could not be added any more, so names are judged only when there is none.
static enum status
find_of_tenant(struct registry *registry, const char *text, const char *at,
               struct store_domain *domain_out, struct why *why)
{
    char name[DOMAIN_NAME_SIZE];
    AUTO_FREE char *typed = xmemdup(text, (size_t)(at - text));
    if (address_normalize_domain(typed, name, NULL) != ST_OK ||
        registry_find_of(registry, name, at + 1, domain_out) != ST_OK) {
        bool is_person = strchr(typed, '.') == NULL; // somebody@example.com
        if (domain_name_check(is_person ? text : typed, NULL, name, why) != ST_OK) {
            return ST_INVALID;
        }
        return why_set(why, ST_NOT_FOUND, "tenant %.60s has no domain %.200s", at + 1, typed);
    }
    return ST_OK;
}

// {id} is an id, a name as a person types it, or NAME@TENANT.
static enum status
find_domain(const struct call *call, struct store_domain *domain_out, struct why *why)
{
    struct registry *registry = call->context->registry;
    if (id_is_valid(call->id)) {
        return registry_find_id(registry, call->id, domain_out) == ST_OK
                   ? ST_OK
                   : why_set(why, ST_NOT_FOUND, "there is no domain with the id %s", call->id);
    }
    const char *at = strchr(call->id, '@');
    if (at != NULL) {
        return find_of_tenant(registry, call->id, at, domain_out, why);
    }
    char name[DOMAIN_NAME_SIZE];
    if (address_normalize_domain(call->id, name, NULL) != ST_OK ||
        registry_find(registry, name, domain_out) != ST_OK) {
        if (domain_name_check(call->id, NULL, name, why) != ST_OK) {
            return ST_INVALID;
        }
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

static json_t *
view(const struct call *call, const struct store_domain *domain)
{
    AUTO_CONFIG *config = config_holder_get(call->context->holder);
    return view_domain(domain, config, call->context->registry);
}

static void
answer_domain(const struct call *call, unsigned http_status, const struct store_domain *domain)
{
    api_respond_json(call->response, http_status, view(call, domain));
}

// With what SES said last; null: it has no part in it.
static json_t *
view_with_ses(const struct call *call, const struct store_domain *domain)
{
    json_t *root = view(call, domain);
    AUTO_FREE char *said = NULL;
    json_t *ses = NULL;
    if (registry_ses_said(call->context->registry, domain, &said, NULL) == ST_OK) {
        ses = json_loads(said, 0, NULL);
    }
    (void)json_object_set_new(root, "ses", ses == NULL ? json_null() : ses);
    return root;
}

// Takes the members of a JSON text of record_json.h over into the domain's view.
static json_t *
view_with_json(const struct call *call, const struct store_domain *domain, const char *json)
{
    json_t *root = view_with_ses(call, domain);
    AUTO_JSON *records = json_loads(json, 0, NULL);
    (void)json_object_update(root, records); // fails without memory only
    return root;
}

static void
answer_with_json(const struct call *call, unsigned http_status, const struct store_domain *domain,
                 const char *json)
{
    api_respond_json(call->response, http_status, view_with_json(call, domain, json));
}

static enum status
answer_unchecked(const struct call *call, unsigned http_status, const struct store_domain *domain,
                 struct why *why)
{
    AUTO_RECORDS records = {.count = 0};
    enum status status = registry_records(call->context->registry, domain, &records, why);
    if (status == ST_OK) {
        AUTO_FREE char *json = record_json(&records, domain->name, NULL);
        answer_with_json(call, http_status, domain, json);
    }
    return status;
}

// With the records as the last check saw them; those to publish when there was none.
static enum status
answer_last_check(const struct call *call, const struct store_domain *domain, struct why *why)
{
    AUTO_FREE char *json = NULL;
    enum status status = registry_last_check(call->context->registry, domain, &json, why);
    if (status == ST_NOT_FOUND) {
        return answer_unchecked(call, 200, domain, why);
    }
    if (status == ST_OK) {
        answer_with_json(call, 200, domain, json);
    }
    return status;
}

// ---- handlers

static const struct field ADD_FIELDS[] = {
    {FIELD(struct registry_addition, domain, FIELD_TEXT), .required = true},
    {FIELD(struct registry_addition, tenant, FIELD_TEXT)},
    {FIELD(struct registry_addition, profile, FIELD_TEXT)},
    {FIELD(struct registry_addition, region, FIELD_TEXT)},
};

enum status
domains_add(struct call *call, struct why *why)
{
    struct registry_addition addition = {.tenant = DEFAULT_TENANT};
    struct store_domain domain;
    enum status status =
        fields_read_body(call->body, ADD_FIELDS, ARRAY_LEN(ADD_FIELDS), &addition, why);
    if (status == ST_OK) {
        status = registry_add(call->context->registry, &addition, &domain, why);
    }
    return status == ST_OK ? answer_unchecked(call, 201, &domain, why) : status;
}

struct list_query {
    const char *tenant;
    const char *status;
    const char *part;
    bool removed;
    bool problems;
    const char *before;
    uint64_t limit;
};
static const struct field LIST_FIELDS[] = {
    {FIELD(struct list_query, tenant, FIELD_TEXT)},
    {FIELD(struct list_query, status, FIELD_TEXT)},
    {FIELD(struct list_query, part, FIELD_TEXT)},
    {FIELD(struct list_query, removed, FIELD_BOOL)},
    {FIELD(struct list_query, problems, FIELD_BOOL)},
    LISTING_FIELDS(struct list_query, FIELD_ID),
};

struct listing {
    const struct list_query *query;
    const struct config *config;
    struct registry *registry;
    struct page page;
};

// Findings of the last check that are more than advice; null when there was none.
static json_t *
count_problems(struct registry *registry, const struct store_domain *domain)
{
    AUTO_FREE char *json = NULL;
    struct why why;
    if (domain->status == DOMAIN_REMOVED ||
        registry_last_check(registry, domain, &json, &why) != ST_OK) {
        return json_null();
    }
    return api_json_number(record_json_problems(json));
}

static void
on_listed(void *context, const struct store_domain *domain)
{
    struct listing *listing = context;
    json_t *item = view_domain(domain, listing->config, listing->registry);
    if (listing->query->problems) {
        (void)json_object_set_new(item, "problems", count_problems(listing->registry, domain));
    }
    page_add(&listing->page, item);
}

static enum status
read_list(const struct call *call, struct list_query *query, enum domain_status *status_out,
          struct directory_filter *filter_out, struct why *why)
{
    enum status status =
        fields_read_query(call->request, LIST_FIELDS, ARRAY_LEN(LIST_FIELDS), query, why);
    if (status != ST_OK) {
        return status;
    }
    if (query->status != NULL && domain_status_from_name(query->status, status_out) != ST_OK) {
        return why_set(why, ST_INVALID,
                       "'status' is '%.40s'; it can be pending, verified, at_risk, failed or "
                       "removed",
                       query->status);
    }
    *filter_out = (struct directory_filter){
        .with_removed = query->removed,
        .tenant = query->tenant,
        .part = query->part,
        .status = query->status == NULL ? NULL : status_out,
    };
    return ST_OK;
}

enum status
domains_list(struct call *call, struct why *why)
{
    struct list_query query = {.limit = LISTING_LIMIT_DEFAULT};
    enum domain_status wanted;
    struct directory_filter filter;
    enum status status = read_list(call, &query, &wanted, &filter, why);
    if (status != ST_OK) {
        return status;
    }
    AUTO_CONFIG *config = config_holder_get(call->context->holder);
    struct listing listing = {.query = &query,
                              .config = config,
                              .registry = call->context->registry,
                              .page = page_new(query.limit, "id")};
    status = registry_page(call->context->registry, &filter, query.before, query.limit + 1,
                           on_listed, &listing);
    if (status == ST_OK) {
        page_answer(&listing.page, "domains", "next", NULL, call->response);
    } else {
        status = why_set(why, ST_INVALID, "'before' is %s: there is no domain with this id",
                         query.before);
    }
    page_done(&listing.page);
    return status;
}

enum status
domains_show(struct call *call, struct why *why)
{
    struct store_domain domain;
    enum status status = find_domain(call, &domain, why);
    if (status == ST_OK && domain.status == DOMAIN_REMOVED) {
        api_respond_json(call->response, 200, view_with_ses(call, &domain));
        return ST_OK;
    }
    return status == ST_OK ? answer_last_check(call, &domain, why) : status;
}

enum status
domains_records(struct call *call, struct why *why)
{
    struct store_domain domain;
    enum status status = find_living_domain(call, &domain, why);
    return status == ST_OK ? answer_last_check(call, &domain, why) : status;
}

// What the operator publishes, where the CNAMEs of the tenant's DKIM records lead to.
enum status
domains_zone(struct call *call, struct why *why)
{
    struct store_domain domain;
    enum status status = find_living_domain(call, &domain, why);
    if (status != ST_OK) {
        return status;
    }
    AUTO_CONFIG *config = config_holder_get(call->context->holder);
    const struct config_verification *settings = &config->verification;
    const struct config_profile *profile = config_find_profile(config, domain.profile);
    if (profile == NULL || profile->dkim != CONFIG_DKIM_LOCAL || settings->dkim_zone == NULL) {
        return why_set(why, ST_REFUSED,
                       "%s has no DKIM keys of our own: its profile would need dkim: local, and "
                       "verification.dkim_zone has to be set",
                       domain.name);
    }
    AUTO_STRBUF lines = STRBUF_INIT(LOCAL_KEYS_LINES_MAX);
    status = local_keys_zone_lines(settings->dkim_keys, settings->dkim_zone, domain.name,
                                   domain.token, &lines, why);
    if (status == ST_OK) {
        json_t *root = json_object();
        (void)json_object_set_new(root, "domain", api_json_text(domain.name));
        (void)json_object_set_new(root, "zone", api_json_text(settings->dkim_zone));
        (void)json_object_set_new(root, "lines", api_json_text(strbuf_text(&lines)));
        api_respond_json(call->response, 200, root);
    }
    return status;
}

static void
answer_check(const struct call *call, const struct store_domain *domain, const char *json,
             enum registry_by_hand how)
{
    json_t *root = view_with_json(call, domain, json);
    (void)json_object_set_new(root, "check", api_json_text(registry_by_hand_name(how)));
    api_respond_json(call->response, 200, root);
}

enum status
domains_verify(struct call *call, struct why *why)
{
    struct store_domain domain;
    AUTO_REGISTRY_CHECK *check = NULL;
    AUTO_FREE char *json = NULL;
    enum registry_by_hand how = REGISTRY_CHECK_MADE;
    struct registry *registry = call->context->registry;
    enum status status = find_living_domain(call, &domain, why);
    if (status == ST_OK) {
        status = registry_verify_by_hand(registry, domain.id.text, &how, &check, why);
    }
    if (status == ST_OK && check == NULL) {
        status = registry_last_check(registry, &domain, &json, why);
        status = status == ST_OK ? registry_find_id(registry, domain.id.text, &domain) : status;
    } else if (status == ST_OK) {
        json = record_json(&check->records, domain.name, &check->summary);
        domain = check->domain;
    }
    if (status == ST_OK) {
        answer_check(call, &domain, json, how);
    }
    return status;
}

// Mail for a name without routes would be refused recipient by recipient; say so before.
static enum status
check_routes(const struct call *call, const struct store_domain *row, struct why *why)
{
    const char *name = row->name;
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
    if (domain->tenant != NULL && strcmp(domain->tenant, row->tenant) != 0) {
        return why_set(
            why, ST_REFUSED,
            "the routes in %s are another tenant's: write 'tenant: %s' there if they are "
            "to take its mail, reload, and try again",
            domain->file, row->tenant);
    }
    if (domain->tenant == NULL &&
        registry_was_anothers(call->context->registry, name, row->tenant)) {
        return why_set(why, ST_REFUSED,
                       "%s was another tenant's: say whose the routes in %s are with 'tenant: %s', "
                       "reload, and try again",
                       name, domain->file, row->tenant);
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
    bool changes = false;
    enum status status =
        fields_read_body(call->body, CHANGE_FIELDS, ARRAY_LEN(CHANGE_FIELDS), &body, why);
    if (status == ST_OK) {
        status = find_living_domain(call, &domain, why);
    }
    if (status == ST_OK) {
        changes = domain.inbound != body.inbound;
    }
    // Of one that waits its routes are not to be spoken of: registry_set_inbound says what for.
    if (status == ST_OK && body.inbound && changes &&
        registry_waits(call->context->registry, &domain) == NULL) {
        status = check_routes(call, &domain, why);
    }
    if (status == ST_OK) {
        status = registry_set_inbound(call->context->registry, domain.id.text, body.inbound,
                                      &domain, why);
    }
    if (status == ST_OK) {
        json_t *root = view(call, &domain);
        (void)json_object_set_new(root, "changed", json_boolean(changes));
        api_respond_json(call->response, 200, root);
    }
    return status;
}

enum status
domains_approve(struct call *call, struct why *why)
{
    struct store_domain domain;
    enum status status = find_living_domain(call, &domain, why);
    if (status == ST_OK) {
        status = registry_approve(call->context->registry, domain.id.text, &domain, why);
    }
    if (status == ST_OK) {
        answer_domain(call, 200, &domain);
    }
    return status;
}

struct remove_body {
    const char *held;
};
static const struct field REMOVE_FIELDS[] = {
    {FIELD(struct remove_body, held, FIELD_TEXT)},
};

enum status
held_from_word(const char *word, enum registry_held *out, struct why *why)
{
    static const struct {
        const char *word;
        enum registry_held held;
    } words[] = {{"drain", REGISTRY_HELD_DRAIN}, {"discard", REGISTRY_HELD_DISCARD}};
    if (word == NULL) {
        *out = REGISTRY_HELD_STAYS;
        return ST_OK;
    }
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (strcmp(word, words[i].word) == 0) {
            *out = words[i].held;
            return ST_OK;
        }
    }
    return why_set(why, ST_INVALID, "'held' is '%.40s'; it can be drain or discard", word);
}

static enum status
read_held(const struct call *call, enum registry_held *out, struct why *why)
{
    struct remove_body body = {.held = NULL};
    enum status status =
        call->body == NULL
            ? ST_OK
            : fields_read_body(call->body, REMOVE_FIELDS, ARRAY_LEN(REMOVE_FIELDS), &body, why);
    return status == ST_OK ? held_from_word(body.held, out, why) : status;
}

enum status
domains_remove(struct call *call, struct why *why)
{
    enum registry_held held = REGISTRY_HELD_STAYS;
    struct store_domain domain;
    uint64_t count = 0;
    enum status status = read_held(call, &held, why);
    if (status == ST_OK) {
        status = find_living_domain(call, &domain, why);
    }
    if (status == ST_OK) {
        status =
            registry_remove(call->context->registry, domain.id.text, held, &domain, &count, why);
    }
    if (status != ST_OK) {
        return status;
    }
    if (held == REGISTRY_HELD_DRAIN) {
        dispatcher_kick(call->context->dispatcher, NULL);
    }
    json_t *root = view(call, &domain);
    (void)json_object_set_new(root, "held", api_json_number(count));
    api_respond_json(call->response, 200, root);
    return ST_OK;
}

struct events_query {
    uint64_t before;
    uint64_t limit;
};
static const struct field EVENTS_FIELDS[] = {
    {FIELD(struct events_query, before, FIELD_NUMBER), .max = INT64_MAX},
    {FIELD(struct events_query, limit, FIELD_NUMBER), .max = LISTING_LIMIT_MAX},
};

static void
on_event(void *context, const struct store_event_row *event)
{
    page_add(context, view_event(event));
}

enum status
domains_events(struct call *call, struct why *why)
{
    struct events_query query = {.before = INT64_MAX, .limit = LISTING_LIMIT_DEFAULT};
    struct store_domain domain;
    enum status status =
        fields_read_query(call->request, EVENTS_FIELDS, ARRAY_LEN(EVENTS_FIELDS), &query, why);
    if (status == ST_OK) {
        status = find_domain(call, &domain, why);
    }
    if (status != ST_OK) {
        return status;
    }
    AUTO_PAGE page = page_new(query.limit, "number");
    const struct store_event_choice choice = {.domain = domain.name,
                                              .tenant = domain.tenant,
                                              .before = query.before,
                                              .limit = query.limit + 1};
    status = store_events(call->context->store, &choice, on_event, &page, why);
    if (status == ST_OK) {
        json_t *root = json_object();
        (void)json_object_set_new(root, "domain", api_json_text(domain.name));
        page_answer(&page, "events", "next", root, call->response);
    }
    return status;
}
