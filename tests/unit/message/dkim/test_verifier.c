// SPDX-License-Identifier: Apache-2.0
// What the table of cases (tests/conformance/dkim) cannot say: budgets, missing parts, limits.
#include "support.h"

#include <string.h>

#include "common/clock.h"
#include "common/strbuf.h"
#include "verifier/message/arc.h"
#include "verifier/message/dkim.h"

#define HASH_TEXT "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

enum { NOW = 1800000000, HEADER_MAX = 256 * 1024 };

struct outcome {
    struct verdict_dkim dkim[VERDICT_DKIM_MAX];
    size_t count;
    size_t ignored;
    struct verdict_arc arc;
    struct dns_budget budget;
};

static void
judge(const char *header, struct dns *dns, unsigned queries, struct outcome *out)
{
    AUTO_DKIM_VERIFIER *verifier = dkim_verifier_new(header, strlen(header), NOW);
    *out = (struct outcome){.count = 99};
    out->budget =
        (struct dns_budget){.deadline_mono_ms = clock_mono_ms() + 5000, .queries_left = queries};
    dkim_verifier_body(verifier, "hello\r\n", 7);
    dkim_verifier_finish(verifier, NULL, dns, &out->budget, out->dkim, &out->count, &out->ignored,
                         &out->arc);
}

static void
add_signature(struct strbuf *header, int number)
{
    strbuf_printf(header,
                  "DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=s%d; h=from;\r\n"
                  " bh=" HASH_TEXT "; b=QUJD\r\n",
                  number);
}

static void
add_set(struct strbuf *header, int i)
{
    strbuf_printf(header,
                  "ARC-Seal: i=%d; cv=%s; a=rsa-sha256; d=seal.example; s=s%d; b=QUJD\r\n"
                  "ARC-Message-Signature: i=%d; a=rsa-sha256; d=seal.example; s=m%d; h=from;\r\n"
                  " bh=" HASH_TEXT "; b=QUJD\r\n"
                  "ARC-Authentication-Results: i=%d; mx.example; none\r\n",
                  i, i == 1 ? "none" : "pass", i, i, i, i);
}

static void
signatures_past_the_cap_are_counted_and_cost_nothing(void **state)
{
    (void)state;
    AUTO_STRBUF header = STRBUF_INIT(HEADER_MAX);
    struct dns *dns = support_zone("x.example A 192.0.2.1\n");
    struct outcome outcome;
    for (int i = 0; i < VERDICT_DKIM_MAX + 5; i++) {
        add_signature(&header, i);
    }
    strbuf_puts(&header, "From: a@example.org\r\n\r\n");
    judge(strbuf_text(&header), dns, 100, &outcome);
    assert_int_equal(outcome.count, VERDICT_DKIM_MAX);
    assert_int_equal(outcome.ignored, 5);
    assert_int_equal(outcome.budget.queries, VERDICT_DKIM_MAX);
    assert_int_equal(outcome.arc.result, AUTH_NONE);
    dns_close(dns);
}

static void
without_budget_each_signature_is_a_temporary_error(void **state)
{
    (void)state;
    AUTO_STRBUF header = STRBUF_INIT(HEADER_MAX);
    struct dns *dns = support_zone("x.example A 192.0.2.1\n");
    struct outcome outcome;
    add_signature(&header, 1);
    add_signature(&header, 2);
    strbuf_puts(&header, "From: a@example.org\r\n\r\n");
    judge(strbuf_text(&header), dns, 1, &outcome);
    assert_int_equal(outcome.dkim[0].result, AUTH_PERMERROR);
    assert_string_equal(outcome.dkim[0].reason, "there is no key");
    assert_int_equal(outcome.dkim[1].result, AUTH_TEMPERROR);
    dns_close(dns);
}

