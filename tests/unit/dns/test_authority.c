// SPDX-License-Identifier: Apache-2.0
// Every server of a zone is asked, and what each one says or does not say is told apart.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "common/clock.h"
#include "tests/unit/dns/bench.h"
#include "tests/unit/dns/house.h"
#include "tests/unit/dns/world.h"

static struct authority_report *
ask_many(struct authority *authority, const struct authority_question *questions, size_t count)
{
    struct authority_report *report = NULL;
    struct why why;
    assert_int_equal(authority_ask(authority, questions, count,
                                   BENCH_BUDGET(clock_mono_ms() + BENCH_LONG_MS), &report, &why),
                     ST_OK);
    assert_int_equal(report->count, count);
    return report;
}

static struct authority_report *
ask(struct authority *authority, const char *name, enum dns_type type)
{
    const struct authority_question question = {.name = name, .type = type};
    return ask_many(authority, &question, 1);
}

static const char *
text_of(const struct authority_answer *answer)
{
    return answer->answer != NULL && answer->answer->count == 1 ? answer->answer->records[0].data
                                                                : "";
}

/* ---- one server of each kind ----------------------------------------------------------------- */

static const struct {
    int server;
    enum authority_outcome outcome;
    enum authority_reason reason;
    const char *text;
    bool waits; /* nothing that counts comes: the try's time has to pass */
} KINDS[] = {
    {WORLD_GOOD, AUTHORITY_FOUND, AUTHORITY_NO_REASON, "new", false},
    {WORLD_LATE, AUTHORITY_FOUND, AUTHORITY_NO_REASON, "old", false},
    {WORLD_NO_EDNS, AUTHORITY_FOUND, AUTHORITY_NO_REASON, "new", false},
    {WORLD_TRUNCATES, AUTHORITY_FOUND, AUTHORITY_NO_REASON, "new", false},
    {WORLD_CNAME_IN, AUTHORITY_FOUND, AUTHORITY_NO_REASON, "new", false},
    {WORLD_CNAME_OUT, AUTHORITY_CNAME, AUTHORITY_NO_REASON, "", false},
    {WORLD_NXDOMAIN, AUTHORITY_NXDOMAIN, AUTHORITY_NO_REASON, "", false},
    {WORLD_NODATA, AUTHORITY_NODATA, AUTHORITY_NO_REASON, "", false},
    {WORLD_REFUSES, AUTHORITY_LAME, AUTHORITY_REFUSED, "", false},
    {WORLD_SERVFAILS, AUTHORITY_LAME, AUTHORITY_SERVFAIL, "", false},
    {WORLD_ODD_RCODE, AUTHORITY_LAME, AUTHORITY_OTHER_RCODE, "", false},
    {WORLD_REFERS_UP, AUTHORITY_LAME, AUTHORITY_REFERRAL, "", false},
    {WORLD_REFERS_DOWN, AUTHORITY_LAME, AUTHORITY_REFERRAL, "", false},
    {WORLD_NOT_AUTHORITATIVE, AUTHORITY_LAME, AUTHORITY_NOT_AUTHORITATIVE, "", false},
    {WORLD_GARBAGE, AUTHORITY_BROKEN, AUTHORITY_NO_REASON, "", false},
    {WORLD_CNAME_LOOP, AUTHORITY_BROKEN, AUTHORITY_NO_REASON, "", false},
    {WORLD_TRUNCATES_TCP_DEAD, AUTHORITY_BROKEN, AUTHORITY_NO_REASON, "", false},
    {WORLD_TRUNCATES_TCP_FORGED, AUTHORITY_BROKEN, AUTHORITY_NO_REASON, "", false},
    {WORLD_TRUNCATES_TCP_STALLS, AUTHORITY_BROKEN, AUTHORITY_NO_REASON, "", true},
    {WORLD_SILENT, AUTHORITY_TIMEOUT, AUTHORITY_NO_REASON, "", true},
    {WORLD_WRONG_ID, AUTHORITY_TIMEOUT, AUTHORITY_NO_REASON, "", true},
    {WORLD_WRONG_QUESTION, AUTHORITY_TIMEOUT, AUTHORITY_NO_REASON, "", true},
    {WORLD_WRONG_SOURCE, AUTHORITY_TIMEOUT, AUTHORITY_NO_REASON, "", true},
    {WORLD_NOBODY, AUTHORITY_UNREACHABLE, AUTHORITY_NO_REASON, "", false},
};

