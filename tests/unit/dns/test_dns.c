// SPDX-License-Identifier: Apache-2.0
// Lookups over the network: what is taken of an answer, and which server is asked.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "common/clock.h"
#include "tests/unit/dns/bench.h"
#include "tests/unit/dns/replies.h"

/* ---- answers --------------------------------------------------------------------------------- */

static void
an_answer_comes_back_as_sent(void **state)
{
    AUTO_ANSWER *answer = dns_get(*state, NULL, "Good.Test.", DNS_TXT);
    bench_assert_text(answer, "hello");
    assert_int_equal(answer->type, DNS_TXT);
    assert_int_equal(answer->ttl, 300);
    assert_string_equal(answer->canonical, "good.test");
    assert_string_equal(answer->problem, "");
    assert_false(answer->authenticated);
    AUTO_ANSWER *authenticated = dns_get(*state, NULL, "authenticated.test", DNS_TXT);
    assert_true(authenticated->authenticated); // the server is on loopback
}

static void
strings_of_one_record_are_joined_by_length(void **state)
{
    AUTO_ANSWER *answer = dns_get(*state, NULL, "strings.test", DNS_TXT);
    assert_int_equal(answer->status, DNS_OK);
    assert_int_equal(answer->count, 2);
    assert_int_equal(answer->records[0].length, 5);
    assert_memory_equal(answer->records[0].data, "abc\0d", 6);
    assert_int_equal(answer->records[1].length, 0);
}

static void
each_type_has_its_form(void **state)
{
    AUTO_ANSWER *a = dns_get(*state, NULL, "types.test", DNS_A);
    assert_int_equal(a->records[0].length, 4);
    assert_memory_equal(a->records[0].data, "\300\0\2\1", 4);
    AUTO_ANSWER *aaaa = dns_get(*state, NULL, "types.test", DNS_AAAA);
    assert_int_equal(aaaa->records[0].length, 16);
    AUTO_ANSWER *mx = dns_get(*state, NULL, "types.test", DNS_MX);
    assert_int_equal(mx->count, 2);
    assert_int_equal(mx->records[0].preference, 10);
    assert_string_equal(mx->records[0].data, "mx.test");
    assert_string_equal(mx->records[1].data, ".");
    static const enum dns_type names[] = {DNS_NS, DNS_PTR, DNS_CNAME};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        AUTO_ANSWER *name = dns_get(*state, NULL, "types.test", names[i]);
        assert_int_equal(name->status, DNS_OK);
        assert_string_equal(name->records[0].data, "odd\\032name.test");
    }
}

static void
nothing_forged_or_broken_is_taken(void **state)
{
    static const struct {
        const char *name;
        enum dns_type type;
        bool waits; /* the try's time has to pass: what came was dropped */
    } cases[] = {
        {"wrong-id.test", DNS_TXT, true},
        {"wrong-question-name.test", DNS_TXT, true},
        {"wrong-question-type.test", DNS_TXT, true},
        {"wrong-question-class.test", DNS_TXT, true},
        {"no-question.test", DNS_TXT, true},
        {"query-not-answer.test", DNS_TXT, true},
        {"other-opcode.test", DNS_TXT, true},
        {"wrong-source.test", DNS_TXT, true},
        {"tiny.test", DNS_TXT, true},
        {"bare-noerror.test", DNS_TXT, true},
        {"silent.test", DNS_TXT, true},
        {"truncated-tcp-stalls.test", DNS_TXT, true},
        {"garbage.test", DNS_TXT, false},
        {"more-records-claimed.test", DNS_TXT, false},
        {"pointer-loop.test", DNS_TXT, false},
        {"short-address.test", DNS_A, false},
        {"servfail.test", DNS_TXT, false},
        {"refused.test", DNS_TXT, false},
        {"odd-rcode.test", DNS_TXT, false},
        {"bare-refusal.test", DNS_TXT, false},
        {"truncated-tcp-closes.test", DNS_TXT, false},
        {"truncated-tcp-forged.test", DNS_TXT, false},
        {"truncated-tcp-empty.test", DNS_TXT, false},
        {"loop.test", DNS_TXT, false},
        {"self.test", DNS_TXT, false},
        {"257.test", DNS_A, false},
        {"referral.test", DNS_TXT, false},
    };
    const char *servers[] = {server_text(bench_server)};
    struct dns *short_of_time = bench_open(servers, 1, BENCH_TIMEOUT_MS, 1);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t start = clock_mono_ms();
        struct dns *dns = cases[i].waits ? short_of_time : *state;
        AUTO_ANSWER *answer = dns_get(dns, NULL, cases[i].name, cases[i].type);
        int64_t took = clock_mono_ms() - start;
        if (answer->status != DNS_TEMPORARY || answer->count != 0 || answer->problem[0] == '\0' ||
            took > BENCH_SLACK_MS || (cases[i].waits && took < BENCH_TIMEOUT_MS)) {
            fail_msg("%s: status %d, %zu records, '%s', %lld ms", cases[i].name, answer->status,
                     answer->count, answer->problem, (long long)took);
        }
    }
    dns_close(short_of_time);
}

