// SPDX-License-Identifier: Apache-2.0
// The life of a domain: the one place that says which status follows which, and what becomes of
// its mail. Pure: rows and times in, rows out.
//
//   pending ──all required pass──> verified ──twice missing, 15 min apart──> at_risk ──> verified
//      └── 72 h ──> failed ──passes later──> verified        at_risk ── 72 h and 6 misses ──>
//      failed
//   any ── remove ──> removed, for good; watched for 30 days, then forgotten
//
// Mail, of what inbound needs (ownership; the MX too with `mx: required`), whatever the status is:
//
//   open ──twice missing, 15 min apart──> held ── 72 h ──> deferred (450) ── 24 h ──> refused (550)
//
// and back to open with the first check that finds it. Time counts only as far as checks saw it:
// between two of them at most STATE_GAPS of what lies between checks by the schedule. So neither a
// stopped daemon nor a clock that jumps while it is stopped ends anything.
#ifndef VERIFIER_DOMAIN_STATE_H
#define VERIFIER_DOMAIN_STATE_H

#include "store/store.h"
#include "verifier/domain/check.h"

#define STATE_MINUTE_MS ((int64_t)60 * 1000)
#define STATE_HOUR_MS (60 * STATE_MINUTE_MS)
#define STATE_DAY_MS (24 * STATE_HOUR_MS)

#define STATE_CONFIRM_MS (15 * STATE_MINUTE_MS) /* between checks of what is in doubt */
#define STATE_FAILED_FOR_MS (30 * STATE_DAY_MS) /* checked daily; then by hand */
#define STATE_WATCH_MS (30 * STATE_DAY_MS)      /* a removed name is watched; then forgotten */
#define STATE_ASK_AGAIN_MS (STATE_HOUR_MS)      /* at the latest, when nobody could be asked */
#define STATE_RELEASE_EVERY_MS (STATE_HOUR_MS)  /* tries to give an identity back, in the end */

enum { STATE_CONFIRM_MISSES = 2, STATE_GAPS = 2 };

/** What the operator set. */
struct domain_rules {
    int64_t pending_for_ms;   /* pending, then failed: 72 h */
    int64_t grace_ms;         /* at_risk, then failed; mail held, then deferred: 72 h ... */
    uint32_t misses;          /* ... and at least so many misses: 6 */
    int64_t confirm_after_ms; /* between two misses that count as a loss: 15 min */
    int64_t deferred_for_ms;  /* mail deferred, then refused: 24 h */
};

/** What a check came to. */
struct domain_outcome {
    enum check_outcome ownership; /* the proof of ownership */
    enum check_outcome required;  /* all required records, the proof among them */
    enum check_outcome inbound; /* what inbound needs: the proof; with `mx: required` the MX too */
    const char *detail;         /* one sentence for the events; "" */
};

struct domain_time {
    int64_t now;  /* the store's clock */
    bool trusted; /* false: the clock jumped; nothing that takes time happens */
    struct domain_rules rules;
};

enum { STATE_EVENTS_MAX = 3 };

/** What a step did: events linked for store_domain_put. Do not copy: it points into itself. */
struct domain_step {
    bool changed;       /* the row is to be written */
    size_t event_count; /* 0: no event */
    struct store_event events[STATE_EVENTS_MAX];
    bool mail_reopened; /* what is held for the missing proof may go on */
};

/**
 * A check was made of the row as it is. A removed row, and an outcome UNKNOWN in both parts, is
 * left alone but for `next_check_at`, which is no change worth writing.
 *
 * @outcome   its detail is borrowed by the events
 * @step_out  which events: "domain.verified", "domain.restored", "domain.at_risk", "domain.failed",
 *            "domain.check_failed" (the first miss), "domain.inbound_held", "..._deferred",
 *            "..._refused", "..._reopened"
 */
void domain_state_checked(struct store_domain *domain, const struct domain_outcome *outcome,
                          const struct domain_time *time, struct domain_step *step_out);

/** Remove: inbound off, for good. Event "domain.removed". Nothing when it is removed already. */
void domain_state_remove(struct store_domain *domain, int64_t now, const char *detail,
                         struct domain_step *step_out);

/**
 * A removed row was looked at (once a day, or more often while it releases its identity).
 *
 * @points_here  an MX of the name is ours; UNKNOWN changes nothing
 * @released     its SES identity needs no further work
 * @step_out     events "domain.mx_points_here", "domain.forgotten"
 */
void domain_state_watched(struct store_domain *domain, enum check_outcome points_here,
                          bool released, const struct domain_time *time,
                          struct domain_step *step_out);

/** Link what another part decided to a step: claims.c. */
void domain_step_add(struct domain_step *step, const char *kind, const char *detail);

/** The events of a step for store_domain_put; NULL when there are none. */
const struct store_event *domain_step_events(struct domain_step *step);

/**
 * When the schedule looks at the row next: pending at the ages of 1, 2, 5, 15, 30 minutes, then
 * hourly; verified daily, with jitter; at_risk, and while a first miss is not confirmed, every 15
 * minutes; failed hourly while its mail is held or deferred, else daily for 30 days, and on while
 * its inbound is on, or it claims a name that moves with the next look; removed at once, then daily
 * until forgotten, but while it has an identity to give back after 10 s, 1, 5, 15, 30 minutes, then
 * hourly.
 *
 * @return  wall clock ms, above `now`; 0: never by itself
 */
int64_t domain_state_next_check(const struct store_domain *domain, int64_t now);

/**
 * When, at the earliest, a pending or at_risk domain fails unless its records are found before:
 * wall clock ms, as far as the checks up to now tell. 0: nothing of the kind is coming.
 */
int64_t domain_state_fails_at(const struct store_domain *domain, const struct domain_rules *rules);

/** Likewise for its mail, held or deferred: when it is deferred or refused. */
int64_t domain_state_mail_changes_at(const struct store_domain *domain,
                                     const struct domain_rules *rules);

/** A number from 0 to below span_ms: the same for this row, and evenly spread over many. */
int64_t domain_state_spread(const struct store_domain *domain, int64_t span_ms);

/** Proven at least once: only then a name may ever be answered for with more than "not ours". */
bool domain_was_owned(const struct store_domain *domain);

#endif
