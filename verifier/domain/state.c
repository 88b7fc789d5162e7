// SPDX-License-Identifier: Apache-2.0
#include "verifier/domain/state.h"

#include <assert.h>

#include "common/attrs.h"

enum { JITTER_PERCENT = 10 };

static const int64_t PENDING_AGES_MS[] = {1 * STATE_MINUTE_MS, 2 * STATE_MINUTE_MS,
                                          5 * STATE_MINUTE_MS, 15 * STATE_MINUTE_MS,
                                          30 * STATE_MINUTE_MS};
static const int64_t RELEASE_AGES_MS[] = {10000, 1 * STATE_MINUTE_MS, 5 * STATE_MINUTE_MS,
                                          15 * STATE_MINUTE_MS, 30 * STATE_MINUTE_MS};

/* ---- steps ----------------------------------------------------------------------------------- */

void
domain_step_add(struct domain_step *step, const char *kind, const char *detail)
{
    assert(step->event_count < STATE_EVENTS_MAX);
    step->changed = true;
    step->events[step->event_count] =
        (struct store_event){.kind = kind, .detail = detail == NULL ? "" : detail};
    step->event_count++;
}

const struct store_event *
domain_step_events(struct domain_step *step)
{
    for (size_t i = 0; i + 1 < step->event_count; i++) {
        step->events[i].also = &step->events[i + 1];
    }
    return step->event_count == 0 ? NULL : step->events;
}

/* ---- time ------------------------------------------------------------------------------------ */

// What lies between two checks of a domain in this status by the schedule.
static int64_t
interval_of(const struct store_domain *domain)
{
    switch (domain->status) {
    case DOMAIN_PENDING:
        return STATE_HOUR_MS;
    case DOMAIN_AT_RISK:
        return STATE_CONFIRM_MS;
    case DOMAIN_VERIFIED:
        return domain->misses > 0 || domain->ownership_misses > 0 ? STATE_CONFIRM_MS : STATE_DAY_MS;
    case DOMAIN_FAILED:
        if (domain->ownership_misses == 1) {
            return STATE_CONFIRM_MS;
        }
        return domain->mail == DOMAIN_MAIL_HELD || domain->mail == DOMAIN_MAIL_DEFERRED ||
                       domain->claim_seen_at != 0 // a claim that is about to be confirmed
                   ? STATE_HOUR_MS
                   : STATE_DAY_MS;
    case DOMAIN_REMOVED:
        return domain->releases_identity ? STATE_RELEASE_EVERY_MS : STATE_DAY_MS;
    }
    return STATE_DAY_MS;
}

// Time since the last answer, as far as it was watched.
static int64_t
watched_ms(const struct store_domain *domain, int64_t now)
{
    int64_t since = domain->checked_at != 0 ? domain->checked_at : domain->created_at;
    int64_t elapsed = now - since;
    int64_t most = STATE_GAPS * interval_of(domain);
    if (elapsed < 0) {
        return 0;
    }
    return elapsed < most ? elapsed : most;
}

/* ---- what is missing ------------------------------------------------------------------------- */

// Misses in a row; one that comes too soon behind the first confirms nothing. The row's time of the
// first miss may lie ahead of a clock that was set back: then it begins anew.
static void
count_miss(uint32_t *misses, int64_t *since, const struct domain_time *time)
{
    int64_t now = time->now;
    if (*misses == 0 || *since > now) {
        *misses = 1;
        *since = now;
    } else if (*misses >= STATE_CONFIRM_MISSES || now - *since >= time->rules.confirm_after_ms) {
        *misses += *misses < UINT32_MAX ? 1 : 0;
    }
}

static void
enter(struct store_domain *domain, enum domain_status status)
{
    domain->status = status;
    domain->status_ms = 0;
}

static void
pass_required(struct store_domain *domain, int64_t now, const char *detail,
              struct domain_step *step)
{
    domain->misses = 0;
    domain->missing_since = 0;
    if (domain->status == DOMAIN_VERIFIED) {
        return;
    }
    domain_step_add(step, domain->verified_at == 0 ? "domain.verified" : "domain.restored", detail);
    enter(domain, DOMAIN_VERIFIED);
    domain->verified_at = now;
    domain->failed_at = 0;
}

