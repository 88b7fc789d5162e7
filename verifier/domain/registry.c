// SPDX-License-Identifier: Apache-2.0
#include "verifier/domain/registry.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/xalloc.h"
#include "verifier/domain/directory.h"
#include "verifier/domain/name.h"
#include "verifier/domain/records.h"
#include "verifier/domain/state.h"

enum {
    WRITE_TRIES = 4, /* another writer was faster: read again, decide again */
    CHECK_QUERIES = 20,
    DETAIL_SIZE = STORE_REASON_SIZE
};
static const struct domain_rules RULES = {
    .pending_for_ms = 72 * STATE_HOUR_MS, .grace_ms = 72 * STATE_HOUR_MS, .misses = 6};
static const int64_t WATCH_MS = 30LL * 24 * 60 * 60 * 1000; // how long a removed name is watched

struct registry {
    char hostname[DOMAIN_NAME_SIZE];
    uint64_t pending_per_tenant;
    struct store *store;
    struct dns *dns;
    struct directory *directory;
    pthread_mutex_t write_mutex; /* one writer at a time; guards what follows */
    uint64_t read_version;       /* up to here, every row of the store has been read */
};

static void
visit_changed(void *context, const struct store_domain *domain)
{
    struct registry *registry = context;
    directory_adopt(registry->directory, domain);
    if (domain->version > registry->read_version) {
        registry->read_version = domain->version;
    }
}

// Read what was written since the last look. Rows of our own come too: one of another writer may
// have a version between two of ours.
static enum status
refresh(struct registry *registry, struct why *why)
{
    return store_domains_since(registry->store, registry->read_version, visit_changed, registry,
                               why);
}

static void
close_registry(struct registry **registry)
{
    registry_close(*registry);
}

enum status
registry_open(const struct registry_settings *settings, struct store *store, struct dns *dns,
              struct registry **registry_out, struct why *why)
{
    AUTO(close_registry) struct registry *registry = xcalloc(1, sizeof(*registry));
    (void)pthread_mutex_init(&registry->write_mutex, NULL);
    registry->directory = directory_new();
    registry->store = store;
    registry->dns = dns;
    registry->pending_per_tenant = settings->pending_per_tenant;
    enum status status = address_normalize_domain(settings->hostname, registry->hostname, why);
    if (status == ST_OK) {
        status = refresh(registry, why);
    }
    if (status == ST_OK) {
        *registry_out = STEAL(registry);
    }
    return status;
}

void
registry_close(struct registry *registry)
{
    if (registry == NULL) {
        return;
    }
    directory_free(registry->directory);
    (void)pthread_mutex_destroy(&registry->write_mutex);
    free(registry);
}

enum status
registry_find(struct registry *registry, const char *name, struct store_domain *domain_out)
{
    struct store_domain domain;
    if (!directory_find_name(registry->directory, name, &domain)) {
        return ST_NOT_FOUND;
    }
    if (domain.status == DOMAIN_REMOVED && clock_wall_ms() - domain.removed_at >= WATCH_MS) {
        return ST_NOT_FOUND;
    }
    *domain_out = domain;
    return ST_OK;
}

// The domain with this name as typed, not removed.
static enum status
find_living(struct registry *registry, const char *typed, struct store_domain *domain_out,
            struct why *why)
{
    char name[DOMAIN_NAME_SIZE];
    struct store_domain domain;
    if (address_normalize_domain(typed, name, NULL) != ST_OK ||
        !directory_find_name(registry->directory, name, &domain) ||
        domain.status == DOMAIN_REMOVED) {
        return why_set(why, ST_NOT_FOUND, "there is no domain '%.100s'", typed);
    }
    *domain_out = domain;
    return ST_OK;
}

/* ---- writing --------------------------------------------------------------------------------- */

static bool
is_what_was_written(const struct store_domain *stored, const struct store_domain *written)
{
    return stored->status == written->status && stored->inbound == written->inbound &&
           stored->checked_at == written->checked_at && strcmp(stored->token, written->token) == 0;
}

