// SPDX-License-Identifier: Apache-2.0
// Sharing one configuration between threads, and exchanging it under them.
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support.h"

enum { READERS = 4, RELOADS = 50 };

static void
a_user_keeps_the_configuration_it_began_with(void **state)
{
    (void)state;
    struct folder folder;
    folder_make(&folder);
    folder_write(&folder, "mailspur.yaml", HOST_LINES);
    struct config *first = folder_load_good(&folder);
    uint64_t generation = first->generation;
    struct config_holder *holder = config_holder_new(first);
    AUTO_CONFIG *kept = config_holder_get(holder);
    folder_write(&folder, "mailspur.yaml", "hostname: other.test\ninbound_mx: in.test\n");
    config_holder_set(holder, folder_load_good(&folder));
    AUTO_CONFIG *now = config_holder_get(holder);
    assert_string_equal(kept->hostname, "mx.test");
    assert_string_equal(now->hostname, "other.test");
    assert_true(now->generation > generation);
    config_holder_free(holder);
    assert_string_equal(kept->hostname, "mx.test");
    assert_string_equal(now->hostname, "other.test");
    folder_remove(&folder);
}

static void
a_refused_file_uses_up_no_generation_and_gives_nothing(void **state)
{
    (void)state;
    struct folder folder;
    folder_make(&folder);
    folder_write(&folder, "mailspur.yaml", HOST_LINES);
    AUTO_CONFIG *before = folder_load_good(&folder);
    folder_write(&folder, "mailspur.yaml", "hostname: [\n");
    struct diagnostics diagnostics = {.items = NULL};
    assert_null(folder_load(&folder, &diagnostics));
    diagnostics_done(&diagnostics);
    folder_write(&folder, "mailspur.yaml", HOST_LINES);
    AUTO_CONFIG *after = folder_load_good(&folder);
    assert_int_equal(after->generation, before->generation + 1);
    folder_remove(&folder);
}

static void
releasing_nothing_is_fine(void **state)
{
    (void)state;
    config_unref(NULL);
    config_holder_free(NULL);
}

struct race {
    struct config_holder *holder;
    atomic_bool stop;
    atomic_size_t wrong;
};

static void *
read_always(void *context)
{
    struct race *race = context;
    uint64_t last = 0;
    while (!atomic_load(&race->stop)) {
        AUTO_CONFIG *config = config_holder_get(race->holder);
        bool good = config->generation >= last && strcmp(config->hostname, "mx.test") == 0;
        atomic_fetch_add(&race->wrong, good ? 0 : 1);
        last = config->generation;
    }
    return NULL;
}

static void
reloads_under_readers_never_free_what_is_read(void **state)
{
    (void)state;
    struct folder folder;
    folder_make(&folder);
    folder_write(&folder, "mailspur.yaml", HOST_LINES);
    struct race race = {.holder = config_holder_new(folder_load_good(&folder))};
    pthread_t readers[READERS];
    for (size_t i = 0; i < READERS; i++) {
        assert_int_equal(pthread_create(&readers[i], NULL, read_always, &race), 0);
    }
    for (size_t i = 0; i < RELOADS; i++) {
        config_holder_set(race.holder, folder_load_good(&folder));
    }
    atomic_store(&race.stop, true);
    for (size_t i = 0; i < READERS; i++) {
        assert_int_equal(pthread_join(readers[i], NULL), 0);
    }
    assert_int_equal(atomic_load(&race.wrong), 0);
    config_holder_free(race.holder);
    folder_remove(&folder);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_user_keeps_the_configuration_it_began_with),
        cmocka_unit_test(a_refused_file_uses_up_no_generation_and_gives_nothing),
        cmocka_unit_test(releasing_nothing_is_fine),
        cmocka_unit_test(reloads_under_readers_never_free_what_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
