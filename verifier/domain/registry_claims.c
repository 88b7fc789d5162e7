// SPDX-License-Identifier: Apache-2.0
// Between tenants: looking at both proofs, moving a name, and what frees one.
#include "verifier/domain/registry_claims.h"

#include <string.h>

#include "common/clock.h"
#include "common/xalloc.h"

/* ---- who holds a name ------------------------------------------------------------------------ */

struct search {
    const char *tenant;
    bool claims;
    bool found;
    struct store_domain row;
};

// The oldest: ids sort by time.
static bool
look_at(void *context, const struct store_domain *row)
{
    struct search *search = context;
    bool is_wanted = row->status != DOMAIN_REMOVED && row->claims == search->claims;
    if (is_wanted && (!search->found || strcmp(row->id.text, search->row.id.text) < 0)) {
        search->row = *row;
        search->found = true;
    }
    return true;
}

static bool
find_row(struct registry *registry, const char *name, bool claims, struct store_domain *out)
{
    struct search search = {.claims = claims};
    directory_each_of_name(registry->directory, name, look_at, &search);
    if (search.found) {
        *out = search.row;
    }
    return search.found;
}

bool
registry_find_holder(struct registry *registry, const char *name, struct store_domain *holder_out)
{
    return find_row(registry, name, false, holder_out);
}

static bool
look_for_tenants(void *context, const struct store_domain *row)
{
    struct search *search = context;
    search->found = row->status != DOMAIN_REMOVED && strcmp(row->tenant, search->tenant) == 0;
    if (search->found) {
        search->row = *row;
    }
    return !search->found;
}

enum status
registry_find_of(struct registry *registry, const char *name, const char *tenant,
                 struct store_domain *domain_out)
{
    struct search search = {.tenant = tenant};
    directory_each_of_name(registry->directory, name, look_for_tenants, &search);
    if (!search.found) {
        return ST_NOT_FOUND;
    }
    *domain_out = search.row;
    return ST_OK;
}

static bool
look_for_stranger(void *context, const struct store_domain *row)
{
    struct search *search = context;
    search->found = domain_was_owned(row) && strcmp(row->tenant, search->tenant) != 0;
    return !search->found;
}

bool
registry_was_anothers(struct registry *registry, const char *name, const char *tenant)
{
    struct search search = {.tenant = tenant};
    directory_each_of_name(registry->directory, name, look_for_stranger, &search);
    return search.found;
}

bool
registry_has_name(struct registry *registry, const char *name, const char *tenant)
{
    struct store_domain row;
    bool is_own = registry_find_of(registry, name, tenant, &row) == ST_OK && !row.claims;
    return is_own || (registry_find_holder(registry, name, &row) && claims_is_held(&row));
}

/* ---- names above and below ------------------------------------------------------------------- */

struct nearness {
    const struct store_domain *domain;
    struct store_domain *rows; /* room for `most` */
    size_t most;
    size_t count;
};

static bool
look_near(void *context, const struct store_domain *row)
{
    struct nearness *near = context;
    const struct store_domain *domain = near->domain;
    if (claims_relate(row, domain->tenant, domain->name) == CLAIMS_RELATED) {
        near->rows[near->count++] = *row;
    }
    return near->count < near->most;
}

void
registry_near(struct registry *registry, const struct store_domain *domain,
              store_domain_visit *visit, void *context)
{
    AUTO_FREE struct store_domain *rows = xcalloc(REGISTRY_NEAR_MAX, sizeof(*rows));
    struct nearness near = {.domain = domain, .rows = rows, .most = REGISTRY_NEAR_MAX};
    directory_each_near(registry->directory, domain->name, look_near, &near);
    for (size_t i = 0; i < near.count; i++) {
        visit(context, &rows[i]);
    }
}

static bool
has_near(struct registry *registry, const struct store_domain *domain)
{
    struct store_domain row;
    struct nearness near = {.domain = domain, .rows = &row, .most = 1};
    directory_each_near(registry->directory, domain->name, look_near, &near);
    return near.count > 0;
}

// What the tenant has proven it keeps, and what was approved is not asked for again.
static bool
must_be_approved(struct registry *registry, const struct store_domain *domain)
{
    return !domain->approved && !domain_was_owned(domain) && has_near(registry, domain);
}