// Write one row and take it over. When the answer got lost, look whether it is there.
static enum status
write_row(struct registry *registry, struct store_domain *domain, uint64_t expected_version,
          const struct store_event *event, struct why *why)
{
    enum status status = store_domain_put(registry->store, domain, expected_version, event, why);
    if (status == ST_AMBIGUOUS) {
        struct store_domain stored;
        enum status read = refresh(registry, why);
        if (read != ST_OK) {
            return read;
        }
        if (directory_find_id(registry->directory, domain->id.text, &stored) &&
            stored.version > expected_version && is_what_was_written(&stored, domain)) {
            *domain = stored;
            return ST_OK;
        }
        status = store_domain_put(registry->store, domain, expected_version, event, why);
    }
    if (status == ST_OK) {
        directory_adopt(registry->directory, domain);
    }
    return status;
}

// Decides on a copy of the row as it is now, and says in the step whether there is something to
// write, and which events.
typedef enum status decide_fn(struct registry *registry, const void *context,
                              struct store_domain *domain, struct domain_step *step,
                              struct why *why);

static enum status
change_once(struct registry *registry, const char *name, decide_fn *decide, const void *context,
            struct store_domain *domain_out, struct why *why)
{
    struct store_domain domain;
    struct domain_step step = {.changed = false};
    enum status status = find_living(registry, name, &domain, why);
    if (status != ST_OK) {
        return status;
    }
    uint64_t version = domain.version;
    status = decide(registry, context, &domain, &step, why);
    if (status == ST_OK && step.changed) {
        status = write_row(registry, &domain, version, domain_step_events(&step), why);
    }
    if (status == ST_OK) {
        *domain_out = domain;
    }
    return status;
}

static enum status
change(struct registry *registry, const char *name, decide_fn *decide, const void *context,
       struct store_domain *domain_out, struct why *why)
{
    AUTO_LOCK(lock, &registry->write_mutex);
    enum status status = ST_CONFLICT;
    for (int try = 0; try < WRITE_TRIES && status == ST_CONFLICT; try++) {
        if (try > 0) {
            status = refresh(registry, why);
            if (status != ST_OK) {
                return status;
            }
        }
        status = change_once(registry, name, decide, context, domain_out, why);
    }
    return status;
}

/* ---- adding ---------------------------------------------------------------------------------- */

static enum status
check_tenant(const char *tenant, struct why *why)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789._-";
    size_t length = strlen(tenant);
    if (length == 0 || length >= STORE_NAME_SIZE || tenant[strspn(tenant, allowed)] != '\0') {
        return why_set(
            why, ST_INVALID,
            "'%.40s' is no tenant name: lower-case letters, digits, '.', '_' and '-', up to "
            "%d",
            tenant, STORE_NAME_SIZE - 1);
    }
    return ST_OK;
}

static enum status
check_profile(const char *profile, struct why *why)
{
    if (strcmp(profile, "local") != 0) {
        return why_set(why, ST_INVALID, "profile '%.40s' is not built yet; there is 'local'",
                       profile);
    }
    return ST_OK;
}

static bool
is_below(const char *name, const char *parent)
{
    size_t name_length = strlen(name);
    size_t parent_length = strlen(parent);
    return name_length > parent_length && name[name_length - parent_length - 1] == '.' &&
           strcmp(name + name_length - parent_length, parent) == 0;
}

// May `tenant` have `name` beside this row?
static enum status
check_beside(const struct store_domain *row, const char *tenant, const char *name, struct why *why)
{
    bool is_theirs = strcmp(row->tenant, tenant) == 0;
    if (strcmp(row->name, name) == 0) {
        return why_set(why, ST_CONFLICT, "%.100s has been added already%s", name,
                       is_theirs ? "" : ", by another tenant");
    }
    if (!is_theirs && is_below(name, row->name)) {
        return why_set(why, ST_REFUSED, "%.100s is part of %.100s, which another tenant holds",
                       name, row->name);
    }
    if (!is_theirs && is_below(row->name, name)) {
        return why_set(why, ST_REFUSED, "%.100s contains a domain that another tenant holds", name);
    }
    return ST_OK;
}