static void
a_chain_leaves_its_part_of_the_budget_to_others(void **state)
{
    (void)state;
    AUTO_STRBUF header = STRBUF_INIT(HEADER_MAX);
    AUTO_STRBUF zone = STRBUF_INIT(HEADER_MAX);
    struct outcome outcome;
    for (int i = ARC_INSTANCES_MAX; i > 0; i--) {
        add_set(&header, i);
        strbuf_printf(&zone, "s%d._domainkey.seal.example TXT !SERVFAIL\n", i);
    }
    strbuf_printf(&zone, "m%d._domainkey.seal.example TXT !SERVFAIL\n", ARC_INSTANCES_MAX);
    strbuf_puts(&header, "From: a@example.org\r\n\r\n");
    struct dns *dns = support_zone(strbuf_text(&zone));
    judge(strbuf_text(&header), dns, ARC_QUERIES_RESERVED + 5, &outcome);
    assert_int_equal(outcome.arc.result, AUTH_TEMPERROR);
    assert_int_equal(outcome.arc.instances, ARC_INSTANCES_MAX);
    assert_string_equal(outcome.arc.sealer, "seal.example");
    assert_int_equal(outcome.budget.queries_left, ARC_QUERIES_RESERVED);
    dns_close(dns);
}

static void
a_failed_seal_outweighs_what_the_dns_did_not_tell(void **state)
{
    (void)state;
    AUTO_STRBUF header = STRBUF_INIT(HEADER_MAX);
    struct outcome outcome;
    add_set(&header, 2);
    add_set(&header, 1);
    strbuf_puts(&header, "From: a@example.org\r\n\r\n");
    struct dns *dns = support_zone("m2._domainkey.seal.example TXT !SERVFAIL\n"
                                   "s1._domainkey.seal.example TXT !SERVFAIL\n");
    judge(strbuf_text(&header), dns, 100, &outcome);
    assert_int_equal(outcome.arc.result, AUTH_FAIL); // s2 does not exist
    assert_string_equal(outcome.arc.reason, "ARC-Seal: there is no key");
    dns_close(dns);
}

static void
neither_signatures_nor_older_sets_keep_the_newest_from_being_judged(void **state)
{
    (void)state;
    AUTO_STRBUF header = STRBUF_INIT(HEADER_MAX);
    AUTO_STRBUF zone = STRBUF_INIT(HEADER_MAX);
    for (int i = 0; i < VERDICT_DKIM_MAX; i++) {
        add_signature(&header, i);
        strbuf_printf(&zone, "s%d._domainkey.example.org TXT !SERVFAIL\n", i);
    }
    for (int i = ARC_INSTANCES_MAX; i > 0; i--) {
        add_set(&header, i);
        strbuf_printf(&zone,
                      i == ARC_INSTANCES_MAX ? "x%d.example A 192.0.2.1\n"
                                             : "s%d._domainkey.seal.example TXT !SERVFAIL\n",
                      i);
    }
    strbuf_printf(&zone, "m%d._domainkey.seal.example TXT !SERVFAIL\n", ARC_INSTANCES_MAX);
    strbuf_puts(&header, "From: a@example.org\r\n\r\n");
    for (unsigned queries = ARC_QUERIES_LEAST; queries <= 60; queries += 14) {
        struct dns *dns = support_zone(strbuf_text(&zone));
        struct outcome outcome;
        judge(strbuf_text(&header), dns, queries, &outcome);
        assert_int_equal(outcome.arc.result, AUTH_FAIL); // the newest seal has no key
        dns_close(dns);
    }
}

