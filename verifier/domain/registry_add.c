// SPDX-License-Identifier: Apache-2.0
// Adding a domain: what has to be right about it, and what it starts with.
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "config/profile.h"
#include "config/text.h"
#include "verifier/domain/local_keys.h"
#include "verifier/domain/name.h"
#include "verifier/domain/registry_claims.h"

enum status
registry_check_tenant(const char *tenant, struct why *why)
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

/* ---- room ------------------------------------------------------------------------------------ */

struct census {
    const char *tenant;
    const char *name;
    uint64_t pending; /* of the tenant; so is the next */
    uint64_t living;
    bool is_own;     /* has been added already */
    bool is_taken;   /* another was first */
    bool is_held;    /* and has proven it */
    bool is_related; /* another holds a name above or below it */
};

static bool
count_row(void *context, const struct store_domain *row)
{
    struct census *census = context;
    if (row->status == DOMAIN_REMOVED) {
        return true;
    }
    if (strcmp(row->tenant, census->tenant) == 0) {
        census->living++;
        census->pending += row->status == DOMAIN_PENDING ? 1 : 0;
    }
    enum claims_relation relation = claims_relate(row, census->tenant, census->name);
    census->is_own |= relation == CLAIMS_OWN;
    census->is_taken |= relation == CLAIMS_TAKEN;
    census->is_held |= relation == CLAIMS_TAKEN && claims_is_held(row);
    census->is_related |= relation == CLAIMS_RELATED;
    return true;
}

static const char *
domains_word(uint64_t count)
{
    return count == 1 ? "domain" : "domains";
}

static enum status
check_room(const struct config *config, const struct census *census, struct why *why)
{
    const char *tenant = census->tenant;
    if (census->is_own) {
        return why_set(why, ST_CONFLICT, "%.100s has been added already", census->name);
    }
    if (census->pending >= config->limits.pending_domains) {
        return why_set(why, ST_TOO_LARGE,
                       "tenant %.60s has %llu %s not verified yet, which is its limit; verify or "
                       "remove some first",
                       tenant, (unsigned long long)census->pending, domains_word(census->pending));
    }
    if (census->living >= config->limits.domains) {
        return why_set(why, ST_TOO_LARGE, "tenant %.60s has %llu %s, which is its limit", tenant,
                       (unsigned long long)census->living, domains_word(census->living));
    }
    return ST_OK;
}

/* ---- adding ---------------------------------------------------------------------------------- */

static struct store_domain
new_domain(struct registry *registry, const struct registry_addition *addition, const char *name)
{
    struct store_domain domain = {
        .id = id_new(),
        .status = DOMAIN_PENDING,
        .created_at = store_now_ms(registry->settings.store),
    };
    (void)snprintf(domain.tenant, sizeof(domain.tenant), "%s", addition->tenant);
    (void)snprintf(domain.name, sizeof(domain.name), "%s", name);
    (void)snprintf(domain.profile, sizeof(domain.profile), "%s", addition->profile);
    (void)snprintf(domain.region, sizeof(domain.region), "%s", addition->region);
    id_new_token(domain.token);
    domain.next_check_at = domain_state_next_check(&domain, domain.created_at);
    return domain;
}

static enum status
write_new(struct registry *registry, const struct config *config, struct store_domain *domain,
          struct domain_step *step, struct why *why)
{
    AUTO_LOCK(lock, &registry->write_mutex);
    struct census census = {.tenant = domain->tenant, .name = domain->name};
    enum status status = registry_refresh(registry, why);
    if (status == ST_OK) {
        directory_each(registry->directory, count_row, &census);
        status = check_room(config, &census, why);
    }
    if (status == ST_OK) {
        domain->claims = census.is_taken;
        domain_step_add(step, "domain.added", "");
        if (domain->claims) {
            domain_step_add(step, "domain.claimed", claims_explain(domain, census.is_held));
        }
        domain->needs_approval = census.is_related;
        claims_tell_approval(domain, false, step);
        status = registry_write(registry, domain, 0, step, why);
    }
    return status;
}

static enum status
check_addition(const struct config *config, const struct registry_addition *addition,
               char name_out[DOMAIN_NAME_SIZE], const struct config_profile **profile_out,
               struct why *why)
{
    enum status status = domain_name_check(addition->domain, config->hostname, name_out, why);
    if (status == ST_OK) {
        status = domain_name_check_free(name_out, config, why);
    }
    if (status == ST_OK) {
        status = registry_check_tenant(addition->tenant, why);
    }
    if (status == ST_OK) {
        status = config_get_profile(config, addition->profile, profile_out, why);
    }
    if (status == ST_OK) {
        status = text_check_region(addition->region, why);
    }
    if (status == ST_OK && (*profile_out)->dkim == CONFIG_DKIM_SES) {
        status = identities_check_configured(config, why);
    }
    return status;
}

// When it fails the next check tries again.
static void
ask_for_identity(struct registry *registry, const struct config *config,
                 const struct config_profile *profile, const struct store_domain *domain)
{
    struct ses_state state;
    struct ses_report report;
    if (profile->dkim != CONFIG_DKIM_SES || claims_waits(domain)) {
        return;
    }
    struct registry_work work = {.is_check = false};
    registry_begin_work(registry, &domain->id, &work);
    status_ignore(identity_ensure(registry->identities, config, domain,
                                  clock_mono_ms() + REGISTRY_SES_MS, &state, &report));
    registry_end_work(registry, &domain->id, &work);
}

enum status
registry_add(struct registry *registry, const struct registry_addition *addition,
             struct store_domain *domain_out, struct why *why)
{
    AUTO_CONFIG *config = config_holder_get(registry->settings.holder);
    struct registry_addition whole = *addition;
    whole.profile = whole.profile == NULL ? config->verification.default_profile : whole.profile;
    whole.region = whole.region == NULL ? config->verification.region : whole.region;
    char name[DOMAIN_NAME_SIZE];
    const struct config_profile *profile = NULL;
    enum status status = check_addition(config, &whole, name, &profile, why);
    if (status != ST_OK) {
        return status;
    }
    struct store_domain domain = new_domain(registry, &whole, name);
    struct domain_step step = {.changed = false};
    status = registry_make_keys(config, profile, &domain, why);
    if (status == ST_OK) {
        status = write_new(registry, config, &domain, &step, why);
    }
    if (status != ST_OK) {
        // Files that nobody points to do no harm if they stay.
        status_ignore(local_keys_delete(config->verification.dkim_keys, name, domain.token, NULL));
        return status;
    }
    registry_tell(registry, &domain, &step);
    ask_for_identity(registry, config, profile, &domain);
    *domain_out = domain;
    return ST_OK;
}
