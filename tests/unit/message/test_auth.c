// SPDX-License-Identifier: Apache-2.0
// The whole verdict: what it holds, what it costs, and what becomes of messages that are odd.
#include "auth_bench.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/strbuf.h"
#include "common/xalloc.h"

static void
check_fixture(const struct auth_bench *bench, const char *fixture, struct verdict *out)
{
    struct auth_message message;
    support_message(fixture, &message);
    auth_check(bench->own, &message, out);
    (void)close(message.fd);
}

static void
include_bomb_costs_few_questions(void **state)
{
    const struct auth_bench *bench = *state;
    struct auth_message message;
    struct verdict verdict;
    struct dns_counts before;
    struct dns_counts after;
    support_message("unsigned.eml", &message);
    message.sender = "alice@bomb.example";
    dns_counts(bench->dns, &before);
    auth_check(bench->own, &message, &verdict);
    dns_counts(bench->dns, &after);
    (void)close(message.fd);
    assert_int_equal(verdict.spf.terms, 11);
    assert_true(after.queries + after.hits - before.queries - before.hits < 30);
}

static void
null_sender_is_judged_by_helo(void **state)
{
    const struct auth_bench *bench = *state;
    struct auth_message message;
    struct verdict verdict;
    support_message("unsigned.eml", &message);
    message.sender = "";
    auth_check(bench->own, &message, &verdict);
    (void)close(message.fd);
    assert_int_equal(verdict.spf.result, AUTH_PASS);
    assert_true(verdict.spf.identity_is_helo);
    assert_string_equal(verdict.spf.domain, "helo.example.org");
    assert_int_equal(verdict.dmarc.result, AUTH_PASS);
    assert_non_null(strstr(verdict.authentication_results, "smtp.helo=helo.example.org"));
}

static void
twelve_signatures_are_ten_and_two_ignored(void **state)
{
    struct verdict verdict;
    check_fixture(*state, "twelve.eml", &verdict);
    assert_int_equal(verdict.dkim_count, VERDICT_DKIM_MAX);
    assert_int_equal(verdict.dkim_ignored, 2);
    for (size_t i = 0; i < verdict.dkim_count; i++) {
        assert_int_equal(verdict.dkim[i].result, AUTH_PASS);
    }
}

static void
signature_details_are_reported(void **state)
{
    struct verdict verdict;
    check_fixture(*state, "rsa.eml", &verdict);
    assert_string_equal(verdict.dkim[0].domain, "example.org");
    assert_string_equal(verdict.dkim[0].selector, "rsa");
    assert_string_equal(verdict.dkim[0].algorithm, "rsa-sha256");
    assert_int_equal(verdict.dkim[0].bits, 2048);
    assert_string_equal(verdict.authentication_results,
                        "mx.example.net; spf=pass smtp.mailfrom=example.org; dkim=pass "
                        "header.d=example.org header.s=rsa header.a=rsa-sha256; dmarc=pass "
                        "(p=reject disposition=none) header.from=example.org");
}

static void
several_authors_are_permerror(void **state)
{
    static const char text[] = "From: a@example.org, b@other.example\r\n\r\nx\r\n";
    const struct auth_bench *bench = *state;
    struct auth_message message;
    struct verdict verdict;
    support_message_text(text, sizeof(text) - 1, &message);
    auth_check(bench->own, &message, &verdict);
    (void)close(message.fd);
    assert_int_equal(verdict.dmarc.result, AUTH_PERMERROR);
    assert_int_equal(verdict.dmarc.disposition, DMARC_ACTION_NONE);
    assert_int_equal(verdict.dkim_count, 0);
}

static void
local_message_is_not_judged(void **state)
{
    const struct auth_bench *bench = *state;
    struct verdict verdict;
    auth_local(bench->own, &verdict);
    assert_true(verdict.local);
    assert_int_equal(verdict.dmarc.result, AUTH_NONE);
    assert_string_equal(verdict.authentication_results, "mx.example.net; none");
}

