// SPDX-License-Identifier: Apache-2.0
#include "daemon/reload.h"

#include <string.h>

#include "common/log.h"
#include "router/delivery/announcer.h"
#include "router/delivery/dispatcher.h"

static void
log_diagnostics(const struct diagnostics *list)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct diagnostic *item = &list->items[i];
        AUTO_FREE char *text = diagnostic_format(item);
        if (item->is_error) {
            log_err("config.error", LOG_STR("at", text));
        } else {
            log_warn("config.warning", LOG_STR("at", text));
        }
    }
    if (list->errors > list->count) {
        log_err("config.more_errors", LOG_INT("errors", list->errors),
                LOG_INT("shown", list->count));
    }
}

enum status
reload_read(const char *path, struct config **config_out)
{
    struct diagnostics list = {.items = NULL};
    enum status status = config_load(path, &list, config_out);
    log_diagnostics(&list);
    diagnostics_done(&list);
    return status;
}

static bool
same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool
same_socket(const struct config_socket *a, const struct config_socket *b)
{
    return same_text(a->path, b->path) && a->mode == b->mode && same_text(a->group, b->group);
}

static bool
same_dns(const struct config_dns *a, const struct config_dns *b)
{
    if (a->servers.count != b->servers.count || a->timeout_ms != b->timeout_ms ||
        a->tries != b->tries || a->cache_bytes != b->cache_bytes) {
        return false;
    }
    for (size_t i = 0; i < a->servers.count; i++) {
        if (!same_text(a->servers.items[i], b->servers.items[i])) {
            return false;
        }
    }
    return true;
}

// Sockets, the store and the resolver are opened once.
static void
warn_of_restart(const struct config *old, const struct config *next)
{
    const struct {
        const char *setting;
        bool same;
    } settings[] = {
        {"hostname", same_text(old->hostname, next->hostname)},
        {"sockets.control", same_socket(&old->control, &next->control)},
        {"sockets.intake", same_socket(&old->intake, &next->intake)},
        {"sockets.socketmap", same_socket(&old->socketmap, &next->socketmap)},
        {"store.path", same_text(old->store.path, next->store.path)},
        {"verification.checks_at_once",
         old->verification.checks_at_once == next->verification.checks_at_once},
        {"verification.queries_per_server",
         old->verification.queries_per_server == next->verification.queries_per_server},
        {"dns", same_dns(&old->dns, &next->dns)},
    };
    for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
        if (!settings[i].same) {
            log_warn("reload.needs_restart", LOG_STR("setting", settings[i].setting));
        }
    }
}

// A domain that takes mail, by its entry, but has no routes: its mail is deferred.
static void
warn_without_routes(void *context, const struct store_domain *entry)
{
    const struct config *config = context;
    const struct config_domain *domain = config_find_domain(config, entry->name);
    if (entry->inbound && (domain == NULL || domain->route_count == 0)) {
        log_warn("domain.without_routes", LOG_STR("domain", entry->name),
                 LOG_STR("effect", "its mail is deferred with 450"));
    }
}

void
reload_compare_registry(struct config *config, struct registry *registry)
{
    for (size_t i = 0; i < config->domain_count; i++) {
        const struct config_domain *domain = config->domains[i];
        struct store_domain entry;
        if (registry_find(registry, domain->name, &entry) != ST_OK ||
            entry.status == DOMAIN_REMOVED) {
            log_warn("domain.not_added", LOG_STR("domain", domain->name),
                     LOG_STR("file", domain->file),
                     LOG_STR("cure", "mailspur domain add, or remove the file"));
        }
    }
    registry_list(registry, false, warn_without_routes, config);
}

enum status
reload_apply(struct app *app, const char *path)
{
    struct config *next = NULL;
    enum status status = reload_read(path, &next);
    if (status != ST_OK) {
        log_err("reload.refused", LOG_STR("path", path),
                LOG_STR("effect", "the configuration in force stays"));
        return status;
    }
    AUTO_CONFIG *kept = config_ref(next);
    warn_of_restart(app->started_with, kept);
    config_holder_set(app->holder, next);
    dispatcher_reload(app->dispatcher);
    announcer_kick(app->announcer);
    reload_compare_registry(kept, app->registry);
    log_notice("reload.done", LOG_STR("path", path), LOG_INT("generation", kept->generation),
               LOG_INT("domains", kept->domain_count));
    return ST_OK;
}
