// SPDX-License-Identifier: Apache-2.0
// Checks: what the DNS and SES say of a domain, and what that does to its row.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/strbuf.h"
#include "common/xalloc.h"
#include "config/profile.h"
#include "verifier/domain/local_keys.h"
#include "verifier/domain/profile.h"
#include "verifier/domain/record_json.h"
#include "verifier/domain/registry_claims.h"

enum { FINDINGS_MAX = 2 * STORE_FINDINGS_SIZE };

/* ---- records --------------------------------------------------------------------------------- */

enum status
registry_make_keys(const struct config *config, const struct config_profile *profile,
                   const struct store_domain *domain, struct why *why)
{
    if (profile->dkim != CONFIG_DKIM_LOCAL || config->verification.dkim_zone == NULL) {
        return ST_OK;
    }
    return local_keys_ensure(config->verification.dkim_keys, domain->name, domain->token, why);
}

static enum status
profile_of(const struct config *config, const struct store_domain *domain,
           const struct config_profile **out, struct why *why)
{
    const struct config_profile *profile = config_find_profile(config, domain->profile);
    if (profile == NULL) {
        return why_set(why, ST_REFUSED,
                       "the profile '%.40s' of %.100s is not configured any more; write its file "
                       "again, and reload",
                       domain->profile, domain->name);
    }
    *out = profile;
    return ST_OK;
}

static enum status
make_records(const struct config *config, const struct config_profile *profile,
             const struct store_domain *domain, const struct ses_state *ses,
             struct domain_records *out, struct why *why)
{
    struct profile_inputs inputs = {
        .domain = domain->name,
        .token = domain->token,
        .region = domain->region[0] == '\0' ? NULL : domain->region,
    };
    bool has_dkim = ses != NULL && ses_state_has_dkim(ses);
    for (size_t i = 0; has_dkim && i < CONFIG_DKIM_KEYS; i++) {
        inputs.ses_tokens[i] = ses->tokens[i];
    }
    inputs.ses_zone = has_dkim ? ses->zone : NULL;
    return profile_records_make(config, profile, &inputs, out, why);
}

enum status
registry_records(struct registry *registry, const struct store_domain *domain,
                 struct domain_records *records_out, struct why *why)
{
    AUTO_CONFIG *config = config_holder_get(registry->settings.holder);
    const struct config_profile *profile = NULL;
    struct ses_state ses;
    enum status status = profile_of(config, domain, &profile, why);
    if (status != ST_OK) {
        return status;
    }
    bool has_identity = profile->dkim == CONFIG_DKIM_SES &&
                        identity_load(registry->identities, domain, &ses, NULL) == ST_OK;
    return make_records(config, profile, domain, has_identity ? &ses : NULL, records_out, why);
}

/* ---- what it comes to ------------------------------------------------------------------------ */

// What inbound needs: the proof of ownership, and an MX that is required.
static enum check_outcome
inbound_outcome(const struct registry_check *check)
{
    enum check_outcome outcome = check->summary.ownership;
    for (size_t i = 0; i < check->records.count; i++) {
        const struct domain_record *record = &check->records.items[i];
        if (record->needed_for == RECORD_FOR_INBOUND && record->required) {
            outcome = check_outcome_worse(outcome, check_outcome_of(record->status));
        }
    }
    return outcome;
}

// With `dkim: ses` a domain is verified when SES says so too; that it does not (yet) is no loss.
static enum check_outcome
required_outcome(const struct registry_check *check, bool has_identity)
{
    if (!has_identity || check->summary.required != CHECK_PASS) {
        return check->summary.required;
    }
    if (!check->has_report) {
        return CHECK_UNKNOWN;
    }
    return check->report.verified ? CHECK_PASS : CHECK_PARTIAL;
}

/* ---- a check --------------------------------------------------------------------------------- */

struct asker {
    struct registry *registry;
    const struct store_domain *domain;
};

static bool
takes_mail_for(void *context, const char *address)
{
    const struct asker *asker = context;
    AUTO_CONFIG *config = config_holder_get(asker->registry->settings.holder);
    return asker->registry->settings.takes_mail_for(config, address);
}