static enum status
check_room(struct registry *registry, const char *tenant, const char *name, struct why *why)
{
    uint64_t pending = 0;
    size_t count = 0;
    enum status status = ST_OK;
    AUTO_FREE struct store_domain *rows = directory_copy(registry->directory, false, &count);
    for (size_t i = 0; i < count && status == ST_OK; i++) {
        status = check_beside(&rows[i], tenant, name, why);
        bool counts = rows[i].status == DOMAIN_PENDING && strcmp(rows[i].tenant, tenant) == 0;
        pending += counts ? 1 : 0;
    }
    if (status == ST_OK && pending >= registry->pending_per_tenant) {
        status = why_set(why, ST_TOO_LARGE,
                         "tenant %.60s has %llu domains that are not verified yet; verify or "
                         "remove some first",
                         tenant, (unsigned long long)pending);
    }
    return status;
}

static struct store_domain
new_domain(struct registry *registry, const char *tenant, const char *name, const char *profile)
{
    struct store_domain domain = {
        .id = id_new(),
        .status = DOMAIN_PENDING,
        .created_at = store_now_ms(registry->store),
    };
    record_put(domain.tenant, sizeof(domain.tenant), "%s", tenant);
    record_put(domain.name, sizeof(domain.name), "%s", name);
    record_put(domain.profile, sizeof(domain.profile), "%s", profile);
    id_new_token(domain.token);
    return domain;
}

enum status
registry_add(struct registry *registry, const char *tenant, const char *name, const char *profile,
             struct store_domain *domain_out, struct why *why)
{
    char checked[DOMAIN_NAME_SIZE];
    enum status status = domain_name_check(name, registry->hostname, checked, why);
    if (status == ST_OK) {
        status = check_tenant(tenant, why);
    }
    if (status == ST_OK) {
        status = check_profile(profile, why);
    }
    if (status != ST_OK) {
        return status;
    }
    AUTO_LOCK(lock, &registry->write_mutex);
    status = refresh(registry, why);
    if (status == ST_OK) {
        status = check_room(registry, tenant, checked, why);
    }
    if (status != ST_OK) {
        return status;
    }
    struct store_domain domain = new_domain(registry, tenant, checked, profile);
    const struct store_event event = {.kind = "domain.added", .detail = ""};
    status = write_row(registry, &domain, 0, &event, why);
    if (status == ST_OK) {
        *domain_out = domain;
    }
    return status;
}

/* ---- records and checks ---------------------------------------------------------------------- */

size_t
registry_records(const struct registry *registry, const struct store_domain *domain,
                 const char *inbound_mx, struct registry_record out[REGISTRY_RECORDS_MAX])
{
    (void)registry; // the profile alone decides, until profiles are data
    return domain_records_make(domain, inbound_mx, out);
}

/** What a check found, for the row it was made for. */
struct check {
    const struct store_domain *domain;
    enum check_outcome outcome;
    char detail[DETAIL_SIZE];
};

static void
sum_up(const struct registry_record *records, size_t count, struct check *check)
{
    check->outcome = CHECK_PASS;
    record_put(check->detail, sizeof(check->detail), "all required records are there");
    for (size_t i = 0; i < count; i++) {
        const struct registry_record *record = &records[i];
        bool is_unknown = strcmp(record->status, "unknown") == 0;
        if (!record->required || strcmp(record->status, "found") == 0 ||
            (is_unknown && check->outcome == CHECK_MISS)) {
            continue;
        }
        check->outcome = is_unknown ? CHECK_UNKNOWN : CHECK_MISS;
        record_put(check->detail, sizeof(check->detail), "%s %s: %s", record->type, record->name,
                   record->problem);
    }
}

