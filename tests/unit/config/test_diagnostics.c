// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "config/diagnostics.h"

static void
an_item_is_formatted_with_its_place(void **state)
{
    (void)state;
    struct diagnostics list = {.items = NULL};
    diagnostics_error(&list, "a.yaml", 3, 7, "bad %s", "value");
    diagnostics_warning(&list, "b.yaml", 0, 0, "odd");
    static const char *const expected[] = {"a.yaml:3:7: error: bad value", "b.yaml: warning: odd"};
    assert_int_equal(list.count, 2);
    assert_int_equal(list.errors, 1);
    for (size_t i = 0; i < 2; i++) {
        char *text = diagnostic_format(&list.items[i]);
        assert_string_equal(text, expected[i]);
        free(text);
    }
    diagnostics_done(&list);
    assert_int_equal(list.count, 0);
}

static void
errors_past_the_cap_are_counted_and_not_kept(void **state)
{
    (void)state;
    struct diagnostics list = {.items = NULL};
    for (unsigned i = 0; i < DIAGNOSTICS_MAX; i++) {
        diagnostics_error(&list, "a.yaml", i + 1, 1, "bad");
    }
    assert_int_equal(list.count, DIAGNOSTICS_MAX);
    diagnostics_error(&list, "a.yaml", 1, 1, "one more");
    assert_int_equal(list.count, DIAGNOSTICS_MAX);
    assert_int_equal(list.errors, DIAGNOSTICS_MAX + 1);
    assert_int_equal(list.items[DIAGNOSTICS_MAX - 1].line, DIAGNOSTICS_MAX);
    diagnostics_done(&list);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_item_is_formatted_with_its_place),
        cmocka_unit_test(errors_past_the_cap_are_counted_and_not_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
