// SPDX-License-Identifier: Apache-2.0
// The grammar of SPF records.
#include "support.h"

#include <stdio.h>
#include <string.h>

#include "verifier/message/spf_record.h"

static const char *const VALID[] = {
    "v=spf1",
    "v=spf1 ",
    "V=SpF1 +ALL",
    "v=spf1  a   -all  ",
    "v=spf1 a/0 a/32 a//0 a//128 a/24//64",
    "v=spf1 a:h.example mx:h.example. a:h.example/24//64",
    "v=spf1 a:.example a:a..example a:foo:bar/baz.example.com",
    "v=spf1 a:h.1-2 a:h.x1 a:h.xn--zckzah",
    "v=spf1 a:%{d} a:x%% a:x%_ a:x%- a:%{d}/24//64",
    "v=spf1 exists:%{ir}.%{l1r-}.%{d2}.example",
    "v=spf1 exists:%{i9999999999999999999r.-+,/_=}.example",
    "v=spf1 exists:%{i007}.example",
    "v=spf1 exists:%{IR}.example",
    "v=spf1 ptr ptr:h.example PTR:%{D}",
    "v=spf1 ip4:192.0.2.1 ip4:192.0.2.1/0 ip4:192.0.2.129/24",
    "v=spf1 ip6:::1 ip6:2001:db8::/32 ip6:::ffff:1.2.3.4/128 ip6:::/0",
    "v=spf1 include:h.example ?include:%{o}",
    "v=spf1 redirect=h.example exp=h.example",
    "v=spf1 REDIRECT=h.example EXP=%{d}",
    "v=spf1 a=b include=x x-y_z.1=%{d}!#$& x=",
    "v=spf1 -all redirect=h.example",
};

static const char *const INVALID[] = {
    "",
    "v=spf",
    "v=spf10",
    "v=spf1,a",
    " v=spf1",
    "v=spf1\ta",
    "v=spf1 a\n",
    "v=spf1 \x7f",
    "v=spf1 \xc3\xa4",
    "v=spf1 all.",
    "v=spf1 all:x",
    "v=spf1 all/8",
    "v=spf1 alll",
    "v=spf1 -",
    "v=spf1 --all",
    "v=spf1 - all",
    "v=spf1 a: -all",
    "v=spf1 a:/24",
    "v=spf1 a/",
    "v=spf1 a//",
    "v=spf1 a/33",
    "v=spf1 a/032",
    "v=spf1 a/00",
    "v=spf1 a//129",
    "v=spf1 a//0128",
    "v=spf1 a/24/64",
    "v=spf1 a//64/24",
    "v=spf1 a///64",
    "v=spf1 a/4294967296",
    "v=spf1 a:h.example/",
    "v=spf1 a:example",
    "v=spf1 a:example.",
    "v=spf1 a:h.123",
    "v=spf1 a:h.-x",
    "v=spf1 a:h.x-",
    "v=spf1 a:h.example..",
    "v=spf1 a:h.ex_ample",
    "v=spf1 a:%{d}x",
    "v=spf1 a:%{d",
    "v=spf1 a:%{}",
    "v=spf1 a:%{d0}",
    "v=spf1 a:%{d00r}",
    "v=spf1 a:%{dr2}",
    "v=spf1 a:%{d-r}",
    "v=spf1 a:%{d!}",
    "v=spf1 a:%{z}.example",
    "v=spf1 a:%{c}.example",
    "v=spf1 a:%{r}.example",
    "v=spf1 a:%{t}.example",
    "v=spf1 a:%(d).example",
    "v=spf1 a:%.example",
    "v=spf1 a:h.example%",
    "v=spf1 mx:1.2.3.4",
    "v=spf1 ptr/24",
    "v=spf1 ptr:",
    "v=spf1 include",
    "v=spf1 include:",
    "v=spf1 include:h.example/24",
    "v=spf1 exists",
    "v=spf1 exists:",
    "v=spf1 ip4",
    "v=spf1 ip4:",
    "v=spf1 ip4:1.2.3",
    "v=spf1 ip4:1.2.3.4.5",
    "v=spf1 ip4:1.2.3.256",
    "v=spf1 ip4:01.2.3.4",
    "v=spf1 ip4:1.2.3.4/",
    "v=spf1 ip4:1.2.3.4/33",
    "v=spf1 ip4:1.2.3.4/032",
    "v=spf1 ip4:1.2.3.4//32",
    "v=spf1 ip4:1.2.3.4:25",
    "v=spf1 ip4:::1",
    "v=spf1 ip4:%{i}",
    "v=spf1 ip6",
    "v=spf1 ip6:1.2.3.4",
    "v=spf1 ip6:::1/129",
    "v=spf1 ip6:::1//64",
    "v=spf1 ip6::CAFE::BABE",
    "v=spf1 ip6:0000:0000:0000:0000:0000:ffff:255.255.255.255000",
    "v=spf1 redirect=",
    "v=spf1 redirect=h",
    "v=spf1 redirect:h.example",
    "v=spf1 +redirect=h.example",
    "v=spf1 redirect=a.example redirect=a.example",
    "v=spf1 exp=",
    "v=spf1 exp=a.example EXP=b.example",
    "v=spf1 =x",
    "v=spf1 1a=x",
    "v=spf1 a_b",
    "v=spf1 x=%{z}",
    "v=spf1 x=%{c}",
    "v=spf1 moo.cow/far_out=man",
};