static void
a_forged_answer_does_not_end_the_wait_for_the_real_one(void **state)
{
    AUTO_ANSWER *answer = dns_get(*state, NULL, "forged-then-good.test", DNS_TXT);
    bench_assert_text(answer, "real");
}

static void
a_truncated_answer_is_fetched_by_tcp(void **state)
{
    AUTO_ANSWER *answer = dns_get(*state, NULL, "truncated.test", DNS_TXT);
    assert_int_equal(answer->status, DNS_OK);
    assert_int_equal(answer->records[0].length, 20 * 255);
    assert_int_equal(server_tcp_count(bench_server), 1);
}

static void
a_datagram_larger_than_announced_is_fetched_by_tcp(void **state)
{
    AUTO_ANSWER *answer = dns_get(*state, NULL, "oversized.test", DNS_TXT);
    bench_assert_text(answer, "by TCP");
}

static void
a_server_without_edns_is_asked_without(void **state)
{
    AUTO_ANSWER *answer = dns_get(*state, NULL, "no-edns.test", DNS_TXT);
    bench_assert_text(answer, "plain");
    assert_int_equal(server_udp_count(bench_server), 2);
}

static void
as_many_records_as_allowed_are_taken(void **state)
{
    AUTO_ANSWER *answer = dns_get(*state, NULL, "256.test", DNS_A);
    assert_int_equal(answer->status, DNS_OK);
    assert_int_equal(answer->count, DNS_RECORDS_MAX);
    assert_memory_equal(answer->records[255].data, "\12\0\0\377", 4);
}

static void
a_chain_of_cnames_is_followed_to_its_cap(void **state)
{
    AUTO_ANSWER *eight = dns_get(*state, NULL, "chain8.test", DNS_TXT);
    bench_assert_text(eight, "end");
    assert_string_equal(eight->canonical, "chain0.test");
    assert_int_equal(server_udp_count(bench_server), 9);
    AUTO_ANSWER *nine = dns_get(*state, NULL, "chain9.test", DNS_TXT);
    bench_assert_temporary(nine);
}

static void
a_chain_in_any_order_leads_past_strangers(void **state)
{
    AUTO_ANSWER *answer = dns_get(*state, NULL, "reversed-chain.test", DNS_TXT);
    bench_assert_text(answer, "reached");
    assert_string_equal(answer->canonical, "r2.test");
    assert_int_equal(answer->ttl, 60); // the smallest on the chain
    AUTO_ANSWER *foreign = dns_get(*state, NULL, "foreign-only.test", DNS_TXT);
    assert_int_equal(foreign->status, DNS_NODATA);
}

