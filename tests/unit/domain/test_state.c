// SPDX-License-Identifier: Apache-2.0
// The life of a domain, step by step, on times that the tests make up.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/attrs.h"
#include "verifier/domain/state.h"

#define START_MS ((int64_t)1795300000000)
#define M STATE_MINUTE_MS
#define H STATE_HOUR_MS
#define D STATE_DAY_MS

static const struct domain_rules RULES = {.pending_for_ms = 72 * H,
                                          .grace_ms = 72 * H,
                                          .misses = 6,
                                          .confirm_after_ms = 15 * M,
                                          .deferred_for_ms = 24 * H};

static struct store_domain
row_in(enum domain_status status)
{
    struct store_domain row = {.name = "example.com",
                               .status = status,
                               .inbound = true,
                               .created_at = START_MS,
                               .checked_at = START_MS,
                               .owned_at = START_MS,
                               .verified_at = START_MS};
    if (status == DOMAIN_PENDING) {
        row.inbound = false;
        row.checked_at = row.owned_at = row.verified_at = 0;
    }
    (void)snprintf(row.id.text, sizeof(row.id.text), "0123");
    return row;
}

// Checks with the same outcome in all parts.
static struct domain_step
check_at(struct store_domain *row, int64_t now, enum check_outcome outcome)
{
    const struct domain_outcome all = {
        .ownership = outcome, .required = outcome, .inbound = outcome, .detail = "why"};
    const struct domain_time time = {.now = now, .trusted = true, .rules = RULES};
    struct domain_step step;
    domain_state_checked(row, &all, &time, &step);
    return step;
}

// As the daemon does: at each time the row asks for, until `end`.
static void
follow_schedule(struct store_domain *row, int64_t end, enum check_outcome outcome)
{
    while (row->next_check_at != 0 && row->next_check_at <= end) {
        (void)check_at(row, row->next_check_at, outcome);
    }
}

/* ---- single steps ---------------------------------------------------------------------------- */

struct edge {
    const char *label;
    enum domain_status from;
    uint32_t misses;        /* so far; since then: */
    int64_t missing_for_ms; /* the first of them is so long ago */
    int64_t status_ms;      /* in the status, up to the check before */
    int64_t since_check_ms; /* the check before is so long ago */
    enum check_outcome outcome;
    enum domain_status to;
    const char *event; /* NULL: none */
};