static void
message_in_memory_has_the_verdict_of_the_same_in_a_file(void **state)
{
    const struct auth_bench *bench = *state;
    static const char *const MESSAGES[] = {"rsa.eml", "unsigned.eml", "four_kilobytes.eml"};
    for (size_t i = 0; i < ARRAY_LEN(MESSAGES); i++) {
        static struct verdict verdicts[2];
        struct auth_message message;
        support_message(MESSAGES[i], &message);
        auth_check(bench->own, &message, &verdicts[0]);
        AUTO_FREE char *data = xcalloc(message.size + 1, 1);
        assert_int_equal(pread(message.fd, data, message.size, 0), (ssize_t)message.size);
        (void)close(message.fd);
        message.fd = -1;
        message.data = data;
        auth_check(bench->own, &message, &verdicts[1]);
        assert_string_equal(verdicts[0].authentication_results, verdicts[1].authentication_results);
        data[message.size - 3] ^= 1; // the body is read from there
        auth_check(bench->own, &message, &verdicts[1]);
        assert_int_not_equal(verdict_dkim_overall(&verdicts[1]), AUTH_PASS);
    }
}

static void
message_that_cannot_be_read_is_temperror(void **state)
{
    const struct auth_bench *bench = *state;
    struct auth_message message;
    struct verdict verdict;
    support_message("rsa.eml", &message);
    message.size += 10;
    auth_check(bench->own, &message, &verdict);
    assert_int_equal(verdict.dkim[0].result, AUTH_TEMPERROR);
    message.header_length = message.size;
    auth_check(bench->own, &message, &verdict);
    assert_int_equal(verdict.dmarc.result, AUTH_TEMPERROR);
    (void)close(message.fd);
}

// Each name below is one query of the 20 that the message has.
static void
hostile_zones_that_use_up_the_queries_do_not_get_around_a_policy_of_reject(void **state)
{
    (void)state;
    enum { SIGNATURES = 9 };
    struct strbuf zone = STRBUF_INIT(4096);
    strbuf_puts(&zone, "_dmarc.victim.example TXT v=DMARC1; p=reject\n");
    strbuf_puts(&zone, "evil.example TXT v=spf1");
    for (int i = 1; i <= SIGNATURES; i++) {
        strbuf_printf(&zone, " a:%d.evil.example", i);
    }
    for (int i = 1; i <= SIGNATURES; i++) {
        strbuf_printf(&zone, "\n%d.evil.example A 203.0.113.9", i);
    }
    struct dns *dns = support_zone(strbuf_text(&zone));
    strbuf_done(&zone);
    struct strbuf text = STRBUF_INIT(8192);
    for (int i = 0; i <= SIGNATURES; i++) {
        const char *signer = i < SIGNATURES ? "evil.example" : "victim.example";
        strbuf_printf(&text,
                      "DKIM-Signature: v=1; a=rsa-sha256; d=%s; s=k%d; h=from; "
                      "bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=AAAA\r\n",
                      signer, i);
    }
    strbuf_puts(&text, "From: ceo@victim.example\r\n\r\nPay now.\r\n");
    const struct auth_settings settings = {.authserv_id = "mx.test",
                                           .engine = AUTH_ENGINE_OWN,
                                           .timeout_ms = AUTH_BENCH_TIMEOUT_MS,
                                           .queries = 20};
    struct auth *auth = NULL;
    assert_int_equal(auth_open(&settings, dns, &auth, NULL), ST_OK);
    struct auth_message message;
    support_message_text(text.data, text.length, &message);
    message.client_address = "192.0.2.1";
    message.helo = "helo.evil.example";
    message.sender = "x@evil.example";
    struct verdict verdict;
    auth_check(auth, &message, &verdict);
    assert_int_equal(verdict.dmarc.result, AUTH_FAIL);
    assert_int_equal(verdict.dmarc.disposition, DMARC_ACTION_REJECT);
    assert_int_equal(verdict.dkim[SIGNATURES].result, AUTH_PERMERROR);     // no such key
    assert_int_equal(verdict.dkim[SIGNATURES - 1].result, AUTH_TEMPERROR); // not looked up
    (void)close(message.fd);
    strbuf_done(&text);
    auth_close(auth);
    dns_close(dns);
}

static void
used_up_time_is_temperror_everywhere(void **state)
{
    (void)state;
    struct dns *dns = support_fixture_zone(); // with an empty cache
    struct auth *auth = auth_bench_open(dns, AUTH_ENGINE_OWN, 0);
    struct auth_message message;
    struct verdict verdict;
    support_message("rsa.eml", &message);
    auth_check(auth, &message, &verdict);
    (void)close(message.fd);
    assert_int_equal(verdict.spf.result, AUTH_TEMPERROR);
    assert_int_equal(verdict_dkim_overall(&verdict), AUTH_TEMPERROR);
    assert_int_equal(verdict.dmarc.result, AUTH_TEMPERROR);
    auth_close(auth);
    dns_close(dns);
}

