// SPDX-License-Identifier: Apache-2.0
#include "daemon/app.h"

#include "common/log.h"
#include "control/api/api.h"
#include "daemon/domains.h"
#include "router/delivery/announcer.h"
#include "router/delivery/dispatcher.h"
#include "router/gate.h"
#include "router/intake.h"
#include "router/limits.h"
#include "router/socketmap.h"
#include "verifier/dns/dns.h"

static enum status
open_store(struct app *app, struct why *why)
{
    const struct store_settings settings = {.path = app->started_with->store.path};
    return store_open(&settings, &app->store, why);
}

static enum status
open_dns(struct app *app, struct why *why)
{
    const struct config_dns *dns = &app->started_with->dns;
    const struct dns_settings settings = {
        .servers = (const char *const *)dns->servers.items,
        .server_count = dns->servers.count,
        .timeout_ms = dns->timeout_ms,
        .tries = (unsigned)dns->tries,
        .cache_bytes = (size_t)dns->cache_bytes,
    };
    return dns_open(&settings, &app->dns, why);
}

static enum status
open_authority(struct app *app, struct why *why)
{
    const struct config *config = app->started_with;
    const struct config_verification *verification = &config->verification;
    const struct authority_settings settings = {
        .dns = app->dns,
        .allow_private = verification->allow_private.items,
        .allow_private_count = verification->allow_private.count,
        .queries_per_second = (unsigned)verification->queries_per_server,
        .timeout_ms = config->dns.timeout_ms,
        .tries = (unsigned)config->dns.tries,
    };
    return authority_open(&settings, &app->authority, why);
}

static enum status
open_registry(struct app *app, struct why *why)
{
    const struct registry_settings settings = {
        .store = app->store,
        .dns = app->dns,
        .authority = app->authority,
        .holder = app->holder,
        .clock = &app->clock,
        .check = domain_check,
        .takes_mail_for = gate_takes_mail_for,
    };
    return registry_open(&settings, &app->registry, why);
}

static enum status
open_domains(struct app *app, struct why *why)
{
    return domains_open(app->registry, app->store, app->dispatcher, app->announcer,
                        (unsigned)app->started_with->verification.checks_at_once, &app->domains,
                        why);
}

static enum status
open_dispatcher(struct app *app, struct why *why)
{
    return dispatcher_open(app->store, app->holder, &app->dispatcher, why);
}

static enum status
open_announcer(struct app *app, struct why *why)
{
    return announcer_open(app->store, app->holder, &app->announcer, why);
}

static enum status
open_intake(struct app *app, struct why *why)
{
    app->limits = limits_new(app->store);
    const struct intake_context context = {
        .store = app->store,
        .registry = app->registry,
        .holder = app->holder,
        .dispatcher = app->dispatcher,
        .limits = app->limits,
    };
    return intake_open(&context, &app->started_with->intake, &app->intake, why);
}

static enum status
open_socketmap(struct app *app, struct why *why)
{
    return socketmap_open(app->registry, app->holder, &app->started_with->socketmap,
                          &app->socketmap, why);
}

static enum status
open_api(struct app *app, struct why *why)
{
    const struct api_context context = {
        .store = app->store,
        .registry = app->registry,
        .holder = app->holder,
        .dispatcher = app->dispatcher,
        .limits = app->limits,
    };
    return api_open(&context, &app->started_with->control, &app->api, why);
}

static const struct {
    const char *name;
    enum status (*open)(struct app *app, struct why *why);
} PARTS[] = {
    {"store", open_store},           {"dns", open_dns},
    {"authority", open_authority},   {"registry", open_registry},
    {"dispatcher", open_dispatcher}, {"announcer", open_announcer},
    {"domains", open_domains},       {"intake", open_intake},
    {"socketmap", open_socketmap},   {"api", open_api},
};

enum status
app_open(struct app *app, struct config *config)
{
    clock_guard_init(&app->clock);
    app->started_with = config_ref(config);
    app->holder = config_holder_new(config);
    for (size_t i = 0; i < ARRAY_LEN(PARTS); i++) {
        struct why why;
        enum status status = PARTS[i].open(app, &why);
        if (status != ST_OK) {
            log_err("start.failed", LOG_STR("part", PARTS[i].name),
                    LOG_STR("status", status_name(status)), LOG_STR("why", why.text));
            return status;
        }
    }
    return ST_OK;
}

void
app_close(struct app *app)
{
    if (app->registry != NULL) {
        registry_cancel(app->registry); // no check begins any more
    }
    api_close(app->api);
    dispatcher_stop(app->dispatcher, APP_GRACE_MS); // mail is taken until it is through
    socketmap_close(app->socketmap);
    intake_close(app->intake);
    domains_close(app->domains);
    announcer_close(app->announcer);
    limits_free(app->limits);
    registry_close(app->registry);
    authority_close(app->authority);
    dns_close(app->dns);
    store_close(app->store);
    dispatcher_close(app->dispatcher); // the store's thread may have been waking it until now
    if (app->holder != NULL) {
        config_holder_free(app->holder);
    }
    config_unref(app->started_with);
    *app = (struct app){.holder = NULL};
}