static void
each_server_is_told_for_what_it_is(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(KINDS); i++) {
        AUTO_HOUSE house = open_house(KINDS[i].waits ? BENCH_TIMEOUT_MS : BENCH_LONG_MS, 0);
        char name[64];
        char address[32];
        (void)snprintf(name, sizeof(name), "q.z-%d.test", KINDS[i].server);
        (void)snprintf(address, sizeof(address), "127.0.0.%d", KINDS[i].server);
        struct authority_report *report = ask(house.authority, name, DNS_TXT);
        const struct authority_result *result = &report->results[0];
        assert_non_null(result->zone);
        assert_string_equal(result->zone->name, name + 2);
        assert_int_equal(result->zone->server_count, 1);
        assert_string_equal(result->zone->servers[0].address, address);
        const struct authority_answer *answer = &result->answers[0];
        if (answer->outcome != KINDS[i].outcome || answer->reason != KINDS[i].reason ||
            strcmp(text_of(answer), KINDS[i].text) != 0 ||
            (answer->answer != NULL) != authority_is_answer(answer->outcome) ||
            (KINDS[i].waits && answer->took_ms < BENCH_TIMEOUT_MS)) {
            fail_msg("%s: %s %s '%s' after %lld ms", name, authority_outcome_name(answer->outcome),
                     authority_reason_name(answer->reason), text_of(answer),
                     (long long)answer->took_ms);
        }
        authority_report_free(report);
    }
}

static void
servers_are_listed_side_by_side_in_one_order(void **state)
{
    (void)state;
    AUTO_HOUSE house = open_house(BENCH_LONG_MS, 0);
    struct authority_report *report = ask(house.authority, "Z-12-11-13.Test.", DNS_TXT);
    const struct authority_result *result = &report->results[0];
    assert_string_equal(result->name, "z-12-11-13.test");
    assert_int_equal(result->zone->server_count, 3);
    assert_string_equal(result->zone->servers[0].name, "a11.host.test");
    assert_string_equal(text_of(&result->answers[0]), "new");
    assert_string_equal(text_of(&result->answers[1]), "old");
    assert_int_equal(result->answers[2].reason, AUTHORITY_REFUSED);
    assert_false(report->no_server_answered);
    assert_false(report->is_port_blocked);
    authority_report_free(report);
}

static void
serials_and_negative_ttl_are_told(void **state)
{
    (void)state;
    AUTO_HOUSE house = open_house(BENCH_LONG_MS, 0);
    const struct authority_question questions[] = {{"z-11-12-22.test", DNS_SOA},
                                                   {"gone.z-11-12-22.test", DNS_MX}};
    struct authority_report *report = ask_many(house.authority, questions, 2);
    const struct authority_answer *soa = report->results[0].answers;
    assert_int_equal(soa[0].answer->soa.serial, 2);
    assert_int_equal(soa[1].answer->soa.serial, 1);
    const struct authority_answer *no = report->results[1].answers;
    assert_int_equal(no[0].outcome, AUTHORITY_NODATA);
    assert_int_equal(no[0].answer->soa.minimum, 60);
    assert_int_equal(no[2].outcome, AUTHORITY_NXDOMAIN);
    assert_int_equal(no[2].answer->ttl, 60);
    authority_report_free(report);
}

