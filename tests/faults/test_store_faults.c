// SPDX-License-Identifier: Apache-2.0
// A full disk, a failing sync, a locked database: temporary failures, nothing half, and recovery
// without help. powercut.c is linked in and makes the faults.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "fixture.h"
#include "tests/faults/powercut.h"

static int
setup(void **state)
{
    int result = fixture_setup(state);
    powercut_watch(((struct fixture *)*state)->folder);
    fixture_reopen(*state); // only files opened from now on are watched
    return result;
}

static int
teardown(void **state)
{
    powercut_set_fault(POWERCUT_NONE);
    return fixture_teardown(state);
}

static struct store *
store_of(void **state)
{
    return ((struct fixture *)*state)->store;
}

static void
assert_absent(struct store *store, const struct sample *sample)
{
    struct store_message message;
    void *owner = NULL;
    assert_int_equal(store_message_get(store, sample->message.id.text, &message, &owner, NULL),
                     ST_NOT_FOUND);
}

// The sweep of a large body may be under way when its sender comes again.
static void
assert_submits(struct store *store, const struct sample *sample)
{
    struct store_submit_result result = submit_wait(store, sample);
    for (unsigned i = 0; i < 100 && result.status == ST_AGAIN; i++) {
        wait_until_after(store, store_now_ms(store) + 20);
        result = submit_wait(store, sample);
    }
    if (result.status != ST_OK) {
        fail_msg("%s: %s", status_name(result.status), result.why.text);
    }
    assert_false(result.duplicate);
    assert_body(store, sample);
}

static void
fault_is_temporary_leaves_nothing_and_passes(void **state)
{
    static const struct {
        const char *label;
        enum powercut_fault fault;
        uint64_t size;
        enum status status;
    } cases[] = {
        {"disk full, small", POWERCUT_FULL, 100000, ST_NO_SPACE},
        {"disk full, staged", POWERCUT_FULL, STORE_STAGE_ABOVE + 1, ST_NO_SPACE},
        {"quota, small", POWERCUT_QUOTA, 100000, ST_NO_SPACE},
        {"quota, staged", POWERCUT_QUOTA, STORE_STAGE_ABOVE + 1, ST_NO_SPACE},
        {"read-only, small", POWERCUT_READONLY, 100000, ST_IO},
        {"read-only, staged", POWERCUT_READONLY, STORE_STAGE_ABOVE + 1, ST_IO},
        {"sync fails, small", POWERCUT_SYNC, 100, ST_IO},
        {"sync fails, staged", POWERCUT_SYNC, STORE_STAGE_ABOVE + 1, ST_IO},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        print_message("%s\n", cases[i].label);
        struct sample before = submit_new(store_of(state), 50);
        struct sample sample = sample_new(cases[i].size);
        powercut_set_fault(cases[i].fault);
        struct store_submit_result result = submit_wait(store_of(state), &sample);
        assert_int_equal(result.status, cases[i].status);
        assert_true(status_is_temporary(result.status));
        assert_string_not_equal(result.why.text, "");
        assert_absent(store_of(state), &sample);
        assert_body(store_of(state), &before); // reading goes on
        powercut_set_fault(POWERCUT_NONE);
        assert_submits(store_of(state), &sample);
        fixture_reopen(*state);
        assert_body(store_of(state), &before);
        assert_body(store_of(state), &sample);
    }
}

static void
usage_does_not_count_what_failed(void **state)
{
    struct sample sample = sample_new(100000);
    powercut_set_fault(POWERCUT_FULL);
    assert_int_equal(submit_wait(store_of(state), &sample).status, ST_NO_SPACE);
    struct store_usage usage;
    store_usage(store_of(state), "acme", &usage);
    assert_int_equal(usage.messages, 0);
    assert_int_equal(usage.bytes, 0);
}

static void
claim_alone_costs_no_sync_and_submission_one(void **state)
{
    struct sample sample = submit_new(store_of(state), 100);
    unsigned long before = powercut_syncs();
    struct claimed claimed = claim_wait(store_of(state), "psa", 1, 60000);
    assert_int_equal(claimed.count, 1);
    store_acknowledge(store_of(state), &sample.message.id);
    claimed = claim_wait(store_of(state), "psa", 1, 60000); // behind the acknowledgement
    assert_int_equal(claimed.count, 0);
    assert_int_equal(powercut_syncs(), before);
    submit_new(store_of(state), 100);
    assert_int_equal(powercut_syncs(), before + 1);
}

static void
staged_body_costs_one_sync(void **state)
{
    submit_new(store_of(state), 100);
    unsigned long before = powercut_syncs();
    submit_new(store_of(state), (uint64_t)3 * STORE_SLICE_SIZE);
    assert_in_range(powercut_syncs(), before + 1, before + 3); // a checkpoint may come between
}

static off_t
wal_size(void **state)
{
    char name[128];
    (void)snprintf(name, sizeof(name), "%s-wal", ((struct fixture *)*state)->path);
    struct stat status;
    assert_int_equal(stat(name, &status), 0);
    return status.st_size;
}

// What the WAL held unsynced may be lost behind a failed sync, and all that is synced behind it.
static void
after_a_checkpoint_whose_sync_failed_the_log_starts_over(void **state)
{
    submit_new(store_of(state), 100000);
    powercut_set_fault(POWERCUT_SYNC);
    unsigned long before = powercut_syncs();
    for (unsigned i = 0; i < 500 && powercut_syncs() == before; i++) { // the idle store's own
        wait_until_after(store_of(state), store_now_ms(store_of(state)) + 10);
    }
    assert_true(powercut_syncs() > before);
    powercut_set_fault(POWERCUT_NONE);
    assert_true(wal_size(state) > 100000);
    struct sample sample = submit_new(store_of(state), 100);
    assert_true(wal_size(state) < 100000);
    assert_body(store_of(state), &sample);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(fault_is_temporary_leaves_nothing_and_passes, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(usage_does_not_count_what_failed, setup, teardown),
        cmocka_unit_test_setup_teardown(claim_alone_costs_no_sync_and_submission_one, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(staged_body_costs_one_sync, setup, teardown),
        cmocka_unit_test_setup_teardown(after_a_checkpoint_whose_sync_failed_the_log_starts_over,
                                        setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
