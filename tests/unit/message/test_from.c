// SPDX-License-Identifier: Apache-2.0
#include "support.h"

#include <stdio.h>
#include <string.h>

#include "verifier/message/from.h"

struct from_case {
    const char *label;
    const char *value;
    enum from_status status;
    const char *domain; /* NULL: none */
};

static const struct from_case CASES[] = {
    {"bare address", "a@example.org", FROM_OK, "example.org"},
    {"angle address", "Alice <a@example.org>", FROM_OK, "example.org"},
    {"no blank before the angle", "Alice<a@example.org>", FROM_OK, "example.org"},
    {"folded", " Alice\r\n <a@example.org>\r\n", FROM_OK, "example.org"},
    {"upper case", "a@EXAMPLE.Org", FROM_OK, "example.org"},
    {"quoted name", "\"Alice, the one\" <a@example.org>", FROM_OK, "example.org"},
    {"address inside a quoted name", "\"x@evil.example\" <a@example.org>", FROM_OK, "example.org"},
    {"angle inside a quoted name", "\"<x@evil.example>\" <a@example.org>", FROM_OK, "example.org"},
    {"escaped quote", "\"a\\\" <x@evil.example>\" <a@example.org>", FROM_OK, "example.org"},
    {"unquoted address as name", "x@evil.example <a@example.org>", FROM_OK, "example.org"},
    {"dot in the name", "Dr. Alice <a@example.org>", FROM_OK, "example.org"},
    {"8-bit name", "\xc3\x84lice <a@example.org>", FROM_OK, "example.org"},
    {"encoded word as name", "=?utf-8?q?=40evil?= <a@example.org>", FROM_OK, "example.org"},
    {"encoded word is no address", "=?utf-8?q?a=40example.org?=", FROM_INVALID, NULL},
    {"comment behind", "a@example.org (Alice)", FROM_OK, "example.org"},
    {"comment with an address", "(x@evil.example) a@example.org", FROM_OK, "example.org"},
    {"nested comment", "(a (b \\) c) d) a@example.org", FROM_OK, "example.org"},
    {"comments everywhere", "a(1)@(2)example(3).(4)org(5)", FROM_OK, "example.org"},
    {"open comment", "a@example.org (Alice", FROM_INVALID, NULL},
    {"quoted local part", "\"a b\"@example.org", FROM_OK, "example.org"},
    {"at in a quoted local part", "\"a@evil.example\"@example.org", FROM_OK, "example.org"},
    {"open quote", "\"Alice <a@example.org>", FROM_INVALID, NULL},
    {"dots of the local part", "a..b.@example.org", FROM_OK, "example.org"},
    {"group", "team: a@example.org, b@example.org;", FROM_OK, "example.org"},
    {"empty group", "undisclosed:;", FROM_NONE, NULL},
    {"group of two domains", "team: a@example.org, b@evil.example;", FROM_SEVERAL, NULL},
    {"group and mailbox", "team: a@example.org;, b@example.org", FROM_OK, "example.org"},
    {"open group", "team: a@example.org", FROM_INVALID, NULL},
    {"group in a group", "a: b: c@example.org;;", FROM_INVALID, NULL},
    {"two mailboxes", "a@example.org, B <b@example.org>", FROM_OK, "example.org"},
    {"two domains", "a@example.org, b@evil.example", FROM_SEVERAL, NULL},
    {"two domains, angles", "<a@example.org>, <b@evil.example>", FROM_SEVERAL, NULL},
    {"no comma between", "<a@example.org> <b@evil.example>", FROM_INVALID, NULL},
    {"text behind the angle", "<a@example.org> x", FROM_INVALID, NULL},
    {"empty elements", ",, a@example.org,,", FROM_OK, "example.org"},
    {"comma first", ",", FROM_NONE, NULL},
    {"obsolete route", "<@x.example,@y.example:a@example.org>", FROM_OK, "example.org"},
    {"route without end", "<@x.example>", FROM_INVALID, NULL},
    {"U-label", "a@b\xc3\xbc\x63her.example", FROM_OK, "xn--bcher-kva.example"},
    {"A-label", "a@xn--bcher-kva.example", FROM_OK, "xn--bcher-kva.example"},
    {"final dot", "a@example.org.", FROM_OK, "example.org"},
    {"single label", "a@localhost", FROM_OK, "localhost"},
    {"address literal", "a@[192.0.2.1]", FROM_INVALID, NULL},
    {"two at signs", "a@b@example.org", FROM_INVALID, NULL},
    {"no domain", "a@", FROM_INVALID, NULL},
    {"no local part", "@example.org", FROM_INVALID, NULL},
    {"no at", "alice", FROM_INVALID, NULL},
    {"empty angle", "<>", FROM_INVALID, NULL},
    {"blank in the domain", "a@example .org", FROM_OK, "example.org"},
    {"words without a dot", "a@example org", FROM_INVALID, NULL},
    {"slash in the domain", "a@example.org/x", FROM_INVALID, NULL},
    {"empty", "", FROM_NONE, NULL},
    {"blanks only", "  \r\n ", FROM_NONE, NULL},
    {"backslash", "\\a@example.org", FROM_INVALID, NULL},
};