static const struct edge EDGES[] = {
    {"passes at once", DOMAIN_PENDING, 0, 0, 0, M, CHECK_PASS, DOMAIN_VERIFIED, "domain.verified"},
    {"not yet", DOMAIN_PENDING, 0, 0, 0, M, CHECK_MISS, DOMAIN_PENDING, NULL},
    {"propagates", DOMAIN_PENDING, 3, H, 0, M, CHECK_PARTIAL, DOMAIN_PENDING, NULL},
    {"nobody could be asked", DOMAIN_PENDING, 3, H, 80 * H, H, CHECK_UNKNOWN, DOMAIN_PENDING, NULL},
    {"a minute before 72 h", DOMAIN_PENDING, 9, H, 71 * H, H - M, CHECK_MISS, DOMAIN_PENDING, NULL},
    {"72 h", DOMAIN_PENDING, 9, H, 71 * H, H, CHECK_MISS, DOMAIN_FAILED, "domain.failed"},
    {"72 h, but some server has it", DOMAIN_PENDING, 9, H, 90 * H, H, CHECK_PARTIAL, DOMAIN_PENDING,
     NULL},
    {"72 h, and passes", DOMAIN_PENDING, 9, H, 90 * H, H, CHECK_PASS, DOMAIN_VERIFIED,
     "domain.verified"},
    {"stays", DOMAIN_VERIFIED, 0, 0, 0, D, CHECK_PASS, DOMAIN_VERIFIED, NULL},
    {"first miss", DOMAIN_VERIFIED, 0, 0, 0, D, CHECK_MISS, DOMAIN_VERIFIED, "domain.check_failed"},
    {"second, too soon", DOMAIN_VERIFIED, 1, 15 * M - 1, 0, 15 * M - 1, CHECK_MISS, DOMAIN_VERIFIED,
     NULL},
    {"second, 15 min later", DOMAIN_VERIFIED, 1, 15 * M, 0, 15 * M, CHECK_MISS, DOMAIN_AT_RISK,
     "domain.at_risk"},
    {"second, where some have it", DOMAIN_VERIFIED, 1, 15 * M, 0, 15 * M, CHECK_PARTIAL,
     DOMAIN_VERIFIED, NULL},
    {"second, could not ask", DOMAIN_VERIFIED, 1, 15 * M, 0, 15 * M, CHECK_UNKNOWN, DOMAIN_VERIFIED,
     NULL},
    {"the clock was set back behind the first", DOMAIN_VERIFIED, 1, -H, 0, H, CHECK_MISS,
     DOMAIN_VERIFIED, NULL},
    {"passes again", DOMAIN_AT_RISK, 4, H, H, 15 * M, CHECK_PASS, DOMAIN_VERIFIED,
     "domain.restored"},
    {"propagates again", DOMAIN_AT_RISK, 400, 80 * H, 80 * H, 15 * M, CHECK_PARTIAL, DOMAIN_AT_RISK,
     NULL},
    {"could not ask for long", DOMAIN_AT_RISK, 400, 80 * H, 80 * H, 15 * M, CHECK_UNKNOWN,
     DOMAIN_AT_RISK, NULL},
    {"before 72 h", DOMAIN_AT_RISK, 200, 72 * H, 72 * H - 16 * M, 15 * M, CHECK_MISS,
     DOMAIN_AT_RISK, NULL},
    {"72 h", DOMAIN_AT_RISK, 200, 72 * H, 72 * H - 15 * M, 15 * M, CHECK_MISS, DOMAIN_FAILED,
     "domain.failed"},
    {"72 h, five misses", DOMAIN_AT_RISK, 4, 72 * H, 72 * H, 15 * M, CHECK_MISS, DOMAIN_AT_RISK,
     NULL},
    {"72 h, six misses", DOMAIN_AT_RISK, 5, 72 * H, 72 * H, 15 * M, CHECK_MISS, DOMAIN_FAILED,
     "domain.failed"},
    {"the daemon was down for a week", DOMAIN_AT_RISK, 5, H, H, 7 * D, CHECK_MISS, DOMAIN_AT_RISK,
     NULL},
    {"pending, the daemon was down for a week", DOMAIN_PENDING, 5, H, H, 7 * D, CHECK_MISS,
     DOMAIN_PENDING, NULL},
    {"failed, passes later", DOMAIN_FAILED, 400, 80 * H, 3 * D, D, CHECK_PASS, DOMAIN_VERIFIED,
     "domain.restored"},
    {"failed, still", DOMAIN_FAILED, 400, 80 * H, 3 * D, D, CHECK_MISS, DOMAIN_FAILED, NULL},
    {"removed, and passes", DOMAIN_REMOVED, 0, 0, 0, D, CHECK_PASS, DOMAIN_REMOVED, NULL},
    {"removed, and misses", DOMAIN_REMOVED, 1, H, 90 * D, D, CHECK_MISS, DOMAIN_REMOVED, NULL},
};

static void
each_edge_is_as_designed(void **state)
{
    (void)state;
    const int64_t now = START_MS + 400 * D;
    for (size_t i = 0; i < ARRAY_LEN(EDGES); i++) {
        const struct edge *edge = &EDGES[i];
        struct store_domain row = row_in(edge->from);
        row.inbound = false; // mail has a table of its own
        row.misses = edge->misses;
        row.missing_since = edge->misses == 0 ? 0 : now - edge->missing_for_ms;
        row.status_ms = edge->status_ms;
        row.checked_at = now - edge->since_check_ms;
        const struct store_domain before = row;
        struct domain_step step = check_at(&row, now, edge->outcome);
        const char *event = step.event_count == 0 ? NULL : step.events[0].kind;
        bool is_event_right =
            edge->event == NULL ? event == NULL : event != NULL && strcmp(event, edge->event) == 0;
        if (row.status != edge->to || !is_event_right || step.event_count > 1) {
            fail_msg("%s: %s, event %s", edge->label, domain_status_name(row.status),
                     event == NULL ? "none" : event);
        }
        bool counts = edge->outcome != CHECK_UNKNOWN && edge->from != DOMAIN_REMOVED;
        if (step.changed != counts || (row.checks == before.checks + 1) != counts ||
            (row.checked_at == now) != counts) {
            fail_msg("%s: what could not be asked changes nothing else", edge->label);
        }
        if (row.status != before.status && row.status_ms != 0) {
            fail_msg("%s: a new status begins at 0", edge->label);
        }
    }
}

