// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/strbuf.h"
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
    directory_free(directory);
    directory_free(NULL);
}

/* A page as "id id ", from behind one. */
static const char *
page(struct directory *directory, const struct directory_filter *filter, const char *after,
     size_t limit)
{
    static char text[256];
    struct store_domain rows[16];
    size_t count = 0;
    assert_true(directory_page(directory, filter, after, limit, rows, &count));
    assert_true(count <= limit);
    AUTO_STRBUF ids = STRBUF_INIT(sizeof(text) - 1);
    for (size_t i = 0; i < count; i++) {
        strbuf_printf(&ids, "%s ", rows[i].id.text);
    }
    memcpy(text, strbuf_text(&ids), ids.length + 1);
    return text;
}

static void
put(struct directory *directory, const char *id, const char *name, enum domain_status status,
    const char *tenant)
{
    static uint64_t version = 100;
    struct store_domain row = row_of(id, name, status, version++);
    (void)snprintf(row.tenant, sizeof(row.tenant), "%s", tenant);
    directory_adopt(directory, &row);
}

static struct directory *
filled(void)
{
    struct directory *directory = directory_new();
    put(directory, "1", "d.example", DOMAIN_PENDING, "acme");
    put(directory, "2", "a.example", DOMAIN_REMOVED, "acme");
    put(directory, "3", "c.test", DOMAIN_VERIFIED, "other");
    put(directory, "4", "a.example", DOMAIN_PENDING, "other");
    return directory;
}

static void
a_page_has_the_rows_of_its_filter_by_name_and_age(void **state)
{
    (void)state;
    static const enum domain_status pending = DOMAIN_PENDING;
    static const enum domain_status removed = DOMAIN_REMOVED;
    static const struct {
        struct directory_filter filter;
        const char *after;
        size_t limit;
        const char *expected;
    } pages[] = {
        {{.with_removed = false}, NULL, 9, "4 3 1 "},
        {{.with_removed = true}, NULL, 9, "2 4 3 1 "},
        {{.with_removed = true}, NULL, 4, "2 4 3 1 "},
        {{.with_removed = true}, NULL, 3, "2 4 3 "},
        {{.with_removed = true}, "3", 3, "1 "},
        {{.with_removed = true}, "1", 3, ""},
        {{.with_removed = true}, NULL, 0, ""},
        {{.with_removed = false}, "2", 1, "4 "}, // the last one was removed meanwhile
        {{.tenant = "acme"}, NULL, 9, "1 "},
        {{.tenant = "nobody"}, NULL, 9, ""},
        {{.part = ".example"}, NULL, 9, "4 1 "},
        {{.part = "c."}, NULL, 9, "3 "},
        {{.status = &pending}, NULL, 9, "4 1 "},
        {{.status = &removed}, NULL, 9, "2 "},
    };
    struct directory *directory = filled();
    for (size_t i = 0; i < ARRAY_LEN(pages); i++) {
        const char *seen = page(directory, &pages[i].filter, pages[i].after, pages[i].limit);
        if (strcmp(seen, pages[i].expected) != 0) {
            fail_msg("page %zu: %s", i, seen);
        }
    }
    struct store_domain row;
    size_t count = 77;
    assert_false(directory_page(directory, &pages[0].filter, "never", 1, &row, &count));
    assert_int_equal(count, 77);
    directory_free(directory);
}

static void
rows_that_come_and_change_between_two_pages_move_no_other(void **state)
{
    (void)state;
    const struct directory_filter all = {.with_removed = false};
    struct directory *directory = filled();
    assert_string_equal(page(directory, &all, NULL, 2), "4 3 ");
    put(directory, "5", "b.example", DOMAIN_PENDING, "acme"); // in front of what was shown
    put(directory, "6", "c.test", DOMAIN_PENDING, "acme");    // just behind
    put(directory, "3", "c.test", DOMAIN_REMOVED, "other");
    assert_string_equal(page(directory, &all, "3", 2), "6 1 ");
    assert_string_equal(page(directory, &all, "1", 2), "");
    assert_string_equal(page(directory, &all, NULL, 9), "4 5 6 1 ");
    directory_free(directory);
}

static void
adopt_name(struct directory *directory, const char *id, const char *name, enum domain_status status,
           bool was_owned)
{
    static uint64_t version = 0;
    struct store_domain row = row_of(id, name, status, ++version);
    row.owned_at = was_owned ? 1 : 0;
    directory_adopt(directory, &row);
}

static void
a_watched_entry_is_found_behind_who_added_the_name_again(void **state)
{
    (void)state;
    struct directory *directory = directory_new();
    struct store_domain row;
    assert_false(directory_find_watched(directory, "a.test", &row));
    adopt_name(directory, "1", "a.test", DOMAIN_REMOVED, true);
    adopt_name(directory, "2", "a.test", DOMAIN_REMOVED, true);
    adopt_name(directory, "3", "a.test", DOMAIN_REMOVED, false);
    adopt_name(directory, "4", "a.test", DOMAIN_PENDING, false);
    adopt_name(directory, "5", "b.test", DOMAIN_VERIFIED, true);
    assert_true(directory_find_watched(directory, "a.test", &row));
    assert_string_equal(row.id.text, "2"); // the last that was somebody's
    row.forgotten = true;
    row.version += 100;
    directory_adopt(directory, &row);
    assert_true(directory_find_watched(directory, "a.test", &row));
    assert_string_equal(row.id.text, "1");
    assert_false(directory_find_watched(directory, "b.test", &row)); // not removed
    directory_free(directory);
}

