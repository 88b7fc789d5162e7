// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/attrs.h"
#include "common/netstring.h"

enum { MOST = 12 };

static const struct {
    const char *label;
    const char *input;
    enum netstring_state state;
    const char *bytes;
    size_t consumed;
} CASES[] = {
    {"one", "3:abc,", NETSTRING_COMPLETE, "abc", 6},
    {"empty", "0:,", NETSTRING_COMPLETE, "", 3},
    {"the first of two", "1:a,1:b,", NETSTRING_COMPLETE, "a", 4},
    {"at the cap", "12:abcdefghijkl,", NETSTRING_COMPLETE, "abcdefghijkl", 16},
    {"over the cap, known early", "13:", NETSTRING_BAD, NULL, 0},
    {"over the cap before the colon", "13", NETSTRING_BAD, NULL, 0},
    {"a number that would overflow", "99999999999999999999999:", NETSTRING_BAD, NULL, 0},
    {"nothing", "", NETSTRING_PARTIAL, NULL, 0},
    {"half a length", "1", NETSTRING_PARTIAL, NULL, 0},
    {"half the bytes", "3:ab", NETSTRING_PARTIAL, NULL, 0},
    {"without the comma", "3:abc", NETSTRING_PARTIAL, NULL, 0},
    {"another end", "3:abcd", NETSTRING_BAD, NULL, 0},
    {"leading zero", "03:abc,", NETSTRING_BAD, NULL, 0},
    {"no length", ":abc,", NETSTRING_BAD, NULL, 0},
    {"a sign", "-1:a,", NETSTRING_BAD, NULL, 0},
    {"a blank", " 1:a,", NETSTRING_BAD, NULL, 0},
    {"no colon", "1a", NETSTRING_BAD, NULL, 0},
};

static void
input_is_taken_apart_strictly(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        struct netstring got = {.bytes = NULL};
        enum netstring_state result =
            netstring_next(CASES[i].input, strlen(CASES[i].input), MOST, &got);
        bool same = CASES[i].bytes == NULL
                        ? got.bytes == NULL
                        : got.bytes != NULL && got.length == strlen(CASES[i].bytes) &&
                              memcmp(got.bytes, CASES[i].bytes, got.length) == 0;
        if (result != CASES[i].state || !same || got.consumed != CASES[i].consumed) {
            fail_msg("%s: state %d, %zu bytes", CASES[i].label, (int)result, got.consumed);
        }
    }
}

static void
appended_text_is_framed(void **state)
{
    (void)state;
    AUTO_STRBUF out = STRBUF_INIT(64);
    netstring_append(&out, "OK yes", 6);
    netstring_append(&out, "", 0);
    assert_string_equal(strbuf_text(&out), "6:OK yes,0:,");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(input_is_taken_apart_strictly),
        cmocka_unit_test(appended_text_is_framed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