/* ---- mail ------------------------------------------------------------------------------------ */

struct mail_edge {
    const char *label;
    enum domain_mail from;
    uint32_t misses;
    int64_t missing_ms; /* counted up to the check before */
    int64_t since_first_ms;
    int64_t since_check_ms;
    enum check_outcome outcome;
    enum domain_mail to;
    const char *event;
};

static const struct mail_edge MAIL_EDGES[] = {
    {"first miss", DOMAIN_MAIL_OPEN, 0, 0, 0, D, CHECK_MISS, DOMAIN_MAIL_OPEN, NULL},
    {"second, too soon", DOMAIN_MAIL_OPEN, 1, 0, 15 * M - 1, 15 * M - 1, CHECK_MISS,
     DOMAIN_MAIL_OPEN, NULL},
    {"second", DOMAIN_MAIL_OPEN, 1, 0, 15 * M, 15 * M, CHECK_MISS, DOMAIN_MAIL_HELD,
     "domain.inbound_held"},
    {"second, some have it", DOMAIN_MAIL_OPEN, 1, 0, 15 * M, 15 * M, CHECK_PARTIAL,
     DOMAIN_MAIL_OPEN, NULL},
    {"second, could not ask", DOMAIN_MAIL_OPEN, 1, 0, 15 * M, 15 * M, CHECK_UNKNOWN,
     DOMAIN_MAIL_OPEN, NULL},
    {"before the grace ends", DOMAIN_MAIL_HELD, 9, 72 * H - 16 * M, 72 * H, 15 * M, CHECK_MISS,
     DOMAIN_MAIL_HELD, NULL},
    {"the grace ends", DOMAIN_MAIL_HELD, 9, 72 * H - 15 * M, 72 * H, 15 * M, CHECK_MISS,
     DOMAIN_MAIL_DEFERRED, "domain.inbound_deferred"},
    {"the grace ends, some have it", DOMAIN_MAIL_HELD, 9, 90 * H, 90 * H, 15 * M, CHECK_PARTIAL,
     DOMAIN_MAIL_HELD, NULL},
    {"the grace ends, could not ask", DOMAIN_MAIL_HELD, 9, 90 * H, 90 * H, 15 * M, CHECK_UNKNOWN,
     DOMAIN_MAIL_HELD, NULL},
    {"before the last chance ends", DOMAIN_MAIL_DEFERRED, 9, 96 * H - 16 * M, 96 * H, 15 * M,
     CHECK_MISS, DOMAIN_MAIL_DEFERRED, NULL},
    {"the last chance ends", DOMAIN_MAIL_DEFERRED, 9, 96 * H - 15 * M, 96 * H, 15 * M, CHECK_MISS,
     DOMAIN_MAIL_REFUSED, "domain.inbound_refused"},
    {"stays refused", DOMAIN_MAIL_REFUSED, 9, 99 * H, 99 * H, D, CHECK_MISS, DOMAIN_MAIL_REFUSED,
     NULL},
    {"the daemon was down for a week", DOMAIN_MAIL_HELD, 9, H, H, 7 * D, CHECK_MISS,
     DOMAIN_MAIL_HELD, NULL},
    {"back in the grace", DOMAIN_MAIL_HELD, 9, H, H, 15 * M, CHECK_PASS, DOMAIN_MAIL_OPEN,
     "domain.inbound_reopened"},
    {"back from 450", DOMAIN_MAIL_DEFERRED, 9, 80 * H, 80 * H, 15 * M, CHECK_PASS, DOMAIN_MAIL_OPEN,
     "domain.inbound_reopened"},
    {"back from 550", DOMAIN_MAIL_REFUSED, 9, 99 * H, 99 * H, D, CHECK_PASS, DOMAIN_MAIL_OPEN,
     "domain.inbound_reopened"},
};

