// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "common/attrs.h"
#include "verifier/dns/name.h"

#define LABEL_61 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define LABEL_63 LABEL_61 "bb"
#define NAME_253 LABEL_63 "." LABEL_63 "." LABEL_63 "." LABEL_61

static void
names_survive_the_way_to_the_wire_and_back(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *back;
        size_t length; /* on the wire */
    } cases[] = {
        {"example.com", "example.com", 13},
        {"Example.COM.", "example.com", 13},
        {"a", "a", 3},
        {"_dmarc.a-b.example", "_dmarc.a-b.example", 20},
        {"a\\.b.c", "a\\046b.c", 7},
        {"a\\046b.c", "a\\046b.c", 7},
        {"a\\\\b", "a\\092b", 5},
        {"a b", "a\\032b", 5},
        {"\\000.\\255", "\\000.\\255", 5},
        {"\303\274", "\\195\\188", 4},
        {"A\\065", "aa", 4},
        {LABEL_63, LABEL_63, 65},
        {NAME_253, NAME_253, 255},
        {NAME_253 ".", NAME_253, 255},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct dns_name name;
        char back[DNS_NAME_TEXT_SIZE] = "";
        if (!dns_name_parse(cases[i].text, &name)) {
            fail_msg("'%s' is refused", cases[i].text);
        }
        dns_name_format(name.wire, name.length, back);
        if (strcmp(back, cases[i].back) != 0 || name.length != cases[i].length) {
            fail_msg("'%s': '%s', %zu bytes", cases[i].text, back, name.length);
        }
    }
}

static void
what_is_no_name_is_refused(void **state)
{
    (void)state;
    static const char *const cases[] = {"",           ".",           "..",          ".a",
                                        "a..b",       "a..",         LABEL_63 "c",  NAME_253 "c",
                                        "c" NAME_253, NAME_253 ".c", NAME_253 "..", "a\\",
                                        "a\\1",       "a\\25",       "a\\256",      "a\\2x5"};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct dns_name name = {.length = 77};
        if (dns_name_parse(cases[i], &name) || name.length != 77) {
            fail_msg("'%s' passes", cases[i]);
        }
    }
}

static void
the_longest_text_fits(void **state)
{
    (void)state;
    struct dns_name name = {.length = 0}; // 127 labels of one byte: most dots and escapes
    while (name.length < 254) {
        name.wire[name.length++] = 1;
        name.wire[name.length++] = 0xff;
    }
    name.wire[name.length++] = 0;
    char text[DNS_NAME_TEXT_SIZE];
    dns_name_format(name.wire, name.length, text);
    assert_int_equal(strlen(text), 127 * 4 + 126);
    struct dns_name wide = {.length = 0}; // and the most escapes: four long labels
    for (int i = 0; i < 4; i++) {
        size_t label = i < 3 ? 63 : 61;
        wide.wire[wide.length] = (unsigned char)label;
        memset(wide.wire + wide.length + 1, 0x80, label);
        wide.length += label + 1;
    }
    wide.wire[wide.length++] = 0;
    assert_int_equal(wide.length, DNS_WIRE_NAME_MAX);
    dns_name_format(wide.wire, wide.length, text);
    assert_int_equal(strlen(text), 250 * 4 + 3);
    struct dns_name back;
    assert_true(dns_name_parse(text, &back));
    assert_memory_equal(back.wire, wide.wire, wide.length);
    dns_name_format((const unsigned char *)"", 1, text);
    assert_string_equal(text, ".");
}

static void
parents_are_told_by_labels_not_by_letters(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *parent;
        bool is_within;
    } cases[] = {
        {"a.example.com", "example.com", true},      {"example.com", "EXAMPLE.com", true},
        {"aexample.com", "example.com", false},      {"com", "example.com", false},
        {"example.org", "example.com", false},       {"a\\.example.com", "example.com", false},
        {"x.a\\.example.com", "example.com", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct dns_name name;
        struct dns_name parent;
        assert_true(dns_name_parse(cases[i].name, &name));
        assert_true(dns_name_parse(cases[i].parent, &parent));
        if (dns_name_is_within(name.wire, name.length, parent.wire, parent.length) !=
            cases[i].is_within) {
            fail_msg("%s within %s", cases[i].name, cases[i].parent);
        }
        assert_true(dns_name_is_within(name.wire, name.length, (const unsigned char *)"", 1));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_survive_the_way_to_the_wire_and_back),
        cmocka_unit_test(what_is_no_name_is_refused),
        cmocka_unit_test(the_longest_text_fits),
        cmocka_unit_test(parents_are_told_by_labels_not_by_letters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