static void
a_cname_is_followed_within_the_zone_only(void **state)
{
    (void)state;
    AUTO_HOUSE house = open_house(BENCH_LONG_MS, 0);
    struct authority_report *report = ask(house.authority, "q.z-24-27.test", DNS_TXT);
    const struct authority_answer *answers = report->results[0].answers;
    assert_int_equal(answers[0].outcome, AUTHORITY_CNAME);
    assert_string_equal(answers[0].answer->canonical, "victim.example");
    assert_int_equal(answers[0].answer->count, 0);
    assert_int_equal(answers[1].outcome, AUTHORITY_FOUND);
    assert_string_equal(answers[1].answer->canonical, "target.z-24-27.test");
    assert_int_equal(answers[1].answer->ttl, 30);
    authority_report_free(report);
    report = ask(house.authority, "q.z-24.test", DNS_CNAME);
    assert_int_equal(report->results[0].answers[0].outcome, AUTHORITY_FOUND);
    assert_string_equal(text_of(&report->results[0].answers[0]), "victim.example");
    authority_report_free(report);
}

/* ---- which servers --------------------------------------------------------------------------- */

static void
servers_that_must_not_be_asked_are_not(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t count;
        enum authority_reason reason;
    } cases[] = {
        {"z-private.test", 4, AUTHORITY_PRIVATE_ADDRESS},
        {"z-gone.test", 1, AUTHORITY_NO_ADDRESS},
        {"z-none.test", 1, AUTHORITY_NO_ADDRESS},
        {"z-alias.test", 1, AUTHORITY_NAME_IS_CNAME},
        {"z-unknown.test", 1, AUTHORITY_ADDRESS_UNKNOWN},
        {"z-broadcast.test", 1, AUTHORITY_NO_ROUTE},
    };
    AUTO_HOUSE house = open_house(BENCH_LONG_MS, 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct authority_report *report = ask(house.authority, cases[i].name, DNS_TXT);
        const struct authority_result *result = &report->results[0];
        assert_int_equal(result->zone->server_count, cases[i].count);
        for (size_t server = 0; server < cases[i].count; server++) {
            assert_int_equal(result->answers[server].outcome, AUTHORITY_NOT_ASKED);
            assert_int_equal(result->answers[server].reason, cases[i].reason);
        }
        assert_true(report->no_server_answered);
        assert_false(report->is_port_blocked); // the parent's server answers
        authority_report_free(report);
    }
}

static void
loopback_is_private_unless_it_is_allowed(void **state)
{
    (void)state;
    struct dns *dns = world_dns();
    struct authority_settings settings = world_settings(dns, BENCH_LONG_MS);
    struct authority *authority = NULL;
    settings.allow_private_count = 0;
    assert_int_equal(authority_open(&settings, &authority, NULL), ST_OK);
    unsigned before = world_count(WORLD_GOOD);
    struct authority_report *report = ask(authority, "z-11.test", DNS_TXT);
    assert_int_equal(report->results[0].answers[0].reason, AUTHORITY_PRIVATE_ADDRESS);
    assert_int_equal(world_count(WORLD_GOOD), before);
    authority_report_free(report);
    authority_close(authority);
    dns_close(dns);
}

static void
fifty_servers_are_capped_and_counted(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t asked;
        size_t left_out;
    } cases[] = {{"z-many16.test", 16, 0}, {"z-many17.test", 16, 1}, {"z-many50.test", 16, 34}};
    AUTO_HOUSE house = open_house(BENCH_LONG_MS, 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct authority_report *report = ask(house.authority, cases[i].name, DNS_TXT);
        assert_int_equal(report->results[0].zone->server_count, cases[i].asked);
        assert_int_equal(report->results[0].zone->left_out, cases[i].left_out);
        authority_report_free(report);
    }
}