static void
mail_is_held_then_deferred_then_refused(void **state)
{
    (void)state;
    const int64_t now = START_MS + 400 * D;
    for (size_t i = 0; i < 2 * ARRAY_LEN(MAIL_EDGES); i++) {
        const struct mail_edge *edge = &MAIL_EDGES[i / 2];
        bool inbound = i % 2 == 0;
        struct store_domain row = row_in(DOMAIN_AT_RISK);
        row.inbound = inbound;
        row.mail = edge->from;
        row.ownership_misses = edge->misses;
        row.ownership_missing_ms = edge->missing_ms;
        row.ownership_missing_since = edge->misses == 0 ? 0 : now - edge->since_first_ms;
        row.checked_at = now - edge->since_check_ms;
        const struct domain_outcome outcome = {.ownership = edge->outcome,
                                               .required = CHECK_PARTIAL,
                                               .inbound = edge->outcome,
                                               .detail = "why"};
        const struct domain_time time = {.now = now, .trusted = true, .rules = RULES};
        struct domain_step step;
        domain_state_checked(&row, &outcome, &time, &step);
        const char *event = step.event_count == 0 ? "" : step.events[0].kind;
        const char *wanted = edge->event == NULL || !inbound ? "" : edge->event; // nobody's mail
        if (row.mail != edge->to || strcmp(event, wanted) != 0) {
            fail_msg("%s: %s, event '%s'", edge->label, domain_mail_name(row.mail), event);
        }
        assert_int_equal(step.mail_reopened,
                         edge->from != edge->to && edge->to == DOMAIN_MAIL_OPEN);
    }
}

static void
an_edited_spf_record_stops_no_mail(void **state)
{
    (void)state;
    struct store_domain row = row_in(DOMAIN_VERIFIED);
    row.next_check_at = START_MS + D;
    const struct domain_outcome outcome = {
        .ownership = CHECK_PASS, .required = CHECK_MISS, .inbound = CHECK_PASS, .detail = "no SPF"};
    while (row.next_check_at <= START_MS + 120 * D) {
        const struct domain_time time = {.now = row.next_check_at, .trusted = true, .rules = RULES};
        struct domain_step step;
        domain_state_checked(&row, &outcome, &time, &step);
        assert_int_equal(row.mail, DOMAIN_MAIL_OPEN);
        assert_true(row.inbound && row.next_check_at != 0); // its proof is looked at for ever
    }
    assert_int_equal(row.status, DOMAIN_FAILED);
}

static void
ownership_that_was_never_there_is_no_loss(void **state)
{
    (void)state;
    struct store_domain row = row_in(DOMAIN_PENDING);
    (void)check_at(&row, START_MS + M, CHECK_MISS);
    (void)check_at(&row, START_MS + H, CHECK_MISS);
    assert_int_equal(row.ownership_misses, 0);
    assert_false(domain_was_owned(&row));
    (void)check_at(&row, START_MS + 2 * H, CHECK_PASS);
    assert_true(domain_was_owned(&row));
}

static void
two_changes_of_one_check_are_two_events(void **state)
{
    (void)state;
    struct store_domain row = row_in(DOMAIN_VERIFIED);
    (void)check_at(&row, START_MS + D, CHECK_MISS);
    struct domain_step step = check_at(&row, START_MS + D + 15 * M, CHECK_MISS);
    const struct store_event *event = domain_step_events(&step);
    assert_string_equal(event->kind, "domain.at_risk");
    assert_string_equal(event->detail, "why");
    assert_string_equal(event->also->kind, "domain.inbound_held");
    assert_null(event->also->also);
    struct domain_step nothing = check_at(&row, START_MS + D + 15 * M, CHECK_UNKNOWN);
    assert_null(domain_step_events(&nothing));
}

/* ---- the clock ------------------------------------------------------------------------------- */

static void
a_clock_that_jumped_lets_nothing_run_out(void **state)
{
    (void)state;
    static const enum domain_status statuses[] = {DOMAIN_PENDING, DOMAIN_VERIFIED, DOMAIN_AT_RISK,
                                                  DOMAIN_FAILED};
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
        struct store_domain row = row_in(statuses[i]);
        const struct domain_outcome miss = {
            .ownership = CHECK_MISS, .required = CHECK_MISS, .inbound = CHECK_MISS, .detail = ""};
        struct domain_step step;
        for (int64_t hour = 1; hour < 1000; hour++) {
            const struct domain_time time = {.now = START_MS + hour * H, .rules = RULES};
            domain_state_checked(&row, &miss, &time, &step);
            assert_false(step.changed);
            assert_true(row.next_check_at > time.now);
        }
        assert_int_equal(row.status, statuses[i]);
        assert_int_equal(row.mail, DOMAIN_MAIL_OPEN);
        const struct domain_outcome pass = {
            .ownership = CHECK_PASS, .required = CHECK_PASS, .inbound = CHECK_PASS, .detail = ""};
        const struct domain_time time = {.now = START_MS, .rules = RULES};
        domain_state_checked(&row, &pass, &time, &step); // but what passes passes
        assert_int_equal(row.status, DOMAIN_VERIFIED);
    }
}

