// SPDX-License-Identifier: Apache-2.0
#include "verifier/domain/claims.h"

#include <string.h>

/* ---- names ----------------------------------------------------------------------------------- */

// True for "a.example.com" and "example.com"; a name is not below itself. A-labels.
static bool
is_below(const char *name, const char *parent)
{
    size_t name_length = strlen(name);
    size_t parent_length = strlen(parent);
    return name_length > parent_length && name[name_length - parent_length - 1] == '.' &&
           strcmp(name + name_length - parent_length, parent) == 0;
}

bool
claims_is_held(const struct store_domain *row)
{
    return row->status != DOMAIN_REMOVED && !row->claims && domain_was_owned(row);
}

enum claims_relation
claims_relate(const struct store_domain *row, const char *tenant, const char *name)
{
    bool is_theirs = strcmp(row->tenant, tenant) == 0;
    bool is_same = strcmp(row->name, name) == 0;
    if (row->status == DOMAIN_REMOVED) {
        return CLAIMS_FREE;
    }
    if (is_theirs) {
        return is_same ? CLAIMS_OWN : CLAIMS_FREE;
    }
    if (is_same) {
        return row->claims ? CLAIMS_FREE : CLAIMS_TAKEN;
    }
    bool is_near = is_below(name, row->name) || is_below(row->name, name);
    return is_near && claims_is_held(row) ? CLAIMS_RELATED : CLAIMS_FREE;
}

/* ---- rows that wait -------------------------------------------------------------------------- */

bool
claims_waits(const struct store_domain *row)
{
    return row->claims || row->needs_approval;
}

static enum check_outcome
without_pass(enum check_outcome outcome)
{
    return outcome == CHECK_PASS ? CHECK_PARTIAL : outcome;
}

void
claims_limit(struct domain_outcome *outcome)
{
    outcome->ownership = without_pass(outcome->ownership);
    outcome->required = without_pass(outcome->required);
    outcome->inbound = without_pass(outcome->inbound);
}

const char *
claims_explain(const struct store_domain *row, bool is_held)
{
    if (row->needs_approval) {
        return "another tenant holds a domain above or below it: the operator has to approve this "
               "one";
    }
    if (!row->claims) {
        return NULL;
    }
    if (row->contested_at != 0) {
        return "another tenant's proof of ownership stands in the DNS beside this one: the name "
               "stays where it is until one of them is removed";
    }
    if (!is_held) {
        return "another tenant added it before, and nobody has proven to own it yet: the name goes "
               "to the first whose proof of ownership is in the DNS";
    }
    return row->claim_seen_at != 0
               ? "held by another tenant, whose proof of ownership is gone: the name moves when a "
                 "check in an hour sees the same"
               : "held by another tenant: the name moves here when its proof of ownership is gone "
                 "from the DNS and this one is there";
}

void
claims_tell_approval(const struct store_domain *row, bool waited, struct domain_step *step)
{
    if (row->needs_approval && !waited) {
        domain_step_add(step, "domain.needs_approval", claims_explain(row, false));
    }
}

/* ---- a contest ------------------------------------------------------------------------------- */

static void
set_time(int64_t *field, int64_t value, struct domain_step *step)
{
    if (*field != value) {
        *field = value;
        step->changed = true;
    }
}

static void
contest(struct store_domain *claim, int64_t now, struct domain_step *step)
{
    set_time(&claim->claim_seen_at, 0, step);
    if (claim->contested_at == 0) {
        set_time(&claim->contested_at, now, step);
        domain_step_add(step, "domain.contested",
                        "two tenants' proofs of ownership stand in the DNS; the holder keeps it");
    }
}

// Neither a clock that was set forward nor one that was set while we were stopped makes an hour.
static int64_t
waited_ms(const struct store_domain *claim, const struct claims_time *time)
{
    int64_t ahead = time->ahead_ms > CLAIMS_DRIFT_MS ? time->ahead_ms : 0;
    int64_t elapsed = time->now - claim->claim_seen_at - ahead;
    return elapsed < time->up_ms ? elapsed : time->up_ms;
}

// The holder's proof is gone, and the claim's is there. The first look counts for nothing when the
// holder's proof was seen behind it.
static bool
confirm(struct store_domain *claim, int64_t holder_seen_at, const struct claims_time *time,
        struct domain_step *step)
{
    bool is_void = claim->claim_seen_at <= holder_seen_at && holder_seen_at <= time->now;
    bool is_first = claim->claim_seen_at == 0 || claim->claim_seen_at > time->now || is_void;
    set_time(&claim->contested_at, 0, step);
    if (is_first) {
        set_time(&claim->claim_seen_at, time->now, step);
    }
    return !is_first && waited_ms(claim, time) >= CLAIMS_CONFIRM_MS;
}

bool
claims_judge(struct store_domain *claim, const struct claims_seen *seen,
             const struct claims_time *time, struct domain_step *step_out)
{
    // Of a holder that has never proven anything there is no proof that one would have to ask for.
    bool holder_is_unclear = seen->holders == CHECK_UNKNOWN && seen->holder_was_proven;
    bool is_unclear =
        seen->resolver_only || seen->mine == CHECK_UNKNOWN || holder_is_unclear || !time->trusted;
    if (is_unclear) {
        return false; // could not ask: nothing changes
    }
    if (claim->needs_approval) { // the hour begins when it may
        set_time(&claim->claim_seen_at, 0, step_out);
        return false;
    }
    if (seen->mine != CHECK_PASS) {
        set_time(&claim->claim_seen_at, 0, step_out);
        set_time(&claim->contested_at, 0, step_out);
        return false;
    }
    // A single server that has it is enough to keep the name.
    if (seen->holders == CHECK_PASS || seen->holders == CHECK_PARTIAL) {
        contest(claim, time->now, step_out);
        return false;
    }
    bool is_confirmed = confirm(claim, seen->holder_seen_at, time, step_out);
    return is_confirmed || !seen->holder_was_proven;
}