static void
fail(struct store_domain *domain, int64_t now, const char *detail, struct domain_step *step)
{
    enter(domain, DOMAIN_FAILED);
    domain->failed_at = now;
    domain_step_add(step, "domain.failed", detail);
}

static void
miss_required(struct store_domain *domain, const struct domain_time *time, const char *detail,
              struct domain_step *step)
{
    int64_t now = time->now;
    bool is_first = domain->misses == 0;
    count_miss(&domain->misses, &domain->missing_since, time);
    switch (domain->status) {
    case DOMAIN_VERIFIED:
        if (domain->misses >= STATE_CONFIRM_MISSES) {
            enter(domain, DOMAIN_AT_RISK);
            domain_step_add(step, "domain.at_risk", detail);
        } else if (is_first) {
            domain_step_add(step, "domain.check_failed", detail);
        }
        break;
    case DOMAIN_PENDING:
        if (domain->status_ms >= time->rules.pending_for_ms) {
            fail(domain, now, detail, step);
        }
        break;
    case DOMAIN_AT_RISK:
        if (domain->status_ms >= time->rules.grace_ms && domain->misses >= time->rules.misses) {
            fail(domain, now, detail, step);
        }
        break;
    case DOMAIN_FAILED:
    case DOMAIN_REMOVED:
        break;
    }
}

/* ---- mail ------------------------------------------------------------------------------------ */

static void
set_mail(struct store_domain *domain, enum domain_mail mail, const char *detail,
         struct domain_step *step)
{
    static const char *const KINDS[] = {
        [DOMAIN_MAIL_OPEN] = "domain.inbound_reopened",
        [DOMAIN_MAIL_HELD] = "domain.inbound_held",
        [DOMAIN_MAIL_DEFERRED] = "domain.inbound_deferred",
        [DOMAIN_MAIL_REFUSED] = "domain.inbound_refused",
    };
    if (domain->mail == mail) {
        return;
    }
    step->mail_reopened = mail == DOMAIN_MAIL_OPEN;
    domain->mail = mail;
    if (domain->inbound) {
        domain_step_add(step, KINDS[mail], detail);
    }
}

static void
pass_inbound(struct store_domain *domain, struct domain_step *step)
{
    domain->ownership_misses = 0;
    domain->ownership_missing_since = 0;
    domain->ownership_missing_ms = 0;
    set_mail(domain, DOMAIN_MAIL_OPEN, "what inbound needs is there again", step);
}

static void
miss_inbound(struct store_domain *domain, const struct domain_time *time, int64_t watched,
             const char *detail, struct domain_step *step)
{
    int64_t grace = time->rules.grace_ms;
    if (domain->owned_at == 0) {
        return; // never proven: there is nothing to lose
    }
    domain->ownership_missing_ms += domain->ownership_misses > 0 ? watched : 0;
    count_miss(&domain->ownership_misses, &domain->ownership_missing_since, time);
    if (domain->ownership_misses < STATE_CONFIRM_MISSES) {
        return;
    }
    if (domain->ownership_missing_ms >= grace + time->rules.deferred_for_ms) {
        set_mail(domain, DOMAIN_MAIL_REFUSED, detail, step);
    } else if (domain->ownership_missing_ms >= grace) {
        set_mail(domain, DOMAIN_MAIL_DEFERRED, detail, step);
    } else {
        set_mail(domain, DOMAIN_MAIL_HELD, detail, step);
    }
}

/* ---- the steps ------------------------------------------------------------------------------- */

static void
start_step(struct domain_step *step)
{
    *step = (struct domain_step){.changed = false};
}

static void
step_required(struct store_domain *domain, const struct domain_outcome *outcome,
              const struct domain_time *time, struct domain_step *step)
{
    switch (outcome->required) {
    case CHECK_PASS:
        pass_required(domain, time->now, outcome->detail, step);
        break;
    case CHECK_MISS:
        miss_required(domain, time, outcome->detail, step);
        break;
    case CHECK_PARTIAL: // some server has it: what was suspected is not so
        if (domain->status == DOMAIN_VERIFIED) {
            domain->misses = 0;
            domain->missing_since = 0;
        }
        break;
    case CHECK_UNKNOWN:
        break;
    }
}

