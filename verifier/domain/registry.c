// SPDX-License-Identifier: Apache-2.0
#include "verifier/domain/registry.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/xalloc.h"
#include "verifier/domain/registry_claims.h"

enum {
    WRITE_TRIES = 4, /* another writer was faster: read again, decide again */
    LIST_PAGE = 100  /* rows that are copied at once */
};

/* ---- opening, closing ------------------------------------------------------------------------ */

static void
visit_changed(void *context, const struct store_domain *domain)
{
    struct registry *registry = context;
    directory_adopt(registry->directory, domain);
    if (domain->version > registry->read_version) {
        registry->read_version = domain->version;
    }
}

// Rows of our own come too: one of another writer may have a version between two of ours.
enum status
registry_refresh(struct registry *registry, struct why *why)
{
    return store_domains_since(registry->settings.store, registry->read_version, visit_changed,
                               registry, why);
}

static void
close_registry(struct registry **registry)
{
    registry_close(*registry);
}

enum status
registry_open(const struct registry_settings *settings, struct registry **registry_out,
              struct why *why)
{
    AUTO(close_registry) struct registry *registry = xcalloc(1, sizeof(*registry));
    registry->settings = *settings;
    registry->opened_mono_ms = clock_mono_ms();
    (void)pthread_mutex_init(&registry->write_mutex, NULL);
    (void)pthread_mutex_init(&registry->busy_mutex, NULL);
    (void)pthread_cond_init(&registry->busy_changed, NULL);
    registry->busy = map_new();
    registry->turns = turns_new(REGISTRY_TURNS_MAX);
    registry->directory = directory_new();
    registry->identities = identities_new(settings->store);
    enum status status = registry_refresh(registry, why);
    if (status == ST_OK) {
        *registry_out = STEAL(registry);
    }
    return status;
}

void
registry_listen(struct registry *registry, const struct registry_listener *listener)
{
    registry->listener = *listener;
}

void
registry_cancel(struct registry *registry)
{
    atomic_store(&registry->cancelled, true);
    identities_cancel(registry->identities);
    if (registry->settings.dns != NULL) { // a check that is a test's own asks none
        dns_cancel(registry->settings.dns);
    }
}

void
registry_close(struct registry *registry)
{
    if (registry == NULL) {
        return;
    }
    identities_free(registry->identities);
    directory_free(registry->directory);
    map_free(registry->busy, NULL);
    turns_free(registry->turns);
    (void)pthread_cond_destroy(&registry->busy_changed);
    (void)pthread_mutex_destroy(&registry->busy_mutex);
    (void)pthread_mutex_destroy(&registry->write_mutex);
    free(registry);
}

/* ---- looking up ------------------------------------------------------------------------------ */

enum status
registry_find(struct registry *registry, const char *name, struct store_domain *domain_out)
{
    struct store_domain domain;
    if (!directory_find_name(registry->directory, name, &domain) || domain.forgotten) {
        return ST_NOT_FOUND;
    }
    *domain_out = domain;
    return ST_OK;
}

enum status
registry_find_watched(struct registry *registry, const char *name, struct store_domain *domain_out)
{
    return directory_find_watched(registry->directory, name, domain_out) ? ST_OK : ST_NOT_FOUND;
}

enum status
registry_find_id(struct registry *registry, const char *id, struct store_domain *domain_out)
{
    return directory_find_id(registry->directory, id, domain_out) ? ST_OK : ST_NOT_FOUND;
}

enum status
registry_find_living(struct registry *registry, const char *which, struct store_domain *domain_out,
                     struct why *why)
{
    char name[DOMAIN_NAME_SIZE];
    struct store_domain domain;
    bool found = id_is_valid(which) ? directory_find_id(registry->directory, which, &domain)
                                    : address_normalize_domain(which, name, NULL) == ST_OK &&
                                          directory_find_name(registry->directory, name, &domain);
    if (!found || domain.status == DOMAIN_REMOVED) {
        return why_set(why, ST_NOT_FOUND, "there is no domain '%.100s'", which);
    }
    *domain_out = domain;
    return ST_OK;
}

enum status
registry_page(struct registry *registry, const struct directory_filter *filter, const char *after,
              size_t limit, store_domain_visit *visit, void *context)
{
    size_t count = 0;
    AUTO_FREE struct store_domain *rows = // copies: the visitor may take its time and call back
        xcalloc(limit + 1, sizeof(*rows));
    if (!directory_page(registry->directory, filter, after, limit, rows, &count)) {
        return ST_NOT_FOUND;
    }
    for (size_t i = 0; i < count; i++) {
        visit(context, &rows[i]);
    }
    return ST_OK;
}