static void
a_jump_while_the_daemon_is_down_ends_nothing(void **state)
{
    (void)state;
    static const int64_t jumps[] = {-365 * D, 365 * D};
    for (size_t i = 0; i < ARRAY_LEN(jumps); i++) {
        struct store_domain row = row_in(DOMAIN_VERIFIED);
        (void)check_at(&row, START_MS + D, CHECK_MISS);
        (void)check_at(&row, START_MS + D + 15 * M, CHECK_MISS);
        assert_int_equal(row.status, DOMAIN_AT_RISK);
        int64_t now = START_MS + D + H + jumps[i];
        for (int minute = 0; minute < 60 * 60; minute += 15) { // 60 h more
            (void)check_at(&row, now + minute * M, CHECK_MISS);
        }
        assert_int_equal(row.status, DOMAIN_AT_RISK);
        assert_int_equal(row.mail, DOMAIN_MAIL_HELD);
    }
}

/* ---- whole lives ----------------------------------------------------------------------------- */

static void
a_domain_that_never_passes_fails_after_72_hours_and_is_left_alone_after_30_days(void **state)
{
    (void)state;
    struct store_domain row = row_in(DOMAIN_PENDING);
    row.next_check_at = domain_state_next_check(&row, START_MS);
    follow_schedule(&row, START_MS + 72 * H - M, CHECK_MISS);
    assert_int_equal(row.status, DOMAIN_PENDING);
    follow_schedule(&row, START_MS + 74 * H, CHECK_MISS);
    assert_int_equal(row.status, DOMAIN_FAILED);
    follow_schedule(&row, START_MS + 32 * D, CHECK_MISS);
    assert_true(row.next_check_at != 0);
    follow_schedule(&row, START_MS + 40 * D, CHECK_MISS);
    assert_int_equal(row.next_check_at, 0);
    (void)check_at(&row, START_MS + 60 * D, CHECK_PASS); // by hand
    assert_int_equal(row.status, DOMAIN_VERIFIED);
    assert_int_equal(row.failed_at, 0);
}

static void
a_failed_claim_is_looked_at_again_when_the_name_is_about_to_move(void **state)
{
    (void)state;
    struct store_domain row = row_in(DOMAIN_FAILED);
    row.status_ms = STATE_FAILED_FOR_MS;
    row.inbound = false;
    row.claims = true;
    assert_int_equal(domain_state_next_check(&row, START_MS), 0); // by hand
    row.claim_seen_at = START_MS;
    assert_int_equal(domain_state_next_check(&row, START_MS), START_MS + H);
}

static void
a_verified_domain_that_loses_everything_goes_down_step_by_step(void **state)
{
    (void)state;
    struct store_domain row = row_in(DOMAIN_VERIFIED);
    row.next_check_at = START_MS + D;
    const int64_t lost = START_MS + D;
    static const struct {
        int64_t after_ms;
        enum domain_status status;
        enum domain_mail mail;
    } stations[] = {
        {0, DOMAIN_VERIFIED, DOMAIN_MAIL_OPEN},
        {15 * M, DOMAIN_AT_RISK, DOMAIN_MAIL_HELD},
        {71 * H, DOMAIN_AT_RISK, DOMAIN_MAIL_HELD},
        {72 * H, DOMAIN_AT_RISK, DOMAIN_MAIL_DEFERRED},
        {72 * H + 15 * M, DOMAIN_FAILED, DOMAIN_MAIL_DEFERRED},
        {95 * H, DOMAIN_FAILED, DOMAIN_MAIL_DEFERRED},
        {98 * H, DOMAIN_FAILED, DOMAIN_MAIL_REFUSED},
    };
    for (size_t i = 0; i < ARRAY_LEN(stations); i++) {
        follow_schedule(&row, lost + stations[i].after_ms, CHECK_MISS);
        if (row.status != stations[i].status || row.mail != stations[i].mail) {
            fail_msg("after %lld min: %s, mail %s", (long long)(stations[i].after_ms / M),
                     domain_status_name(row.status), domain_mail_name(row.mail));
        }
    }
    (void)check_at(&row, lost + 99 * H, CHECK_PASS);
    assert_int_equal(row.status, DOMAIN_VERIFIED);
    assert_int_equal(row.mail, DOMAIN_MAIL_OPEN);
    assert_true(row.inbound);
}