static void
step_inbound(struct store_domain *domain, const struct domain_outcome *outcome,
             const struct domain_time *time, int64_t watched, struct domain_step *step)
{
    switch (outcome->inbound) {
    case CHECK_PASS:
        pass_inbound(domain, step);
        break;
    case CHECK_MISS:
        miss_inbound(domain, time, watched, outcome->detail, step);
        break;
    case CHECK_PARTIAL:
        if (domain->mail == DOMAIN_MAIL_OPEN) {
            domain->ownership_misses = 0;
            domain->ownership_missing_since = 0;
            domain->ownership_missing_ms = 0;
        }
        break;
    case CHECK_UNKNOWN:
        break;
    }
}

// With a clock that jumped nothing may be lost, but what passes passes.
static struct domain_outcome
without_losses(const struct domain_outcome *outcome)
{
    struct domain_outcome kept = *outcome;
    kept.required = outcome->required == CHECK_PASS ? CHECK_PASS : CHECK_UNKNOWN;
    kept.ownership = outcome->ownership == CHECK_PASS ? CHECK_PASS : CHECK_UNKNOWN;
    kept.inbound = outcome->inbound == CHECK_PASS ? CHECK_PASS : CHECK_UNKNOWN;
    return kept;
}

void
domain_state_checked(struct store_domain *domain, const struct domain_outcome *outcome,
                     const struct domain_time *time, struct domain_step *step_out)
{
    start_step(step_out);
    if (domain->status == DOMAIN_REMOVED) {
        return;
    }
    struct domain_outcome counted = time->trusted ? *outcome : without_losses(outcome);
    if (counted.required != CHECK_UNKNOWN || counted.inbound != CHECK_UNKNOWN) {
        int64_t watched = watched_ms(domain, time->now);
        bool counts_time = time->trusted && counted.required == CHECK_MISS;
        domain->status_ms += counts_time ? watched : 0;
        step_out->changed = true;
        domain->owned_at = counted.ownership == CHECK_PASS ? time->now : domain->owned_at;
        step_required(domain, &counted, time, step_out);
        step_inbound(domain, &counted, time, watched, step_out);
        domain->checked_at = time->now;
        domain->checks++;
    }
    domain->next_check_at = domain_state_next_check(domain, time->now);
    if (!step_out->changed && domain->next_check_at > time->now + STATE_ASK_AGAIN_MS) {
        domain->next_check_at = time->now + STATE_ASK_AGAIN_MS;
    }
}

void
domain_state_remove(struct store_domain *domain, int64_t now, const char *detail,
                    struct domain_step *step_out)
{
    start_step(step_out);
    if (domain->status == DOMAIN_REMOVED) {
        return;
    }
    enter(domain, DOMAIN_REMOVED);
    domain->inbound = false;
    domain->removed_at = now;
    domain->next_check_at = now + 1; // does its MX still lead here? is there anything to give back?
    domain_step_add(step_out, "domain.removed", detail);
}

static void
step_points_here(struct store_domain *domain, enum check_outcome points_here,
                 struct domain_step *step)
{
    bool is_known = points_here == CHECK_PASS || points_here == CHECK_MISS;
    bool points = points_here == CHECK_PASS;
    if (!is_known || points == domain->mx_points_here) {
        return;
    }
    domain->mx_points_here = points;
    step->changed = true;
    if (points) {
        domain_step_add(step, "domain.mx_points_here",
                        domain_was_owned(domain)
                            ? "removed, but its MX still leads here: its senders get 550"
                            : "removed, but its MX leads here: nobody proved to own it, so it is "
                              "none of ours, and Postfix answers its senders");
    }
}