static void
a_delegated_child_is_asked_at_its_own_servers(void **state)
{
    (void)state;
    AUTO_HOUSE house = open_house(BENCH_LONG_MS, 0);
    const struct authority_question questions[] = {
        {"z-12.test", DNS_TXT}, {"sel.child-11.z-12.test", DNS_TXT}, {"other.z-12.test", DNS_TXT}};
    struct authority_report *report = ask_many(house.authority, questions, 3);
    assert_string_equal(report->results[0].zone->name, "z-12.test");
    assert_string_equal(text_of(&report->results[0].answers[0]), "old");
    assert_string_equal(report->results[1].zone->name, "child-11.z-12.test");
    assert_string_equal(text_of(&report->results[1].answers[0]), "new");
    assert_string_equal(report->results[2].zone->name, "z-12.test");
    authority_report_free(report);
}

static void
a_zone_is_looked_up_once_a_while(void **state)
{
    (void)state;
    AUTO_HOUSE house = open_house(BENCH_LONG_MS, 0);
    authority_report_free(ask(house.authority, "q.z-11.test", DNS_TXT));
    unsigned before = world_resolver_count();
    authority_report_free(ask(house.authority, "q.z-11.test", DNS_TXT));
    assert_int_equal(world_resolver_count(), before + 1); // its own answer to the question
    before = world_resolver_count();
    authority_report_free(ask(house.authority, "r.z-11.test", DNS_TXT));
    assert_int_equal(world_resolver_count(), before + 2); // is it a zone of its own?
}

static void
a_zone_the_resolver_fails_for_is_found_at_its_parent(void **state)
{
    (void)state;
    AUTO_HOUSE house = open_house(BENCH_LONG_MS, 0);
    const struct authority_question questions[] = {{"d-11-13.test", DNS_TXT},
                                                   {"_dmarc.d-11-13.test", DNS_TXT}};
    struct authority_report *report = ask_many(house.authority, questions, 2);
    for (size_t i = 0; i < 2; i++) {
        const struct authority_result *result = &report->results[i];
        assert_non_null(result->zone);
        assert_string_equal(result->zone->name, "d-11-13.test");
        assert_true(result->zone->is_from_parent);
        assert_int_equal(result->zone->server_count, 2);
        assert_int_equal(result->answers[0].outcome, AUTHORITY_FOUND);
        assert_int_equal(result->answers[1].outcome, AUTHORITY_LAME);
        assert_int_equal(result->resolver.answer->status, DNS_TEMPORARY);
    }
    authority_report_free(report);
}

// The resolver, or what we remember, knows the time before it was delegated.
static void
a_zone_that_was_delegated_just_now_is_asked_at_its_own_servers(void **state)
{
    (void)state;
    AUTO_HOUSE house = open_house(BENCH_LONG_MS, 0);
    const struct authority_question questions[] = {
        {"n-11-13.test", DNS_TXT}, {"_dmarc.n-11-13.test", DNS_TXT}, {"test", DNS_TXT}};
    for (int round = 0; round < 2; round++) {
        struct authority_report *report = ask_many(house.authority, questions, 3);
        for (size_t i = 0; i < 2; i++) {
            const struct authority_result *result = &report->results[i];
            assert_non_null(result->zone);
            assert_string_equal(result->zone->name, "n-11-13.test");
            assert_ptr_equal(result->zone, report->results[0].zone);
            assert_int_equal(result->zone->server_count, 2);
            assert_string_equal(text_of(&result->answers[0]), "new");
            assert_int_equal(result->answers[1].outcome, AUTHORITY_LAME);
            assert_int_equal(result->resolver.answer->status, DNS_NXDOMAIN);
        }
        assert_string_equal(report->results[2].zone->name, "test");
        assert_string_equal(text_of(&report->results[2].answers[0]), "parent");
        authority_report_free(report);
    }
}

static void
a_name_of_no_zone_has_a_problem(void **state)
{
    (void)state;
    AUTO_HOUSE house = open_house(BENCH_LONG_MS, 0);
    struct authority_report *report = ask(house.authority, "no.such", DNS_TXT);
    assert_null(report->results[0].zone);
    assert_string_not_equal(report->results[0].problem, "");
    assert_int_equal(report->results[0].resolver.answer->status, DNS_NXDOMAIN);
    authority_report_free(report);
}