/* ---- removal --------------------------------------------------------------------------------- */

static struct domain_step
watch_at(struct store_domain *row, int64_t now, enum check_outcome points_here, bool released)
{
    const struct domain_time time = {.now = now, .trusted = true, .rules = RULES};
    struct domain_step step;
    domain_state_watched(row, points_here, released, &time, &step);
    return step;
}

static void
any_domain_can_be_removed_once(void **state)
{
    (void)state;
    for (int status = DOMAIN_PENDING; status <= DOMAIN_FAILED; status++) {
        struct store_domain row = row_in((enum domain_status)status);
        struct domain_step step;
        domain_state_remove(&row, START_MS + D, "by hand", &step);
        assert_int_equal(row.status, DOMAIN_REMOVED);
        assert_false(row.inbound);
        assert_int_equal(row.removed_at, START_MS + D);
        assert_string_equal(step.events[0].kind, "domain.removed");
        domain_state_remove(&row, START_MS + 2 * D, "again", &step);
        assert_false(step.changed);
        assert_int_equal(row.removed_at, START_MS + D);
    }
}

static void
what_senders_to_a_removed_name_get_is_told_as_it_is(void **state)
{
    (void)state;
    for (int was_owned = 0; was_owned < 2; was_owned++) {
        struct store_domain row = row_in(was_owned == 1 ? DOMAIN_VERIFIED : DOMAIN_PENDING);
        struct domain_step step;
        domain_state_remove(&row, START_MS, "", &step);
        step = watch_at(&row, row.next_check_at, CHECK_PASS, true);
        assert_string_equal(step.events[0].kind, "domain.mx_points_here");
        assert_int_equal(strstr(step.events[0].detail, "get 550") != NULL, was_owned);
        assert_int_equal(strstr(step.events[0].detail, "none of ours") == NULL, was_owned);
    }
}

static void
a_removed_name_is_watched_for_30_days(void **state)
{
    (void)state;
    struct store_domain row = row_in(DOMAIN_VERIFIED);
    struct domain_step step;
    domain_state_remove(&row, START_MS, "", &step);
    unsigned found = 0;
    while (row.next_check_at != 0 && row.next_check_at < START_MS + 29 * D) {
        step = watch_at(&row, row.next_check_at, CHECK_PASS, true);
        found += (unsigned)step.event_count;
        assert_true(row.mx_points_here);
    }
    assert_int_equal(found, 1); // told once
    (void)watch_at(&row, row.next_check_at, CHECK_UNKNOWN, true);
    assert_true(row.mx_points_here);
    while (row.next_check_at != 0) {
        step = watch_at(&row, row.next_check_at, CHECK_MISS, true);
        assert_false(row.mx_points_here);
    }
    assert_true(row.forgotten);
    assert_string_equal(step.events[0].kind, "domain.forgotten");
    assert_true(row.checked_at >= START_MS + 30 * D && row.checked_at < START_MS + 32 * D);
    step = watch_at(&row, START_MS + 40 * D, CHECK_PASS, true);
    assert_false(step.changed);
}

static void
an_identity_is_given_back_before_a_name_is_forgotten(void **state)
{
    (void)state;
    struct store_domain row = row_in(DOMAIN_VERIFIED);
    struct domain_step step;
    row.releases_identity = true;
    domain_state_remove(&row, START_MS, "", &step);
    assert_int_equal(row.next_check_at, START_MS + 1); // at once
    static const int64_t ages[] = {10 * 1000, M, 5 * M, 15 * M, 30 * M, 30 * M + H};
    for (size_t i = 0; i < ARRAY_LEN(ages); i++) {
        (void)watch_at(&row, row.next_check_at, CHECK_MISS, false);
        assert_int_equal(row.next_check_at, START_MS + ages[i]);
    }
    while (row.next_check_at < START_MS + 40 * D) {
        (void)watch_at(&row, row.next_check_at, CHECK_MISS, false);
        assert_false(row.forgotten);
    }
    (void)watch_at(&row, row.next_check_at, CHECK_MISS, true);
    assert_false(row.releases_identity);
    assert_true(row.forgotten);
}

