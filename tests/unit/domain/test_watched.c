// SPDX-License-Identifier: Apache-2.0
// A name that was removed, is watched, and is added again: its senders get 550 with the reason
// until the new holder has proven it. Never "not ours".
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "contest.h"
#include "verifier/domain/state.h"

#define HELD "_mailspur." CONTEST_NAME " TXT <o>\n"
#define TAKEN "_mailspur." CONTEST_NAME " TXT <t>\n"
#define MX_HERE CONTEST_NAME " MX 10 mx.mailspur.example.\n"

#define WITH_CONTEST(test) cmocka_unit_test_setup_teardown(test, contest_set_up, contest_tear_down)

static void
assert_refused(struct contest *contest, const char *label)
{
    struct gate_answer answer = contest_ask_gate(contest, CONTEST_NAME);
    if (answer.decision != GATE_REFUSE || answer.reply_code != 550 ||
        strstr(answer.reply_text, "removed") == NULL) {
        fail_msg("%s: %d %u %s", label, (int)answer.decision, answer.reply_code, answer.reply_text);
    }
}

static void
remove_row(struct contest *contest, const struct store_domain *domain)
{
    struct store_domain row;
    assert_int_equal(
        registry_remove(contest->registry, domain->id.text, REGISTRY_HELD_STAYS, &row, NULL, NULL),
        ST_OK);
}

static void
a_watched_name_that_another_adds_is_refused_until_it_is_proven(void **state)
{
    struct contest *contest = *state;
    struct store_domain row;
    remove_row(contest, &contest->owners);
    assert_refused(contest, "removed");
    contest_add_as_thief(contest, CONTEST_NAME);
    assert_refused(contest, "added by another");
    contest_restart(contest, STATE_MINUTE_MS, STATE_MINUTE_MS);
    assert_refused(contest, "restarted");
    remove_row(contest, &contest->thiefs);
    assert_refused(contest, "removed by both");
    contest_add_as_thief(contest, CONTEST_NAME);
    contest_publish(contest, EVERYWHERE, TAKEN);
    assert_int_equal(contest_check(contest, &contest->thiefs).status, DOMAIN_VERIFIED);
    struct gate_answer answer = contest_ask_gate(contest, CONTEST_NAME);
    assert_int_equal(answer.reply_code, 550);
    assert_null(strstr(answer.reply_text, "removed")); // it is the new holder's: inbound is off
    contest_write_routes(contest, THIEF);
    assert_int_equal(
        registry_set_inbound(contest->registry, contest->thiefs.id.text, true, &row, NULL), ST_OK);
    answer = contest_ask_gate(contest, CONTEST_NAME);
    assert_int_equal(answer.decision, GATE_ACCEPT);
    assert_string_equal(answer.tenant, THIEF);
}

static void
a_watched_name_that_its_tenant_adds_again_is_refused_until_it_is_proven(void **state)
{
    struct contest *contest = *state;
    remove_row(contest, &contest->owners);
    assert_int_equal(contest_add(contest, OWNER, CONTEST_NAME, "inbound", &contest->owners), ST_OK);
    assert_refused(contest, "added again");
    (void)contest_check(contest, &contest->owners); // the old token proves nothing
    assert_refused(contest, "checked");
    contest_publish(contest, EVERYWHERE, HELD);
    assert_int_equal(contest_check(contest, &contest->owners).status, DOMAIN_VERIFIED);
    assert_null(strstr(contest_ask_gate(contest, CONTEST_NAME).reply_text, "removed"));
}

static void
a_watched_name_whose_new_holder_lacks_other_records_is_refused(void **state)
{
    struct contest *contest = *state;
    remove_row(contest, &contest->owners);
    assert_int_equal(contest_add(contest, THIEF, CONTEST_NAME, "relay", &contest->thiefs), ST_OK);
    contest_publish(contest, EVERYWHERE, TAKEN);
    struct store_domain row = contest_check(contest, &contest->thiefs);
    assert_int_equal(row.status, DOMAIN_PENDING);
    assert_true(domain_was_owned(&row));
    assert_refused(contest, "proven, and pending");
}

static void
watch_for(struct contest *contest, int days)
{
    for (int day = 0; day < days; day++) {
        (void)contest_check(contest, &contest->owners);
        contest_wait(contest, STATE_DAY_MS, STATE_DAY_MS);
    }
}

static void
when_the_watch_is_over_the_name_is_none_of_ours(void **state)
{
    struct contest *contest = *state;
    remove_row(contest, &contest->owners);
    contest_add_as_thief(contest, CONTEST_NAME);
    watch_for(contest, 29);
    assert_refused(contest, "on the last day");
    watch_for(contest, 3);
    assert_true(contest_row(contest, &contest->owners).forgotten);
    assert_int_equal(contest_ask_gate(contest, CONTEST_NAME).decision, GATE_NOT_OURS);
}

static void
what_was_never_proven_is_not_watched_for(void **state)
{
    struct contest *contest = *state;
    contest_add_as_thief(contest, "never.example");
    remove_row(contest, &contest->thiefs);
    contest_add_as_thief(contest, "never.example");
    assert_int_equal(contest_ask_gate(contest, "never.example").decision, GATE_NOT_OURS);
}

static void
an_mx_that_leads_here_is_no_finding_once_another_holds_the_name(void **state)
{
    struct contest *contest = *state;
    contest_publish(contest, EVERYWHERE, MX_HERE);
    remove_row(contest, &contest->owners);
    contest_add_as_thief(contest, CONTEST_NAME);
    assert_true(contest_check(contest, &contest->owners).mx_points_here);
    contest_publish(contest, EVERYWHERE, TAKEN MX_HERE);
    assert_int_equal(contest_check(contest, &contest->thiefs).status, DOMAIN_VERIFIED);
    contest_wait(contest, STATE_DAY_MS, STATE_DAY_MS);
    assert_false(contest_check(contest, &contest->owners).mx_points_here);
    assert_int_equal(contest_count_events(contest, CONTEST_NAME, "domain.mx_points_here"), 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_CONTEST(a_watched_name_that_another_adds_is_refused_until_it_is_proven),
        WITH_CONTEST(a_watched_name_that_its_tenant_adds_again_is_refused_until_it_is_proven),
        WITH_CONTEST(a_watched_name_whose_new_holder_lacks_other_records_is_refused),
        WITH_CONTEST(when_the_watch_is_over_the_name_is_none_of_ours),
        WITH_CONTEST(what_was_never_proven_is_not_watched_for),
        WITH_CONTEST(an_mx_that_leads_here_is_no_finding_once_another_holds_the_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
