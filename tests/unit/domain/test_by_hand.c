// SPDX-License-Identifier: Apache-2.0
// Checks that people ask for: at once, but not as often as they like, and never two side by side.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "tests/unit/domain/bench.h"
#include "tests/unit/domain/fixture_check.h"
#include "verifier/domain/registry_parts.h"

enum { EVERY_MS = 3000 }; /* unless configured */

static atomic_uint checks; /* made */
static sem_t begun;
static sem_t may_end;
static atomic_bool is_held;

// As fixture_check; when it is held, the test sees its beginning and says when it ends.
static void
counted_check(const struct check_context *context, const struct check_subject *subject,
              struct domain_records *records, struct check_summary *summary_out)
{
    atomic_fetch_add(&checks, 1);
    if (atomic_load(&is_held)) {
        (void)sem_post(&begun);
        (void)sem_wait(&may_end);
    }
    fixture_check(context, subject, records, summary_out);
}

// The clocks stand still, but for this.
static void
advance(int64_t ms)
{
    static int64_t now = 1000 * 1000;
    now += ms;
    clock_fake_set(1800000000000 + now, now);
}

static int
set_up(void **state)
{
    assert_int_equal(bench_set_up(state), 0);
    struct bench *bench = *state;
    registry_close(bench->registry);
    struct registry_settings settings = bench_settings(bench);
    settings.check = counted_check;
    assert_int_equal(registry_open(&settings, &bench->registry, NULL), ST_OK);
    atomic_store(&checks, 0);
    atomic_store(&is_held, false);
    (void)sem_init(&begun, 0, 0);
    (void)sem_init(&may_end, 0, 0);
    advance(0);
    return 0;
}

static int
tear_down(void **state)
{
    clock_fake_off();
    return bench_tear_down(state);
}
#define WITH_COUNTED(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

static enum registry_by_hand
ask(struct bench *bench, const char *name)
{
    enum registry_by_hand how = REGISTRY_CHECK_KEPT;
    struct why why = {.text = ""};
    AUTO_REGISTRY_CHECK *check = NULL;
    if (registry_verify_by_hand(bench->registry, name, &how, &check, &why) != ST_OK) {
        fail_msg("%s: %s", name, why.text);
    }
    assert_int_equal(check != NULL, how == REGISTRY_CHECK_MADE);
    return how;
}

static void
who_asks_all_the_time_gets_the_last_answer(void **state)
{
    struct bench *bench = *state;
    (void)bench_add(bench, "acme", "example.com");
    for (unsigned i = 0; i < REGISTRY_BY_HAND_AT_ONCE; i++) {
        assert_int_equal(ask(bench, "example.com"), REGISTRY_CHECK_MADE);
    }
    assert_int_equal(ask(bench, "example.com"), REGISTRY_CHECK_KEPT);
    assert_int_equal(atomic_load(&checks), REGISTRY_BY_HAND_AT_ONCE);
    advance(EVERY_MS - 1);
    assert_int_equal(ask(bench, "example.com"), REGISTRY_CHECK_KEPT);
    advance(1); // the zone was changed five seconds ago: it is seen
    assert_int_equal(ask(bench, "example.com"), REGISTRY_CHECK_MADE);
    assert_int_equal(ask(bench, "example.com"), REGISTRY_CHECK_KEPT);
    bench_configure(bench, "verification: {by_hand_every: 0s}\n");
    assert_int_equal(ask(bench, "example.com"), REGISTRY_CHECK_MADE);
}