static void
helper_that_does_not_exist_is_refused(void **state)
{
    const struct auth_bench *bench = *state;
    struct auth_settings settings = {.authserv_id = "x",
                                     .engine = AUTH_ENGINE_REFERENCE,
                                     .helper = "/nonexistent",
                                     .helpers = 1};
    struct auth *auth = NULL;
    struct why why;
    assert_int_equal(auth_open(&settings, bench->dns, &auth, &why), ST_IO);
    settings.helper = "/bin/true"; // starts, but never says READY
    assert_int_equal(auth_open(&settings, bench->dns, &auth, &why), ST_IO);
    settings.helper = HELPER;
    settings.helpers = 0;
    assert_int_equal(auth_open(&settings, bench->dns, &auth, &why), ST_INVALID);
    assert_null(auth);
}

static void
without_a_message_only_spf_is_told(void **state)
{
    const struct auth_bench *bench = *state;
    struct auth *const engines[] = {bench->own, bench->reference};
    const struct auth_message message = {.client_address = "192.0.2.1",
                                         .helo = "helo.example.org",
                                         .sender = "alice@example.org",
                                         .fd = -1};
    for (size_t i = 0; i < ARRAY_LEN(engines); i++) {
        struct verdict verdict;
        auth_check(engines[i], &message, &verdict);
        assert_int_equal(verdict.spf.result, AUTH_PASS);
        assert_int_equal(verdict.dkim_count, 0);
        assert_int_equal(verdict.dmarc.result, AUTH_NONE);
        assert_string_equal(verdict.authentication_results,
                            "mx.example.net; spf=pass smtp.mailfrom=example.org");
    }
}

static void
header_block_over_the_cap_is_permerror(void **state)
{
    const struct auth_bench *bench = *state;
    size_t length = AUTH_HEADER_MAX + 1;
    char *text = malloc(length + 3);
    assert_non_null(text);
    memset(text, 'x', length);
    memcpy(text, "From: a@example.org\r\nX: ", 24);
    for (size_t size = AUTH_HEADER_MAX; size <= length; size++) {
        struct auth_message message;
        struct verdict verdict;
        memcpy(text + size - 4, "\r\n\r\n", 4);
        support_message_text(text, size, &message);
        message.client_address = "192.0.2.77"; // SPF does not pass
        auth_check(bench->own, &message, &verdict);
        (void)close(message.fd);
        assert_int_equal(verdict.dmarc.result, size == length ? AUTH_PERMERROR : AUTH_FAIL);
    }
    free(text);
}

static void
decision_moment_is_given(void **state)
{
    const struct auth_bench *bench = *state;
    struct auth_message message;
    struct verdict verdict;
    support_message("rsa.eml", &message);
    message.now_s = 1; // long before the signature was made: t= is in the future
    auth_check(bench->own, &message, &verdict);
    assert_int_not_equal(verdict.dkim[0].result, AUTH_PASS);
    message.now_s = 0;
    auth_check(bench->own, &message, &verdict);
    assert_int_equal(verdict.dkim[0].result, AUTH_PASS);
    (void)close(message.fd);
}

static void
our_own_engines_start_no_process(void **state)
{
    const struct auth_bench *bench = *state;
    const struct auth_settings settings = {.authserv_id = "x", .helper = "/nonexistent"};
    struct auth *auth = NULL;
    assert_int_equal(auth_open(&settings, bench->dns, &auth, NULL), ST_OK);
    auth_close(auth);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(message_in_memory_has_the_verdict_of_the_same_in_a_file),
        cmocka_unit_test(include_bomb_costs_few_questions),
        cmocka_unit_test(null_sender_is_judged_by_helo),
        cmocka_unit_test(twelve_signatures_are_ten_and_two_ignored),
        cmocka_unit_test(signature_details_are_reported),
        cmocka_unit_test(several_authors_are_permerror),
        cmocka_unit_test(local_message_is_not_judged),
        cmocka_unit_test(message_that_cannot_be_read_is_temperror),
        cmocka_unit_test(
            hostile_zones_that_use_up_the_queries_do_not_get_around_a_policy_of_reject),
        cmocka_unit_test(used_up_time_is_temperror_everywhere),
        cmocka_unit_test(helper_that_does_not_exist_is_refused),
        cmocka_unit_test(without_a_message_only_spf_is_told),
        cmocka_unit_test(header_block_over_the_cap_is_permerror),
        cmocka_unit_test(decision_moment_is_given),
        cmocka_unit_test(our_own_engines_start_no_process),
    };
    return cmocka_run_group_tests(tests, auth_bench_setup, auth_bench_teardown);
}
