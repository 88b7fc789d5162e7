// SPDX-License-Identifier: Apache-2.0
#include "control/api/views.h"

#include <string.h>

#include "common/cleanup.h"
#include "common/verdict.h"
#include "common/xalloc.h"
#include "control/api/json.h"
#include "verifier/domain/name.h"
#include "verifier/domain/state.h"

static void
set(json_t *object, const char *name, json_t *value)
{
    (void)json_object_set_new(object, name, value); // fails only without memory
}

static void
on_near(void *context, const struct store_domain *row)
{
    json_t *item = json_object();
    set(item, "domain", api_json_text(row->name));
    set(item, "tenant", api_json_text(row->tenant));
    (void)json_array_append_new(context, item);
}

// The one place where other tenants are named; null: there is nothing to tell.
static json_t *
view_for_operator(const struct store_domain *domain, struct registry *registry)
{
    struct store_domain rival;
    bool has_rival = registry_rival(registry, domain, &rival);
    if (!has_rival && !domain->needs_approval) {
        return json_null();
    }
    json_t *near = json_array();
    if (domain->needs_approval) {
        registry_near(registry, domain, on_near, near);
    }
    json_t *view = json_object();
    set(view, "holder", api_json_text_or_null(has_rival ? rival.tenant : ""));
    set(view, "proven", json_boolean(has_rival && domain_was_owned(&rival)));
    set(view, "near", near);
    return view;
}

json_t *
view_domain(const struct store_domain *domain, const struct config *config,
            struct registry *registry)
{
    const struct config_domain *routes = config_find_domain(config, domain->name);
    const char *waits = registry_waits(registry, domain);
    const struct domain_rules rules = {.pending_for_ms = config->verification.pending_for_ms,
                                       .grace_ms = config->verification.grace_ms,
                                       .misses = (uint32_t)config->verification.misses,
                                       .confirm_after_ms = config->verification.confirm_after_ms,
                                       .deferred_for_ms = config->verification.deferred_for_ms};
    char letters[DOMAIN_UNICODE_SIZE];
    json_t *view = json_object();
    set(view, "id", api_json_text(domain->id.text));
    set(view, "domain", api_json_text(domain->name));
    if (domain_name_unicode(domain->name, letters)) {
        set(view, "domain_unicode", api_json_text(letters));
    }
    set(view, "tenant", api_json_text(domain->tenant));
    set(view, "profile", api_json_text(domain->profile));
    set(view, "region", api_json_text_or_null(domain->region));
    set(view, "status", api_json_text(domain_status_name(domain->status)));
    set(view, "waits", api_json_text_or_null(waits == NULL ? "" : waits));
    set(view, "claims", json_boolean(domain->claims));
    set(view, "needs_approval", json_boolean(domain->needs_approval));
    set(view, "approved", json_boolean(domain->approved));
    set(view, "contested_at", api_json_time(domain->contested_at));
    set(view, "inbound", json_boolean(domain->inbound));
    set(view, "mail", api_json_text(domain_mail_name(domain->mail)));
    set(view, "routes", api_json_number(routes == NULL ? 0 : routes->route_count));
    set(view, "created_at", api_json_time(domain->created_at));
    set(view, "verified_at", api_json_time(domain->verified_at));
    set(view, "checked_at", api_json_time(domain->checked_at));
    set(view, "next_check_at", api_json_time(domain->next_check_at));
    set(view, "owned_at", api_json_time(domain->owned_at));
    set(view, "missing_since", api_json_time(domain->missing_since));
    set(view, "ownership_missing_since", api_json_time(domain->ownership_missing_since));
    set(view, "misses", api_json_number(domain->misses));
    set(view, "failed_at", api_json_time(domain->failed_at));
    set(view, "fails_at", api_json_time(domain_state_fails_at(domain, &rules)));
    set(view, "mail_changes_at", api_json_time(domain_state_mail_changes_at(domain, &rules)));
    set(view, "removed_at", api_json_time(domain->removed_at));
    set(view, "mx_points_here", json_boolean(domain->mx_points_here));
    set(view, "operator", view_for_operator(domain, registry));
    return view;
}

json_t *
view_tenant(const struct store_tenant *tenant)
{
    json_t *view = json_object();
    set(view, "tenant", api_json_text(tenant->name));
    set(view, "domains", api_json_number(tenant->domains));
    set(view, "created_at", api_json_time(tenant->created_at));
    return view;
}

json_t *
view_event(const struct store_event_row *event)
{
    json_t *view = json_object();
    set(view, "number", api_json_number(event->number));
    set(view, "at", api_json_time(event->at));
    set(view, "domain", api_json_text(event->domain));
    set(view, "kind", api_json_text(event->kind));
    set(view, "detail", api_json_text(event->detail));
    return view;
}