static void
a_watch_does_not_end_by_a_clock_that_jumped(void **state)
{
    (void)state;
    struct store_domain row = row_in(DOMAIN_VERIFIED);
    struct domain_step step;
    domain_state_remove(&row, START_MS, "", &step);
    const struct domain_time jumped = {.now = START_MS + 900 * D, .rules = RULES};
    domain_state_watched(&row, CHECK_MISS, true, &jumped, &step);
    assert_false(row.forgotten);
    (void)watch_at(&row, START_MS + 1800 * D, CHECK_MISS, true); // it was down meanwhile
    assert_false(row.forgotten);
}

/* ---- schedule -------------------------------------------------------------------------------- */

static void
the_next_check_is_as_designed(void **state)
{
    (void)state;
    static const struct {
        const char *label;
        enum domain_status status;
        int64_t age_ms;
        uint32_t misses;
        int64_t least_ms;
        int64_t most_ms; /* from now */
    } cases[] = {
        {"just added", DOMAIN_PENDING, 0, 0, M, M},
        {"after the first", DOMAIN_PENDING, M, 0, M, M},
        {"after the second", DOMAIN_PENDING, 2 * M, 0, 3 * M, 3 * M},
        {"a bit late", DOMAIN_PENDING, 4 * M, 0, M, M},
        {"5 min", DOMAIN_PENDING, 5 * M, 0, 10 * M, 10 * M},
        {"15 min", DOMAIN_PENDING, 15 * M, 0, 15 * M, 15 * M},
        {"30 min", DOMAIN_PENDING, 30 * M, 0, H, H},
        {"days", DOMAIN_PENDING, 2 * D, 9, H, H},
        {"added in the future", DOMAIN_PENDING, -D, 0, H, H},
        {"verified", DOMAIN_VERIFIED, D, 0, D - D / 20, D + D / 20},
        {"suspected", DOMAIN_VERIFIED, D, 1, 15 * M, 15 * M},
        {"at risk", DOMAIN_AT_RISK, D, 9, 15 * M, 15 * M},
        {"failed", DOMAIN_FAILED, D, 9, D - D / 20, D + D / 20},
        {"removed", DOMAIN_REMOVED, D, 0, D - D / 20, D + D / 20},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct store_domain row = row_in(cases[i].status);
        row.misses = cases[i].misses;
        int64_t now = START_MS + cases[i].age_ms;
        int64_t in_ms = domain_state_next_check(&row, now) - now;
        if (in_ms < cases[i].least_ms || in_ms > cases[i].most_ms) {
            fail_msg("%s: in %lld ms", cases[i].label, (long long)in_ms);
        }
    }
}

static void
nobody_to_ask_is_tried_again_within_the_hour(void **state)
{
    (void)state;
    struct store_domain row = row_in(DOMAIN_VERIFIED);
    (void)check_at(&row, START_MS + D, CHECK_UNKNOWN);
    assert_int_equal(row.next_check_at, START_MS + D + H);
}

static void
daily_checks_of_many_domains_are_spread(void **state)
{
    (void)state;
    enum { COUNT = 20000, SLICES = 20 };
    unsigned slices[SLICES] = {0};
    struct store_domain row = row_in(DOMAIN_VERIFIED);
    for (unsigned i = 0; i < COUNT; i++) {
        (void)snprintf(row.id.text, sizeof(row.id.text), "id-%u", i);
        int64_t in_ms = domain_state_next_check(&row, START_MS) - START_MS - (D - D / 20);
        slices[in_ms * SLICES / (D / 10)]++;
    }
    for (size_t i = 0; i < SLICES; i++) {
        if (slices[i] < COUNT / SLICES * 8 / 10 || slices[i] > COUNT / SLICES * 12 / 10) {
            fail_msg("slice %zu has %u of %d", i, slices[i], COUNT);
        }
    }
}

/* ---- what is coming -------------------------------------------------------------------------- */