static void
no_such_name_and_no_such_record_are_told_apart(void **state)
{
    AUTO_ANSWER *nxdomain = dns_get(*state, NULL, "nxdomain.test", DNS_TXT);
    assert_int_equal(nxdomain->status, DNS_NXDOMAIN);
    assert_int_equal(nxdomain->ttl, 100); // the SOA's minimum
    AUTO_ANSWER *nodata = dns_get(*state, NULL, "nodata.test", DNS_TXT);
    assert_int_equal(nodata->status, DNS_NODATA);
    assert_int_equal(nodata->ttl, 3600); // the SOA's own TTL
    AUTO_ANSWER *nothing = dns_get(*state, NULL, "cname-to-nothing.test", DNS_TXT);
    assert_int_equal(nothing->status, DNS_NXDOMAIN);
    assert_string_equal(nothing->canonical, "gone.test");
}

static void
bad_names_are_not_asked(void **state)
{
    static const char long_label[] =
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.test";
    static const char *const names[] = {"", ".", "a..test", ".test", long_label, "a\\"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        AUTO_ANSWER *answer = dns_get(*state, NULL, names[i], DNS_TXT);
        if (answer->status != DNS_BAD_NAME) {
            fail_msg("'%s' is asked", names[i]);
        }
    }
    assert_int_equal(server_udp_count(bench_server), 0);
}

/* ---- several servers ------------------------------------------------------------------------- */

static void
a_dead_server_costs_no_time(void **state)
{
    (void)state;
    char dead[32];
    dead_server_text(dead);
    const char *servers[] = {dead, server_text(bench_server)};
    struct dns *dns = bench_open(servers, 2, BENCH_LONG_MS, 2);
    int64_t start = clock_mono_ms();
    AUTO_ANSWER *answer = dns_get(dns, NULL, "good.test", DNS_TXT);
    bench_assert_text(answer, "hello");
    assert_true(clock_mono_ms() - start < BENCH_LONG_MS);
    dns_close(dns);
}

static void
only_dead_servers_are_a_temporary_failure_at_once(void **state)
{
    (void)state;
    char dead[32];
    dead_server_text(dead);
    const char *servers[] = {dead, dead};
    struct dns *dns = bench_open(servers, 2, BENCH_LONG_MS, 3);
    int64_t start = clock_mono_ms();
    AUTO_ANSWER *answer = dns_get(dns, NULL, "good.test", DNS_TXT);
    bench_assert_temporary(answer);
    assert_true(clock_mono_ms() - start < BENCH_LONG_MS);
    dns_close(dns);
}

static void
a_silent_server_is_passed_over_and_then_asked_last(void **state)
{
    (void)state;
    struct server *silent = server_start(reply_nothing);
    const char *servers[] = {server_text(silent), server_text(bench_server)};
    struct dns *dns = bench_open(servers, 2, 1000, 2);
    AUTO_ANSWER *first = dns_get(dns, NULL, "good.test", DNS_TXT);
    bench_assert_text(first, "hello");
    AUTO_ANSWER *second = dns_get(dns, NULL, "strings.test", DNS_TXT);
    assert_int_equal(second->status, DNS_OK);
    assert_int_equal(server_udp_count(silent), 1);
    dns_close(dns);
    server_stop(silent);
}

static void
a_server_that_fails_leaves_it_to_the_next(void **state)
{
    (void)state;
    static const struct {
        const char *label;
        handle_fn *handle;
    } cases[] = {{"SERVFAIL", answers_servfail},
                 {"REFUSED", answers_refused},
                 {"garbage", answers_garbage},
                 {"loop", answers_far_loop}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct server *bad = server_start(cases[i].handle);
        const char *servers[] = {server_text(bad), server_text(bench_server)};
        struct dns *dns = bench_open(servers, 2, BENCH_LONG_MS, 3);
        AUTO_ANSWER *answer = dns_get(dns, NULL, "good.test", DNS_TXT);
        if (answer->status != DNS_OK || answer->count != 1 || server_udp_count(bad) != 1) {
            fail_msg("%s: status %d, asked %u times", cases[i].label, answer->status,
                     server_udp_count(bad));
        }
        dns_close(dns);
        server_stop(bad);
    }
}

