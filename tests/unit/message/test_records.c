// SPDX-License-Identifier: Apache-2.0
// The strict readers in front of the libraries: tag lists, signatures, keys, SPF records.
#include "support.h"

#include <stdio.h>
#include <string.h>

#include "verifier/message/reference/protocol.h"
#include "verifier/message/reference/spf_record.h"
#include "verifier/message/results.h"
#include "verifier/message/signature.h"
#include "verifier/message/tag_list.h"

static void
tag_list_is_taken_apart(void **state)
{
    (void)state;
    struct tag_list list;
    static const char text[] = " v = 1 ; h=From : To;\r\n b=ab\r\n cd ;";
    char value[16];
    assert_int_equal(tag_list_parse(text, strlen(text), TAG_LIST_STRICT, &list, NULL), ST_OK);
    assert_int_equal(list.count, 3);
    assert_true(tag_is(tag_list_find(&list, "v"), "1"));
    assert_true(tag_has_word(tag_list_find(&list, "h"), ':', "from"));
    assert_false(tag_has_word(tag_list_find(&list, "h"), ':', "fro"));
    assert_true(tag_copy(tag_list_find(&list, "b"), value, 5));
    assert_string_equal(value, "abcd");
    assert_false(tag_copy(tag_list_find(&list, "b"), value, 4));
    assert_null(tag_list_find(&list, "V"));
}

static void
strict_list_refuses_what_lenient_passes_over(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum status strict;
        enum status lenient;
    } rows[] = {
        {"a=1; b", ST_INVALID, ST_OK},  {"a=1;; b=2", ST_INVALID, ST_OK},
        {"a=1; =2", ST_INVALID, ST_OK}, {"a=1; 1b=2", ST_INVALID, ST_OK},
        {"a=\xff", ST_INVALID, ST_OK},  {"a=1; a=2", ST_INVALID, ST_INVALID},
        {"a=1; A=2", ST_OK, ST_OK},     {"", ST_OK, ST_OK},
        {"a=b=c", ST_OK, ST_OK},        {"a=", ST_OK, ST_OK},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct tag_list list;
        size_t length = strlen(rows[i].text);
        enum status strict = tag_list_parse(rows[i].text, length, TAG_LIST_STRICT, &list, NULL);
        enum status lenient = tag_list_parse(rows[i].text, length, TAG_LIST_LENIENT, &list, NULL);
        if (strict != rows[i].strict || lenient != rows[i].lenient) {
            fail_msg("%s: %s, %s", rows[i].text, status_name(strict), status_name(lenient));
        }
    }
}

static size_t
make_list(char *out, size_t size, int tags)
{
    size_t used = 0;
    for (int i = 0; i < tags; i++) {
        used += (size_t)snprintf(out + used, size - used, "t%d=1;", i);
    }
    return used;
}

static void
tag_list_caps_hold(void **state)
{
    (void)state;
    static char text[TAG_LIST_TEXT_MAX + 1];
    struct tag_list list;
    size_t length = make_list(text, sizeof(text), TAG_LIST_MAX);
    assert_int_equal(tag_list_parse(text, length, TAG_LIST_STRICT, &list, NULL), ST_OK);
    length = make_list(text, sizeof(text), TAG_LIST_MAX + 1);
    assert_int_equal(tag_list_parse(text, length, TAG_LIST_STRICT, &list, NULL), ST_TOO_LARGE);
    memset(text, 'x', sizeof(text));
    memcpy(text, "a=", 2);
    assert_int_equal(tag_list_parse(text, TAG_LIST_TEXT_MAX, TAG_LIST_STRICT, &list, NULL), ST_OK);
    assert_int_equal(tag_list_parse(text, TAG_LIST_TEXT_MAX + 1, TAG_LIST_STRICT, &list, NULL),
                     ST_TOO_LARGE);
}

#define SIGNATURE(tags) "v=1; a=rsa-sha256; d=ex.com; s=s1; h=from; bh=YQ==; b=YQ==" tags

struct signature_case {
    const char *label;
    const char *value;
    enum auth_result result;
};

