// SPDX-License-Identifier: Apache-2.0
// ARC-Authentication-Results of others: what large sealers write, and what hostile ones could.
#include "support.h"

#include <stdio.h>
#include <string.h>

#include "common/strbuf.h"
#include "verifier/message/results_parse.h"

struct good {
    const char *label;
    const char *value;
    unsigned instance;
    const char *entries; /* "method=result domain; ..." */
};

// clang-format off
static const struct good GOOD[] = {
    {"least", "i=1; a", 1, ""},
    {"none", " i=2; mx.example; none", 2, ""},
    {"version", "i=1; mx.example 1; spf=pass smtp.mailfrom=a.example", 1, "spf=pass a.example; "},
    {"folded", "\r\n\ti=50;\r\n\tmx.example;\r\n\tdkim=pass\r\n\theader.d=A.Example;", 50,
     "dkim=pass a.example; "},
    {"comments", "i = 1 (x) ; (y) mx.example (z(z)) ; spf (a) = (b) pass (\\)) smtp.mailfrom (c) = a.example (d)",
     1, "spf=pass a.example; "},
    {"quoted", "i=1; \"mx\"; spf=pass reason=\"a;b\\\"=c\" smtp.mailfrom=\"a@b\"@c.example", 1,
     "spf=pass c.example; "},
    {"whole mailbox quoted", "i=1; mx; spf=pass smtp.mailfrom=\"a+b=c.example@d.example\"", 1,
     "spf=pass d.example; "},
    {"Microsoft", "i=1; mx.microsoft.com 1; spf=pass (sender ip is 192.0.2.1) smtp.rcpttodomain=b.example "
     "smtp.mailfrom=a.example; dmarc=pass (p=none sp=none pct=100) action=none header.from=a.example; "
     "dkim=pass (signature was verified) header.d=a.example; arc=none (0)", 1,
     "spf=pass a.example; dmarc=pass a.example; dkim=pass a.example; "},
    {"Google", "i=2; mx.google.com;\r\n       dkim=pass header.i=@a.example header.s=s1 header.b=\"a/b+c=\";\r\n"
     "       arc=pass (i=1 spf=pass spfdomain=a.example dmarc=pass fromdomain=a.example);\r\n"
     "       spf=neutral (google.com: 192.0.2.1 is neither permitted nor denied) smtp.mailfrom=x@b.example;\r\n"
     "       dmarc=pass (p=REJECT sp=REJECT dis=NONE) header.from=a.example", 2,
     "dkim=pass a.example; spf=neutral b.example; dmarc=pass a.example; "},
    {"method version", "i=1; mx; dkim/1=pass header.d=a.example", 1, "dkim=pass a.example; "},
    {"unknown word", "i=1; mx; dmarc=bestguesspass header.from=a.example", 1, "dmarc=none a.example; "},
    {"unknown method", "i=1; mx; x-a=pass header.d=a.example; iprev=fail policy.iprev=192.0.2.1", 1, ""},
    {"header.d before header.i", "i=1; mx; dkim=pass header.i=b@x.a.example header.d=a.example", 1,
     "dkim=pass a.example; "},
    {"same twice", "i=1; mx; dkim=pass header.d=a.example header.d=A.example", 1, "dkim=pass a.example; "},
    {"two that differ", "i=1; mx; dkim=pass header.d=a.example header.d=b.example", 1, "dkim=pass ; "},
    {"no name", "i=1; mx; dmarc=pass header.from=<>", 1, "dmarc=pass ; "},
    {"U-labels", "i=1; mx; dmarc=pass header.from=m\303\274ller.example", 1,
     "dmarc=pass xn--mller-kva.example; "},
    {"property of another method", "i=1; mx; dmarc=pass header.d=a.example", 1, "dmarc=pass ; "},
    {"unquoted base64", "i=1; mx; dkim=pass header.b=a/b+c== header.d=a.example", 1, "dkim=pass a.example; "},
    {"empty results", "i=1; mx;; spf=pass smtp.mailfrom=a.example; ;", 1, "spf=pass a.example; "},
};