static void
what_is_forgotten_answers_last(void **state)
{
    (void)state;
    struct directory *directory = directory_new();
    struct store_domain row = row_of("1", "a.test", DOMAIN_REMOVED, 1);
    row.forgotten = true;
    directory_adopt(directory, &row);
    row = row_of("2", "a.test", DOMAIN_PENDING, 2);
    row.claims = true;
    directory_adopt(directory, &row);
    assert_true(directory_find_name(directory, "a.test", &row));
    assert_string_equal(row.id.text, "2");
    directory_free(directory);
}

struct visited {
    size_t count;
    size_t most;
    char ids[8]; /* one letter each */
};

static bool
on_visited(void *context, const struct store_domain *row)
{
    struct visited *visited = context;
    visited->ids[visited->count++] = row->id.text[0];
    return visited->count < visited->most;
}

static void
rows_of_a_name_and_of_names_near_it_are_visited(void **state)
{
    (void)state;
    static const struct {
        const char *label;
        const char *name;
        const char *of_name; /* newest first */
        const char *near;    /* at least */
    } cases[] = {
        {"two entries, one above", "mail.corp.test", "32", "1"},
        {"below", "corp.test", "1", "2345"},
        {"both", "a.mail.corp.test", "4", "123"},
        {"unknown, below", "x.y.corp.test", "", "1"},
        {"unknown, above others", "corp", "", ""}, // no domain
        {"part of a label", "l.corp.test", "", "1"},
        {"alone", "other.test", "6", ""},
    };
    struct directory *directory = directory_new();
    adopt_name(directory, "1", "corp.test", DOMAIN_VERIFIED, true);
    adopt_name(directory, "2", "mail.corp.test", DOMAIN_REMOVED, true);
    adopt_name(directory, "3", "mail.corp.test", DOMAIN_PENDING, false);
    adopt_name(directory, "4", "a.mail.corp.test", DOMAIN_PENDING, false);
    adopt_name(directory, "5", "b.mail.corp.test", DOMAIN_PENDING, false);
    adopt_name(directory, "6", "other.test", DOMAIN_PENDING, false);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct visited same = {.most = 7};
        struct visited near = {.most = 7};
        directory_each_of_name(directory, cases[i].name, on_visited, &same);
        directory_each_near(directory, cases[i].name, on_visited, &near);
        bool all = true;
        for (const char *c = cases[i].near; *c != '\0'; c++) {
            all = all && strchr(near.ids, *c) != NULL;
        }
        if (strcmp(same.ids, cases[i].of_name) != 0 || !all) {
            fail_msg("%s: '%s', near '%s'", cases[i].label, same.ids, near.ids);
        }
    }
    struct visited one = {.most = 1};
    directory_each_near(directory, "corp.test", on_visited, &one);
    assert_int_equal(one.count, 1); // it ends when the visitor says so
    directory_free(directory);
}

enum { STANDING = 60, COMING = 1500 };

static void *
add_rows(void *context)
{
    for (unsigned i = 0; i < COMING; i++) {
        char id[16];
        char name[32];
        (void)snprintf(id, sizeof(id), "new%u", i);
        (void)snprintf(name, sizeof(name), "n%04u.example", (i * 7919U) % COMING);
        const struct store_domain row = row_of(id, name, DOMAIN_PENDING, i + 1);
        directory_adopt(context, &row);
    }
    return NULL;
}

// What was there before stands once on the pages, in order, whoever adds rows meanwhile.
static void
pages_lose_nothing_while_rows_are_added(void **state)
{
    (void)state;
    const struct directory_filter all = {.with_removed = false};
    struct directory *directory = directory_new();
    for (unsigned i = 0; i < STANDING; i++) {
        char id[16];
        char name[32];
        (void)snprintf(id, sizeof(id), "old%u", i);
        (void)snprintf(name, sizeof(name), "n%04u.old.example", i * (COMING / STANDING));
        const struct store_domain row = row_of(id, name, DOMAIN_PENDING, i + 1);
        directory_adopt(directory, &row);
    }
    pthread_t adder;
    assert_int_equal(pthread_create(&adder, NULL, add_rows, directory), 0);
    struct store_domain rows[7];
    size_t standing = 0;
    for (unsigned walk = 0; walk < 20; walk++) {
        struct store_domain last = {.name = ""};
        size_t count = ARRAY_LEN(rows);
        standing = 0;
        while (count == ARRAY_LEN(rows)) {
            const char *after = last.name[0] == '\0' ? NULL : last.id.text;
            assert_true(directory_page(directory, &all, after, ARRAY_LEN(rows), rows, &count));
            for (size_t i = 0; i < count; i++) {
                assert_true(strcmp(rows[i].name, last.name) > 0);
                standing += strncmp(rows[i].id.text, "old", 3) == 0 ? 1 : 0;
                last = rows[i];
            }
        }
        assert_int_equal(standing, STANDING);
    }
    assert_int_equal(pthread_join(adder, NULL), 0);
    directory_free(directory);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_older_version_changes_nothing),
        cmocka_unit_test(the_living_answers_before_the_removed_and_then_the_last),
        cmocka_unit_test(a_page_has_the_rows_of_its_filter_by_name_and_age),
        cmocka_unit_test(rows_that_come_and_change_between_two_pages_move_no_other),
        cmocka_unit_test(a_watched_entry_is_found_behind_who_added_the_name_again),
        cmocka_unit_test(what_is_forgotten_answers_last),
        cmocka_unit_test(rows_of_a_name_and_of_names_near_it_are_visited),
        cmocka_unit_test(pages_lose_nothing_while_rows_are_added),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
