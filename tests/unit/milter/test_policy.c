// SPDX-License-Identifier: Apache-2.0
// The policy table, replies, the memory of deferrals and the limit of messages at once.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "common/attrs.h"
#include "milter/defer_memory.h"
#include "milter/limiter.h"
#include "milter/policy.h"

enum { HOUR_MS = 3600 * 1000 };

struct row {
    const char *label;
    enum dmarc_mode mode;
    enum temperror_mode on_temperror;
    enum auth_result dmarc;
    enum dmarc_action disposition;
    bool local;
    bool mixed;
    int64_t deferred_ms;
    enum policy_action wanted;
    const char *detail; /* hold reason, or "code enhanced" of the reply */
};

static const struct row ROWS[] = {
    {"enforce pass", DMARC_MODE_ENFORCE, TEMPERROR_TAG, AUTH_PASS, DMARC_ACTION_NONE, 0, 0, 0,
     POLICY_ACCEPT, ""},
    {"enforce none", DMARC_MODE_ENFORCE, TEMPERROR_TAG, AUTH_NONE, DMARC_ACTION_NONE, 0, 0, 0,
     POLICY_ACCEPT, ""},
    {"enforce fail, p=none", DMARC_MODE_ENFORCE, TEMPERROR_TAG, AUTH_FAIL, DMARC_ACTION_NONE, 0, 0,
     0, POLICY_ACCEPT, ""},
    {"enforce fail, quarantine", DMARC_MODE_ENFORCE, TEMPERROR_TAG, AUTH_FAIL,
     DMARC_ACTION_QUARANTINE, 0, 0, 0, POLICY_HOLD, "dmarc_quarantine"},
    {"enforce fail, quarantine, mixed", DMARC_MODE_ENFORCE, TEMPERROR_TAG, AUTH_FAIL,
     DMARC_ACTION_QUARANTINE, 0, 1, 0, POLICY_HOLD, "dmarc_quarantine"},
    {"enforce fail, reject", DMARC_MODE_ENFORCE, TEMPERROR_TAG, AUTH_FAIL, DMARC_ACTION_REJECT, 0,
     0, 0, POLICY_REFUSE, "550 5.7.1"},
    {"enforce fail, reject, mixed", DMARC_MODE_ENFORCE, TEMPERROR_TAG, AUTH_FAIL,
     DMARC_ACTION_REJECT, 0, 1, 0, POLICY_HOLD, "dmarc_reject_mixed"},
    {"enforce fail, reject, local", DMARC_MODE_ENFORCE, TEMPERROR_TAG, AUTH_FAIL,
     DMARC_ACTION_REJECT, 1, 0, 0, POLICY_ACCEPT, ""},
    {"enforce permerror", DMARC_MODE_ENFORCE, TEMPERROR_TAG, AUTH_PERMERROR, DMARC_ACTION_NONE, 0,
     0, 0, POLICY_REFUSE, "550 5.7.1"},
    {"enforce permerror, mixed", DMARC_MODE_ENFORCE, TEMPERROR_TAG, AUTH_PERMERROR,
     DMARC_ACTION_NONE, 0, 1, 0, POLICY_HOLD, "dmarc_permerror_mixed"},
    {"enforce temperror, tag", DMARC_MODE_ENFORCE, TEMPERROR_TAG, AUTH_TEMPERROR, DMARC_ACTION_NONE,
     0, 0, 0, POLICY_ACCEPT, ""},
    {"enforce temperror, defer", DMARC_MODE_ENFORCE, TEMPERROR_DEFER, AUTH_TEMPERROR,
     DMARC_ACTION_NONE, 0, 0, 0, POLICY_DEFER, "451 4.7.5"},
    {"enforce temperror, defer, mixed", DMARC_MODE_ENFORCE, TEMPERROR_DEFER, AUTH_TEMPERROR,
     DMARC_ACTION_NONE, 0, 1, 0, POLICY_HOLD, "dmarc_temperror_mixed"},
    {"just before the bound", DMARC_MODE_ENFORCE, TEMPERROR_DEFER, AUTH_TEMPERROR,
     DMARC_ACTION_NONE, 0, 0, 24 * HOUR_MS - 1, POLICY_DEFER, "451 4.7.5"},
    {"at the bound", DMARC_MODE_ENFORCE, TEMPERROR_DEFER, AUTH_TEMPERROR, DMARC_ACTION_NONE, 0, 0,
     24 * HOUR_MS, POLICY_ACCEPT, ""},
    {"at the bound, mixed", DMARC_MODE_ENFORCE, TEMPERROR_DEFER, AUTH_TEMPERROR, DMARC_ACTION_NONE,
     0, 1, 24 * HOUR_MS, POLICY_ACCEPT, ""},
    {"temperror, defer, local", DMARC_MODE_ENFORCE, TEMPERROR_DEFER, AUTH_TEMPERROR,
     DMARC_ACTION_NONE, 1, 0, 0, POLICY_ACCEPT, ""},
    {"defer, but a fail", DMARC_MODE_ENFORCE, TEMPERROR_DEFER, AUTH_FAIL, DMARC_ACTION_REJECT, 0, 0,
     0, POLICY_REFUSE, "550 5.7.1"},
    {"defer, but a pass", DMARC_MODE_ENFORCE, TEMPERROR_DEFER, AUTH_PASS, DMARC_ACTION_NONE, 0, 0,
     0, POLICY_ACCEPT, ""},
    {"tag fail, reject", DMARC_MODE_TAG, TEMPERROR_TAG, AUTH_FAIL, DMARC_ACTION_REJECT, 0, 0, 0,
     POLICY_ACCEPT, ""},
    {"tag fail, quarantine", DMARC_MODE_TAG, TEMPERROR_TAG, AUTH_FAIL, DMARC_ACTION_QUARANTINE, 0,
     0, 0, POLICY_ACCEPT, ""},
    {"tag permerror", DMARC_MODE_TAG, TEMPERROR_TAG, AUTH_PERMERROR, DMARC_ACTION_NONE, 0, 0, 0,
     POLICY_ACCEPT, ""},
    {"tag temperror, defer", DMARC_MODE_TAG, TEMPERROR_DEFER, AUTH_TEMPERROR, DMARC_ACTION_NONE, 0,
     0, 0, POLICY_DEFER, "451 4.7.5"},
    {"off fail, reject", DMARC_MODE_OFF, TEMPERROR_TAG, AUTH_FAIL, DMARC_ACTION_REJECT, 0, 0, 0,
     POLICY_ACCEPT, ""},
    {"off temperror, defer", DMARC_MODE_OFF, TEMPERROR_DEFER, AUTH_TEMPERROR, DMARC_ACTION_NONE, 0,
     0, 0, POLICY_ACCEPT, ""},
};

