// SPDX-License-Identifier: Apache-2.0
// What helpers do wrong, and that it costs one message only.
#include "support.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "verifier/message/helper_pool.h"

enum { LONG_MS = 20000, SHORT_MS = 300, THREADS = 6, ROUNDS = 20 };

static struct auth *
open_auth(struct dns *dns, const char *helper, size_t helpers, int64_t timeout_ms)
{
    struct auth_settings settings = {.authserv_id = "mx.example.net",
                                     .engine = AUTH_ENGINE_REFERENCE,
                                     .helper = helper,
                                     .helpers = helpers,
                                     .timeout_ms = timeout_ms,
                                     .queries = 100};
    struct auth *auth = NULL;
    struct why why = {.text = ""};
    if (auth_open(&settings, dns, &auth, &why) != ST_OK) {
        fail_msg("auth_open: %s", why.text);
    }
    return auth;
}

static void
check_sender(struct auth *auth, const char *sender, struct verdict *out)
{
    struct auth_message message;
    support_message("rsa.eml", &message);
    message.sender = sender;
    auth_check(auth, &message, out);
    (void)close(message.fd);
}

static void
assert_unknown(const struct verdict *verdict, const char *label)
{
    bool unknown =
        verdict->spf.result == AUTH_TEMPERROR && verdict_dkim_overall(verdict) == AUTH_TEMPERROR &&
        verdict->dmarc.result == AUTH_TEMPERROR && verdict->dmarc.disposition == DMARC_ACTION_NONE;
    if (!unknown) {
        fail_msg("%s: %s", label, verdict->authentication_results);
    }
}

static const char *const BREACHES[] = {"die@a.example",  "garbage@a.example", "cut@a.example",
                                       "huge@a.example", "wrong@a.example",   "many@a.example",
                                       "ask@a.example",  "type@a.example"};

static void
breach_of_the_protocol_costs_one_message(void **state)
{
    (void)state;
    struct dns *dns = support_fixture_zone();
    struct auth *auth = open_auth(dns, FAKE_HELPER, 1, LONG_MS);
    for (size_t i = 0; i < ARRAY_LEN(BREACHES); i++) {
        struct verdict verdict;
        check_sender(auth, BREACHES[i], &verdict);
        assert_unknown(&verdict, BREACHES[i]);
        check_sender(auth, "good@a.example", &verdict);
        if (verdict.spf.result != AUTH_PASS) {
            fail_msg("after %s: %s", BREACHES[i], verdict.authentication_results);
        }
    }
    auth_close(auth);
    dns_close(dns);
}

static void
helper_that_hangs_is_temperror_in_time(void **state)
{
    (void)state;
    struct dns *dns = support_fixture_zone();
    struct auth *auth = open_auth(dns, FAKE_HELPER, 1, SHORT_MS);
    struct verdict verdict;
    int64_t before = clock_mono_ms();
    check_sender(auth, "hang@a.example", &verdict);
    int64_t took = clock_mono_ms() - before;
    assert_unknown(&verdict, "hang");
    assert_true(took >= SHORT_MS && took < SHORT_MS + 3000);
    auth_close(auth);
    auth = open_auth(dns, FAKE_HELPER, 1, LONG_MS);
    check_sender(auth, "good@a.example", &verdict);
    assert_int_equal(verdict.spf.result, AUTH_PASS);
    auth_close(auth);
    dns_close(dns);
}

static void
text_of_a_helper_cannot_break_the_field(void **state)
{
    (void)state;
    struct dns *dns = support_fixture_zone();
    struct auth *auth = open_auth(dns, FAKE_HELPER, 1, LONG_MS);
    struct verdict verdict;
    check_sender(auth, "inject@a.example", &verdict);
    assert_string_equal(verdict.dkim[0].domain, "a??X-Evil: 1");
    assert_non_null(strstr(verdict.authentication_results, "header.s=\"s? dmarc=pass\""));
    for (const char *c = verdict.authentication_results; *c != '\0'; c++) {
        assert_true(*c >= ' ' && *c <= '~');
    }
    auth_close(auth);
    dns_close(dns);
}

static pid_t
only_child(void)
{
    char path[64];
    (void)snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
    AUTO_FILE FILE *file = fopen(path, "r");
    int pid = 0;
    if (file == NULL || fscanf(file, "%d", &pid) != 1) {
        fail_msg("no child");
    }
    return pid;
}

static void
helper_killed_between_messages_costs_nothing(void **state)
{
    (void)state;
    struct dns *dns = support_fixture_zone();
    struct auth *auth = open_auth(dns, HELPER, 1, LONG_MS);
    struct verdict verdict;
    siginfo_t info;
    pid_t child = only_child();
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT), 0);
    check_sender(auth, "alice@example.org", &verdict);
    assert_int_equal(verdict.dmarc.result, AUTH_PASS);
    assert_int_not_equal(only_child(), child);
    auth_close(auth);
    dns_close(dns);
}

static void
stopped_helper_is_temperror_and_the_next_message_is_fine(void **state)
{
    (void)state;
    struct dns *dns = support_fixture_zone();
    struct auth *auth = open_auth(dns, HELPER, 1, 3000);
    struct verdict verdict;
    assert_int_equal(kill(only_child(), SIGSTOP), 0);
    check_sender(auth, "alice@example.org", &verdict);
    assert_unknown(&verdict, "stopped");
    check_sender(auth, "alice@example.org", &verdict);
    assert_int_equal(verdict.dmarc.result, AUTH_PASS);
    auth_close(auth);
    dns_close(dns);
}