static enum status
parse(const char *text, size_t length, struct spf_record *out)
{
    struct why why = {.text = ""};
    enum status status = spf_record_parse(text, length, out, &why);
    assert_true((status == ST_OK) == (why.text[0] == '\0'));
    return status;
}

static void
valid_records_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(VALID); i++) {
        struct spf_record record;
        if (parse(VALID[i], strlen(VALID[i]), &record) != ST_OK) {
            fail_msg("'%s' is valid", VALID[i]);
        }
        spf_record_done(&record);
    }
}

static void
an_error_anywhere_makes_the_record_invalid(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(INVALID); i++) {
        struct spf_record record;
        if (parse(INVALID[i], strlen(INVALID[i]), &record) != ST_INVALID) {
            fail_msg("'%s' is not valid", INVALID[i]);
        }
    }
    struct spf_record record;
    assert_int_equal(parse("v=spf1 a:h.example\0 -all", 24, &record), ST_INVALID);
}

static void
terms_are_taken_apart(void **state)
{
    (void)state;
    static const char text[] = "v=spf1 a -mx:h.example/24//64 ~ip4:192.0.2.0/24 ?include:x.example "
                               "exp=e.example redirect=r.example";
    struct spf_record record;
    assert_int_equal(parse(text, strlen(text), &record), ST_OK);
    assert_int_equal(record.count, 4);
    assert_int_equal(record.terms[0].mechanism, SPF_A);
    assert_int_equal(record.terms[0].qualifier, AUTH_PASS);
    assert_false(record.terms[0].has_target);
    assert_int_equal(record.terms[0].prefix4, 32);
    assert_int_equal(record.terms[0].prefix6, 128);
    assert_int_equal(record.terms[1].mechanism, SPF_MX);
    assert_int_equal(record.terms[1].qualifier, AUTH_FAIL);
    assert_true(record.terms[1].has_target);
    assert_int_equal(record.terms[1].prefix4, 24);
    assert_int_equal(record.terms[1].prefix6, 64);
    assert_int_equal(record.terms[2].mechanism, SPF_IP4);
    assert_int_equal(record.terms[2].qualifier, AUTH_SOFTFAIL);
    assert_int_equal(record.terms[2].network.prefix, 24);
    assert_int_equal(record.terms[3].mechanism, SPF_INCLUDE);
    assert_int_equal(record.terms[3].qualifier, AUTH_NEUTRAL);
    assert_int_equal(record.terms[3].length, strlen("?include:x.example"));
    assert_memory_equal(record.terms[3].text, "?include:x.example", record.terms[3].length);
    assert_true(record.has_redirect);
    assert_true(record.has_explanation);
    spf_record_done(&record);
    assert_string_equal(spf_mechanism_name(SPF_EXISTS), "exists");
}

static void
record_has_a_longest_length(void **state)
{
    (void)state;
    static char text[SPF_RECORD_MAX + 1];
    struct spf_record record;
    memset(text, ' ', sizeof(text));
    memcpy(text, "v=spf1", 6);
    assert_int_equal(parse(text, SPF_RECORD_MAX, &record), ST_OK);
    spf_record_done(&record);
    assert_int_equal(parse(text, SPF_RECORD_MAX + 1, &record), ST_TOO_LARGE);
}

static void
version_is_followed_by_a_blank_or_nothing(void **state)
{
    (void)state;
    assert_true(spf_record_is_spf1("v=spf1", 6));
    assert_true(spf_record_is_spf1("V=SPF1 x", 8));
    assert_false(spf_record_is_spf1("v=spf1 ", 5));
    assert_false(spf_record_is_spf1("v=spf10", 7));
    assert_false(spf_record_is_spf1("v=spf1\0 ", 8));
    assert_false(spf_record_is_spf1("spf2.0/pra", 10));
    assert_false(spf_record_is_spf1("", 0));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(valid_records_are_read),
        cmocka_unit_test(an_error_anywhere_makes_the_record_invalid),
        cmocka_unit_test(terms_are_taken_apart),
        cmocka_unit_test(record_has_a_longest_length),
        cmocka_unit_test(version_is_followed_by_a_blank_or_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
