// SPDX-License-Identifier: Apache-2.0
#include "verifier/domain/turns.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { MOST = 3, AT_ONCE = 2, EVERY_MS = 1000 };

static struct turns *turns;

static int
set_up(void **state)
{
    (void)state;
    turns = turns_new(MOST);
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    turns_free(turns);
    return 0;
}

static bool
take(const char *key, int64_t now)
{
    return turns_take(turns, key, AT_ONCE, EVERY_MS, now);
}

static void
so_many_at_once_and_then_one_in_a_while(void **state)
{
    (void)state;
    assert_true(take("a", 5000) && take("a", 5000));
    assert_false(take("a", 5000));
    assert_false(take("a", 5999));
    assert_true(take("a", 6000));
    assert_false(take("a", 6000));
    assert_true(take("a", 60000) && take("a", 60000)); // never more than at once
    assert_false(take("a", 60000));
}

static void
one_key_takes_nothing_from_another(void **state)
{
    (void)state;
    assert_true(take("a", 0) && take("a", 0) && take("b", 0) && take("b", 0));
    assert_false(take("a", 0) || take("b", 0));
}

static void
who_has_all_turns_again_is_forgotten_when_room_is_needed(void **state)
{
    (void)state;
    assert_true(take("a", 0) && take("b", 0) && take("c", 500));
    assert_int_equal(turns_count(turns), MOST);
    assert_false(take("d", 999));
    assert_true(take("d", 1000));
    assert_int_equal(turns_count(turns), 2); // c, d
    assert_true(take("c", 1000));
    assert_false(take("c", 1000));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(so_many_at_once_and_then_one_in_a_while, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_key_takes_nothing_from_another, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_has_all_turns_again_is_forgotten_when_room_is_needed,
                                        set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
