// SPDX-License-Identifier: Apache-2.0
#include "verifier/message/dmarc.h"

#include <stdio.h>
#include <string.h>

enum alignment { ALIGNED, NOT_ALIGNED, ALIGNMENT_UNKNOWN };

/* All that one evaluation needs. */
struct evaluation {
    struct dns *dns;
    struct dns_budget *budget;
    const struct dmarc_input *input;
    struct dmarc_walk walk;            /* of the author domain */
    const struct dmarc_record *record; /* that applies */
    bool is_subdomain;                 /* it was found above the author domain */
    struct verdict_dmarc *out;
};

// The author domain's own record, else the organizational domain's, else the public suffix's.
static void
select_record(struct evaluation *evaluation)
{
    const struct dmarc_walk *walk = &evaluation->walk;
    if (walk->count > 0 && walk->steps[0].has_record) {
        evaluation->record = &walk->steps[0].record;
        return;
    }
    evaluation->is_subdomain = true;
    if (walk->failed) {
        return;
    }
    if (walk->org_step != NULL && walk->org_step->has_record) {
        evaluation->record = &walk->org_step->record;
        return;
    }
    const struct dmarc_step *last = &walk->steps[walk->count - 1];
    if (last->has_record && last->record.psd == DMARC_PSD_YES) {
        evaluation->record = &last->record;
    }
}

static bool
share_a_label(const char *a, const char *b)
{
    const char *top_a = strrchr(a, '.');
    const char *top_b = strrchr(b, '.');
    return strcmp(top_a == NULL ? a : top_a + 1, top_b == NULL ? b : top_b + 1) == 0;
}

static bool
is_within(const char *name, const char *parent)
{
    size_t length = strlen(name);
    size_t tail = strlen(parent);
    return length >= tail && strcmp(name + length - tail, parent) == 0 &&
           (length == tail || name[length - tail - 1] == '.');
}

// Without a question: an organizational domain is the name itself or stands above it, whatever the
// DNS says. A stranger's zones are never asked, so they cannot make a fail a temperror.
static bool
may_share_org(const struct evaluation *evaluation, const char *domain)
{
    const char *org = evaluation->walk.org;
    return org != NULL ? is_within(domain, org) : share_a_label(domain, evaluation->input->author);
}

static enum alignment
compare(struct evaluation *evaluation, const char *domain, bool strict)
{
    const char *author = evaluation->input->author;
    if (strcmp(domain, author) == 0) {
        return ALIGNED;
    }
    if (strict || domain[0] == '\0' || !may_share_org(evaluation, domain)) {
        return NOT_ALIGNED;
    }
    char org[DOMAIN_NAME_SIZE];
    if (evaluation->walk.org == NULL ||
        dmarc_org_domain(evaluation->dns, evaluation->budget, evaluation->input->discovery, domain,
                         org) != ST_OK) {
        return ALIGNMENT_UNKNOWN;
    }
    return strcmp(org, evaluation->walk.org) == 0 ? ALIGNED : NOT_ALIGNED;
}

// True if the identity is an aligned pass; notes in `uncertain` when it could have been one.
static bool
is_aligned_pass(struct evaluation *evaluation, const struct dmarc_identity *identity, bool strict,
                bool *uncertain)
{
    if (identity->result != AUTH_PASS && identity->result != AUTH_TEMPERROR) {
        return false;
    }
    enum alignment alignment = compare(evaluation, identity->domain, strict);
    if (alignment == ALIGNMENT_UNKNOWN ||
        (alignment == ALIGNED && identity->result == AUTH_TEMPERROR)) {
        *uncertain = true;
    }
    return alignment == ALIGNED && identity->result == AUTH_PASS;
}

static void
set_error(struct verdict_dmarc *out, enum auth_result result, const char *reason)
{
    out->result = result;
    (void)snprintf(out->reason, sizeof(out->reason), "%s", reason);
}

static enum dmarc_action
milder(enum dmarc_action a, enum dmarc_action b)
{
    return a < b ? a : b;
}

// p, sp or np. Whether the author domain exists is asked only when it matters.
static enum dmarc_action
select_policy(struct evaluation *evaluation)
{
    const struct dmarc_record *record = evaluation->record;
    if (!evaluation->is_subdomain) {
        return record->policy;
    }
    if (record->nonexistent_policy == record->subdomain_policy) {
        return record->subdomain_policy;
    }
    AUTO_ANSWER *answer =
        dns_get(evaluation->dns, evaluation->budget, evaluation->input->author, DNS_A);
    if (answer->status == DNS_TEMPORARY) {
        return milder(record->nonexistent_policy, record->subdomain_policy);
    }
    return answer->status == DNS_NXDOMAIN ? record->nonexistent_policy : record->subdomain_policy;
}

static enum dmarc_action
lower(enum dmarc_action action)
{
    return action == DMARC_ACTION_REJECT ? DMARC_ACTION_QUARANTINE : DMARC_ACTION_NONE;
}

static void
judge(struct evaluation *evaluation)
{
    struct verdict_dmarc *out = evaluation->out;
    const struct dmarc_record *record = evaluation->record;
    const struct dmarc_input *input = evaluation->input;
    bool uncertain = false;
    out->policy = select_policy(evaluation);
    out->aligned_spf = is_aligned_pass(evaluation, &input->spf, record->strict_spf, &uncertain);
    for (size_t i = 0; i < input->dkim_count; i++) {
        out->aligned_dkim |=
            is_aligned_pass(evaluation, &input->dkim[i], record->strict_dkim, &uncertain);
    }
    if (out->aligned_spf || out->aligned_dkim) {
        out->result = AUTH_PASS;
    } else if (uncertain) {
        set_error(out, AUTH_TEMPERROR, "a lookup failed that could have made it pass");
    } else {
        out->result = AUTH_FAIL;
        out->disposition = record->testing ? lower(out->policy) : out->policy;
    }
}

void
dmarc_evaluate(struct dns *dns, struct dns_budget *budget, const struct dmarc_input *input,
               struct verdict_dmarc *out)
{
    struct evaluation evaluation = {.dns = dns, .budget = budget, .input = input, .out = out};
    *out = (struct verdict_dmarc){.result = AUTH_NONE};
    (void)snprintf(out->domain, sizeof(out->domain), "%s", input->author);
    dmarc_discover(dns, budget, input->discovery, input->author, &evaluation.walk);
    if (evaluation.walk.org != NULL) {
        (void)snprintf(out->org_domain, sizeof(out->org_domain), "%s", evaluation.walk.org);
    }
    select_record(&evaluation);
    if (evaluation.record == NULL && evaluation.walk.failed) {
        set_error(out, AUTH_TEMPERROR, "the policy could not be looked up");
    } else if (evaluation.record != NULL && evaluation.record->has_policy) {
        judge(&evaluation);
    }
}
