// SPDX-License-Identifier: Apache-2.0
// Several who write to the registry at once, in this process and in others.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "common/cleanup.h"

/* ---- other writers --------------------------------------------------------------------------- */

static void
a_change_by_another_writer_is_read_and_decided_again(void **state)
{
    struct bench *bench = *state;
    struct store_domain domain = bench_add_verified(bench, "acme", "example.com");
    const struct store_event event = {.kind = "domain.other", .detail = ""};
    struct store_domain theirs = domain;
    theirs.checked_at = 12345;
    assert_int_equal(store_domain_put(bench->store, &theirs, domain.version, &event, NULL), ST_OK);
    assert_int_equal(registry_set_inbound(bench->registry, "example.com", true, &domain, NULL),
                     ST_OK);
    assert_true(domain.inbound);
    assert_int_equal(domain.checked_at, 12345); // their change is not lost
    theirs = domain;
    theirs.status = DOMAIN_REMOVED;
    assert_int_equal(store_domain_put(bench->store, &theirs, domain.version, &event, NULL), ST_OK);
    assert_int_equal(registry_set_inbound(bench->registry, "example.com", false, &domain, NULL),
                     ST_NOT_FOUND);
}

static void
a_name_another_writer_added_can_only_be_claimed(void **state)
{
    struct bench *bench = *state;
    struct store_domain theirs = {.id = id_new(),
                                  .tenant = "other",
                                  .name = "example.com",
                                  .profile = "local",
                                  .status = DOMAIN_PENDING};
    const struct store_event event = {.kind = "domain.added", .detail = ""};
    id_new_token(theirs.token);
    assert_int_equal(store_domain_put(bench->store, &theirs, 0, &event, NULL), ST_OK);
    struct store_domain domain;
    assert_int_equal(bench_try_add(bench, "acme", "example.com", "inbound", &domain, NULL), ST_OK);
    assert_true(domain.claims);
}

static void
a_domain_another_writer_proved_below_is_seen(void **state)
{
    struct bench *bench = *state;
    struct store_domain theirs = {.id = id_new(),
                                  .tenant = "other",
                                  .name = "sub.example.com",
                                  .profile = "local",
                                  .status = DOMAIN_VERIFIED,
                                  .owned_at = 1};
    const struct store_event event = {.kind = "domain.added", .detail = ""};
    assert_int_equal(store_domain_put(bench->store, &theirs, 0, &event, NULL), ST_OK);
    struct store_domain domain;
    assert_int_equal(bench_try_add(bench, "acme", "example.com", "inbound", &domain, NULL), ST_OK);
    assert_true(domain.needs_approval);
}

// Not added: proven meanwhile, which no change of ours has read yet.
static void
a_domain_another_writer_proved_above_is_seen_before_a_first_proof(void **state)
{
    struct bench *bench = *state;
    struct store_domain domain = bench_add(bench, "acme", "sub.example.com");
    struct store_domain theirs = {.id = id_new(),
                                  .tenant = "other",
                                  .name = "example.com",
                                  .profile = "local",
                                  .status = DOMAIN_VERIFIED,
                                  .owned_at = 1};
    const struct store_event event = {.kind = "domain.added", .detail = ""};
    bench_reopen(bench, &domain, "_mailspur.sub.example.com TXT mailspur-verify=$\n");
    assert_int_equal(store_domain_put(bench->store, &theirs, 0, &event, NULL), ST_OK);
    AUTO_REGISTRY_CHECK *check = bench_verify(bench, "sub.example.com");
    assert_true(check->domain.needs_approval);
    assert_int_equal(check->domain.status, DOMAIN_PENDING);
}

// Two daemons over one store: the versions of the second's changes are below those of our own.
static void
what_another_writer_added_before_a_change_of_ours_is_not_missed(void **state)
{
    struct bench *bench = *state;
    struct registry *other = NULL;
    struct store_domain domain = bench_add(bench, "acme", "ours.example");
    const struct registry_settings settings = bench_settings(bench);
    const struct registry_addition addition = {.tenant = "other", .domain = "theirs.example"};
    assert_int_equal(registry_open(&settings, &other, NULL), ST_OK);
    assert_int_equal(registry_add(other, &addition, &domain, NULL), ST_OK);
    bench_remove(bench, "ours.example");
    (void)bench_add(bench, "acme", "more.example"); // looks for changes first
    assert_int_equal(registry_find(bench->registry, "theirs.example", &domain), ST_OK);
    assert_string_equal(domain.tenant, "other");
    registry_close(other);
}

struct worker {
    pthread_t thread;
    struct registry *registry;
    atomic_bool *stop;
};

static void *
find_all_the_time(void *context)
{
    struct worker *worker = context;
    struct store_domain domain;
    while (!atomic_load(worker->stop)) {
        if (registry_find(worker->registry, "example.com", &domain) != ST_OK ||
            strcmp(domain.name, "example.com") != 0) {
            abort();
        }
    }
    return NULL;
}

static void
readers_and_writers_work_side_by_side(void **state)
{
    struct bench *bench = *state;
    struct store_domain domain = bench_add_verified(bench, "acme", "example.com");
    struct worker workers[3];
    atomic_bool stop = false;
    for (size_t i = 0; i < ARRAY_LEN(workers); i++) {
        workers[i] = (struct worker){.registry = bench->registry, .stop = &stop};
        assert_int_equal(pthread_create(&workers[i].thread, NULL, find_all_the_time, &workers[i]),
                         0);
    }
    for (int i = 0; i < 50; i++) {
        assert_int_equal(
            registry_set_inbound(bench->registry, "example.com", i % 2 == 0, &domain, NULL), ST_OK);
    }
    atomic_store(&stop, true);
    for (size_t i = 0; i < ARRAY_LEN(workers); i++) {
        (void)pthread_join(workers[i].thread, NULL);
    }
    assert_false(domain.inbound);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_BENCH(a_change_by_another_writer_is_read_and_decided_again),
        WITH_BENCH(a_name_another_writer_added_can_only_be_claimed),
        WITH_BENCH(a_domain_another_writer_proved_below_is_seen),
        WITH_BENCH(a_domain_another_writer_proved_above_is_seen_before_a_first_proof),
        WITH_BENCH(readers_and_writers_work_side_by_side),
        WITH_BENCH(what_another_writer_added_before_a_change_of_ours_is_not_missed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
