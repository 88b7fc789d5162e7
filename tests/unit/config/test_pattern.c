// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "config/pattern.h"

#define NO_MATCH "-"

struct match_case {
    const char *pattern;
    const char *local_part;
    const char *captures; /* "name=value;" each, or NO_MATCH */
};

static const struct match_case MATCHES[] = {
    {"support", "support", ""},
    {"support", "SUPport", ""},
    {"Support", "support", ""},
    {"support", "supports", NO_MATCH},
    {"support", "suppor", NO_MATCH},
    {"support", "support+x", NO_MATCH},
    {"*", "anything", ""},
    {"*", "a", ""},
    {"{user}", "Alice.B", "user=Alice.B;"},
    {"ticket+{ticket_id}", "ticket+4711", "ticket_id=4711;"},
    {"ticket+{ticket_id}", "TICKET+aBc", "ticket_id=aBc;"},
    {"ticket+{ticket_id}", "ticket+", NO_MATCH},
    {"ticket+{ticket_id}", "ticket", NO_MATCH},
    {"ticket+{ticket_id}", "xticket+1", NO_MATCH},
    {"{a}-{b}", "x-y", "a=x;b=y;"},
    {"{a}-{b}", "x-y-z", "a=x;b=y-z;"},
    {"{a}-{b}", "-y", NO_MATCH},
    {"{a}-{b}", "--y", "a=-;b=y;"},
    {"{a}-{b}", "x-", NO_MATCH},
    {"{a}-end", "x-end-end", "a=x-end;"},
    {"{a}-end", "-end", NO_MATCH},
    {"{a}-end", "x-end1", NO_MATCH},
    {"vm-*", "vm-", ""},
    {"vm-*", "vm-12", ""},
    {"vm-*", "vm", NO_MATCH},
    {"*-vm", "-vm", ""},
    {"*-vm", "a-vm-b-vm", ""},
    {"*a*b", "xxaxxb", ""},
    {"*a*b", "ab", ""},
    {"*a*b", "ba", NO_MATCH},
    {"a*a", "a", NO_MATCH},
    {"a*a", "aa", ""},
    {"{a}x{b}x{c}", "1x2x3", "a=1;b=2;c=3;"},
    {"{a}x{b}x{c}", "xxxxx", "a=x;b=x;c=x;"},
    {"{a}x{b}x{c}", "xxxx", NO_MATCH},
    {"t+{id}-*", "t+7-", "id=7;"},
    {"t+{id}-*", "t+7-a-b", "id=7;"},
    {"b\xc3\xbcro+{x}", "b\xc3\xbcro+\xc3\xa4", "x=\xc3\xa4;"},
    {"{x}", "has space", "x=has space;"},
};

static void
format_captures(const struct captures *captures, char out[1024])
{
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < captures->count; i++) {
        used += (size_t)snprintf(out + used, 1024 - used, "%s=%s;", captures->items[i].name,
                                 captures->items[i].value);
    }
}

static void
a_pattern_takes_what_it_says_and_captures_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(MATCHES); i++) {
        const struct match_case *row = &MATCHES[i];
        struct pattern *pattern = NULL;
        struct why why;
        assert_int_equal(pattern_compile(row->pattern, &pattern, &why), ST_OK);
        assert_string_equal(pattern_text(pattern), row->pattern);
        struct captures captures = {.count = 77};
        char told[1024] = NO_MATCH;
        if (pattern_match(pattern, row->local_part, &captures)) {
            format_captures(&captures, told);
        } else if (captures.count != 77) {
            fail_msg("'%s' without a match touched the captures", row->pattern);
        }
        if (strcmp(told, row->captures) != 0) {
            fail_msg("'%s' on '%s': %s, not %s", row->pattern, row->local_part, told,
                     row->captures);
        }
        pattern_free(pattern);
    }
}

#define TEXT_64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define NAME_32 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

struct bad_pattern {
    const char *text;
    const char *why; /* a part of what is said */
};

static const struct bad_pattern BAD_PATTERNS[] = {
    {"", "empty"},
    {"**", "side by side"},
    {"{a}{b}", "side by side"},
    {"*{a}", "side by side"},
    {"{a}*", "side by side"},
    {"{a}-{a}", "twice"},
    {"{", "not closed"},
    {"x{a", "not closed"},
    {"x{a{b}}", "not closed"},
    {"}", "cannot hold '}'"},
    {"a}b", "cannot hold '}'"},
    {"{}", "not a capture"},
    {"{A}", "not a capture"},
    {"{1a}", "not a capture"},
    {"{_a}", "not a capture"},
    {"{a-b}", "not a capture"},
    {"{a" NAME_32 "}", "not a capture"},
    {"a b", "cannot hold ' '"},
    {"a\tb", "cannot hold '?'"},
    {"a@b", "cannot hold '@'"},
    {"a\"b", "cannot hold '\"'"},
    {TEXT_64 "aaa", "66 bytes"},
    {TEXT_64 "aa{a}", "66 bytes"},
    {"{a}a*a*a*a*a*a*a*a*", "16 parts"},
    {TEXT_64 TEXT_64 "a", "128 bytes"},
};