static const struct signature_case SIGNATURES[] = {
    {"plain", SIGNATURE(""), AUTH_NONE},
    {"all optional tags", SIGNATURE("; q=dns/txt; i=a@m.ex.com; l=5; t=1; x=2; z=a|b; c=relaxed"),
     AUTH_NONE},
    {"ed25519", "v=1; a=ed25519-sha256; d=ex.com; s=s1; h=from; bh=YQ==; b=YQ==", AUTH_NONE},
    {"upper case", "v=1; a=RSA-SHA256; d=EX.com; s=S1; h=FROM; bh=YQ==; b=YQ==", AUTH_NONE},
    {"sha1", "v=1; a=rsa-sha1; d=ex.com; s=s1; h=from; bh=YQ==; b=YQ==", AUTH_POLICY},
    {"unknown algorithm",
     "v=1; a=rsa-md5; d=ex.com; s=s1; h=from; bh=YQ==; b=YQ==", AUTH_PERMERROR},
    {"no algorithm", "v=1; d=ex.com; s=s1; h=from; bh=YQ==; b=YQ==", AUTH_PERMERROR},
    {"version 2", "v=2; a=rsa-sha256; d=ex.com; s=s1; h=from; bh=YQ==; b=YQ==", AUTH_PERMERROR},
    {"no version", "a=rsa-sha256; d=ex.com; s=s1; h=from; bh=YQ==; b=YQ==", AUTH_PERMERROR},
    {"no domain", "v=1; a=rsa-sha256; s=s1; h=from; bh=YQ==; b=YQ==", AUTH_PERMERROR},
    {"no selector", "v=1; a=rsa-sha256; d=ex.com; h=from; bh=YQ==; b=YQ==", AUTH_PERMERROR},
    {"quoted domain",
     "v=1; a=rsa-sha256; d=\"ex.com\"; s=s1; h=from; bh=YQ==; b=YQ==", AUTH_PERMERROR},
    {"domain with a line end",
     "v=1; a=rsa-sha256; d=e\r\n x.com; s=s1; h=from; bh=YQ==; b=YQ==", AUTH_NONE},
    {"h without From",
     "v=1; a=rsa-sha256; d=ex.com; s=s1; h=to:subject; bh=YQ==; b=YQ==", AUTH_PERMERROR},
    {"no body hash", "v=1; a=rsa-sha256; d=ex.com; s=s1; h=from; b=YQ==", AUTH_PERMERROR},
    {"empty b", "v=1; a=rsa-sha256; d=ex.com; s=s1; h=from; bh=YQ==; b=", AUTH_PERMERROR},
    {"q without dns", SIGNATURE("; q=http/well-known"), AUTH_PERMERROR},
    {"q with dns too", SIGNATURE("; q=x:dns/txt"), AUTH_NONE},
    {"i of another domain", SIGNATURE("; i=a@evil.com"), AUTH_PERMERROR},
    {"i that ends alike", SIGNATURE("; i=a@notex.com"), AUTH_PERMERROR},
    {"i without a local part", SIGNATURE("; i=@ex.com"), AUTH_NONE},
    {"i encoded", SIGNATURE("; i=a=@ex.com"), AUTH_PERMERROR},
    {"tag twice", SIGNATURE("; d=evil.com"), AUTH_PERMERROR},
    {"empty", "", AUTH_PERMERROR},
};

static void
signature_is_read_strictly(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(SIGNATURES); i++) {
        struct signature signature;
        char reason[VERDICT_REASON_SIZE] = "";
        enum auth_result result =
            signature_parse(SIGNATURES[i].value, strlen(SIGNATURES[i].value), &signature, reason);
        if (result != SIGNATURES[i].result || (result == AUTH_NONE) != (reason[0] == '\0')) {
            fail_msg("%s: %s, %s", SIGNATURES[i].label, auth_result_name(result), reason);
        }
    }
}