// One a line → array.
static json_t *
lines_to_array(const char *lines)
{
    json_t *list = json_array();
    AUTO_FREE char *copy = xstrdup(lines);
    char *rest;
    for (char *line = strtok_r(copy, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        (void)json_array_append_new(list, api_json_text(line));
    }
    return list;
}

static enum auth_result
result_from_json(const json_t *part)
{
    const char *word = json_string_value(json_object_get(part, "result"));
    for (int result = AUTH_NONE; word != NULL && result <= AUTH_PERMERROR; result++) {
        if (strcmp(word, auth_result_name((enum auth_result)result)) == 0) {
            return (enum auth_result)result;
        }
    }
    return AUTH_NONE;
}

// The results of a verdict in one word each; of several signatures the one that counts.
static json_t *
verdict_summary(const json_t *verdict)
{
    struct verdict parsed = {.local = false};
    const json_t *signatures = json_object_get(verdict, "dkim");
    for (size_t i = 0; i < json_array_size(signatures) && i < VERDICT_DKIM_MAX; i++) {
        parsed.dkim[i].result = result_from_json(json_array_get(signatures, i));
        parsed.dkim_count++;
    }
    json_t *view = json_object();
    set(view, "local", json_boolean(json_is_true(json_object_get(verdict, "local"))));
    set(view, "spf",
        api_json_text(auth_result_name(result_from_json(json_object_get(verdict, "spf")))));
    set(view, "dkim", api_json_text(auth_result_name(verdict_dkim_overall(&parsed))));
    set(view, "dmarc",
        api_json_text(auth_result_name(result_from_json(json_object_get(verdict, "dmarc")))));
    return view;
}

json_t *
view_message(const struct store_message *message, bool whole)
{
    AUTO_JSON *verdict = json_loads(message->verdict, 0, NULL); // NULL if there is none
    json_t *client = json_object();
    set(client, "address", api_json_text_or_null(message->client_address));
    set(client, "name", api_json_text_or_null(message->client_name));
    set(client, "helo", api_json_text_or_null(message->helo));
    json_t *view = json_object();
    set(view, "id", api_json_text(message->id.text));
    set(view, "received_at", api_json_time(message->received_at));
    set(view, "tenant", api_json_text(message->tenant));
    set(view, "domain", api_json_text(message->domain));
    set(view, "sender", api_json_text(message->sender));
    set(view, "recipients", lines_to_array(message->recipients));
    set(view, "subject", api_json_text(message->subject));
    set(view, "message_id", api_json_text_or_null(message->message_id_field));
    set(view, "queue_id", api_json_text_or_null(message->queue_id));
    set(view, "client", client);
    set(view, "size", api_json_number(message->size));
    set(view, "results", verdict_summary(verdict));
    if (whole) {
        set(view, "verdict", verdict == NULL ? json_null() : json_incref(verdict));
    }
    return view;
}

enum status
view_evidence(const struct store_evidence *evidence, json_t **view_out, struct why *why)
{
    json_t *content = json_loads(evidence->data, 0, NULL);
    if (!json_is_object(content)) {
        json_decref(content);
        return why_set(why, ST_BUG, "the evidence of %s cannot be read", evidence->id.text);
    }
    json_t *view = json_object();
    set(view, "id", api_json_text(evidence->id.text));
    set(view, "refused", json_boolean(evidence->refused));
    set(view, "tenant", api_json_text(evidence->tenant));
    set(view, "domain", api_json_text(evidence->domain));
    set(view, "evidence", content);
    *view_out = view;
    return ST_OK;
}

json_t *
view_delivery(const struct store_delivery *delivery)
{
    json_t *captures = json_loads(delivery->captures, 0, NULL);
    bool waits = delivery->state == DELIVERY_QUEUED || delivery->state == DELIVERY_UNKNOWN;
    json_t *view = json_object();
    set(view, "id", api_json_text(delivery->id.text));
    set(view, "message", api_json_text(delivery->message_id.text));
    set(view, "tenant", api_json_text(delivery->tenant));
    set(view, "domain", api_json_text(delivery->domain));
    set(view, "recipient", api_json_text(delivery->recipient));
    set(view, "route", api_json_text(delivery->route));
    set(view, "action", api_json_text_or_null(delivery->action));
    set(view, "destination", api_json_text(delivery->destination));
    set(view, "captures", captures == NULL ? json_object() : captures);
    set(view, "state", api_json_text(delivery_state_name(delivery->state)));
    set(view, "reason", api_json_text_or_null(delivery->reason));
    set(view, "created_at", api_json_time(delivery->created_at));
    set(view, "due_at", api_json_time(waits ? delivery->due_at : 0));
    set(view, "attempt_count", api_json_number(delivery->attempts));
    set(view, "last_http_status",
        delivery->last_http_status == 0 ? json_null()
                                        : api_json_number(delivery->last_http_status));
    return view;
}

json_t *
view_attempt(const struct store_attempt *attempt)
{
    json_t *view = json_object();
    set(view, "number", api_json_number(attempt->number));
    set(view, "at", api_json_time(attempt->at));
    set(view, "outcome", api_json_text(attempt->outcome));
    set(view, "http_status",
        attempt->http_status == 0 ? json_null() : api_json_number(attempt->http_status));
    set(view, "detail", api_json_text(attempt->detail));
    set(view, "duration_ms", api_json_number((uint64_t)attempt->duration_ms));
    return view;
}
