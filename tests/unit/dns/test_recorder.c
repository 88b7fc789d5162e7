// SPDX-License-Identifier: Apache-2.0
// Answers taken note of, written as a file, and given again from it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/strbuf.h"
#include "verifier/dns/recorder.h"

enum { TEXT_MAX = 1024 * 1024 };

static const char ZONE[] = "a.test A 192.0.2.1\na.test A 192.0.2.2\na.test AAAA 2001:db8::1\n"
                           "a.test MX 20 mx.test\na.test MX 5 .\na.test NS ns.test\n"
                           "a.test SOA ns.test\na.test CNAME b.test\na.test PTR p.test\n"
                           "text.test TXT plain  with blanks \n"
                           "text.test TXT \\033SERVFAIL\ntext.test TXT \\000\\009\\255\\092\n"
                           "text.test TXT\n"
                           "alias.test CNAME text.test\ndangling.test CNAME nowhere.test\n"
                           "broken.test TXT !SERVFAIL\nslow.test A !TIMEOUT\ngone.test !NXDOMAIN\n"
                           "\\035hash.test TXT h\n\\033mark.test TXT m\n"
                           "*.wild.test TXT w\nodd\\.label.test TXT dot\n";

static const struct question {
    const char *name;
    enum dns_type type;
} QUESTIONS[] = {
    {"a.test", DNS_A},        {"A.Test.", DNS_AAAA},
    {"a.test", DNS_MX},       {"a.test", DNS_NS},
    {"a.test", DNS_SOA},      {"a.test", DNS_CNAME},
    {"a.test", DNS_PTR},      {"text.test", DNS_TXT},
    {"text.test", DNS_A},     {"alias.test", DNS_TXT},
    {"alias.test", DNS_MX},   {"dangling.test", DNS_A},
    {"broken.test", DNS_TXT}, {"slow.test", DNS_A},
    {"gone.test", DNS_TXT},   {"absent.test", DNS_A},
    {"#hash.test", DNS_TXT},  {"!mark.test", DNS_TXT},
    {"*.wild.test", DNS_TXT}, {"odd\\046label.test", DNS_TXT},
};

static struct dns *
open_text(const char *text)
{
    struct dns *dns = NULL;
    struct why why = {.text = ""};
    if (dns_open_fixture_text(text, strlen(text), &dns, &why) != ST_OK) {
        fail_msg("%s\n%s", why.text, text);
    }
    return dns;
}

static void
close_dns(struct dns **dns)
{
    dns_close(*dns);
}
#define AUTO_DNS AUTO(close_dns) struct dns

static void
free_recorder(struct dns_recorder **recorder)
{
    dns_recorder_free(*recorder);
}
#define AUTO_RECORDER AUTO(free_recorder) struct dns_recorder

static struct dns_budget
budget_with(struct dns_recorder *recorder)
{
    return (struct dns_budget){
        .deadline_mono_ms = INT64_MAX, .queries_left = 1000, .recorder = recorder};
}

static void
ask(struct dns *dns, struct dns_budget *budget, const char *name, enum dns_type type)
{
    AUTO_ANSWER *answer = dns_get(dns, budget, name, type);
}

static void
assert_same(const struct question *question, const struct dns_answer *was,
            const struct dns_answer *is)
{
    bool is_same = was->status == is->status && was->count == is->count &&
                   strcmp(was->problem, is->problem) == 0;
    for (size_t i = 0; is_same && i < was->count; i++) {
        const struct dns_record *one = &was->records[i];
        const struct dns_record *other = &is->records[i];
        is_same = one->preference == other->preference && one->length == other->length &&
                  memcmp(one->data, other->data, one->length) == 0;
    }
    if (!is_same) {
        fail_msg("%s %s: status %d then %d, %zu records then %zu, '%s' then '%s'", question->name,
                 dns_type_name(question->type), was->status, is->status, was->count, is->count,
                 was->problem, is->problem);
    }
}