enum status
registry_ask_approval(struct registry *registry, struct store_domain *domain, struct why *why)
{
    if (domain->needs_approval || domain->approved || domain_was_owned(domain)) {
        return ST_OK;
    }
    enum status status = registry_refresh(registry, why);
    if (status == ST_OK) {
        domain->needs_approval = must_be_approved(registry, domain);
    }
    return status;
}

/* ---- a name that is free --------------------------------------------------------------------- */

static enum status
decide_promotion(struct registry *registry, const void *context, struct store_domain *domain,
                 struct domain_step *step, struct why *why)
{
    struct store_domain holder;
    (void)context;
    (void)why;
    if (domain->status == DOMAIN_REMOVED) {
        return ST_OK;
    }
    if (domain->claims && !registry_find_holder(registry, domain->name, &holder)) {
        domain->claims = false;
        domain->claim_seen_at = 0;
        domain->contested_at = 0;
        domain_step_add(step, "domain.claim_over", "nobody else holds the name any more");
    }
    if (domain->needs_approval && !must_be_approved(registry, domain)) {
        domain->needs_approval = false;
        domain_step_add(step, "domain.approval_over",
                        "no other tenant holds a name above or below it any more");
    }
    return ST_OK;
}

enum status
registry_promote(struct registry *registry, const struct id *id, struct store_domain *domain_out,
                 struct why *why)
{
    return registry_change(registry, id, decide_promotion, NULL, domain_out, why);
}

void
registry_name_is_free(struct registry *registry, const char *name)
{
    struct store_domain next;
    if (find_row(registry, name, true, &next)) {
        // When it fails, the next check of the claim does it.
        status_ignore(registry_promote(registry, &next.id, &next, NULL));
    }
}

bool
registry_rival(struct registry *registry, const struct store_domain *domain,
               struct store_domain *rival_out)
{
    return domain->claims && registry_find_holder(registry, domain->name, rival_out);
}

const char *
registry_waits(struct registry *registry, const struct store_domain *domain)
{
    struct store_domain rival;
    bool is_held = registry_rival(registry, domain, &rival) && claims_is_held(&rival);
    return claims_explain(domain, is_held);
}

/* ---- taking a name over ---------------------------------------------------------------------- */

static enum status
decide_loss(struct registry *registry, const void *context, struct store_domain *domain,
            struct domain_step *step, struct why *why)
{
    struct ses_state state;
    const struct store_domain *holder = context;
    if (domain->status == DOMAIN_REMOVED || domain->claims) {
        return ST_OK; // somebody was faster
    }
    if (strcmp(domain->token, holder->token) != 0 || domain->owned_at != holder->owned_at) {
        return why_set(why, ST_AGAIN, "%.100s was changed while it was checked", domain->name);
    }
    if (!domain_was_owned(domain)) { // it loses nothing, and may still prove it
        domain->claims = true;
        domain_step_add(step, "domain.claim_only", "another tenant proved to own the name first");
        return ST_OK;
    }
    domain->releases_identity =
        identity_load(registry->identities, domain, &state, NULL) != ST_NOT_FOUND;
    domain_state_remove(domain, store_now_ms(registry->settings.store),
                        "its proof of ownership is gone, and another tenant's is there", step);
    return ST_OK;
}

static enum status
decide_gain(struct registry *registry, const void *context, struct store_domain *domain,
            struct domain_step *step, struct why *why)
{
    struct store_domain holder;
    const struct store_domain *claim = context;
    if (domain->status == DOMAIN_REMOVED || !domain->claims || domain->needs_approval ||
        strcmp(domain->token, claim->token) != 0 ||
        registry_find_holder(registry, domain->name, &holder)) {
        return why_set(why, ST_AGAIN, "%.100s was changed while it was checked", domain->name);
    }
    domain->claims = false;
    domain->claim_seen_at = 0;
    domain->contested_at = 0;
    domain_step_add(step, "domain.moved", "from another tenant, whose proof of ownership is gone");
    return ST_OK;
}

// The old entry goes first: between the two writes the name is nobody's, and after a crash there
// the claim's next check goes on.
static enum status
move_name(struct registry *registry, const struct store_domain *holder, struct store_domain *claim,
          struct why *why)
{
    struct store_domain lost;
    const struct store_domain before = *claim;
    enum status status = registry_change(registry, &holder->id, decide_loss, holder, &lost, why);
    return status == ST_OK ? registry_change(registry, &before.id, decide_gain, &before, claim, why)
                           : status;
}