static bool
is_registered(void *context, const char *name)
{
    const struct asker *asker = context;
    return registry_has_name(asker->registry, name, asker->domain->tenant);
}

static enum status
check_not_cancelled(struct registry *registry, struct why *why)
{
    return atomic_load(&registry->cancelled) ? why_set(why, ST_AGAIN, "shutting down") : ST_OK;
}

enum status
registry_ask_dns(struct registry *registry, const struct store_domain *domain,
                 struct domain_records *records, struct check_summary *summary_out, struct why *why)
{
    const struct registry_settings *settings = &registry->settings;
    const struct check_context context = {.dns = settings->dns, .authority = settings->authority};
    struct asker asker = {.registry = registry, .domain = domain};
    const struct check_subject subject = {
        .domain = domain->name,
        .takes_mail_for = settings->takes_mail_for == NULL ? NULL : takes_mail_for,
        .is_registered = is_registered,
        .context = &asker,
    };
    settings->check(&context, &subject, records, summary_out);
    // Half a check would take for gone what only a server that was not waited for still has.
    return check_not_cancelled(registry, why);
}

// The identity, as far as SES answers; false: the profile has none.
static bool
ask_ses(struct registry *registry, const struct config *config,
        const struct config_profile *profile, struct ses_state *state_out,
        struct registry_check *check)
{
    if (profile->dkim != CONFIG_DKIM_SES) {
        return false;
    }
    memset(state_out, 0, sizeof(*state_out));
    enum status status =
        identity_ensure(registry->identities, config, &check->domain,
                        clock_mono_ms() + REGISTRY_SES_MS, state_out, &check->report);
    check->has_report = status == ST_OK;
    return true;
}

struct finding_of_row {
    const struct store_domain *domain; /* as it was when the check began */
    struct domain_outcome outcome;
    const char *findings; /* codes, with blanks between */
};

static struct domain_time
time_now(struct registry *registry)
{
    AUTO_CONFIG *config = config_holder_get(registry->settings.holder);
    return (struct domain_time){
        .now = store_now_ms(registry->settings.store),
        .trusted = clock_guard_is_sane(registry->settings.clock),
        .rules = {.pending_for_ms = config->verification.pending_for_ms,
                  .grace_ms = config->verification.grace_ms,
                  .misses = (uint32_t)config->verification.misses,
                  .confirm_after_ms = config->verification.confirm_after_ms,
                  .deferred_for_ms = config->verification.deferred_for_ms},
    };
}

static bool
passes(const struct domain_outcome *outcome)
{
    return outcome->ownership == CHECK_PASS || outcome->required == CHECK_PASS ||
           outcome->inbound == CHECK_PASS;
}

static enum status
decide_check(struct registry *registry, const void *context, struct store_domain *domain,
             struct domain_step *step, struct why *why)
{
    const struct finding_of_row *found = context;
    if (domain->checks != found->domain->checks ||
        strcmp(domain->token, found->domain->token) != 0 ||
        (domain->status == DOMAIN_REMOVED) != (found->domain->status == DOMAIN_REMOVED)) {
        return why_set(why, ST_AGAIN, "%.100s was changed while it was checked", domain->name);
    }
    const struct domain_time time = time_now(registry);
    struct domain_outcome outcome = found->outcome;
    bool waited = domain->needs_approval;
    enum status status = passes(&outcome) ? registry_ask_approval(registry, domain, why) : ST_OK;
    if (status != ST_OK) {
        return status;
    }
    if (claims_waits(domain)) {
        claims_limit(&outcome);
    }
    domain_state_checked(domain, &outcome, &time, step);
    claims_tell_approval(domain, waited, step);
    // Not only when it comes back: a crash may have come between that and the release, and a
    // message that was judged before may have been committed behind it.
    step->mail_reopened |=
        domain->inbound && domain->mail == DOMAIN_MAIL_OPEN && outcome.inbound == CHECK_PASS;
    for (size_t i = 0; i < step->event_count; i++) {
        step->events[i].findings = found->findings;
    }
    return ST_OK;
}