static void
every_kind_of_answer_is_given_again(void **state)
{
    (void)state;
    AUTO_DNS *dns = open_text(ZONE);
    AUTO_RECORDER *recorder = dns_recorder_new();
    AUTO_STRBUF text = STRBUF_INIT(TEXT_MAX);
    struct dns_budget budget = budget_with(recorder);
    for (size_t i = 0; i < ARRAY_LEN(QUESTIONS); i++) {
        ask(dns, &budget, QUESTIONS[i].name, QUESTIONS[i].type);
    }
    assert_int_equal(dns_recorder_count(recorder), ARRAY_LEN(QUESTIONS));
    assert_int_equal(dns_recorder_format(recorder, &text), 0);
    AUTO_DNS *again = open_text(strbuf_text(&text));
    for (size_t i = 0; i < ARRAY_LEN(QUESTIONS); i++) {
        AUTO_ANSWER *was = dns_get(dns, NULL, QUESTIONS[i].name, QUESTIONS[i].type);
        AUTO_ANSWER *is = dns_get(again, NULL, QUESTIONS[i].name, QUESTIONS[i].type);
        assert_same(&QUESTIONS[i], was, is);
    }
}

static void
the_file_is_readable(void **state)
{
    (void)state;
    AUTO_DNS *dns = open_text(ZONE);
    AUTO_RECORDER *recorder = dns_recorder_new();
    AUTO_STRBUF text = STRBUF_INIT(TEXT_MAX);
    struct dns_budget budget = budget_with(recorder);
    ask(dns, &budget, "alias.test", DNS_TXT);
    ask(dns, &budget, "alias.test", DNS_MX);
    ask(dns, &budget, "broken.test", DNS_TXT);
    (void)dns_recorder_format(recorder, &text);
    assert_string_equal(strbuf_text(&text),
                        "!ONLY\n"
                        "# ttl 300, by CNAME at text.test\n"
                        "alias.test TXT plain  with blanks \n"
                        "alias.test TXT \\033SERVFAIL\n"
                        "alias.test TXT \\000\\009\\255\\092\n"
                        "alias.test TXT \n"
                        "# ttl 300, by CNAME at text.test\n"
                        "alias.test MX !NODATA\n"
                        "# ttl 300\n"
                        "broken.test TXT !TEMPORARY the server says SERVFAIL\n");
}

static void
what_was_not_recorded_is_temporary_and_costs_nothing(void **state)
{
    (void)state;
    AUTO_DNS *dns = open_text("!ONLY\nx.test TXT text\n*.wild.test TXT w\n");
    static const struct question OTHERS[] = {
        {"x.test", DNS_A}, {"y.test", DNS_TXT}, {"y.wild.test", DNS_TXT}};
    struct dns_budget budget = {.deadline_mono_ms = INT64_MAX, .queries_left = 0};
    for (size_t i = 0; i < ARRAY_LEN(OTHERS); i++) {
        AUTO_ANSWER *answer = dns_get(dns, &budget, OTHERS[i].name, OTHERS[i].type);
        assert_int_equal(answer->status, DNS_TEMPORARY);
        assert_non_null(strstr(answer->problem, "was not recorded"));
    }
    AUTO_ANSWER *known = dns_get(dns, &budget, "x.test", DNS_TXT);
    assert_int_equal(known->status, DNS_OK);
    assert_int_equal(budget.queries, 0);
}

static void
each_question_is_noted_once_and_a_change_with_it(void **state)
{
    (void)state;
    AUTO_DNS *dns = open_text("x.test TXT one\n");
    AUTO_DNS *other = open_text("x.test TXT two\n");
    AUTO_RECORDER *recorder = dns_recorder_new();
    AUTO_STRBUF text = STRBUF_INIT(TEXT_MAX);
    struct dns_budget budget = budget_with(recorder);
    struct dns_budget part = dns_budget_share(&budget, 50, 0);
    ask(dns, &budget, "x.test", DNS_TXT);
    ask(dns, &part, "X.test.", DNS_TXT); // a part of the budget notes too; out of the cache
    assert_int_equal(dns_recorder_count(recorder), 1);
    (void)dns_recorder_format(recorder, &text);
    assert_string_equal(strbuf_text(&text), "!ONLY\n# ttl 300\nx.test TXT one\n");
    ask(other, &part, "x.test", DNS_TXT);
    strbuf_reset(&text);
    (void)dns_recorder_format(recorder, &text);
    assert_string_equal(strbuf_text(&text),
                        "!ONLY\n# ttl 300, answered otherwise when asked again\nx.test TXT one\n");
}