static void
a_tenant_has_so_many_a_minute_for_all_its_domains(void **state)
{
    struct bench *bench = *state;
    bench_configure(bench, "tenants: {acme: {checks_per_minute: 2}}\n");
    (void)bench_add(bench, "acme", "one.example");
    (void)bench_add(bench, "acme", "two.example");
    (void)bench_add(bench, "other", "three.example");
    assert_int_equal(ask(bench, "one.example"), REGISTRY_CHECK_MADE);
    assert_int_equal(ask(bench, "one.example"), REGISTRY_CHECK_MADE);
    assert_int_equal(ask(bench, "one.example"), REGISTRY_CHECK_KEPT);
    assert_int_equal(ask(bench, "three.example"), REGISTRY_CHECK_MADE);
    enum registry_by_hand how = REGISTRY_CHECK_JOINED;
    struct registry_check *check = NULL;
    struct why why = {.text = ""};
    assert_int_equal(registry_verify_by_hand(bench->registry, "two.example", &how, &check, &why),
                     ST_TOO_LARGE); // there is no last one
    assert_non_null(strstr(why.text, "two.example"));
    assert_non_null(strstr(why.text, "acme"));
    assert_null(check);
    assert_int_equal(how, REGISTRY_CHECK_JOINED);
    advance(30 * 1000);
    assert_int_equal(ask(bench, "two.example"), REGISTRY_CHECK_MADE);
    assert_int_equal(ask(bench, "two.example"), REGISTRY_CHECK_KEPT);
    bench_configure(bench, "tenants: {acme: {checks_per_minute: 0}}\n");
    for (unsigned i = 0; i < REGISTRY_BY_HAND_AT_ONCE - 1; i++) {
        assert_int_equal(ask(bench, "two.example"), REGISTRY_CHECK_MADE);
    }
}

/* ---- side by side ---------------------------------------------------------------------------- */

struct asker {
    struct bench *bench;
    pthread_t thread;
    enum registry_by_hand how;
};

static void *
ask_in_thread(void *context)
{
    struct asker *asker = context;
    struct registry_check *check = NULL;
    if (registry_verify_by_hand(asker->bench->registry, "example.com", &asker->how, &check, NULL) !=
        ST_OK) {
        abort();
    }
    registry_check_free(check);
    return NULL;
}

static void
wait_joined(struct registry *registry, unsigned count)
{
    unsigned joined = 0;
    while (joined < count) {
        size_t cursor = 0;
        (void)usleep(1000);
        AUTO_LOCK(lock, &registry->busy_mutex);
        const struct registry_work *work = map_next(registry->busy, &cursor, NULL);
        joined = work == NULL ? 0 : work->joined;
    }
}

static void
who_asks_while_a_check_is_under_way_gets_that_one(void **state)
{
    enum { ASKERS = 4 };
    struct asker askers[ASKERS];
    struct bench *bench = *state;
    unsigned how[3] = {0};
    (void)bench_add(bench, "acme", "example.com");
    atomic_store(&is_held, true);
    for (size_t i = 0; i < ASKERS; i++) {
        askers[i] = (struct asker){.bench = bench};
        assert_int_equal(pthread_create(&askers[i].thread, NULL, ask_in_thread, &askers[i]), 0);
        if (i == 0) {
            (void)sem_wait(&begun);
        }
    }
    wait_joined(bench->registry, ASKERS - 1);
    (void)sem_post(&may_end);
    for (size_t i = 0; i < ASKERS; i++) {
        assert_int_equal(pthread_join(askers[i].thread, NULL), 0);
        how[askers[i].how]++;
    }
    assert_int_equal(how[REGISTRY_CHECK_MADE], 1);
    assert_int_equal(how[REGISTRY_CHECK_JOINED], ASKERS - 1);
    assert_int_equal(atomic_load(&checks), 1);
}

static void
each_way_has_its_word(void **state)
{
    (void)state;
    assert_string_equal(registry_by_hand_name(REGISTRY_CHECK_MADE), "made");
    assert_string_equal(registry_by_hand_name(REGISTRY_CHECK_JOINED), "joined");
    assert_string_equal(registry_by_hand_name(REGISTRY_CHECK_KEPT), "kept");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_COUNTED(who_asks_all_the_time_gets_the_last_answer),
        WITH_COUNTED(a_tenant_has_so_many_a_minute_for_all_its_domains),
        WITH_COUNTED(who_asks_while_a_check_is_under_way_gets_that_one),
        cmocka_unit_test(each_way_has_its_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