static void
every_row_of_the_policy_table_comes_out_as_written(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        const struct row *row = &ROWS[i];
        struct policy policy = {row->mode, row->on_temperror, 24 * HOUR_MS};
        struct verdict verdict = {.local = row->local,
                                  .dmarc = {.result = row->dmarc,
                                            .domain = "sender.example",
                                            .disposition = row->disposition,
                                            .reason = "several From domains"}};
        struct policy_decision out;
        policy_decide(&(struct policy_case){&policy, &verdict, row->mixed, row->deferred_ms}, &out);
        char detail[64];
        (void)snprintf(detail, sizeof(detail), "%s", out.hold);
        if (out.action == POLICY_REFUSE || out.action == POLICY_DEFER) {
            (void)snprintf(detail, sizeof(detail), "%u %s", out.reply.code, out.reply.enhanced);
        }
        if (out.action != row->wanted || strcmp(detail, row->detail) != 0) {
            fail_msg("%s: action %d, '%s'", row->label, (int)out.action, detail);
        }
    }
}

static void
spf_temperror_beside_a_dmarc_pass_defers_nothing(void **state)
{
    (void)state;
    struct policy policy = {DMARC_MODE_ENFORCE, TEMPERROR_DEFER, HOUR_MS};
    struct verdict verdict = {.spf = {.result = AUTH_TEMPERROR}, .dmarc = {.result = AUTH_PASS}};
    assert_false(policy_may_defer(&policy, &verdict));
    verdict.dmarc.result = AUTH_TEMPERROR;
    assert_true(policy_may_defer(&policy, &verdict));
}

static void
refusal_names_the_domain_and_what_is_not_ascii_cannot_get_into_it(void **state)
{
    (void)state;
    struct policy policy = {DMARC_MODE_ENFORCE, TEMPERROR_TAG, 0};
    struct verdict verdict = {.dmarc = {.result = AUTH_FAIL,
                                        .domain = "bad\r\n250 ok\xff.example",
                                        .disposition = DMARC_ACTION_REJECT}};
    struct policy_decision out;
    policy_decide(&(struct policy_case){.policy = &policy, .verdict = &verdict}, &out);
    assert_non_null(strstr(out.reply.text, "bad??250 ok?.example"));
}

static void
reply_of_the_daemon_is_passed_on_only_if_it_is_a_refusal(void **state)
{
    (void)state;
    static const struct {
        uint64_t code;
        unsigned wanted;
    } CASES[] = {{400, 400}, {451, 451}, {599, 599}, {0, 451}, {250, 451}, {399, 451}, {600, 451}};
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        struct answer out;
        answer_relay(&out, &(struct smtp_reply){CASES[i].code, "4.2.2", "text"});
        assert_int_equal(out.kind, ANSWER_REPLY);
        assert_int_equal(out.code, CASES[i].wanted);
    }
}