static void
a_bad_pattern_is_refused_with_its_reason(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(BAD_PATTERNS); i++) {
        const struct bad_pattern *row = &BAD_PATTERNS[i];
        struct pattern *pattern = NULL;
        struct why why = {.text = ""};
        assert_int_equal(pattern_compile(row->text, &pattern, &why), ST_INVALID);
        assert_null(pattern);
        if (strstr(why.text, row->why) == NULL) {
            fail_msg("'%s' gives \"%s\", without \"%s\"", row->text, why.text, row->why);
        }
    }
}

static void
a_pattern_at_its_limits_is_taken(void **state)
{
    (void)state;
    static const char *const texts[] = {
        TEXT_64 "aa",       // a whole local part
        "{" NAME_32 "}",    // the longest name
        "a*a*a*a*a*a*a*a*", // PATTERN_PARTS_MAX
        "{a"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa}-{b"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa}-"
        "{c"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa}-aaaaaaaaaaaaaaaaaaaaaaa", // PATTERN_LENGTH_MAX
    };
    assert_int_equal(strlen(texts[3]), PATTERN_LENGTH_MAX);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct pattern *pattern = NULL;
        struct why why = {.text = ""};
        if (pattern_compile(texts[i], &pattern, &why) != ST_OK) {
            fail_msg("'%s': %s", texts[i], why.text);
        }
        pattern_free(pattern);
    }
}

static void
only_a_lone_wildcard_is_a_catch_all(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is_catch_all;
    } rows[] = {{"*", true}, {"{x}", true}, {"a*", false}, {"*a", false}, {"a", false}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct pattern *pattern = NULL;
        assert_int_equal(pattern_compile(rows[i].text, &pattern, NULL), ST_OK);
        assert_int_equal(pattern_is_catch_all(pattern), rows[i].is_catch_all);
        pattern_free(pattern);
    }
}

static void
a_local_part_longer_than_any_can_be_is_no_match(void **state)
{
    (void)state;
    struct pattern *pattern = NULL;
    struct captures captures;
    char text[LOCAL_PART_SIZE + 1];
    memset(text, 'a', sizeof(text));
    assert_int_equal(pattern_compile("{x}", &pattern, NULL), ST_OK);
    text[LOCAL_PART_SIZE - 1] = '\0';
    assert_true(pattern_match(pattern, text, &captures));
    assert_string_equal(captures.items[0].value, text);
    text[LOCAL_PART_SIZE - 1] = 'a';
    text[LOCAL_PART_SIZE] = '\0';
    assert_false(pattern_match(pattern, text, &captures));
    pattern_free(pattern);
}

// A matcher that goes back would need more than 10^12 steps for each of these.
static void
hostile_input_costs_no_more_than_length_times_parts(void **state)
{
    (void)state;
    struct pattern *pattern = NULL;
    struct captures captures;
    char text[LOCAL_PART_SIZE];
    memset(text, 'a', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    assert_int_equal(pattern_compile("*aa*aa*aa*aa*aa*aa*aa*b", &pattern, NULL), ST_OK);
    clock_t start = clock();
    for (int i = 0; i < 10000; i++) {
        assert_false(pattern_match(pattern, text, &captures));
    }
    double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
    assert_true(seconds < 5); // takes 0.1 s; slow enough for sanitizers on a busy machine
    pattern_free(pattern);
}

// The slow and plain definition of a match, to compare with.
static bool
matches_slowly(const char *pattern, const char *text)
{
    if (*pattern == '\0') {
        return *text == '\0';
    }
    if (*pattern == '*' || *pattern == '{') {
        const char *next = *pattern == '*' ? pattern + 1 : strchr(pattern, '}') + 1;
        size_t length = strlen(text);
        for (size_t taken = *pattern == '*' ? 0 : 1; taken <= length; taken++) {
            if (matches_slowly(next, text + taken)) {
                return true;
            }
        }
        return false;
    }
    return *text == *pattern && matches_slowly(pattern + 1, text + 1);
}

static void
every_short_input_matches_as_the_plain_definition_says(void **state)
{
    (void)state;
    static const char *const patterns[] = {
        "*a*", "a*b", "{x}a{y}", "*ab*ab", "{x}ab*a", "a{x}b{y}", "*a{x}b", "ab", "*aa*b{x}a",
    };
    for (size_t p = 0; p < ARRAY_LEN(patterns); p++) {
        struct pattern *pattern = NULL;
        struct captures captures;
        assert_int_equal(pattern_compile(patterns[p], &pattern, NULL), ST_OK);
        for (unsigned length = 1; length <= 10; length++) {
            for (unsigned bits = 0; bits < 1U << length; bits++) {
                char text[16] = "";
                for (unsigned i = 0; i < length; i++) {
                    text[i] = (bits >> i & 1) != 0 ? 'b' : 'a';
                }
                if (pattern_match(pattern, text, &captures) != matches_slowly(patterns[p], text)) {
                    fail_msg("'%s' on '%s'", patterns[p], text);
                }
            }
        }
        pattern_free(pattern);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pattern_takes_what_it_says_and_captures_it),
        cmocka_unit_test(a_bad_pattern_is_refused_with_its_reason),
        cmocka_unit_test(a_pattern_at_its_limits_is_taken),
        cmocka_unit_test(only_a_lone_wildcard_is_a_catch_all),
        cmocka_unit_test(a_local_part_longer_than_any_can_be_is_no_match),
        cmocka_unit_test(hostile_input_costs_no_more_than_length_times_parts),
        cmocka_unit_test(every_short_input_matches_as_the_plain_definition_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