static void
identity_has_a_longest_length(void **state)
{
    (void)state;
    for (int extra = 0; extra <= 1; extra++) {
        char value[1024];
        char reason[VERDICT_REASON_SIZE];
        struct signature signature;
        int local = SIGNATURE_IDENTITY_MAX - (int)strlen("@ex.com") + extra;
        (void)snprintf(value, sizeof(value), SIGNATURE("; i=%0*d@ex.com"), local, 0);
        assert_int_equal(signature_parse(value, strlen(value), &signature, reason),
                         extra == 0 ? AUTH_NONE : AUTH_PERMERROR);
    }
}

static void
key_must_fit_the_signature(void **state)
{
    (void)state;
    static const struct {
        const char *record;
        bool for_ed25519;
        bool good;
    } rows[] = {
        {"p=YQ==", false, true},
        {"v=DKIM1; k=rsa; h=sha1:sha256; s=email; t=s; n=x; p=YQ==", false, true},
        {"v=DKIM1; s=*; p=YQ==", false, true},
        {"v=DKIM1; k=ed25519; p=YQ==", true, true},
        {"v=DKIM1; k=ed25519; p=YQ==", false, false},
        {"v=DKIM1; k=rsa; p=YQ==", true, false},
        {"v=DKIM1; p=YQ==", true, false},
        {"k=rsa; v=DKIM1; p=YQ==", false, false},
        {"v=DKIM2; p=YQ==", false, false},
        {"h=sha1; p=YQ==", false, false},
        {"s=tlsrpt; p=YQ==", false, false},
        {"p=", false, false},
        {"v=DKIM1", false, false},
        {"p=YQ==; p=YQ==", false, false},
        {"hello", false, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct signature signature = {.is_ed25519 = rows[i].for_ed25519};
        char reason[VERDICT_REASON_SIZE];
        enum auth_result result =
            signature_check_key(&signature, rows[i].record, strlen(rows[i].record), reason);
        if ((result == AUTH_NONE) != rows[i].good) {
            fail_msg("%s: %s", rows[i].record, auth_result_name(result));
        }
    }
}

struct spf_case {
    const char *record;
    const char *safe; /* NULL: a syntax error */
};

// The client is 192.0.2.1.
static const struct spf_case SPF_RECORDS[] = {
    {"v=spf1", "v=spf1"},
    {"v=spf1 -all", "v=spf1 -all"},
    {"v=spf1  -all ", "v=spf1 -all"},
    {"V=SPF1 -ALL", "v=spf1 -all"},
    {"v=spf10 -all", NULL},
    {"v=spf1 a mx ?all", "v=spf1 +a/32 +mx/32 ?all"},
    {"v=spf1 a/24//64 -all", "v=spf1 +a/24 -all"},
    {"v=spf1 a:h.example//64 -all", "v=spf1 +a:h.example/32 -all"},
    {"v=spf1 a/33 -all", NULL},
    {"v=spf1 a/032 -all", NULL},
    {"v=spf1 a//129 -all", NULL},
    {"v=spf1 a/ -all", NULL},
    {"v=spf1 a: -all", NULL},
    {"v=spf1 a:192.0.2.1 -all", NULL},
    {"v=spf1 a:example -all", NULL},
    {"v=spf1 a:h.example. -all", "v=spf1 +a:h.example./32 -all"},
    {"v=spf1 ip4:192.0.2.0/24 ~all", "v=spf1 +all"},
    {"v=spf1 -ip4:192.0.2.1 a ~all", "v=spf1 -all"},
    {"v=spf1 ip4:198.51.100.1 ~all", "v=spf1 ~all"},
    {"v=spf1 ip4:192.0.2.1/0 -all", "v=spf1 +all"},
    {"v=spf1 ip4:192.0.2 -all", NULL},
    {"v=spf1 ip4:192.0.2.1/33 -all", NULL},
    {"v=spf1 ip4:192.0.2.1:25 -all", NULL},
    {"v=spf1 ip6:2001:db8::/32 -all", "v=spf1 -all"},
    {"v=spf1 ip6:::ffff:192.0.2.1 -all", "v=spf1 -all"},
    {"v=spf1 ip6:192.0.2.1 -all", NULL},
    {"v=spf1 include:h.example -all", "v=spf1 +include:h.example -all"},
    {"v=spf1 include -all", NULL},
    {"v=spf1 exists:%{i}.h.example -all", "v=spf1 +exists:%{i}.h.example -all"},
    {"v=spf1 exists:%{ir}.%{l1r-}.%{d2} -all", "v=spf1 +exists:%{ir}.%{l1r-}.%{d2} -all"},
    {"v=spf1 exists:h.example/24 -all", NULL},
    {"v=spf1 exists:%{c}.example -all", NULL},
    {"v=spf1 exists:%{i0}.example -all", NULL},
    {"v=spf1 exists:%(i).example -all", NULL},
    {"v=spf1 exists:% -all", NULL},
    {"v=spf1 ptr -all", "v=spf1 +ptr -all"},
    {"v=spf1 ptr:h.example -all", "v=spf1 +ptr:h.example -all"},
    {"v=spf1 ptr/24 -all", NULL},
    {"v=spf1 -all:x", NULL},
    {"v=spf1 redirect=h.example", "v=spf1 redirect=h.example"},
    {"v=spf1 redirect=h.example ~all", "v=spf1 ~all"},
    {"v=spf1 redirect=h.example a", "v=spf1 +a/32 redirect=h.example"},
    {"v=spf1 redirect:h.example", NULL},
    {"v=spf1 redirect=a.example redirect=b.example", NULL},
    {"v=spf1 redirect=", NULL},
    {"v=spf1 exp=h.example -all", "v=spf1 -all"},
    {"v=spf1 exp=a.example exp=b.example -all", NULL},
    {"v=spf1 exp-text=x -all", "v=spf1 -all"},
    {"v=spf1 x-y_z.1=%{d} -all", "v=spf1 -all"},
    {"v=spf1 x=%{z} -all", NULL},
    {"v=spf1 =x -all", NULL},
    {"v=spf1 hello -all", NULL},
    {"v=spf1 -all ip4:bad", NULL},
    {"v=spf1\ta -all", NULL},
};

static void
spf_record_is_checked_and_rewritten(void **state)
{
    (void)state;
    struct network_address client;
    assert_int_equal(network_parse_address("192.0.2.1", &client, NULL), ST_OK);
    for (size_t i = 0; i < ARRAY_LEN(SPF_RECORDS); i++) {
        char out[SPF_RECORD_SAFE_SIZE] = "";
        const char *record = SPF_RECORDS[i].record;
        enum status status = spf_record_rewrite(record, strlen(record), &client, out);
        bool good = SPF_RECORDS[i].safe == NULL
                        ? status == ST_INVALID
                        : status == ST_OK && strcmp(out, SPF_RECORDS[i].safe) == 0;
        if (!good) {
            fail_msg("%s: %s, %s", record, status_name(status), out);
        }
    }
}

static void
spf_record_that_stays_long_is_refused(void **state)
{
    (void)state;
    char record[4096];
    char out[SPF_RECORD_SAFE_SIZE];
    char label[64];
    struct network_address client;
    assert_int_equal(network_parse_address("192.0.2.1", &client, NULL), ST_OK);
    memset(label, 'a', 63);
    label[63] = '\0';
    (void)snprintf(record, sizeof(record), "v=spf1 include:%s.%s.%s.example -all", label, label,
                   label);
    assert_int_equal(spf_record_rewrite(record, strlen(record), &client, out), ST_OK);
    (void)snprintf(record, sizeof(record),
                   "v=spf1 include:%s.%s.%s.example include:%s.%s.%s.example "
                   "include:%s.%s.example -all",
                   label, label, label, label, label, label, label, label);
    assert_int_equal(spf_record_rewrite(record, strlen(record), &client, out), ST_TOO_LARGE);
}

static void
records_survive_the_wire(void **state)
{
    (void)state;
    struct dns_record sent[] = {{.preference = 0, .length = 4, .data = "\x00\xff\n "},
                                {.preference = 65535, .length = 0, .data = ""},
                                {.preference = 10, .length = 3, .data = "a.b"}};
    struct dns_answer answer = {.count = ARRAY_LEN(sent), .records = sent};
    AUTO_STRBUF text = STRBUF_INIT(1000);
    struct reference_records got;
    reference_format_records(&answer, &text);
    assert_int_equal(reference_parse_records(strbuf_text(&text), answer.count, &got), ST_OK);
    assert_int_equal(got.count, ARRAY_LEN(sent));
    for (size_t i = 0; i < got.count; i++) {
        assert_int_equal(got.list[i].preference, sent[i].preference);
        assert_int_equal(got.list[i].length, sent[i].length);
        assert_memory_equal(got.list[i].data, sent[i].data, sent[i].length + 1);
    }
    reference_free_records(&got);
    static const char *const broken[] = {"", "1 a\n", "1 zz\n", "x aa\n", "1aa\n", "1 aa", " aa\n"};
    for (size_t i = 0; i < ARRAY_LEN(broken); i++) {
        assert_int_equal(reference_parse_records(broken[i], 1, &got), ST_INVALID);
    }
    assert_int_equal(reference_parse_records("", DNS_RECORDS_MAX + 1, &got), ST_INVALID);
}

static void
field_holds_what_fits(void **state)
{
    (void)state;
    static struct verdict verdict;
    verdict.dkim_count = VERDICT_DKIM_MAX;
    for (size_t i = 0; i < VERDICT_DKIM_MAX; i++) {
        memset(verdict.dkim[i].domain, 'd', DOMAIN_NAME_MAX);
        memset(verdict.dkim[i].selector, 's', DOMAIN_NAME_MAX);
    }
    verdict.dmarc.result = AUTH_PERMERROR;
    memset(verdict.dmarc.reason, '"', VERDICT_REASON_SIZE - 1);
    memset(verdict.spf.domain, '\n', DOMAIN_NAME_MAX);
    results_format("mx example", RESULTS_ALL, &verdict);
    assert_true(strlen(verdict.authentication_results) > 3500);
    assert_memory_equal(verdict.authentication_results, "\"mx example\"; spf=none", 22);
    assert_non_null(strstr(verdict.authentication_results, "; dmarc=permerror reason=\"???"));
    assert_null(strchr(verdict.authentication_results, '\n'));
}

static void
field_tells_of_a_chain(void **state)
{
    (void)state;
    static const struct {
        struct verdict_arc arc;
        const char *text;
    } rows[] = {
        {{.result = AUTH_NONE}, "mx; spf=none; dkim=none; dmarc=none"},
        {{.result = AUTH_PASS, .instances = 3, .oldest_pass = 2},
         "mx; spf=none; dkim=none; arc=pass (i=3) header.oldest-pass=2; dmarc=none"},
        {{.result = AUTH_FAIL, .instances = 1, .reason = "a seal; is \"wrong\""},
         "mx; spf=none; dkim=none; arc=fail (i=1) reason=\"a seal? is ?wrong?\"; dmarc=none"},
        {{.result = AUTH_TEMPERROR, .reason = "no answer"},
         "mx; spf=none; dkim=none; arc=temperror reason=\"no answer\"; dmarc=none"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        static struct verdict verdict;
        verdict.arc = rows[i].arc;
        results_format("mx", RESULTS_ALL, &verdict);
        assert_string_equal(verdict.authentication_results, rows[i].text);
        results_format("mx", RESULTS_SPF, &verdict);
        assert_string_equal(verdict.authentication_results, "mx; spf=none");
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tag_list_is_taken_apart),
        cmocka_unit_test(strict_list_refuses_what_lenient_passes_over),
        cmocka_unit_test(tag_list_caps_hold),
        cmocka_unit_test(signature_is_read_strictly),
        cmocka_unit_test(identity_has_a_longest_length),
        cmocka_unit_test(key_must_fit_the_signature),
        cmocka_unit_test(spf_record_is_checked_and_rewritten),
        cmocka_unit_test(spf_record_that_stays_long_is_refused),
        cmocka_unit_test(records_survive_the_wire),
        cmocka_unit_test(field_holds_what_fits),
        cmocka_unit_test(field_tells_of_a_chain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