#ifndef MAILSPUR_SANITIZED
static void
helper_is_shut_in(void **state)
{
    (void)state;
    struct dns *dns = support_fixture_zone();
    struct auth *auth = open_auth(dns, HELPER, 1, LONG_MS);
    char path[64];
    char line[256];
    bool filtered = false;
    bool no_new_privileges = false;
    (void)snprintf(path, sizeof(path), "/proc/%d/status", (int)only_child());
    AUTO_FILE FILE *file = fopen(path, "r");
    assert_non_null(file);
    while (fgets(line, sizeof(line), file) != NULL) {
        filtered = filtered || strcmp(line, "Seccomp:\t2\n") == 0;
        no_new_privileges = no_new_privileges || strcmp(line, "NoNewPrivs:\t1\n") == 0;
    }
    assert_true(filtered);
    assert_true(no_new_privileges);
    auth_close(auth);
    dns_close(dns);
}
#endif

static void
deaths_in_a_row_are_spaced_out(void **state)
{
    (void)state;
    struct helper_pool *pool = NULL;
    struct why why;
    assert_int_equal(helper_pool_open(FAKE_HELPER, 1, &pool, &why), ST_OK);
    int64_t end = clock_mono_ms() + 1000;
    while (clock_mono_ms() < end) {
        struct helper helper;
        if (helper_pool_lend(pool, end, &helper, &why) == ST_OK) {
            helper_pool_return(pool, &helper, false);
        }
    }
    // At once, at once, then after 100, 200, 400 ms; 800 more do not fit into the second.
    assert_in_range(helper_pool_started(pool), 3, 6);
    helper_pool_close(pool);
}

static void
worn_helper_is_replaced(void **state)
{
    (void)state;
    struct helper_pool *pool = NULL;
    struct helper helper;
    assert_int_equal(helper_pool_open(FAKE_HELPER, 1, &pool, NULL), ST_OK);
    for (int i = 0; i < HELPER_MESSAGES_MAX; i++) {
        assert_int_equal(helper_pool_lend(pool, clock_mono_ms() + LONG_MS, &helper, NULL), ST_OK);
        helper_pool_return(pool, &helper, true);
    }
    assert_int_equal(helper_pool_started(pool), 1);
    assert_int_equal(helper_pool_lend(pool, clock_mono_ms() + LONG_MS, &helper, NULL), ST_OK);
    helper_pool_return(pool, &helper, true);
    assert_int_equal(helper_pool_started(pool), 2);
    helper_pool_close(pool);
}

static void
busy_helpers_are_waited_for_up_to_the_deadline(void **state)
{
    (void)state;
    struct helper_pool *pool = NULL;
    struct helper helper;
    struct helper other;
    struct why why;
    assert_int_equal(helper_pool_open(FAKE_HELPER, 1, &pool, &why), ST_OK);
    assert_int_equal(helper_pool_lend(pool, clock_mono_ms() + LONG_MS, &helper, &why), ST_OK);
    assert_int_equal(helper_pool_lend(pool, clock_mono_ms() + 50, &other, &why), ST_AGAIN);
    helper_pool_return(pool, &helper, true);
    helper_pool_close(pool);
}

static void *
check_many(void *context)
{
    struct auth *auth = context;
    size_t *good = calloc(1, sizeof(*good));
    for (int i = 0; good != NULL && i < ROUNDS; i++) {
        struct verdict verdict;
        check_sender(auth, i % 5 == 4 ? "alice@bomb.example" : "alice@example.org", &verdict);
        *good += verdict.dmarc.result == AUTH_PASS ? 1 : 0;
    }
    return good;
}

static void
threads_share_the_helpers(void **state)
{
    (void)state;
    struct dns *dns = support_fixture_zone();
    struct auth *auth = open_auth(dns, HELPER, 3, LONG_MS);
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, check_many, auth), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        void *good = NULL;
        assert_int_equal(pthread_join(threads[i], &good), 0);
        assert_int_equal(*(size_t *)good, ROUNDS);
        free(good);
    }
    auth_close(auth);
    dns_close(dns);
}

// One thread more than the helpers of the shadow can serve; the caches are everybody's.
static void
threads_share_our_own_engines(void **state)
{
    (void)state;
    struct dns *dns = support_fixture_zone();
    const struct auth_settings settings = {.authserv_id = "mx.example.net",
                                           .shadow = true,
                                           .helper = HELPER,
                                           .helpers = 2,
                                           .timeout_ms = LONG_MS,
                                           .queries = 100};
    struct auth *auth = NULL;
    assert_int_equal(auth_open(&settings, dns, &auth, NULL), ST_OK);
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, check_many, auth), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        void *good = NULL;
        assert_int_equal(pthread_join(threads[i], &good), 0);
        assert_int_equal(*(size_t *)good, ROUNDS);
        free(good);
    }
    struct auth_shadow_counts counts;
    auth_shadow_counts(auth, &counts);
    assert_int_equal(counts.compared, THREADS * ROUNDS);
    assert_int_equal(counts.failed, 0);
    auth_close(auth);
    dns_close(dns);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(breach_of_the_protocol_costs_one_message),
        cmocka_unit_test(helper_that_hangs_is_temperror_in_time),
        cmocka_unit_test(text_of_a_helper_cannot_break_the_field),
        cmocka_unit_test(helper_killed_between_messages_costs_nothing),
        cmocka_unit_test(stopped_helper_is_temperror_and_the_next_message_is_fine),
#ifndef MAILSPUR_SANITIZED
        cmocka_unit_test(helper_is_shut_in),
#endif
        cmocka_unit_test(deaths_in_a_row_are_spaced_out),
        cmocka_unit_test(worn_helper_is_replaced),
        cmocka_unit_test(busy_helpers_are_waited_for_up_to_the_deadline),
        cmocka_unit_test(threads_share_the_helpers),
        cmocka_unit_test(threads_share_our_own_engines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