static void
names_that_cannot_be_asked_are_passed_over(void **state)
{
    (void)state;
    AUTO_DNS *dns = open_text("x.test TXT one\n");
    AUTO_RECORDER *recorder = dns_recorder_new();
    struct dns_budget budget = budget_with(recorder);
    ask(dns, &budget, "a..b", DNS_TXT);
    assert_int_equal(dns_recorder_count(recorder), 0);
    dns_recorder_note(NULL, "x.test", DNS_TXT, NULL); // no recorder: nothing happens
}

static void
questions_over_the_cap_are_counted_only(void **state)
{
    (void)state;
    AUTO_DNS *dns = open_text("x.test TXT one\n");
    AUTO_RECORDER *recorder = dns_recorder_new();
    AUTO_STRBUF text = STRBUF_INIT(TEXT_MAX);
    struct dns_budget budget = budget_with(recorder);
    for (int i = 0; i < DNS_RECORDER_ENTRIES_MAX + 2; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "n%d.test", i);
        assert_int_equal(dns_recorder_dropped(recorder), i <= DNS_RECORDER_ENTRIES_MAX ? 0 : 1);
        ask(dns, &budget, name, DNS_A);
    }
    assert_int_equal(dns_recorder_count(recorder), DNS_RECORDER_ENTRIES_MAX);
    assert_int_equal(dns_recorder_format(recorder, &text), 2);
}

// A TXT record of `length` bytes at `name`.
static void
append_long(struct strbuf *zone, const char *name, size_t length)
{
    strbuf_printf(zone, "%s TXT ", name);
    for (size_t i = 0; i < length; i++) {
        strbuf_putc(zone, 'x');
    }
    strbuf_putc(zone, '\n');
}

static void
answers_over_the_caps_of_bytes_are_left_out(void **state)
{
    (void)state;
    static const char *const NAMES[] = {"a.test", "b.test", "c.test", "d.test", "e.test"};
    enum { LENGTH = 60000 }; // four fit into DNS_RECORDER_BYTES_MAX
    AUTO_STRBUF zone = STRBUF_INIT(TEXT_MAX);
    for (size_t i = 0; i < ARRAY_LEN(NAMES); i++) {
        append_long(&zone, NAMES[i], LENGTH);
    }
    AUTO_DNS *dns = open_text(strbuf_text(&zone));
    AUTO_RECORDER *recorder = dns_recorder_new();
    struct dns_budget budget = budget_with(recorder);
    for (size_t i = 0; i < ARRAY_LEN(NAMES); i++) {
        ask(dns, &budget, NAMES[i], DNS_TXT);
    }
    assert_int_equal(dns_recorder_count(recorder), 4);
    assert_int_equal(dns_recorder_dropped(recorder), 1);
    ask(dns, &budget, "small.test", DNS_TXT); // what is small still finds room
    assert_int_equal(dns_recorder_count(recorder), 5);
    AUTO_STRBUF text = STRBUF_INIT(2 * LENGTH + 1000);
    assert_int_equal(dns_recorder_format(recorder, &text), 3);
    assert_false(text.overflow);
    AUTO_DNS *again = open_text(strbuf_text(&text)); // whole answers only
    AUTO_ANSWER *last = dns_get(again, NULL, "small.test", DNS_TXT);
    assert_int_equal(last->status, DNS_NXDOMAIN);
}

static void
an_empty_text_is_an_empty_zone(void **state)
{
    (void)state;
    AUTO_DNS *dns = open_text("");
    AUTO_ANSWER *answer = dns_get(dns, NULL, "x.test", DNS_A);
    assert_int_equal(answer->status, DNS_NXDOMAIN);
    struct dns *none = NULL;
    struct why why = {.text = ""};
    assert_int_equal(dns_open_fixture_text("x", 1, &none, &why), ST_INVALID);
    assert_non_null(strstr(why.text, "recorded answers:1"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_answer_is_given_again),
        cmocka_unit_test(the_file_is_readable),
        cmocka_unit_test(what_was_not_recorded_is_temporary_and_costs_nothing),
        cmocka_unit_test(each_question_is_noted_once_and_a_change_with_it),
        cmocka_unit_test(names_that_cannot_be_asked_are_passed_over),
        cmocka_unit_test(questions_over_the_cap_are_counted_only),
        cmocka_unit_test(answers_over_the_caps_of_bytes_are_left_out),
        cmocka_unit_test(an_empty_text_is_an_empty_zone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