void
registry_list(struct registry *registry, bool with_removed, store_domain_visit *visit,
              void *context)
{
    const struct directory_filter filter = {.with_removed = with_removed};
    AUTO_FREE struct store_domain *rows = xcalloc(LIST_PAGE, sizeof(*rows));
    struct id last;
    size_t count = LIST_PAGE;
    for (const char *after = NULL; count == LIST_PAGE; after = last.text) {
        (void)directory_page(registry->directory, &filter, after, LIST_PAGE, rows, &count);
        for (size_t i = 0; i < count; i++) {
            visit(context, &rows[i]);
        }
        last = rows[count > 0 ? count - 1 : 0].id;
    }
}

/* ---- writing --------------------------------------------------------------------------------- */

static bool
is_what_was_written(const struct store_domain *stored, const struct store_domain *written)
{
    return stored->status == written->status && stored->inbound == written->inbound &&
           stored->checked_at == written->checked_at && stored->checks == written->checks &&
           strcmp(stored->token, written->token) == 0;
}

enum status
registry_write(struct registry *registry, struct store_domain *domain, uint64_t expected_version,
               struct domain_step *step, struct why *why)
{
    const struct store_event *events = domain_step_events(step);
    struct store *store = registry->settings.store;
    enum status status = store_domain_put(store, domain, expected_version, events, why);
    if (status == ST_AMBIGUOUS) {
        struct store_domain stored;
        enum status read = registry_refresh(registry, why);
        if (read != ST_OK) {
            return read;
        }
        if (directory_find_id(registry->directory, domain->id.text, &stored) &&
            stored.version > expected_version && is_what_was_written(&stored, domain)) {
            *domain = stored;
            return ST_OK;
        }
        status = store_domain_put(store, domain, expected_version, events, why);
    }
    if (status == ST_OK) {
        directory_adopt(registry->directory, domain);
    }
    return status;
}

void
registry_tell(const struct registry *registry, const struct store_domain *domain,
              struct domain_step *step)
{
    if (registry->listener.changed != NULL) {
        registry->listener.changed(registry->listener.context, domain, domain_step_events(step));
    }
}

static enum status
change_once(struct registry *registry, const struct id *id, registry_decide *decide,
            const void *context, struct store_domain *domain_out, struct domain_step *step,
            struct why *why)
{
    struct store_domain domain;
    if (!directory_find_id(registry->directory, id->text, &domain)) {
        return why_set(why, ST_NOT_FOUND, "there is no domain with the id %s", id->text);
    }
    *step = (struct domain_step){.changed = false};
    uint64_t version = domain.version;
    enum status status = decide(registry, context, &domain, step, why);
    if (status == ST_OK && step->changed) {
        status = registry_write(registry, &domain, version, step, why);
    }
    if (status == ST_OK) {
        *domain_out = domain;
    }
    return status;
}

static enum status
change_locked(struct registry *registry, const struct id *id, registry_decide *decide,
              const void *context, struct store_domain *domain_out, struct domain_step *step,
              struct why *why)
{
    AUTO_LOCK(lock, &registry->write_mutex);
    enum status status = ST_CONFLICT;
    for (int try = 0; try < WRITE_TRIES && status == ST_CONFLICT; try++) {
        if (try > 0) {
            status = registry_refresh(registry, why);
            if (status != ST_OK) {
                return status;
            }
        }
        status = change_once(registry, id, decide, context, domain_out, step, why);
    }
    return status;
}

// What was held for the proof may go on: it is there again.
static enum status
release_held(struct registry *registry, const struct store_domain *domain, struct why *why)
{
    const struct store_filter filter = {
        .tenant = domain->tenant, .domain = domain->name, .reason = REGISTRY_HOLD_REASON};
    uint64_t count = 0;
    return store_hold_release(registry->settings.store, &filter, &count, why);
}

enum status
registry_change(struct registry *registry, const struct id *id, registry_decide *decide,
                const void *context, struct store_domain *domain_out, struct why *why)
{
    struct domain_step step;
    enum status status = change_locked(registry, id, decide, context, domain_out, &step, why);
    if (status != ST_OK) {
        return status;
    }
    if (step.mail_reopened) {
        status = release_held(registry, domain_out, why);
    }
    if (step.changed) {
        registry_tell(registry, domain_out, &step);
    }
    return status;
}

/* ---- inbound --------------------------------------------------------------------------------- */