/* ---- the resolver's view --------------------------------------------------------------------- */

static void
the_resolver_tells_what_is_in_its_cache_and_until_when(void **state)
{
    (void)state;
    AUTO_HOUSE house = open_house(BENCH_LONG_MS, 0);
    int64_t before = clock_wall_ms();
    struct authority_report *report = ask(house.authority, "q.z-11.test", DNS_TXT);
    const struct authority_resolver *resolver = &report->results[0].resolver;
    assert_string_equal(resolver->answer->records[0].data, "cached");
    assert_int_equal(resolver->answer->ttl, 120);
    assert_in_range(resolver->gone_at_wall_ms - before, 120 * 1000, 120 * 1000 + BENCH_SLACK_MS);
    assert_false(resolver->is_bogus);
    assert_null(resolver->unchecked);
    assert_int_equal(resolver->error_code, -1);
    authority_report_free(report);
}

static void
broken_dnssec_is_told_from_a_dead_zone(void **state)
{
    (void)state;
    AUTO_HOUSE house = open_house(BENCH_LONG_MS, 0);
    struct authority_report *report = ask(house.authority, "b-11.test", DNS_TXT);
    const struct authority_result *result = &report->results[0];
    assert_string_equal(text_of(&result->answers[0]), "new");
    assert_false(result->zone->is_from_parent);
    assert_int_equal(result->resolver.answer->status, DNS_TEMPORARY);
    assert_true(result->resolver.is_bogus);
    assert_string_equal(result->resolver.unchecked->records[0].data, "cached");
    assert_int_equal(result->resolver.error_code, 6);
    assert_string_equal(result->resolver.error_text, "bogus?");
    authority_report_free(report);
    report = ask(house.authority, "d-11.test", DNS_TXT);
    assert_false(report->results[0].resolver.is_bogus);
    assert_int_equal(report->results[0].resolver.error_code, -1);
    authority_report_free(report);
}

static void
a_blocked_port_is_told_from_a_dead_zone(void **state)
{
    (void)state;
    AUTO_HOUSE house = open_house(BENCH_TIMEOUT_MS, 0);
    struct authority_report *report = ask(house.authority, "z-15.test", DNS_TXT);
    assert_true(report->no_server_answered);
    assert_false(report->is_port_blocked);
    authority_report_free(report);
    AUTO_HOUSE outside = open_house(BENCH_TIMEOUT_MS, 0);
    world_block(true);
    report = ask(outside.authority, "z-11-12.test", DNS_TXT);
    world_block(false);
    assert_int_equal(report->results[0].answers[0].outcome, AUTHORITY_TIMEOUT);
    assert_true(report->no_server_answered);
    assert_true(report->is_port_blocked);
    assert_string_equal(report->results[0].resolver.answer->records[0].data, "cached");
    authority_report_free(report);
}

static void
with_a_fixture_only_its_answers_count(void **state)
{
    (void)state;
    char path[] = "/tmp/mailspur-authority-XXXXXX";
    AUTO_FD int fd = mkstemp(path);
    assert_int_equal(write(fd, "a.test TXT hello\n", 17), 17);
    struct house house = {.dns = NULL};
    assert_int_equal(dns_open_fixture(path, &house.dns, NULL), ST_OK);
    (void)unlink(path);
    struct authority_settings settings = world_settings(house.dns, BENCH_LONG_MS);
    assert_int_equal(authority_open(&settings, &house.authority, NULL), ST_OK);
    struct authority_report *report = ask(house.authority, "a.test", DNS_TXT);
    assert_null(report->results[0].zone);
    assert_true(report->is_port_blocked && report->no_server_answered);
    bench_assert_text(report->results[0].resolver.answer, "hello");
    authority_report_free(report);
    struct authority_provider provider;
    authority_find_provider(house.authority, "a.test",
                            BENCH_BUDGET(clock_mono_ms() + BENCH_LONG_MS), &provider);
    assert_true(provider.is_sound);
    assert_string_equal(provider.name, "");
    close_house(&house);
}