static const struct {
    const char *label;
    const char *value;
} BAD[] = {
    {"empty", ""}, {"no instance", "mx.example; spf=pass"}, {"instance is no number", "i=x; mx"},
    {"instance of three digits", "i=100; mx"}, {"no end of the instance", "i=1"},
    {"instance behind the name", "mx; i=1; spf=pass"}, {"no server", "i=1; spf=pass smtp.mailfrom=a.example"},
    {"no server at all", "i=1;"}, {"version that is none", "i=1; mx x; spf=pass"},
    {"open comment", "i=1; mx; spf=pass (a"}, {"open quoted string", "i=1; mx; spf=pass reason=\"a"},
    {"closed too early", "i=1; mx; spf=pass a) x=y"}, {"no result", "i=1; mx; spf="},
    {"no equals", "i=1; mx; spf pass"}, {"method version that is none", "i=1; mx; dkim/x=pass"},
    {"NUL", NULL}, {"control byte", "i=1; mx; spf=pass x=\001"},
    {"control byte in quotes", "i=1; mx; spf=pass x=\"\001\""}, {"backslash", "i=1; mx; spf=pass x=a\\b"},
    {"bare value", "i=1; mx; spf=pass smtp.mailfrom"}, {"none and more", "i=1; mx; none x=y"},
};
// clang-format on

static void
describe(const struct results_list *list, struct strbuf *out)
{
    static const char *const METHODS[] = {"spf", "dkim", "dmarc"};
    for (size_t i = 0; i < list->count; i++) {
        strbuf_printf(out, "%s=%s %s; ", METHODS[list->entries[i].method],
                      auth_result_name(list->entries[i].result), list->entries[i].domain);
    }
}

static void
fields_of_sealers_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(GOOD); i++) {
        struct results_list list;
        struct why why = {""};
        AUTO_STRBUF text = STRBUF_INIT(4096);
        if (results_parse(GOOD[i].value, strlen(GOOD[i].value), &list, &why) != ST_OK) {
            fail_msg("%s: %s", GOOD[i].label, why.text);
        }
        describe(&list, &text);
        if (list.instance != GOOD[i].instance || strcmp(strbuf_text(&text), GOOD[i].entries) != 0) {
            fail_msg("%s: i=%u %s", GOOD[i].label, list.instance, strbuf_text(&text));
        }
    }
}

static void
what_breaks_the_grammar_says_nothing(void **state)
{
    (void)state;
    static const char WITH_NUL[] = "i=1; mx; spf=pass\0smtp.mailfrom=a.example";
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
        struct results_list list = {.instance = 77};
        struct why why = {""};
        const char *value = BAD[i].value == NULL ? WITH_NUL : BAD[i].value;
        size_t length = BAD[i].value == NULL ? sizeof(WITH_NUL) - 1 : strlen(value);
        if (results_parse(value, length, &list, &why) != ST_INVALID || list.instance != 77 ||
            why.text[0] == '\0') {
            fail_msg("%s was taken", BAD[i].label);
        }
    }
}

static enum status
parse_entries(int count)
{
    AUTO_STRBUF text = STRBUF_INIT(RESULTS_FIELD_MAX);
    struct results_list list;
    strbuf_puts(&text, "i=1; mx");
    for (int i = 0; i < count; i++) {
        strbuf_puts(&text, "; dkim=pass header.d=a.example");
    }
    return results_parse(strbuf_text(&text), text.length, &list, NULL);
}

static enum status
parse_comment(int depth)
{
    AUTO_STRBUF text = STRBUF_INIT(RESULTS_FIELD_MAX);
    struct results_list list;
    strbuf_puts(&text, "i=1; mx ");
    for (int i = 0; i < depth; i++) {
        strbuf_putc(&text, '(');
    }
    for (int i = 0; i < depth; i++) {
        strbuf_putc(&text, ')');
    }
    return results_parse(strbuf_text(&text), text.length, &list, NULL);
}

static enum status
parse_length(size_t length)
{
    AUTO_STRBUF text = STRBUF_INIT(RESULTS_FIELD_MAX + 1);
    struct results_list list;
    strbuf_puts(&text, "i=1; mx");
    while (text.length < length) {
        strbuf_putc(&text, ' ');
    }
    return results_parse(strbuf_text(&text), text.length, &list, NULL);
}

static void
caps_hold_at_the_limit_and_one_past_it(void **state)
{
    (void)state;
    assert_int_equal(parse_entries(RESULTS_ENTRIES_MAX), ST_OK);
    assert_int_equal(parse_entries(RESULTS_ENTRIES_MAX + 1), ST_TOO_LARGE);
    assert_int_equal(parse_comment(RESULTS_COMMENT_DEPTH_MAX), ST_OK);
    assert_int_equal(parse_comment(RESULTS_COMMENT_DEPTH_MAX + 1), ST_INVALID);
    assert_int_equal(parse_length(RESULTS_FIELD_MAX), ST_OK);
    assert_int_equal(parse_length(RESULTS_FIELD_MAX + 1), ST_TOO_LARGE);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_of_sealers_are_read),
        cmocka_unit_test(what_breaks_the_grammar_says_nothing),
        cmocka_unit_test(caps_hold_at_the_limit_and_one_past_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