struct coming {
    const char *label;
    enum domain_status status;
    int64_t status_ms;
    enum domain_mail mail;
    int64_t missing_ms;
    int64_t fails_in; /* from the last check; INT64_MIN: never */
    int64_t changes_in;
};
static const struct coming COMING[] = {
    {"just added", DOMAIN_PENDING, 0, DOMAIN_MAIL_OPEN, 0, 72 * H, INT64_MIN},
    {"pending for a day", DOMAIN_PENDING, D, DOMAIN_MAIL_OPEN, 0, 48 * H, INT64_MIN},
    {"its time is over, its misses are not", DOMAIN_AT_RISK, 80 * H, DOMAIN_MAIL_OPEN, 0, 0,
     INT64_MIN},
    {"verified", DOMAIN_VERIFIED, D, DOMAIN_MAIL_OPEN, 0, INT64_MIN, INT64_MIN},
    {"failed", DOMAIN_FAILED, D, DOMAIN_MAIL_OPEN, 0, INT64_MIN, INT64_MIN},
    {"removed", DOMAIN_REMOVED, D, DOMAIN_MAIL_OPEN, 0, INT64_MIN, INT64_MIN},
    {"held", DOMAIN_AT_RISK, 2 * H, DOMAIN_MAIL_HELD, 2 * H, 70 * H, 70 * H},
    {"deferred", DOMAIN_FAILED, 2 * H, DOMAIN_MAIL_DEFERRED, 74 * H, INT64_MIN, 22 * H},
    {"refused", DOMAIN_FAILED, 2 * H, DOMAIN_MAIL_REFUSED, 97 * H, INT64_MIN, INT64_MIN},
};

static void
what_is_coming_is_told_as_of_the_last_check(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(COMING); i++) {
        const struct coming *c = &COMING[i];
        struct store_domain row = row_in(c->status);
        row.checked_at = c->status_ms == 0 ? 0 : START_MS + H;
        row.status_ms = c->status_ms;
        row.mail = c->mail;
        row.ownership_missing_ms = c->missing_ms;
        int64_t since = row.checked_at == 0 ? row.created_at : row.checked_at;
        int64_t fails = c->fails_in == INT64_MIN ? 0 : since + c->fails_in;
        int64_t changes = c->changes_in == INT64_MIN ? 0 : since + c->changes_in;
        if (domain_state_fails_at(&row, &RULES) != fails ||
            domain_state_mail_changes_at(&row, &RULES) != changes) {
            fail_msg("%s", c->label);
        }
    }
}

static void
domain_whose_records_are_gone_fails_when_it_was_told(void **state)
{
    (void)state;
    struct store_domain row = row_in(DOMAIN_VERIFIED);
    (void)check_at(&row, START_MS + H, CHECK_MISS);
    (void)check_at(&row, row.next_check_at, CHECK_MISS);
    assert_int_equal(row.status, DOMAIN_AT_RISK);
    int64_t told = domain_state_fails_at(&row, &RULES);
    follow_schedule(&row, told - 1, CHECK_MISS);
    assert_int_equal(row.status, DOMAIN_AT_RISK);
    assert_int_equal(domain_state_fails_at(&row, &RULES), told); // unless checks are left out
    follow_schedule(&row, told, CHECK_MISS);
    assert_int_equal(row.status, DOMAIN_FAILED);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_edge_is_as_designed),
        cmocka_unit_test(mail_is_held_then_deferred_then_refused),
        cmocka_unit_test(an_edited_spf_record_stops_no_mail),
        cmocka_unit_test(ownership_that_was_never_there_is_no_loss),
        cmocka_unit_test(two_changes_of_one_check_are_two_events),
        cmocka_unit_test(a_clock_that_jumped_lets_nothing_run_out),
        cmocka_unit_test(a_jump_while_the_daemon_is_down_ends_nothing),
        cmocka_unit_test(
            a_domain_that_never_passes_fails_after_72_hours_and_is_left_alone_after_30_days),
        cmocka_unit_test(a_failed_claim_is_looked_at_again_when_the_name_is_about_to_move),
        cmocka_unit_test(a_verified_domain_that_loses_everything_goes_down_step_by_step),
        cmocka_unit_test(any_domain_can_be_removed_once),
        cmocka_unit_test(what_senders_to_a_removed_name_get_is_told_as_it_is),
        cmocka_unit_test(a_removed_name_is_watched_for_30_days),
        cmocka_unit_test(an_identity_is_given_back_before_a_name_is_forgotten),
        cmocka_unit_test(a_watch_does_not_end_by_a_clock_that_jumped),
        cmocka_unit_test(the_next_check_is_as_designed),
        cmocka_unit_test(what_is_coming_is_told_as_of_the_last_check),
        cmocka_unit_test(domain_whose_records_are_gone_fails_when_it_was_told),
        cmocka_unit_test(nobody_to_ask_is_tried_again_within_the_hour),
        cmocka_unit_test(daily_checks_of_many_domains_are_spread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
