// SPDX-License-Identifier: Apache-2.0
#include "support.h"

#include <string.h>

#include "verifier/message/header_index.h"

static const char HEADER[] =
    "A: 1\r\nB: x\r\n y\r\nno field\r\na : 2\r\nA: 3\nLast: end\r\n\r\nA: body\r\n";

static void
expect_hash(struct hasher *hasher, const char *text)
{
    unsigned char wanted[SHA256_SIZE];
    unsigned char got[SHA256_SIZE];
    AUTO_DIGEST *digest = digest_new_sha256();
    digest_update(digest, text, strlen(text));
    digest_finish(digest, wanted);
    hasher_finish(hasher, got);
    assert_memory_equal(got, wanted, SHA256_SIZE);
}

static void
fields_are_found_in_order_up_to_the_empty_line(void **state)
{
    (void)state;
    static const char *const NAMES[] = {"a", "B", "A", "a", "LAST"};
    struct header_index *index = header_index_new(HEADER, strlen(HEADER));
    assert_int_equal(header_index_count(index), ARRAY_LEN(NAMES));
    for (size_t i = 0; i < ARRAY_LEN(NAMES); i++) {
        assert_true(indexed_field_is(header_index_field(index, i), NAMES[i]));
        assert_false(indexed_field_is(header_index_field(index, i), "other"));
    }
    assert_int_equal(header_index_field(index, 1)->length, strlen("B: x\r\n y"));
    header_index_free(index);
}

struct selection {
    const char *label;
    const char *names;
    size_t own;
    enum canon canon;
    const char *hashed;
};

static void
names_take_fields_from_below(void **state)
{
    (void)state;
    static const struct selection CASES[] = {
        {"last first", "a", 99, CANON_RELAXED, "a:3\r\n"},
        {"twice", "A:a", 99, CANON_RELAXED, "a:3\r\na:2\r\n"},
        {"more often than there are", "a:a:a:a", 99, CANON_RELAXED, "a:3\r\na:2\r\na:1\r\n"},
        {"own is never taken", "a:a:a", 3, CANON_RELAXED, "a:2\r\na:1\r\n"},
        {"absent adds nothing", "zz:b:zz", 99, CANON_RELAXED, "b:x y\r\n"},
        {"simple keeps bytes", " b :\r\n\ta:a", 99, CANON_SIMPLE,
         "B: x\r\n y\r\nA: 3\r\na : 2\r\n"},
        {"body is no header", "last:a", 99, CANON_SIMPLE, "Last: end\r\nA: 3\r\n"},
        {"no name", "", 99, CANON_SIMPLE, ""},
    };
    struct header_index *index = header_index_new(HEADER, strlen(HEADER));
    AUTO_HASHER *hasher = hasher_new();
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        print_message("%s\n", CASES[i].label);
        header_index_hash_selected(index, CASES[i].names, strlen(CASES[i].names), CASES[i].own,
                                   CASES[i].canon, hasher);
        expect_hash(hasher, CASES[i].hashed);
    }
    header_index_free(index);
}

static void
the_own_field_is_hashed_without_the_cut_and_the_line_end(void **state)
{
    (void)state;
    struct header_index *index = header_index_new("S: a=1; b=xyz;  c\r\n", 19);
    AUTO_HASHER *hasher = hasher_new();
    header_index_hash_own(index, 0, CANON_SIMPLE, 10, 3, hasher);
    expect_hash(hasher, "S: a=1; b=;  c");
    header_index_hash_own(index, 0, CANON_RELAXED, 10, 3, hasher);
    expect_hash(hasher, "s:a=1; b=; c");
    header_index_free(index);
}

static void
nothing_is_a_header_too(void **state)
{
    (void)state;
    struct header_index *index = header_index_new("", 0);
    AUTO_HASHER *hasher = hasher_new();
    assert_int_equal(header_index_count(index), 0);
    header_index_hash_selected(index, "from:to", 7, 0, CANON_RELAXED, hasher);
    expect_hash(hasher, "");
    header_index_free(index);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_found_in_order_up_to_the_empty_line),
        cmocka_unit_test(names_take_fields_from_below),
        cmocka_unit_test(the_own_field_is_hashed_without_the_cut_and_the_line_end),
        cmocka_unit_test(nothing_is_a_header_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