// The codes of all mistakes; what is advice only tells nobody of a change.
static void
list_findings(const struct domain_records *records, struct strbuf *out)
{
    for (size_t i = 0; i < records->count; i++) {
        for (size_t j = 0; j < records->items[i].finding_count; j++) {
            const struct finding *finding = &records->items[i].findings[j];
            const char *code = finding_code_name(finding->code);
            if (!finding->advice && out->length + strlen(code) + 1 < STORE_FINDINGS_SIZE) {
                strbuf_printf(out, "%s%s", out->length == 0 ? "" : " ", code);
            }
        }
    }
}

// What was seen is only told, so it is no failure when it cannot be kept.
static void
keep_check(struct registry *registry, const struct registry_check *check)
{
    AUTO_FREE char *json = record_json(&check->records, check->domain.name, &check->summary);
    if (json != NULL) {
        status_ignore(store_note_put(registry->settings.store, &check->domain.id, STORE_NOTE_CHECK,
                                     json, NULL));
    }
}

static enum status
check_living(struct registry *registry, const struct store_domain *domain,
             struct registry_check *check, struct why *why)
{
    AUTO_CONFIG *config = config_holder_get(registry->settings.holder);
    const struct config_profile *profile = NULL;
    struct ses_state ses;
    struct store_domain row = *domain;
    enum status status = registry_promote(registry, &domain->id, &row, why);
    if (status == ST_OK) {
        status = profile_of(config, domain, &profile, why);
    }
    check->domain = row;
    if (status == ST_OK) {
        status = registry_make_keys(config, profile, domain, why);
    }
    if (status != ST_OK) {
        return status;
    }
    // Nothing is asked for in the name of somebody else.
    bool is_asked = !claims_waits(&row) && ask_ses(registry, config, profile, &ses, check);
    status = make_records(config, profile, domain, is_asked ? &ses : NULL, &check->records, why);
    if (status != ST_OK) {
        return status;
    }
    status = registry_ask_dns(registry, domain, &check->records, &check->summary, why);
    if (status == ST_OK) {
        status = registry_check_claim(registry, &check->summary, &row, why);
    }
    if (status != ST_OK) {
        return status;
    }
    AUTO_STRBUF findings = STRBUF_INIT(FINDINGS_MAX);
    list_findings(&check->records, &findings);
    const struct finding_of_row found = {
        .domain = &row,
        .findings = strbuf_text(&findings),
        .outcome = {.ownership = check->summary.ownership,
                    .required = required_outcome(check, profile->dkim == CONFIG_DKIM_SES),
                    .inbound = inbound_outcome(check),
                    .detail = check->summary.detail},
    };
    status = registry_change(registry, &domain->id, decide_check, &found, &check->domain, why);
    if (status == ST_OK) {
        keep_check(registry, check);
    }
    return status;
}

/* ---- a removed name -------------------------------------------------------------------------- */

struct watch {
    enum check_outcome points_here;
    bool released;
};

static enum status
decide_watch(struct registry *registry, const void *context, struct store_domain *domain,
             struct domain_step *step, struct why *why)
{
    const struct watch *watch = context;
    const struct domain_time time = time_now(registry);
    (void)why;
    domain->releases_identity = domain->releases_identity || !watch->released;
    domain_state_watched(domain, watch->points_here, watch->released, &time, step);
    return ST_OK;
}

void
registry_keep_records(struct domain_records *records, enum record_purpose purpose)
{
    for (size_t i = records->count; i > 0; i--) {
        if (records->items[i - 1].purpose != purpose) {
            domain_records_drop(records, i - 1);
        }
    }
}

// Is one of its MX records ours, though nobody has proven the name since?
static enum check_outcome
ask_mx(struct registry *registry, const struct store_domain *domain, struct registry_check *check)
{
    struct domain_records *records = &check->records;
    struct store_domain holder;
    if (registry_find_holder(registry, domain->name, &holder) && claims_is_held(&holder)) {
        return CHECK_MISS; // it leads to the holder's
    }
    if (registry_records(registry, domain, records, NULL) != ST_OK) {
        return CHECK_UNKNOWN;
    }
    registry_keep_records(records, PURPOSE_INBOUND_MX);
    if (records->count == 0) {
        return CHECK_UNKNOWN;
    }
    if (registry_ask_dns(registry, domain, records, &check->summary, NULL) != ST_OK) {
        return CHECK_UNKNOWN;
    }
    enum check_outcome outcome = CHECK_MISS;
    for (size_t i = 0; i < records->count; i++) {
        enum check_outcome one = check_outcome_of(records->items[i].status);
        if (one == CHECK_PASS || one == CHECK_PARTIAL) {
            return CHECK_PASS;
        }
        outcome = one == CHECK_UNKNOWN ? CHECK_UNKNOWN : outcome;
    }
    return outcome;
}