void
domain_state_watched(struct store_domain *domain, enum check_outcome points_here, bool released,
                     const struct domain_time *time, struct domain_step *step_out)
{
    start_step(step_out);
    if (domain->status != DOMAIN_REMOVED || domain->forgotten) {
        return;
    }
    step_points_here(domain, points_here, step_out);
    int64_t since =
        domain->checked_at > domain->removed_at ? domain->checked_at : domain->removed_at;
    int64_t most = STATE_GAPS * interval_of(domain);
    int64_t elapsed = time->now - since;
    if (time->trusted && elapsed > 0) {
        domain->status_ms += elapsed < most ? elapsed : most;
    }
    domain->checked_at = time->now;
    domain->checks++;
    domain->releases_identity = domain->releases_identity && !released;
    step_out->changed = true;
    if (domain->status_ms >= STATE_WATCH_MS && !domain->releases_identity) {
        domain->forgotten = true;
        domain_step_add(step_out, "domain.forgotten", "its watch is over");
    }
    domain->next_check_at = domain_state_next_check(domain, time->now);
}

/* ---- schedule -------------------------------------------------------------------------------- */

int64_t
domain_state_spread(const struct store_domain *domain, int64_t span_ms)
{
    uint64_t hash = 1469598103934665603U; // FNV-1a
    for (const char *c = domain->id.text; *c != '\0'; c++) {
        hash = (hash ^ (unsigned char)*c) * 1099511628211U;
    }
    hash = (hash ^ domain->checks) * 1099511628211U;
    return (int64_t)((hash >> 20) % (uint64_t)span_ms);
}

// The next of these ages; hourly behind the last.
static int64_t
next_by_age(const int64_t *ages, size_t count, int64_t since, int64_t now)
{
    int64_t age = now - since;
    for (size_t i = 0; age >= 0 && i < count; i++) {
        if (age < ages[i]) {
            return since + ages[i];
        }
    }
    return now + STATE_HOUR_MS;
}

int64_t
domain_state_next_check(const struct store_domain *domain, int64_t now)
{
    int64_t interval = interval_of(domain);
    if (domain->status == DOMAIN_PENDING) {
        return next_by_age(PENDING_AGES_MS, ARRAY_LEN(PENDING_AGES_MS), domain->created_at, now);
    }
    if (domain->status == DOMAIN_REMOVED && domain->releases_identity) {
        return next_by_age(RELEASE_AGES_MS, ARRAY_LEN(RELEASE_AGES_MS), domain->removed_at, now);
    }
    bool is_confirmed_soon = domain->claims && domain->claim_seen_at != 0;
    bool is_left_alone = (domain->status == DOMAIN_REMOVED && domain->forgotten) ||
                         (domain->status == DOMAIN_FAILED && !domain->inbound &&
                          !is_confirmed_soon && domain->status_ms >= STATE_FAILED_FOR_MS);
    if (is_left_alone) {
        return 0;
    }
    if (interval < STATE_DAY_MS) {
        return now + interval;
    }
    int64_t span = interval * JITTER_PERCENT / 100;
    return now + interval - span / 2 + domain_state_spread(domain, span);
}

bool
domain_was_owned(const struct store_domain *domain)
{
    return domain->owned_at != 0;
}

/* ---- what is coming -------------------------------------------------------------------------- */

// `spent` of `most` are over, as of the last answer.
static int64_t
end_of(const struct store_domain *domain, int64_t most, int64_t spent)
{
    int64_t since = domain->checked_at != 0 ? domain->checked_at : domain->created_at;
    return since + (spent < most ? most - spent : 0);
}

int64_t
domain_state_fails_at(const struct store_domain *domain, const struct domain_rules *rules)
{
    switch (domain->status) {
    case DOMAIN_PENDING:
        return end_of(domain, rules->pending_for_ms, domain->status_ms);
    case DOMAIN_AT_RISK:
        return end_of(domain, rules->grace_ms, domain->status_ms);
    case DOMAIN_VERIFIED:
    case DOMAIN_FAILED:
    case DOMAIN_REMOVED:
        break;
    }
    return 0;
}

int64_t
domain_state_mail_changes_at(const struct store_domain *domain, const struct domain_rules *rules)
{
    int64_t spent = domain->ownership_missing_ms;
    switch (domain->mail) {
    case DOMAIN_MAIL_HELD:
        return end_of(domain, rules->grace_ms, spent);
    case DOMAIN_MAIL_DEFERRED:
        return end_of(domain, rules->grace_ms + rules->deferred_for_ms, spent);
    case DOMAIN_MAIL_OPEN:
    case DOMAIN_MAIL_REFUSED:
        break;
    }
    return 0;
}