static void
local_failures_have_their_replies(void **state)
{
    (void)state;
    static const struct {
        enum status status;
        unsigned code;
    } CASES[] = {{ST_TOO_LARGE, 552}, {ST_NO_SPACE, 452}, {ST_IO, 451}, {ST_AGAIN, 451}};
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        struct answer out;
        answer_failure(&out, CASES[i].status);
        assert_int_equal(out.code, CASES[i].code);
    }
}

static void
long_reply_is_cut(void **state)
{
    (void)state;
    char text[1000];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    struct answer out;
    answer_reply(&out, 550, "5.7.1", "%s", text);
    assert_int_equal(strlen(out.text), ANSWER_TEXT_SIZE - 1);
}

static void
age_counts_from_the_first_deferral_of_a_pair_of_domains(void **state)
{
    (void)state;
    struct defer_memory *memory = defer_memory_new();
    assert_int_equal(defer_memory_age(memory, "a.example", "x.example", 1000), 0);
    assert_int_equal(defer_memory_age(memory, "a.example", "x.example", 5000), 4000);
    assert_int_equal(defer_memory_age(memory, "a.example", "y.example", 5000), 0);
    assert_int_equal(defer_memory_age(memory, "b.example", "x.example", 5000), 0);
    assert_int_equal(defer_memory_age(memory, "a.example", "x.example", 9000), 8000);
    defer_memory_free(memory);
}

static void
trouble_that_passed_is_forgotten_and_one_that_lasts_is_not(void **state)
{
    (void)state;
    struct defer_memory *memory = defer_memory_new();
    assert_int_equal(defer_memory_age(memory, "a", "x", 0), 0);
    int64_t last = DEFER_MEMORY_FORGET_MS;
    assert_int_equal(defer_memory_age(memory, "a", "x", last), last);
    assert_int_equal(defer_memory_age(memory, "a", "x", last + DEFER_MEMORY_FORGET_MS + 1), 0);
    defer_memory_free(memory);
}

static void
full_memory_drops_the_entry_asked_for_longest_ago(void **state)
{
    (void)state;
    struct defer_memory *memory = defer_memory_new();
    char name[32];
    for (int i = 0; i < DEFER_MEMORY_ENTRIES; i++) {
        (void)snprintf(name, sizeof(name), "d%d.example", i);
        assert_int_equal(defer_memory_age(memory, name, "x", i), 0);
    }
    assert_int_equal(defer_memory_age(memory, "d0.example", "x", 10000), 10000); // now the newest
    assert_int_equal(defer_memory_age(memory, "new.example", "x", 10001), 0);    // d1 gives way
    assert_int_equal(defer_memory_age(memory, "d2.example", "x", 10002), 10000);
    assert_int_equal(defer_memory_age(memory, "d0.example", "x", 10003), 10003);
    assert_int_equal(defer_memory_age(memory, "d1.example", "x", 10004), 0);
    defer_memory_free(memory);
}

static void
one_more_than_the_limit_does_not_get_in(void **state)
{
    (void)state;
    struct limiter *limiter = limiter_new(2);
    assert_true(limiter_enter(limiter));
    assert_true(limiter_enter(limiter));
    assert_false(limiter_enter(limiter));
    limiter_leave(limiter);
    assert_true(limiter_enter(limiter));
    limiter_leave(limiter);
    limiter_leave(limiter);
    limiter_free(limiter);
}

static void *
leave_one(void *limiter)
{
    limiter_leave(limiter);
    return NULL;
}

static void
closing_waits_for_those_inside_and_lets_nobody_in(void **state)
{
    (void)state;
    struct limiter *limiter = limiter_new(2);
    assert_true(limiter_enter(limiter));
    assert_false(limiter_close(limiter, 1));
    assert_false(limiter_enter(limiter));
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, leave_one, limiter), 0);
    assert_true(limiter_close(limiter, 60000));
    (void)pthread_join(thread, NULL);
    limiter_free(limiter);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_of_the_policy_table_comes_out_as_written),
        cmocka_unit_test(spf_temperror_beside_a_dmarc_pass_defers_nothing),
        cmocka_unit_test(refusal_names_the_domain_and_what_is_not_ascii_cannot_get_into_it),
        cmocka_unit_test(reply_of_the_daemon_is_passed_on_only_if_it_is_a_refusal),
        cmocka_unit_test(local_failures_have_their_replies),
        cmocka_unit_test(long_reply_is_cut),
        cmocka_unit_test(age_counts_from_the_first_deferral_of_a_pair_of_domains),
        cmocka_unit_test(trouble_that_passed_is_forgotten_and_one_that_lasts_is_not),
        cmocka_unit_test(full_memory_drops_the_entry_asked_for_longest_ago),
        cmocka_unit_test(one_more_than_the_limit_does_not_get_in),
        cmocka_unit_test(closing_waits_for_those_inside_and_lets_nobody_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