static void
sets_are_copied_for_who_asks_what_they_say(void **state)
{
    (void)state;
    static const char HEADER[] =
        "ARC-Seal: i=2; cv=pass; a=rsa-sha256; d=Seal.Example; s=s; b=QUJD\r\n"
        "ARC-Message-Signature: i=2; a=rsa-sha256; d=b.example; s=m; h=Subject:From;\r\n"
        " bh=" HASH_TEXT "; b=QUJD\r\n"
        "ARC-Authentication-Results: i=2; mx.example;\r\n none\r\n"
        "ARC-Message-Signature: i=1; a=rsa-sha256; d=a.example; s=m; h=subject; l=3;\r\n"
        " bh=" HASH_TEXT "; b=QUJD\r\n"
        "From: a@example.org\r\n\r\n";
    AUTO_DKIM_VERIFIER *verifier = dkim_verifier_new(HEADER, sizeof(HEADER) - 1, NOW);
    struct arc_trail trail;
    dkim_verifier_copy_trail(verifier, &trail);
    assert_int_equal(trail.count, 2);
    assert_string_equal(trail.sets[1].sealer, "seal.example");
    assert_string_equal(trail.sets[1].signer, "b.example");
    assert_true(trail.sets[1].covers_author && trail.sets[1].covers_body);
    static const char RESULTS[] = " i=2; mx.example;\r\n none";
    assert_int_equal(trail.sets[1].results_length, sizeof(RESULTS) - 1);
    assert_memory_equal(trail.sets[1].results, RESULTS, sizeof(RESULTS) - 1);
    assert_string_equal(trail.sets[0].sealer, "");
    assert_string_equal(trail.sets[0].signer, "a.example");
    assert_false(trail.sets[0].covers_author || trail.sets[0].covers_body);
    assert_null(trail.sets[0].results);
    arc_trail_done(&trail);
    assert_int_equal(trail.count, 0);
    AUTO_DKIM_VERIFIER *plain = dkim_verifier_new("From: a@b\r\n\r\n", 13, NOW);
    dkim_verifier_copy_trail(plain, &trail);
    assert_int_equal(trail.count, 0);
    arc_trail_done(&trail);
}

static void
nothing_to_verify_asks_nobody(void **state)
{
    (void)state;
    static const char *const HEADERS[] = {"", "\r\n", "From: a@example.org\r\n\r\n", "\x80", ":"};
    struct dns *dns = support_zone("x.example A 192.0.2.1\n");
    for (size_t i = 0; i < ARRAY_LEN(HEADERS); i++) {
        struct outcome outcome;
        judge(HEADERS[i], dns, 100, &outcome);
        assert_int_equal(outcome.count, 0);
        assert_int_equal(outcome.ignored, 0);
        assert_int_equal(outcome.arc.result, AUTH_NONE);
        assert_int_equal(outcome.budget.queries, 0);
    }
    dns_close(dns);
}

static void
arc_may_be_left_out(void **state)
{
    (void)state;
    AUTO_STRBUF header = STRBUF_INIT(HEADER_MAX);
    struct dns *dns = support_zone("x.example A 192.0.2.1\n");
    struct dns_budget budget = {.deadline_mono_ms = clock_mono_ms() + 5000, .queries_left = 9};
    struct verdict_dkim results[VERDICT_DKIM_MAX];
    size_t count = 99;
    size_t ignored = 99;
    add_set(&header, 1);
    AUTO_DKIM_VERIFIER *verifier = dkim_verifier_new(header.data, header.length, NOW);
    dkim_verifier_finish(verifier, NULL, dns, &budget, results, &count, &ignored, NULL);
    assert_int_equal(count + ignored, 0);
    assert_int_equal(budget.queries, 0);
    dns_close(dns);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signatures_past_the_cap_are_counted_and_cost_nothing),
        cmocka_unit_test(without_budget_each_signature_is_a_temporary_error),
        cmocka_unit_test(a_chain_leaves_its_part_of_the_budget_to_others),
        cmocka_unit_test(a_failed_seal_outweighs_what_the_dns_did_not_tell),
        cmocka_unit_test(neither_signatures_nor_older_sets_keep_the_newest_from_being_judged),
        cmocka_unit_test(sets_are_copied_for_who_asks_what_they_say),
        cmocka_unit_test(nothing_to_verify_asks_nobody),
        cmocka_unit_test(arc_may_be_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