struct look {
    struct claims_seen seen;
    const char *token;
    bool *moves; /* told */
};

static struct claims_time
time_of(struct registry *registry)
{
    struct clock_guard *guard = registry->settings.clock;
    return (struct claims_time){
        .now = store_now_ms(registry->settings.store),
        .ahead_ms = clock_guard_drift_ms(guard),
        .up_ms = clock_mono_ms() - registry->opened_mono_ms,
        .trusted = clock_guard_is_sane(guard),
    };
}

static enum status
decide_claim(struct registry *registry, const void *context, struct store_domain *domain,
             struct domain_step *step, struct why *why)
{
    const struct look *look = context;
    const struct claims_time time = time_of(registry);
    if (domain->status == DOMAIN_REMOVED || !domain->claims ||
        strcmp(domain->token, look->token) != 0) {
        return why_set(why, ST_AGAIN, "%.100s was changed while it was checked", domain->name);
    }
    bool waited = domain->needs_approval;
    enum status status =
        look->seen.mine == CHECK_PASS ? registry_ask_approval(registry, domain, why) : ST_OK;
    if (status != ST_OK) {
        return status;
    }
    claims_tell_approval(domain, waited, step);
    *look->moves = claims_judge(domain, &look->seen, &time, step);
    return ST_OK;
}

// What stands in the DNS of the holder's proof, by its own profile.
static enum check_outcome
look_at_holder(struct registry *registry, const struct store_domain *holder,
               bool *resolver_only_out)
{
    AUTO_RECORDS records = {.count = 0};
    struct check_summary summary = {.ownership = CHECK_UNKNOWN};
    if (registry_records(registry, holder, &records, NULL) != ST_OK) {
        return CHECK_UNKNOWN; // its profile is gone: nothing may be concluded from that
    }
    registry_keep_records(&records, PURPOSE_OWNERSHIP);
    if (registry_ask_dns(registry, holder, &records, &summary, NULL) != ST_OK) {
        return CHECK_UNKNOWN;
    }
    *resolver_only_out = summary.resolver_only;
    return summary.ownership;
}

enum status
registry_check_claim(struct registry *registry, const struct check_summary *summary,
                     struct store_domain *claim, struct why *why)
{
    struct store_domain holder;
    bool resolver_only = false;
    if (!claim->claims || !registry_find_holder(registry, claim->name, &holder)) {
        return ST_OK;
    }
    const struct store_domain before = *claim;
    bool moves = false;
    struct look look = {.token = before.token, .moves = &moves};
    look.seen = (struct claims_seen){
        .mine = summary->ownership,
        .holders = look_at_holder(registry, &holder, &resolver_only),
        .resolver_only = summary->resolver_only || resolver_only,
        .holder_was_proven = domain_was_owned(&holder),
        .holder_seen_at = holder.owned_at,
    };
    if (atomic_load(&registry->cancelled)) {
        return why_set(why, ST_AGAIN, "shutting down"); // the look was perhaps broken off
    }
    enum status status = registry_change(registry, &before.id, decide_claim, &look, claim, why);
    return status == ST_OK && moves ? move_name(registry, &holder, claim, why) : status;
}

/* ---- the operator's word --------------------------------------------------------------------- */

static enum status
decide_approval(struct registry *registry, const void *context, struct store_domain *domain,
                struct domain_step *step, struct why *why)
{
    (void)context;
    if (domain->status == DOMAIN_REMOVED) {
        return why_set(why, ST_NOT_FOUND, "%.100s was removed", domain->name);
    }
    if (!domain->needs_approval && !must_be_approved(registry, domain)) {
        return why_set(why, ST_CONFLICT, "%.100s needs no approval", domain->name);
    }
    domain->needs_approval = false;
    domain->approved = true;
    domain->next_check_at = domain_state_next_check(domain, store_now_ms(registry->settings.store));
    domain_step_add(step, "domain.approved", "");
    return ST_OK;
}

enum status
registry_approve(struct registry *registry, const char *which, struct store_domain *domain_out,
                 struct why *why)
{
    struct store_domain domain;
    enum status status = registry_find_living(registry, which, &domain, why);
    return status == ST_OK
               ? registry_change(registry, &domain.id, decide_approval, NULL, domain_out, why)
               : status;
}