static enum status
decide_check(struct registry *registry, const void *context, struct store_domain *domain,
             struct domain_step *step, struct why *why)
{
    const struct check *check = context;
    if (strcmp(domain->id.text, check->domain->id.text) != 0) { // and has another token
        return why_set(why, ST_AGAIN, "%.100s was removed and added again meanwhile", domain->name);
    }
    const struct domain_outcome outcome = {.ownership = check->outcome,
                                           .required = check->outcome,
                                           .inbound = check->outcome,
                                           .detail = check->detail};
    const struct domain_time time = {
        .now = store_now_ms(registry->store), .trusted = true, .rules = RULES};
    domain_state_checked(domain, &outcome, &time, step);
    return ST_OK;
}

enum status
registry_verify(struct registry *registry, const char *name, const char *inbound_mx,
                struct store_domain *domain_out, struct registry_record out[REGISTRY_RECORDS_MAX],
                size_t *count_out, struct why *why)
{
    struct store_domain domain;
    struct registry_record records[REGISTRY_RECORDS_MAX];
    struct dns_budget budget = {
        .deadline_mono_ms = clock_mono_ms() + CHECK_TIME_MS,
        .queries_left = CHECK_QUERIES,
        .fresh = true, // who asks has just published something
    };
    enum status status = find_living(registry, name, &domain, why);
    if (status != ST_OK) {
        return status;
    }
    size_t count = domain_records_make(&domain, inbound_mx, records);
    for (size_t i = 0; i < count; i++) {
        domain_record_check(&domain, registry->dns, &budget, &records[i]);
    }
    struct check check = {.domain = &domain};
    sum_up(records, count, &check);
    status = change(registry, domain.name, decide_check, &check, domain_out, why);
    if (status == ST_OK) {
        memcpy(out, records, count * sizeof(*out));
        *count_out = count;
    }
    return status;
}

/* ---- inbound, removing, listing -------------------------------------------------------------- */

static enum status
decide_inbound(struct registry *registry, const void *context, struct store_domain *domain,
               struct domain_step *step, struct why *why)
{
    const bool *on = context;
    (void)registry;
    if (*on && domain->status != DOMAIN_VERIFIED) {
        struct registry_record records[REGISTRY_RECORDS_MAX];
        (void)domain_records_make(domain, NULL, records);
        return why_set(why, ST_REFUSED, "%.80s is %s: first publish %s %.120s, and verify it",
                       domain->name, domain_status_name(domain->status), records[0].type,
                       records[0].name);
    }
    if (domain->inbound != *on) {
        domain->inbound = *on;
        domain_step_add(step, *on ? "domain.inbound_on" : "domain.inbound_off", "");
    }
    return ST_OK;
}

enum status
registry_set_inbound(struct registry *registry, const char *name, bool on,
                     struct store_domain *domain_out, struct why *why)
{
    return change(registry, name, decide_inbound, &on, domain_out, why);
}

static enum status
decide_removal(struct registry *registry, const void *context, struct store_domain *domain,
               struct domain_step *step, struct why *why)
{
    (void)context;
    (void)why;
    domain_state_remove(domain, store_now_ms(registry->store), "", step);
    return ST_OK;
}

enum status
registry_remove(struct registry *registry, const char *name, struct store_domain *domain_out,
                struct why *why)
{
    return change(registry, name, decide_removal, NULL, domain_out, why);
}

void
registry_list(struct registry *registry, bool with_removed, store_domain_visit *visit,
              void *context)
{
    size_t count = 0;
    AUTO_FREE struct store_domain *rows = // a copy: the visitor may take its time and call back
        directory_copy(registry->directory, with_removed, &count);
    for (size_t i = 0; i < count; i++) {
        visit(context, &rows[i]);
    }
}
