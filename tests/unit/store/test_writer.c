// SPDX-License-Identifier: Apache-2.0
// Groups of the one writer, with operations of the test's own in a real store.
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fixture.h"
#include "store/sqlite/internal.h"

struct first {
    const char *statement; /* run before it fails */
    enum status status;    /* as it ended */
    atomic_bool is_over;
};

static enum status
run_first(void *context, struct sql *sql, struct why *why)
{
    const struct first *first = context;
    assert_int_equal(sql_script(sql, first->statement, NULL), ST_OK);
    return why_set(why, ST_CONFLICT, "refused by the test");
}

static void
finish_first(void *context, enum status status, const struct why *why)
{
    (void)why;
    struct first *first = context;
    first->status = status;
    atomic_store(&first->is_over, true);
}

static enum status
run_second(void *context, struct sql *sql, struct why *why)
{
    (void)context;
    return sql_script(sql, "INSERT INTO counter (name, value) VALUES ('second', 2)", why);
}

static enum status
count_counters(void *context, struct sql *sql, struct why *why)
{
    return sql_number(sql, "SELECT count(*) FROM counter WHERE name IN ('first', 'second')",
                      SQL_NO_VALUES, context, why);
}

static enum status
allow_writing(void *context, struct sql *sql, struct why *why)
{
    (void)context;
    return sql_script(sql, "PRAGMA query_only=OFF", why);
}

// The first waits for the second, so that both are of one group. Tells how the second ended.
static enum status
run_pair(struct store *store, struct first *first, struct why *why)
{
    struct operation failing = {
        .run = run_first, .finish = finish_first, .context = first, .can_wait = true};
    struct operation second = {.run = run_second, .durable = true};
    writer_queue(store->writer, &failing);
    enum status status = writer_call(store->writer, &second, why);
    assert_true(atomic_load(&first->is_over));
    return status;
}

// A transaction that cannot begin again loses its group: what the first was refused for is not what
// the others hear, who would take it for their own ("no such delivery").
static void
group_that_is_lost_behind_its_first_operation_does_not_hear_that_ones_refusal(void **state)
{
    const struct fixture *fixture = *state;
    struct first first = {.statement = "PRAGMA query_only=ON"};
    struct why why = {.text = ""};
    enum status status = run_pair(fixture->store, &first, &why);
    struct operation allow = {.run = allow_writing, .is_alone = true};
    assert_int_equal(writer_call(fixture->store->writer, &allow, NULL), ST_OK);
    assert_int_not_equal(status, ST_OK);
    assert_int_not_equal(status, ST_CONFLICT);
    assert_null(strstr(why.text, "refused by the test"));
}

static void
first_operation_that_fails_leaves_nothing_of_its_own_and_all_of_the_others(void **state)
{
    const struct fixture *fixture = *state;
    struct first first = {.statement = "INSERT INTO counter (name, value) VALUES ('first', 1)"};
    struct why why = {.text = ""};
    assert_int_equal(run_pair(fixture->store, &first, &why), ST_OK);
    assert_int_equal(first.status, ST_CONFLICT);
    int64_t count = 0;
    struct operation look = {.run = count_counters, .context = &count};
    assert_int_equal(writer_call(fixture->store->writer, &look, &why), ST_OK);
    assert_int_equal(count, 1);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(group_that_is_lost_behind_its_first_operation_does_not_hear_that_ones_refusal),
        TEST(first_operation_that_fails_leaves_nothing_of_its_own_and_all_of_the_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