static void
a_server_that_failed_is_not_asked_again(void **state)
{
    (void)state;
    const char *servers[] = {server_text(bench_server)};
    struct dns *dns = bench_open(servers, 1, BENCH_LONG_MS, 3);
    AUTO_ANSWER *answer = dns_get(dns, NULL, "servfail.test", DNS_TXT);
    bench_assert_temporary(answer);
    assert_int_equal(server_udp_count(bench_server), 1);
    dns_close(dns);
}

static void
a_silent_server_is_tried_as_often_as_set(void **state)
{
    (void)state;
    const char *servers[] = {server_text(bench_server)};
    struct dns *dns = bench_open(servers, 1, 30, 3);
    AUTO_ANSWER *answer = dns_get(dns, NULL, "silent.test", DNS_TXT);
    bench_assert_temporary(answer);
    assert_int_equal(server_udp_count(bench_server), 3);
    dns_close(dns);
}

/* ---- settings -------------------------------------------------------------------------------- */

static void
settings_that_cannot_work_are_refused(void **state)
{
    (void)state;
    static const char *const nine[] = {"1.1.1.1", "1.1.1.2", "1.1.1.3", "1.1.1.4", "1.1.1.5",
                                       "1.1.1.6", "1.1.1.7", "1.1.1.8", "1.1.1.9"};
    static const char *const named[] = {"resolver.example"};
    static const struct {
        const char *label;
        struct dns_settings settings;
    } cases[] = {
        {"no server", {.servers = nine, .server_count = 0, .timeout_ms = 1, .tries = 1}},
        {"nine servers", {.servers = nine, .server_count = 9, .timeout_ms = 1, .tries = 1}},
        {"no address", {.servers = named, .server_count = 1, .timeout_ms = 1, .tries = 1}},
        {"no time", {.servers = nine, .server_count = 1, .timeout_ms = 0, .tries = 1}},
        {"no try", {.servers = nine, .server_count = 1, .timeout_ms = 1, .tries = 0}},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct dns *dns = NULL;
        struct why why = {.text = ""};
        if (dns_open(&cases[i].settings, &dns, &why) != ST_INVALID || dns != NULL ||
            why.text[0] == '\0') {
            fail_msg("%s", cases[i].label);
        }
    }
    const struct dns_settings eight = {
        .servers = nine, .server_count = 8, .timeout_ms = 1, .tries = 1};
    struct dns *dns = NULL;
    assert_int_equal(dns_open(&eight, &dns, NULL), ST_OK);
    dns_close(dns);
    dns_close(NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SERVER(an_answer_comes_back_as_sent),
        WITH_SERVER(strings_of_one_record_are_joined_by_length),
        WITH_SERVER(each_type_has_its_form),
        WITH_SERVER(nothing_forged_or_broken_is_taken),
        WITH_SERVER(a_forged_answer_does_not_end_the_wait_for_the_real_one),
        WITH_SERVER(a_truncated_answer_is_fetched_by_tcp),
        WITH_SERVER(a_datagram_larger_than_announced_is_fetched_by_tcp),
        WITH_SERVER(a_server_without_edns_is_asked_without),
        WITH_SERVER(as_many_records_as_allowed_are_taken),
        WITH_SERVER(a_chain_of_cnames_is_followed_to_its_cap),
        WITH_SERVER(a_chain_in_any_order_leads_past_strangers),
        WITH_SERVER(no_such_name_and_no_such_record_are_told_apart),
        WITH_SERVER(bad_names_are_not_asked),
        WITH_SERVER(a_dead_server_costs_no_time),
        WITH_SERVER(only_dead_servers_are_a_temporary_failure_at_once),
        WITH_SERVER(a_silent_server_is_passed_over_and_then_asked_last),
        WITH_SERVER(a_server_that_fails_leaves_it_to_the_next),
        WITH_SERVER(a_server_that_failed_is_not_asked_again),
        WITH_SERVER(a_silent_server_is_tried_as_often_as_set),
        cmocka_unit_test(settings_that_cannot_work_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