/* ---- limits ---------------------------------------------------------------------------------- */

static void
what_cannot_be_asked_is_named(void **state)
{
    (void)state;
    AUTO_HOUSE house = open_house(BENCH_LONG_MS, 0);
    struct authority_question questions[AUTHORITY_QUESTIONS_MAX + 1];
    struct authority_report *report = NULL;
    struct why why;
    for (size_t i = 0; i < ARRAY_LEN(questions); i++) {
        questions[i] = (struct authority_question){"z-11.test", DNS_TXT};
    }
    int64_t deadline = clock_mono_ms() + BENCH_LONG_MS;
    assert_int_equal(authority_ask(house.authority, questions, AUTHORITY_QUESTIONS_MAX + 1,
                                   BENCH_BUDGET(deadline), &report, &why),
                     ST_TOO_LARGE);
    authority_report_free(ask_many(house.authority, questions, AUTHORITY_QUESTIONS_MAX));
    questions[0].name = "a..b";
    assert_int_equal(
        authority_ask(house.authority, questions, 1, BENCH_BUDGET(deadline), &report, &why),
        ST_INVALID);
    assert_non_null(strstr(why.text, "a..b"));
    questions[0].name = "1.2.3.4.5.6.7.8.9.10.11.12.13.14.15.16.17.18.19.20.21.22.23.24.25";
    assert_int_equal(
        authority_ask(house.authority, questions, 1, BENCH_BUDGET(deadline), &report, &why),
        ST_INVALID);
    assert_null(report);
    questions[0].name += 2; // 24 labels
    authority_report_free(ask_many(house.authority, questions, 1));
    struct authority_settings settings = world_settings(house.dns, 0);
    struct authority *none = NULL;
    assert_int_equal(authority_open(&settings, &none, &why), ST_INVALID);
    settings.timeout_ms = 1;
    settings.tries = 0;
    assert_int_equal(authority_open(&settings, &none, &why), ST_INVALID);
    assert_null(none);
}

static void
no_call_outlives_its_deadline(void **state)
{
    (void)state;
    AUTO_HOUSE house = open_house(BENCH_LONG_MS, 0);
    const struct authority_question questions[] = {{"z-11-15.test", DNS_TXT},
                                                   {"z-11-15.test", DNS_MX}};
    struct authority_report *report = NULL;
    int64_t start = clock_mono_ms();
    assert_int_equal(authority_ask(house.authority, questions, 2,
                                   BENCH_BUDGET(start + 4 * BENCH_TIMEOUT_MS), &report, NULL),
                     ST_OK);
    assert_true(clock_mono_ms() - start < BENCH_SLACK_MS);
    assert_int_equal(report->results[0].answers[0].outcome, AUTHORITY_FOUND);
    assert_int_equal(report->results[0].answers[1].outcome, AUTHORITY_TIMEOUT);
    authority_report_free(report);
    assert_int_equal(
        authority_ask(house.authority, questions, 2, BENCH_BUDGET(start), &report, NULL), ST_OK);
    assert_int_equal(report->results[0].answers[0].reason, AUTHORITY_NO_TIME);
    assert_int_equal(report->results[0].resolver.answer->status, DNS_TEMPORARY);
    authority_report_free(report);
}

static void
a_server_above_its_rate_is_not_asked_rather_than_late(void **state)
{
    (void)state;
    AUTO_HOUSE house = open_house(BENCH_LONG_MS, 2); // two at once, then one in half a second
    struct authority_question questions[12];
    for (size_t i = 0; i < ARRAY_LEN(questions); i++) {
        questions[i] = (struct authority_question){"z-11.test", DNS_TXT};
    }
    struct authority_report *report = NULL;
    unsigned before = world_count(WORLD_GOOD);
    assert_int_equal(authority_ask(house.authority, questions, ARRAY_LEN(questions),
                                   BENCH_BUDGET(clock_mono_ms() + 2000), &report, NULL),
                     ST_OK);
    size_t found = 0;
    size_t limited = 0;
    for (size_t i = 0; i < ARRAY_LEN(questions); i++) {
        const struct authority_answer *answer = &report->results[i].answers[0];
        found += answer->outcome == AUTHORITY_FOUND;
        limited += answer->reason == AUTHORITY_RATE_LIMITED;
    }
    assert_int_equal(found + limited, ARRAY_LEN(questions));
    assert_in_range(found, 2, 5); // 1.6 s of turns at most
    assert_int_equal(world_count(WORLD_GOOD) - before, found);
    authority_report_free(report);
}

