// SPDX-License-Identifier: Apache-2.0
#include "support.h"

#include <string.h>

#include "verifier/message/body_hash.h"
#include "verifier/message/signed_field.h"

#define HASH_TEXT "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define DKIM_TAGS "v=1; a=rsa-sha256; d=example.org; s=s1; h=from; bh=" HASH_TEXT "; b=QUJD"
#define ARC_TAGS "a=rsa-sha256; d=example.org; s=s1; h=from; bh=" HASH_TEXT "; b=QUJD"
#define SEAL_TAGS "a=ed25519-sha256; d=example.org; s=s1; b=QUJD"

enum { NOW = 1800000000 };

struct field_case {
    const char *label;
    enum signed_field_kind kind;
    const char *value;
    enum auth_result result;
    const char *reason;
};

static void
each_kind_has_its_own_rules(void **state)
{
    (void)state;
    static const struct field_case CASES[] = {
        {"dkim", SIGNED_DKIM, DKIM_TAGS, AUTH_NONE, ""},
        {"dkim needs v", SIGNED_DKIM, ARC_TAGS, AUTH_PERMERROR, "v= is not 1"},
        {"message", SIGNED_ARC_MESSAGE, "i=1; " ARC_TAGS, AUTH_NONE, ""},
        {"message needs i", SIGNED_ARC_MESSAGE, ARC_TAGS, AUTH_PERMERROR, "i= is no instance"},
        {"message i 50", SIGNED_ARC_MESSAGE, "i=50; " ARC_TAGS, AUTH_NONE, ""},
        {"message i 51", SIGNED_ARC_MESSAGE, "i=51; " ARC_TAGS, AUTH_PERMERROR,
         "i= is no instance"},
        {"message without names", SIGNED_ARC_MESSAGE,
         "i=1; a=rsa-sha256; d=x.org; s=s; h=; bh=" HASH_TEXT "; b=QUJD", AUTH_NONE, ""},
        {"message names the seal", SIGNED_ARC_MESSAGE,
         "i=1; a=rsa-sha256; d=x.org; s=s; h=from:ARC-Seal; bh=" HASH_TEXT "; b=QUJD",
         AUTH_PERMERROR, "h= names ARC-Seal"},
        {"seal", SIGNED_ARC_SEAL, "i=1; cv=none; " SEAL_TAGS, AUTH_NONE, ""},
        {"seal needs cv", SIGNED_ARC_SEAL, "i=1; " SEAL_TAGS, AUTH_PERMERROR,
         "cv= is missing or unknown"},
        {"seal has no h", SIGNED_ARC_SEAL, "i=1; cv=none; h=from; " SEAL_TAGS, AUTH_PERMERROR,
         "an ARC-Seal has no h= and no bh="},
        {"sha1", SIGNED_ARC_SEAL, "i=1; cv=none; a=rsa-sha1; d=x.org; s=s; b=QUJD", AUTH_POLICY,
         "algorithm rsa-sha1 proves nothing"},
        {"a list that is none", SIGNED_DKIM, "v", AUTH_PERMERROR, "a part is not name=value"},
    };
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        struct signed_field field;
        char reason[VERDICT_REASON_SIZE] = "";
        print_message("%s\n", CASES[i].label);
        assert_int_equal(signed_field_parse(CASES[i].kind, CASES[i].value, strlen(CASES[i].value),
                                            NOW, &field, reason),
                         CASES[i].result);
        assert_string_equal(reason, CASES[i].reason);
    }
}

static void
what_was_read_is_told(void **state)
{
    (void)state;
    static const char VALUE[] =
        " v=1; a=ed25519-sha256; c=relaxed/simple; d=Example.ORG; s=S1;\r\n"
        " i=me@sub.example.org; l=7; h=From : To; bh=" HASH_TEXT "; b = QU\r\n JD ; x=1900000000";
    struct signed_field field;
    char reason[VERDICT_REASON_SIZE] = "";
    assert_int_equal(signed_field_parse(SIGNED_DKIM, VALUE, strlen(VALUE), NOW, &field, reason),
                     AUTH_NONE);
    assert_string_equal(field.domain, "example.org");
    assert_string_equal(field.selector, "s1");
    assert_string_equal(field.identity, "sub.example.org");
    assert_string_equal(field.algorithm, "ed25519-sha256");
    assert_int_equal(field.kind, KEY_ED25519);
    assert_int_equal(field.header, CANON_RELAXED);
    assert_int_equal(field.body, CANON_SIMPLE);
    assert_int_equal(field.length, 7);
    assert_int_equal(field.names_length, strlen("From : To"));
    assert_memory_equal(VALUE + field.cut_offset, " QU\r\n JD ", 9);
    assert_int_equal(field.cut_length, 9);
}

static void
a_refused_field_still_tells_whose_it_is(void **state)
{
    (void)state;
    static const char VALUE[] = "v=9; a=rsa-sha256; d=example.org; s=s1; b=QUJD";
    struct signed_field field;
    char reason[VERDICT_REASON_SIZE] = "";
    assert_int_equal(signed_field_parse(SIGNED_DKIM, VALUE, strlen(VALUE), NOW, &field, reason),
                     AUTH_PERMERROR);
    assert_string_equal(field.domain, "example.org");
    assert_string_equal(field.selector, "s1");
}

struct time_case {
    const char *tags;
    bool good;
};

static void
times_have_a_skew_of_300_seconds(void **state)
{
    (void)state;
    static const struct time_case CASES[] = {
        {"t=1800000300; ", true},
        {"t=1800000301; ", false},
        {"x=1799999700; ", true},
        {"x=1799999699; ", false},
        {"t=1800000000; x=1800000001; ", true},
        {"t=1800000000; x=1800000000; ", false},
        {"t=0; ", true},
    };
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        AUTO_STRBUF value = STRBUF_INIT(1024);
        struct signed_field field;
        char reason[VERDICT_REASON_SIZE] = "";
        strbuf_printf(&value, "%s%s", CASES[i].tags, DKIM_TAGS);
        print_message("%s\n", CASES[i].tags);
        enum auth_result wanted = CASES[i].good ? AUTH_NONE : AUTH_PERMERROR;
        assert_int_equal(
            signed_field_parse(SIGNED_DKIM, value.data, value.length, NOW, &field, reason), wanted);
    }
}

struct results_case {
    const char *value;
    unsigned instance;
};

static void
results_have_their_instance_first(void **state)
{
    (void)state;
    static const struct results_case CASES[] = {
        {" i=1; mx.example.org; spf=pass", 1},
        {" i = 50 ;\r\n mx.example.org", 50},
        {" i=51; mx.example.org", 0},
        {" i=0; mx.example.org", 0},
        {" mx.example.org; i=1; spf=pass", 0},
        {" i=1", 0},
        {" i=1 i=2; x", 0},
        {"", 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        assert_int_equal(arc_results_instance(CASES[i].value, strlen(CASES[i].value)),
                         CASES[i].instance);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_has_its_own_rules),
        cmocka_unit_test(what_was_read_is_told),
        cmocka_unit_test(a_refused_field_still_tells_whose_it_is),
        cmocka_unit_test(times_have_a_skew_of_300_seconds),
        cmocka_unit_test(results_have_their_instance_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
