// SPDX-License-Identifier: Apache-2.0
// The reference beside our own engines: it is heard, and decides nothing.
#include "auth_bench.h"

#include <stdio.h>
#include <unistd.h>

static struct {
    size_t count;
    char last[128];
} heard;

static void
hear(const struct auth_disagreement *disagreement)
{
    heard.count++;
    (void)snprintf(heard.last, sizeof(heard.last), "%s %s own=%s reference=%s %s",
                   disagreement->label, auth_method_name(disagreement->method), disagreement->own,
                   disagreement->reference, disagreement->domain);
}

static struct auth *
open_shadow(struct dns *dns, const char *helper)
{
    const struct auth_settings settings = {.authserv_id = "mx.example.net",
                                           .shadow = true,
                                           .helper = helper,
                                           .helpers = 1,
                                           .timeout_ms = AUTH_BENCH_TIMEOUT_MS,
                                           .queries = AUTH_BENCH_QUERIES,
                                           .disagreed = hear};
    struct auth *auth = NULL;
    struct why why = {.text = ""};
    heard.count = 0;
    if (auth_open(&settings, dns, &auth, &why) != ST_OK) {
        fail_msg("auth_open: %s", why.text);
    }
    return auth;
}

static void
shadow_agrees_where_both_are_right(void **state)
{
    const struct auth_bench *bench = *state;
    struct auth *auth = open_shadow(bench->dns, HELPER);
    struct auth_shadow_counts counts;
    struct auth_message message;
    struct verdict verdict;
    support_message("rsa.eml", &message);
    auth_check(auth, &message, &verdict);
    (void)close(message.fd);
    auth_shadow_counts(auth, &counts);
    assert_int_equal(verdict.dmarc.result, AUTH_PASS);
    assert_int_equal(counts.compared, 1);
    assert_int_equal(counts.agreed, 1);
    assert_int_equal(counts.failed + heard.count, 0);
    auth_close(auth);
}

static void
shadow_that_disagrees_is_heard_and_decides_nothing(void **state)
{
    const struct auth_bench *bench = *state;
    struct auth *auth = open_shadow(bench->dns, FAKE_HELPER);
    struct auth_shadow_counts counts;
    struct auth_message message;
    struct verdict verdict;
    support_message("unsigned.eml", &message);
    message.label = "4F3";
    message.helo = "localhost";           // none for both
    message.sender = "good@soft.example"; // the fake one says pass
    message.client_address = "192.0.2.2";
    auth_check(auth, &message, &verdict);
    (void)close(message.fd);
    auth_shadow_counts(auth, &counts);
    assert_int_equal(verdict.spf.result, AUTH_SOFTFAIL);
    assert_int_equal(counts.compared, 1);
    assert_int_equal(counts.agreed, 0);
    assert_int_equal(counts.disagreements[AUTH_METHOD_SPF], 1);
    assert_int_equal(counts.disagreements[AUTH_METHOD_HELO], 0);
    assert_int_equal(counts.disagreements[AUTH_METHOD_DKIM], 0);
    assert_int_equal(counts.disagreements[AUTH_METHOD_DMARC], 0);
    assert_int_equal(heard.count, 1);
    assert_string_equal(heard.last, "4F3 spf own=softfail reference=pass soft.example");
    auth_close(auth);
}

static void
shadow_that_dies_costs_nothing(void **state)
{
    const struct auth_bench *bench = *state;
    struct auth *auth = open_shadow(bench->dns, FAKE_HELPER);
    struct auth_shadow_counts counts;
    struct auth_message message;
    struct verdict verdict;
    struct verdict alone;
    support_message("rsa.eml", &message);
    message.sender = "die@example.org";
    auth_check(auth, &message, &verdict);
    auth_check(bench->own, &message, &alone);
    (void)close(message.fd);
    auth_shadow_counts(auth, &counts);
    assert_int_equal(verdict.dmarc.result, AUTH_PASS);
    assert_string_equal(verdict.authentication_results, alone.authentication_results);
    assert_int_equal(counts.failed, 1);
    assert_int_equal(counts.compared + heard.count, 0);
    auth_close(auth);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shadow_agrees_where_both_are_right),
        cmocka_unit_test(shadow_that_disagrees_is_heard_and_decides_nothing),
        cmocka_unit_test(shadow_that_dies_costs_nothing),
    };
    return cmocka_run_group_tests(tests, auth_bench_setup, auth_bench_teardown);
}