/* One call with so many queries. */
struct spent {
    struct dns_budget budget;
    unsigned came;  /* to all servers and the resolver */
    size_t cut;     /* answers that were not asked for */
    size_t unknown; /* questions whose zone is not known */
};

static struct spent
spend(unsigned queries)
{
    enum { QUESTIONS = 4 };
    AUTO_HOUSE house = open_house(BENCH_LONG_MS, 0); // remembers nothing of another call
    struct authority_question questions[QUESTIONS];
    for (size_t i = 0; i < QUESTIONS; i++) {
        questions[i] = (struct authority_question){"z-11-18-28.test", DNS_TXT}; // TCP; no EDNS
    }
    struct spent spent = {
        .budget = {.deadline_mono_ms = clock_mono_ms() + BENCH_LONG_MS, .queries_left = queries}};
    struct authority_report *report = NULL;
    unsigned before = world_count_all();
    assert_int_equal(
        authority_ask(house.authority, questions, QUESTIONS, &spent.budget, &report, NULL), ST_OK);
    spent.came = world_count_all() - before;
    for (size_t i = 0; i < QUESTIONS; i++) {
        const struct authority_result *result = &report->results[i];
        spent.unknown += result->zone == NULL;
        for (size_t k = 0; result->zone != NULL && k < result->zone->server_count; k++) {
            spent.cut += result->answers[k].reason == AUTHORITY_NO_QUERY;
            assert_true(result->answers[k].outcome == AUTHORITY_FOUND ||
                        result->answers[k].reason == AUTHORITY_NO_QUERY);
        }
    }
    assert_false(report->is_port_blocked);
    authority_report_free(report);
    return spent;
}

// Tries by UDP and TCP, with EDNS and without, at the servers and at the resolver: all count.
static void
a_call_asks_no_more_than_its_budget(void **state)
{
    (void)state;
    struct spent whole = spend(UINT_MAX);
    assert_int_equal(whole.came, whole.budget.queries);
    assert_int_equal(whole.cut + whole.budget.refused, 0);
    struct spent exact = spend(whole.came);
    assert_int_equal(exact.came, whole.came);
    assert_int_equal(exact.cut + exact.budget.refused, 0);
    struct spent less = spend(whole.came - 1);
    assert_int_equal(less.came, whole.came - 1);
    assert_int_equal(less.cut, 1);
    struct spent none = spend(0);
    assert_int_equal(none.came, 0);
    assert_int_equal(none.unknown, 4);
}