struct others {
    const struct store_domain *domain;
    const struct config *config;
    bool left;
};

/* For has_others. */
struct releasing {
    struct registry *registry;
    const struct config *config;
};

static bool
look_for_other(void *context, const struct store_domain *row)
{
    struct others *others = context;
    const struct config_profile *profile = config_find_profile(others->config, row->profile);
    others->left = row->status != DOMAIN_REMOVED && profile != NULL &&
                   profile->dkim == CONFIG_DKIM_SES && !row->claims &&
                   strcmp(row->region, others->domain->region) == 0;
    return !others->left;
}

static bool
has_others(const void *context, const struct store_domain *domain)
{
    const struct releasing *releasing = context;
    struct others others = {.domain = domain, .config = releasing->config};
    directory_each_of_name(releasing->registry->directory, domain->name, look_for_other, &others);
    return others.left;
}

static bool
give_identity_back(struct registry *registry, const struct store_domain *domain)
{
    AUTO_CONFIG *config = config_holder_get(registry->settings.holder);
    const struct releasing releasing = {.registry = registry, .config = config};
    return identity_release(registry->identities, config, domain, has_others, &releasing,
                            clock_mono_ms() + REGISTRY_SES_MS) == ST_OK;
}

static enum status
check_removed(struct registry *registry, const struct store_domain *domain,
              struct registry_check *check, struct why *why)
{
    check->domain = *domain;
    const struct watch watch = {.released = give_identity_back(registry, domain),
                                .points_here = ask_mx(registry, domain, check)};
    enum status status = check_not_cancelled(registry, why);
    if (status == ST_OK) {
        status = registry_change(registry, &domain->id, decide_watch, &watch, &check->domain, why);
    }
    if (status == ST_OK && check->domain.forgotten) {
        AUTO_CONFIG *config = config_holder_get(registry->settings.holder);
        status =
            local_keys_delete(config->verification.dkim_keys, domain->name, domain->token, why);
    }
    return status;
}

void
registry_check_free(struct registry_check *check)
{
    if (check != NULL) {
        domain_records_done(&check->records);
        free(check);
    }
}

/* ---- asked for ------------------------------------------------------------------------------- */

enum status
registry_check_row(struct registry *registry, const struct id *id, struct registry_check *check,
                   struct why *why)
{
    struct store_domain domain;
    if (!directory_find_id(registry->directory, id->text, &domain)) {
        return why_set(why, ST_NOT_FOUND, "there is no domain with the id %s", id->text);
    }
    enum status status = check_not_cancelled(registry, why);
    if (status != ST_OK) {
        return status;
    }
    return domain.status == DOMAIN_REMOVED ? check_removed(registry, &domain, check, why)
                                           : check_living(registry, &domain, check, why);
}

void
registry_find_provider(struct registry *registry, const struct id *id,
                       struct authority_provider *provider_out)
{
    struct store_domain domain;
    *provider_out = (struct authority_provider){.is_sound = true};
    if (directory_find_id(registry->directory, id->text, &domain)) {
        struct dns_budget budget = {.deadline_mono_ms = clock_mono_ms() + REGISTRY_PROVIDER_MS,
                                    .queries_left = REGISTRY_PROVIDER_QUERIES};
        authority_find_provider(registry->settings.authority, domain.name, &budget, provider_out);
    }
}

enum status
registry_last_check(struct registry *registry, const struct store_domain *domain, char **json_out,
                    struct why *why)
{
    return store_note_get(registry->settings.store, &domain->id, STORE_NOTE_CHECK, json_out, why);
}

enum status
registry_ses_said(struct registry *registry, const struct store_domain *domain, char **json_out,
                  struct why *why)
{
    return identity_said(registry->identities, domain, json_out, why);
}
