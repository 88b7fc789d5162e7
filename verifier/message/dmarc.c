// SPDX-License-Identifier: Apache-2.0
#include "verifier/message/dmarc.h"

#include <stdio.h>
#include <string.h>

#include "verifier/message/dmarc_record.h"

enum { LABELS_FULL_STEP = 8 }; /* names of so many labels or more continue at 7 (RFC 9989, 4.10) */

struct step {
    const char *name; /* points into the name the walk began with */
    bool has_record;
    struct dmarc_record record;
};

/* From a name up to its top level. */
struct walk {
    struct step steps[DMARC_WALK_MAX];
    size_t count;
    bool failed;                 /* the DNS did not answer for one of the names */
    const char *org;             /* organizational domain; NULL: not known */
    const struct step *org_step; /* NULL: the organizational domain has no step of its own */
};

enum alignment { ALIGNED, NOT_ALIGNED, ALIGNMENT_UNKNOWN };

static size_t
count_labels(const char *name)
{
    size_t count = 1;
    for (; *name != '\0'; name++) {
        count += *name == '.' ? 1 : 0;
    }
    return count;
}

static const char *
parent_of(const char *name)
{
    const char *dot = strchr(name, '.');
    return dot == NULL ? NULL : dot + 1;
}

// The record at one name: exactly one valid one, or none.
static void
read_record(const struct dns_answer *answer, struct step *step)
{
    size_t found = 0;
    for (size_t i = 0; i < answer->count; i++) {
        struct dmarc_record record;
        if (dmarc_record_parse(answer->records[i].data, answer->records[i].length, &record) ==
            ST_OK) {
            step->record = record;
            found++;
        }
    }
    step->has_record = found == 1;
}

// False when the DNS did not answer.
static bool
take_step(struct dns *dns, struct dns_budget *budget, const char *name, struct step *step)
{
    char query[DOMAIN_NAME_SIZE + 8];
    *step = (struct step){.name = name};
    (void)snprintf(query, sizeof(query), "_dmarc.%s", name);
    AUTO_ANSWER *answer = dns_get(dns, budget, query, DNS_TXT);
    if (answer->status == DNS_OK) {
        read_record(answer, step);
    }
    return answer->status != DNS_TEMPORARY;
}

static const char *
next_name(const char *name)
{
    const char *next = parent_of(name);
    while (next != NULL && count_labels(next) >= LABELS_FULL_STEP) {
        next = parent_of(next);
    }
    return next;
}

static void
find_org(struct walk *walk)
{
    const struct step *best = NULL;
    for (size_t i = 0; i < walk->count; i++) {
        const struct step *step = &walk->steps[i];
        if (!step->has_record) {
            continue;
        }
        if (step->record.psd == DMARC_PSD_NO) {
            best = step;
            break;
        }
        if (step->record.psd == DMARC_PSD_YES && i > 0) {
            // One label below it, on the way we came; that name was asked too unless it was
            // skipped.
            const char *below = walk->steps[0].name;
            while (parent_of(below) != NULL && parent_of(below) != step->name) {
                below = parent_of(below);
            }
            walk->org = below;
            walk->org_step = walk->steps[i - 1].name == below ? &walk->steps[i - 1] : NULL;
            return;
        }
        best = step;
    }
    best = best == NULL ? &walk->steps[0] : best;
    walk->org = best->name;
    walk->org_step = best;
}

// `name` must outlive the walk.
static void
walk_tree(struct dns *dns, struct dns_budget *budget, const char *name, struct walk *walk)
{
    *walk = (struct walk){.count = 0};
    for (const char *at = name; at != NULL && walk->count < DMARC_WALK_MAX; at = next_name(at)) {
        struct step *step = &walk->steps[walk->count++];
        if (!take_step(dns, budget, at, step)) {
            walk->failed = true;
            return;
        }
        if (step->has_record && step->record.psd != DMARC_PSD_UNKNOWN) {
            break;
        }
    }
    find_org(walk);
}

enum status
dmarc_org_domain(struct dns *dns, struct dns_budget *budget, const char *name,
                 char out[DOMAIN_NAME_SIZE])
{
    struct walk walk;
    walk_tree(dns, budget, name, &walk);
    if (walk.failed || strlen(walk.org) > DOMAIN_NAME_MAX) {
        return ST_AGAIN;
    }
    memcpy(out, walk.org, strlen(walk.org) + 1);
    return ST_OK;
}

/* All that one evaluation needs. */
struct evaluation {
    struct dns *dns;
    struct dns_budget *budget;
    const struct dmarc_input *input;
    struct walk walk;                  /* of the author domain */
    const struct dmarc_record *record; /* that applies */
    bool is_subdomain;                 /* it was found above the author domain */
    struct verdict_dmarc *out;
};

// The author domain's own record, else the organizational domain's, else the public suffix's.
static void
select_record(struct evaluation *evaluation)
{
    const struct walk *walk = &evaluation->walk;
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
    const struct step *last = &walk->steps[walk->count - 1];
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

static enum alignment
compare(struct evaluation *evaluation, const char *domain, bool strict)
{
    const char *author = evaluation->input->author;
    if (strcmp(domain, author) == 0) {
        return ALIGNED;
    }
    if (strict || domain[0] == '\0' || !share_a_label(domain, author)) {
        return NOT_ALIGNED;
    }
    char org[DOMAIN_NAME_SIZE];
    if (evaluation->walk.failed ||
        dmarc_org_domain(evaluation->dns, evaluation->budget, domain, org) != ST_OK) {
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
    walk_tree(dns, budget, input->author, &evaluation.walk);
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