static void
from_gives_the_domains_of_the_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        char domain[DOMAIN_NAME_SIZE] = "untouched";
        enum from_status status = from_parse(CASES[i].value, strlen(CASES[i].value), domain);
        const char *wanted = CASES[i].domain == NULL ? "untouched" : CASES[i].domain;
        if (status != CASES[i].status || strcmp(domain, wanted) != 0) {
            fail_msg("%s: status %d, domain %s", CASES[i].label, (int)status, domain);
        }
    }
}

static void
nul_is_invalid(void **state)
{
    (void)state;
    char domain[DOMAIN_NAME_SIZE];
    static const char value[] = "a@example.org\0.evil.example";
    assert_int_equal(from_parse(value, sizeof(value) - 1, domain), FROM_INVALID);
}

static void
header_block_must_hold_one_from(void **state)
{
    (void)state;
    static const struct {
        const char *headers;
        enum from_status status;
    } blocks[] = {
        {"From: a@example.org\r\n\r\n", FROM_OK},
        {"fRoM : a@example.org\r\n\r\n", FROM_OK},
        {"Subject: x\r\n\r\nFrom: a@example.org\r\n", FROM_NONE},
        {"From: a@example.org\r\nFrom: a@example.org\r\n\r\n", FROM_SEVERAL},
        {"From: a@example.org\r\nfrom: b@evil.example\r\n\r\n", FROM_SEVERAL},
        {"X-From: a@example.org\r\n\r\n", FROM_NONE},
    };
    for (size_t i = 0; i < ARRAY_LEN(blocks); i++) {
        char domain[DOMAIN_NAME_SIZE];
        enum from_status status =
            from_find_domain(blocks[i].headers, strlen(blocks[i].headers), domain);
        if (status != blocks[i].status) {
            fail_msg("%s: %d", blocks[i].headers, (int)status);
        }
        assert_true((from_problem(status)[0] == '\0') == (status == FROM_OK));
    }
}

static size_t
put_mailboxes(char *out, size_t size, int count)
{
    size_t used = 0;
    for (int i = 0; i < count; i++) {
        used += (size_t)snprintf(out + used, size - used, "a@example.org,");
    }
    return used;
}

static void
caps_hold_at_the_limit_and_not_past_it(void **state)
{
    (void)state;
    static char text[FROM_VALUE_MAX + 64];
    char domain[DOMAIN_NAME_SIZE];
    size_t length = put_mailboxes(text, sizeof(text), FROM_MAILBOXES_MAX);
    assert_int_equal(from_parse(text, length, domain), FROM_OK);
    length = put_mailboxes(text, sizeof(text), FROM_MAILBOXES_MAX + 1);
    assert_int_equal(from_parse(text, length, domain), FROM_INVALID);

    memset(text, ' ', sizeof(text));
    memcpy(text, "a@example.org", 13);
    assert_int_equal(from_parse(text, FROM_VALUE_MAX, domain), FROM_OK);
    assert_int_equal(from_parse(text, FROM_VALUE_MAX + 1, domain), FROM_INVALID);

    for (int depth = FROM_COMMENT_DEPTH_MAX; depth <= FROM_COMMENT_DEPTH_MAX + 1; depth++) {
        memset(text, '(', (size_t)depth);
        memset(text + depth, ')', (size_t)depth);
        memcpy(text + 2 * depth, "a@example.org", 14);
        assert_int_equal(from_parse(text, strlen(text), domain),
                         depth == FROM_COMMENT_DEPTH_MAX ? FROM_OK : FROM_INVALID);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(from_gives_the_domains_of_the_table),
        cmocka_unit_test(nul_is_invalid),
        cmocka_unit_test(header_block_must_hold_one_from),
        cmocka_unit_test(caps_hold_at_the_limit_and_not_past_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