static enum status
check_inbound_allowed(struct registry *registry, const struct store_domain *domain, struct why *why)
{
    AUTO_CONFIG *config = config_holder_get(registry->settings.holder);
    const char *waits = registry_waits(registry, domain);
    if (waits != NULL) {
        return why_set(why, ST_REFUSED, "%.80s cannot take mail yet: %s", domain->name, waits);
    }
    bool by_proof = config->verification.inbound_needs == CONFIG_NEEDS_OWNERSHIP;
    bool is_proven = domain_was_owned(domain) && domain->ownership_misses == 0;
    if (domain->status == DOMAIN_VERIFIED || (by_proof && is_proven)) {
        return ST_OK;
    }
    return why_set(why, ST_REFUSED,
                   "%.80s is %s: its inbound needs %s first; publish what 'domain records' shows, "
                   "and verify it",
                   domain->name, domain_status_name(domain->status),
                   by_proof ? "its proof of ownership" : "all its required records");
}

static enum status
decide_inbound(struct registry *registry, const void *context, struct store_domain *domain,
               struct domain_step *step, struct why *why)
{
    const bool *on = context;
    if (domain->status == DOMAIN_REMOVED) {
        return why_set(why, ST_NOT_FOUND, "%.100s was removed", domain->name);
    }
    if (domain->inbound == *on) {
        return ST_OK;
    }
    enum status status = *on ? check_inbound_allowed(registry, domain, why) : ST_OK;
    if (status == ST_OK) {
        domain->inbound = *on;
        domain_step_add(step, *on ? "domain.inbound_on" : "domain.inbound_off", "");
    }
    return status;
}

enum status
registry_set_inbound(struct registry *registry, const char *which, bool on,
                     struct store_domain *domain_out, struct why *why)
{
    struct store_domain domain;
    enum status status = registry_find_living(registry, which, &domain, why);
    return status == ST_OK
               ? registry_change(registry, &domain.id, decide_inbound, &on, domain_out, why)
               : status;
}

/* ---- removing -------------------------------------------------------------------------------- */

static enum status
decide_removal(struct registry *registry, const void *context, struct store_domain *domain,
               struct domain_step *step, struct why *why)
{
    struct ses_state state;
    (void)context;
    (void)why;
    domain->releases_identity =
        identity_load(registry->identities, domain, &state, NULL) != ST_NOT_FOUND;
    domain_state_remove(domain, store_now_ms(registry->settings.store), "", step);
    return ST_OK;
}

static enum status
move_held(struct registry *registry, enum registry_held held, const struct store_domain *domain,
          uint64_t *count_out, struct why *why)
{
    struct store *store = registry->settings.store;
    const struct store_filter filter = {.tenant = domain->tenant, .domain = domain->name};
    switch (held) {
    case REGISTRY_HELD_STAYS:
        return ST_OK;
    case REGISTRY_HELD_DRAIN:
        return store_hold_release(store, &filter, count_out, why);
    case REGISTRY_HELD_DISCARD:
        return store_hold_discard(store, &filter, "its domain was removed", count_out, why);
    }
    return ST_BUG;
}

enum status
registry_remove(struct registry *registry, const char *which, enum registry_held held,
                struct store_domain *domain_out, uint64_t *held_out, struct why *why)
{
    struct store_domain domain;
    uint64_t count = 0;
    enum status status = registry_find_living(registry, which, &domain, why);
    if (status == ST_OK) {
        status = registry_change(registry, &domain.id, decide_removal, NULL, &domain, why);
    }
    if (status == ST_OK) {
        registry_name_is_free(registry, domain.name);
        status = move_held(registry, held, &domain, &count, why);
    }
    if (status != ST_OK) {
        return status;
    }
    *domain_out = domain;
    if (held_out != NULL) {
        *held_out = count;
    }
    return ST_OK;
}

enum status
registry_remove_tenant(struct registry *registry, const char *tenant, enum registry_held held,
                       uint64_t *domains_out, uint64_t *held_out, struct why *why)
{
    const struct directory_filter filter = {.tenant = tenant};
    struct store_domain row;
    size_t count = 0;
    *domains_out = 0;
    *held_out = 0;
    // What is removed is no longer in; the next one is always the first.
    while (directory_page(registry->directory, &filter, NULL, 1, &row, &count) && count > 0) {
        uint64_t moved = 0;
        enum status status = registry_remove(registry, row.id.text, held, &row, &moved, why);
        if (status == ST_NOT_FOUND) {
            continue; // somebody was faster
        }
        if (status != ST_OK) {
            return status;
        }
        ++*domains_out;
        *held_out += moved;
    }
    return store_tenant_remove(registry->settings.store, tenant, why);
}