static void
without_a_socket_the_fault_is_ours(void **state)
{
    (void)state;
    AUTO_HOUSE house = open_house(BENCH_LONG_MS, 0);
    authority_report_free(ask(house.authority, "z-11.test", DNS_TXT)); // now the zone is known
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    const struct rlimit none = {.rlim_cur = 0, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    struct authority_report *report = ask(house.authority, "z-11.test", DNS_TXT);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(report->results[0].answers[0].outcome, AUTHORITY_NOT_ASKED);
    assert_int_equal(report->results[0].answers[0].reason, AUTHORITY_LOCAL_FAULT);
    assert_int_equal(report->results[0].resolver.answer->status, DNS_TEMPORARY);
    assert_false(report->no_server_answered);
    authority_report_free(report);
}

static void
a_dead_server_delays_only_the_first_call(void **state)
{
    (void)state;
    enum { TRY_MS = AUTHORITY_SHORT_TRY_MS * 4 };
    AUTO_HOUSE house = open_house(TRY_MS, 0);
    const struct authority_question questions[AUTHORITY_DEAD_AFTER] = {
        {"a.z-15.test", DNS_TXT}, {"b.z-15.test", DNS_TXT}, {"c.z-15.test", DNS_TXT}};
    struct authority_report *report =
        ask_many(house.authority, questions, AUTHORITY_DEAD_AFTER - 1);
    assert_true(report->results[0].answers[0].took_ms >= TRY_MS);
    authority_report_free(report);
    report = ask(house.authority, "c.z-15.test", DNS_TXT);
    assert_true(report->results[0].answers[0].took_ms >= TRY_MS);
    authority_report_free(report);
    report = ask(house.authority, "c.z-15.test", DNS_TXT);
    assert_int_equal(report->results[0].answers[0].outcome, AUTHORITY_TIMEOUT);
    assert_in_range(report->results[0].answers[0].took_ms, AUTHORITY_SHORT_TRY_MS, TRY_MS - 1);
    authority_report_free(report);
}

static void
every_outcome_and_reason_has_its_word(void **state)
{
    (void)state;
    for (int i = AUTHORITY_FOUND; i <= AUTHORITY_NOT_ASKED; i++) {
        assert_string_not_equal(authority_outcome_name((enum authority_outcome)i), "?");
        assert_int_equal(authority_is_answer((enum authority_outcome)i), i <= AUTHORITY_NODATA);
    }
    for (int i = AUTHORITY_REFUSED; i <= AUTHORITY_LOCAL_FAULT; i++) {
        assert_true(strlen(authority_reason_name((enum authority_reason)i)) > 1);
    }
    assert_string_equal(authority_reason_name(AUTHORITY_NO_REASON), "");
    assert_string_equal(authority_outcome_name(AUTHORITY_NOT_ASKED), "not_asked");
    assert_string_equal(authority_reason_name(AUTHORITY_RATE_LIMITED), "rate_limited");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_server_is_told_for_what_it_is),
        cmocka_unit_test(servers_are_listed_side_by_side_in_one_order),
        cmocka_unit_test(serials_and_negative_ttl_are_told),
        cmocka_unit_test(a_cname_is_followed_within_the_zone_only),
        cmocka_unit_test(servers_that_must_not_be_asked_are_not),
        cmocka_unit_test(loopback_is_private_unless_it_is_allowed),
        cmocka_unit_test(fifty_servers_are_capped_and_counted),
        cmocka_unit_test(a_delegated_child_is_asked_at_its_own_servers),
        cmocka_unit_test(a_zone_is_looked_up_once_a_while),
        cmocka_unit_test(a_zone_the_resolver_fails_for_is_found_at_its_parent),
        cmocka_unit_test(a_zone_that_was_delegated_just_now_is_asked_at_its_own_servers),
        cmocka_unit_test(a_name_of_no_zone_has_a_problem),
        cmocka_unit_test(the_resolver_tells_what_is_in_its_cache_and_until_when),
        cmocka_unit_test(broken_dnssec_is_told_from_a_dead_zone),
        cmocka_unit_test(a_blocked_port_is_told_from_a_dead_zone),
        cmocka_unit_test(with_a_fixture_only_its_answers_count),
        cmocka_unit_test(what_cannot_be_asked_is_named),
        cmocka_unit_test(no_call_outlives_its_deadline),
        cmocka_unit_test(a_call_asks_no_more_than_its_budget),
        cmocka_unit_test(a_server_above_its_rate_is_not_asked_rather_than_late),
        cmocka_unit_test(without_a_socket_the_fault_is_ours),
        cmocka_unit_test(a_dead_server_delays_only_the_first_call),
        cmocka_unit_test(every_outcome_and_reason_has_its_word),
    };
    return cmocka_run_group_tests(tests, world_start, world_stop);
}
