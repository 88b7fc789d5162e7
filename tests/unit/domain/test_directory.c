// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "verifier/domain/directory.h"

static struct store_domain
row_of(const char *id, const char *name, enum domain_status status, uint64_t version)
{
    struct store_domain row = {.status = status, .version = version};
    (void)snprintf(row.id.text, sizeof(row.id.text), "%s", id);
    (void)snprintf(row.name, sizeof(row.name), "%s", name);
    row.removed_at = status == DOMAIN_REMOVED ? (int64_t)version : 0;
    return row;
}

static void
adopt(struct directory *directory, const char *id, enum domain_status status, uint64_t version)
{
    const struct store_domain row = row_of(id, "example.com", status, version);
    directory_adopt(directory, &row);
}

static void
an_older_version_changes_nothing(void **state)
{
    (void)state;
    struct directory *directory = directory_new();
    struct store_domain row;
    adopt(directory, "a", DOMAIN_VERIFIED, 7);
    adopt(directory, "a", DOMAIN_PENDING, 6);
    assert_true(directory_find_id(directory, "a", &row));
    assert_int_equal(row.status, DOMAIN_VERIFIED);
    adopt(directory, "a", DOMAIN_AT_RISK, 8);
    assert_true(directory_find_name(directory, "example.com", &row));
    assert_int_equal(row.status, DOMAIN_AT_RISK);
    directory_free(directory);
}

static void
the_living_answers_before_the_removed_and_then_the_last(void **state)
{
    (void)state;
    static const struct {
        const char *label;
        const char *id;
        enum domain_status status;
        const char *answers;
    } steps[] = {
        {"one removed", "a", DOMAIN_REMOVED, "a"},
        {"a living one", "b", DOMAIN_PENDING, "b"},
        {"another was removed", "c", DOMAIN_REMOVED, "b"},
        {"the living one goes", "b", DOMAIN_REMOVED, "b"},
        {"a new one", "d", DOMAIN_VERIFIED, "d"},
    };
    struct directory *directory = directory_new();
    struct store_domain row;
    assert_false(directory_find_name(directory, "example.com", &row));
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        adopt(directory, steps[i].id, steps[i].status, i + 1);
        if (!directory_find_name(directory, "example.com", &row) ||
            strcmp(row.id.text, steps[i].answers) != 0) {
            fail_msg("%s: %s answers", steps[i].label, row.id.text);
        }
    }
    size_t count = 0;
    AUTO_FREE struct store_domain *living = directory_copy(directory, false, &count);
    assert_int_equal(count, 1);
    AUTO_FREE struct store_domain *all = directory_copy(directory, true, &count);
    assert_int_equal(count, 4);
    assert_string_equal(all[0].id.text, "a");
    assert_string_equal(all[3].id.text, "d");
    directory_free(directory);
    directory_free(NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_older_version_changes_nothing),
        cmocka_unit_test(the_living_answers_before_the_removed_and_then_the_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
