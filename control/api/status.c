// SPDX-License-Identifier: Apache-2.0
// /v1/status: the daemon at a glance.
#include <string.h>

#include "common/clock.h"
#include "common/map.h"
#include "control/api/handlers.h"
#include "control/api/json.h"
#include "control/api/listing.h"

static void
set(json_t *object, const char *name, json_t *value)
{
    (void)json_object_set_new(object, name, value); // fails only without memory
}

static json_t *
view_usage(struct store *store, const char *tenant)
{
    struct store_usage usage;
    store_usage(store, tenant, &usage);
    json_t *view = json_object();
    set(view, "messages", api_json_number(usage.messages));
    set(view, "bytes", api_json_number(usage.bytes));
    return view;
}

// ---- tenants

// Null where there is no limit.
static json_t *
view_rate(uint64_t limit)
{
    return limit == 0 ? json_null() : api_json_number(limit);
}

static json_t *
view_tenant(const struct api_context *context, const struct config_limits *settings,
            const char *tenant)
{
    struct config_tenant_limits own;
    struct limits_tenant seen;
    config_tenant_limits(settings, tenant, &own);
    limits_of_tenant(context->limits, tenant, &seen);
    json_t *limits = json_object();
    set(limits, "messages", api_json_number(own.store_messages));
    set(limits, "bytes", api_json_number(own.store_bytes));
    set(limits, "messages_per_minute", view_rate(own.messages_per_minute));
    set(limits, "recipients_per_minute", view_rate(own.recipients_per_minute));
    json_t *refused = json_object();
    set(refused, "room", api_json_number(seen.refused_for_room));
    set(refused, "rate", api_json_number(seen.refused_for_rate));
    json_t *view = view_usage(context->store, tenant);
    set(view, "messages_in_last_minute", api_json_number(seen.messages_in_last_minute));
    set(view, "recipients_in_last_minute", api_json_number(seen.recipients_in_last_minute));
    set(view, "limits", limits);
    set(view, "refused", refused);
    return view;
}

// ---- domains by status, and the tenants they show

enum { STATUS_ROWS_MAX = LISTING_LIMIT_MAX }; /* tenants, destinations; more are only counted */

struct census {
    const struct api_context *context;
    const struct config_limits *settings;
    uint64_t by_status[DOMAIN_REMOVED + 1];
    uint64_t inbound;
    json_t *tenants;
    struct map *left_out; /* names of tenants */
};

static void
on_domain(void *context, const struct store_domain *domain)
{
    struct census *census = context;
    census->by_status[domain->status]++;
    census->inbound += domain->inbound ? 1 : 0;
    // A removed domain's mail still counts for its tenant.
    if (json_object_get(census->tenants, domain->tenant) != NULL) {
        return;
    }
    if (json_object_size(census->tenants) >= STATUS_ROWS_MAX) {
        (void)map_put(census->left_out, domain->tenant, census);
    } else {
        set(census->tenants, domain->tenant,
            view_tenant(census->context, census->settings, domain->tenant));
    }
}

static json_t *
view_domains(const struct census *census)
{
    json_t *view = json_object();
    for (int status = DOMAIN_PENDING; status <= DOMAIN_REMOVED; status++) {
        set(view, domain_status_name((enum domain_status)status),
            api_json_number(census->by_status[status]));
    }
    set(view, "inbound", api_json_number(census->inbound));
    return view;
}

// ---- the other parts

static json_t *
view_deliveries(const struct store_counts *counts)
{
    json_t *view = json_object();
    for (int state = DELIVERY_QUEUED; state <= DELIVERY_DEAD; state++) {
        set(view, delivery_state_name((enum delivery_state)state),
            api_json_number(counts->deliveries[state]));
    }
    return view;
}

static json_t *
view_store(struct store *store, const struct store_counts *counts, const struct census *census)
{
    struct store_room room;
    store_room(store, &room);
    json_t *view = view_usage(store, "");
    set(view, "tenants", census->tenants);
    set(view, "tenants_left_out", api_json_number(map_count(census->left_out)));
    set(view, "database_bytes", api_json_number(room.database_bytes));
    set(view, "wal_bytes", api_json_number(room.wal_bytes));
    set(view, "free_disk_bytes", api_json_number(room.free_disk_bytes));
    set(view, "commits", api_json_number(counts->commits));
    set(view, "submitted", api_json_number(counts->submitted));
    return view;
}

static json_t *
view_limits(const struct config_limits *limits)
{
    json_t *view = json_object();
    set(view, "message_bytes", api_json_number(limits->message_bytes));
    set(view, "store_bytes", api_json_number(limits->store_bytes));
    set(view, "store_messages", api_json_number(limits->store_messages));
    set(view, "min_free_disk", api_json_number(limits->min_free_disk));
    set(view, "tenant_percent", api_json_number(limits->tenant_percent));
    set(view, "tenant_messages_per_minute", view_rate(limits->tenant_messages_per_minute));
    set(view, "tenant_recipients_per_minute", view_rate(limits->tenant_recipients_per_minute));
    set(view, "tenant_checks_per_minute", view_rate(limits->tenant_checks_per_minute));
    set(view, "recipients", api_json_number(limits->recipients));
    set(view, "hops", api_json_number(limits->hops));
    set(view, "pending_domains", api_json_number(limits->pending_domains));
    return view;
}

struct destinations {
    json_t *rows;
    uint64_t left_out;
};

static void
on_destination(void *context, const struct dispatcher_destination *destination)
{
    struct destinations *destinations = context;
    if (json_array_size(destinations->rows) >= STATUS_ROWS_MAX) {
        destinations->left_out++;
        return;
    }
    json_t *view = json_object();
    set(view, "destination", api_json_text(destination->key));
    set(view, "in_flight", api_json_number(destination->in_flight));
    set(view, "paused_until", api_json_time(destination->paused_until_ms));
    set(view, "done", api_json_number(destination->done));
    set(view, "failed", api_json_number(destination->failed));
    set(view, "dead", api_json_number(destination->dead));
    set(view, "unknown", api_json_number(destination->unknown));
    (void)json_array_append_new(destinations->rows, view);
}

enum status
status_show(struct call *call, struct why *why)
{
    const struct api_context *context = call->context;
    struct store_counts counts;
    enum status status = store_counts(context->store, &counts, why);
    if (status != ST_OK) {
        return status;
    }
    AUTO_CONFIG *config = config_holder_get(context->holder);
    struct census census = {.context = context,
                            .settings = &config->limits,
                            .tenants = json_object(),
                            .left_out = map_new()};
    registry_list(context->registry, true, on_domain, &census);
    struct destinations destinations = {.rows = json_array()};
    dispatcher_status(context->dispatcher, on_destination, &destinations);

    json_t *view = json_object();
    set(view, "version", api_json_text(MAILSPUR_VERSION));
    set(view, "hostname", api_json_text(config->hostname));
    set(view, "uptime_ms", api_json_number((uint64_t)(clock_mono_ms() - call->started_mono_ms)));
    set(view, "generation", api_json_number(config->generation));
    set(view, "domains", view_domains(&census));
    set(view, "messages", api_json_number(counts.messages));
    set(view, "deliveries", view_deliveries(&counts));
    set(view, "oldest_queued_ms", api_json_number(counts.oldest_queued_ms));
    set(view, "store", view_store(context->store, &counts, &census));
    set(view, "limits", view_limits(&config->limits));
    set(view, "destinations", destinations.rows);
    set(view, "destinations_left_out", api_json_number(destinations.left_out));
    map_free(census.left_out, NULL);
    api_respond_json(call->response, 200, view);
    return ST_OK;
}
