// SPDX-License-Identifier: Apache-2.0
// The one JSON form of records: its exact shape, every status and code in it, and that no byte of a
// stranger makes it something else.
#include "verifier/domain/record_json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "common/cleanup.h"
#include "common/xalloc.h"

enum { LARGE = 64 * 1024 };

static void
decref(json_t **value)
{
    json_decref(*value);
}
#define AUTO_ROOT AUTO(decref) json_t

static struct domain_record *
add(struct domain_records *records, enum record_purpose purpose, enum dns_type type,
    const char *name, const char *value)
{
    struct domain_record *record = domain_records_add(records);
    assert_non_null(record);
    record->purpose = purpose;
    record->needed_for = RECORD_FOR_OWNERSHIP;
    record->type = type;
    record->ttl = 3600;
    (void)snprintf(record->name, sizeof(record->name), "%s", name);
    (void)snprintf(record->value, sizeof(record->value), "%s", value);
    return record;
}

static json_t *
load(const struct domain_records *records, const struct check_summary *summary)
{
    AUTO_FREE char *text = record_json(records, "c.example", summary);
    assert_non_null(text);
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    assert_true(json_is_object(root));
    return root;
}

static const json_t *
record_at(const json_t *root, size_t index)
{
    const json_t *record = json_array_get(json_object_get(root, "records"), index);
    assert_true(json_is_object(record));
    return record;
}

static const char *
text_of(const json_t *object, const char *member)
{
    const json_t *value = json_object_get(object, member);
    if (!json_is_string(value)) {
        fail_msg("%s is no text", member);
    }
    return json_string_value(value);
}

/* ---- its shape ------------------------------------------------------------------------------- */

static void
a_check_has_exactly_these_members(void **state)
{
    (void)state;
    AUTO_RECORDS records = {.count = 0};
    struct domain_record *txt =
        add(&records, PURPOSE_OWNERSHIP, DNS_TXT, "_mailspur.c.example", "mailspur-verify=abc");
    txt->required = true;
    txt->status = RECORD_PROPAGATING;
    (void)snprintf(txt->observed, sizeof(txt->observed), "mailspur-verify=abc");
    txt->observed_ttl = 60;
    txt->servers_found = 1;
    txt->servers_answered = 2;
    txt->stale_until = 1800000000000;
    record_add_server(txt, "ns1.example", "192.0.2.1", RECORD_FOUND, "");
    record_add_server(txt, "ns2.example", "192.0.2.2", RECORD_MISSING, "lame: refused");
    assert_non_null(record_add_finding(txt, FINDING_PROPAGATING, "Not yet.", "Wait."));
    struct domain_record *mx = add(&records, PURPOSE_INBOUND_MX, DNS_MX, "c.example", "mx.example");
    mx->preference = 10;
    mx->needed_for = RECORD_FOR_INBOUND;
    struct finding *advice = record_add_finding(mx, FINDING_MX_OTHER_BESIDE, "Two.", "Remove one.");
    assert_non_null(advice);
    advice->advice = true;
    struct check_summary summary = {.zone = "c.example", .detail = "TXT: Not yet."};
    AUTO_FREE char *text = record_json(&records, "c.example", &summary);
    assert_string_equal(
        text,
        "{\"zone\":\"c.example\",\"resolver_only\":false,\"detail\":\"TXT: Not yet.\",\"records\":["
        "{\"purpose\":\"ownership\",\"for\":\"ownership\",\"type\":\"TXT\",\"host\":\"_mailspur\","
        "\"name\":\"_mailspur.c.example\",\"value\":\"mailspur-verify=abc\",\"priority\":null,"
        "\"ttl\":3600,\"required\":true,\"status\":\"propagating\","
        "\"observed\":\"mailspur-verify=abc\",\"observed_ttl\":60,\"servers\":["
        "{\"name\":\"ns1.example\",\"address\":\"192.0.2.1\",\"status\":\"found\",\"detail\":null},"
        "{\"name\":\"ns2.example\",\"address\":\"192.0.2.2\",\"status\":\"missing\","
        "\"detail\":\"lame: refused\"}],"
        "\"propagation\":{\"found\":1,\"answered\":2,\"of\":2},"
        "\"stale_until\":\"2027-01-15T08:00:00.000Z\",\"findings\":["
        "{\"code\":\"propagating\",\"problem\":\"Not yet.\",\"cure\":\"Wait.\",\"advice\":false}]},"
        "{\"purpose\":\"mx\",\"for\":\"inbound\",\"type\":\"MX\",\"host\":\"@\","
        "\"name\":\"c.example\",\"value\":\"mx.example\",\"priority\":10,\"ttl\":3600,"
        "\"required\":false,\"status\":\"unchecked\",\"observed\":null,\"observed_ttl\":null,"
        "\"servers\":[],\"propagation\":{\"found\":0,\"answered\":0,\"of\":0},"
        "\"stale_until\":null,\"findings\":["
        "{\"code\":\"mx_other_beside\",\"problem\":\"Two.\",\"cure\":\"Remove one.\","
        "\"advice\":true}]}]}");
    assert_int_equal(record_json_problems(text), 1); // advice is none
}

static void
without_a_check_there_are_only_records(void **state)
{
    (void)state;
    AUTO_RECORDS none = {.count = 0};
    AUTO_FREE char *text = record_json(&none, "c.example", NULL);
    assert_string_equal(text, "{\"records\":[]}");
    struct check_summary summary = {.resolver_only = true};
    AUTO_FREE char *checked = record_json(&none, "c.example", &summary);
    assert_string_equal(checked,
                        "{\"zone\":null,\"resolver_only\":true,\"detail\":null,\"records\":[]}");
}

/* ---- its words ------------------------------------------------------------------------------- */

static void
every_status_has_its_word(void **state)
{
    static const char *const words[] = {[RECORD_UNCHECKED] = "unchecked",
                                        [RECORD_FOUND] = "found",
                                        [RECORD_PROPAGATING] = "propagating",
                                        [RECORD_MISSING] = "missing",
                                        [RECORD_WRONG] = "wrong",
                                        [RECORD_CONFLICT] = "conflict",
                                        [RECORD_UNKNOWN] = "unknown"};
    (void)state;
    AUTO_RECORDS records = {.count = 0};
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        struct domain_record *record = add(&records, PURPOSE_SPF, DNS_TXT, "c.example", "v");
        record->status = (enum record_status)i;
        record_add_server(record, "ns1.example", "192.0.2.1", record->status, "");
    }
    AUTO_ROOT *root = load(&records, NULL);
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        const json_t *record = record_at(root, i);
        assert_string_equal(text_of(record, "status"), words[i]);
        const json_t *server = json_array_get(json_object_get(record, "servers"), 0);
        assert_string_equal(text_of(server, "status"), words[i]);
    }
}

static void
every_code_comes_with_its_sentences(void **state)
{
    (void)state;
    for (enum finding_code code = FINDING_MISSING; code < FINDING_COUNT; code++) {
        AUTO_RECORDS records = {.count = 0};
        struct domain_record *record = add(&records, PURPOSE_SPF, DNS_TXT, "c.example", "v");
        char problem[64];
        char cure[64];
        (void)snprintf(problem, sizeof(problem), "problem %d", (int)code);
        (void)snprintf(cure, sizeof(cure), "cure %d", (int)code);
        assert_non_null(record_add_finding(record, code, problem, cure));
        AUTO_ROOT *root = load(&records, NULL);
        const json_t *findings = json_object_get(record_at(root, 0), "findings");
        assert_int_equal(json_array_size(findings), 1);
        const json_t *finding = json_array_get(findings, 0);
        assert_string_equal(text_of(finding, "code"), finding_code_name(code));
        assert_string_equal(text_of(finding, "problem"), problem);
        assert_string_equal(text_of(finding, "cure"), cure);
    }
}

/* ---- strangers' bytes ------------------------------------------------------------------------ */

static const struct {
    const char *label;
    const char *seen;
    const char *told; /* NULL: the same */
} HOSTILE[] = {
    {"a quote that would end the text", "\",\"status\":\"found", NULL},
    {"a finding that is none", "\"advice\":false}]", NULL},
    {"a backslash at its end", "v=spf1\\", NULL},
    {"an escape of JSON's", "\\u0000\\\"", NULL},
    {"control bytes", "a\001\037\tb\r\nc\033[2J\177", NULL},
    {"UTF-8", "caf\303\251 \342\200\234x\342\200\235 \360\237\230\200", NULL},
    {"not UTF-8", "caf\351 \377\376", "caf? ??"},
    {"an overlong form", "\300\257", "??"},
    {"half of a surrogate pair", "\355\240\200", "???"},
    {"UTF-8 that was cut", "x\342\200", "x??"},
    {"control bytes beside bytes that are not UTF-8", "\001\377", "??"},
};

static void
no_bytes_make_it_something_else(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(HOSTILE); i++) {
        const char *seen = HOSTILE[i].seen;
        const char *told = HOSTILE[i].told == NULL ? seen : HOSTILE[i].told;
        AUTO_RECORDS records = {.count = 0};
        struct domain_record *record = add(&records, PURPOSE_SPF, DNS_TXT, seen, seen);
        record->status = RECORD_WRONG;
        (void)snprintf(record->observed, sizeof(record->observed), "%s", seen);
        record_add_server(record, seen, "192.0.2.1", RECORD_WRONG, seen);
        struct finding *finding = record_add_finding(record, FINDING_SPF_SYNTAX, seen, seen);
        assert_non_null(finding);
        finding->advice = true;
        struct check_summary summary = {.resolver_only = false};
        (void)snprintf(summary.detail, sizeof(summary.detail), "%s", seen);
        AUTO_FREE char *text = record_json(&records, "c.example", &summary);
        assert_int_equal(record_json_problems(text), 0);
        AUTO_ROOT *root = load(&records, &summary);
        const json_t *view = record_at(root, 0);
        const json_t *server = json_array_get(json_object_get(view, "servers"), 0);
        const json_t *problem = json_array_get(json_object_get(view, "findings"), 0);
        const char *const texts[] = {text_of(view, "observed"), text_of(view, "value"),
                                     text_of(view, "name"),     text_of(server, "name"),
                                     text_of(server, "detail"), text_of(problem, "problem"),
                                     text_of(problem, "cure"),  text_of(root, "detail")};
        for (size_t k = 0; k < ARRAY_LEN(texts); k++) {
            if (strcmp(texts[k], told) != 0) {
                fail_msg("%s, text %zu: %s", HOSTILE[i].label, k, texts[k]);
            }
        }
        assert_string_equal(text_of(view, "status"), "wrong");
    }
}

// As the check puts them: what is not printable as \DDD, and cut.
static void
sixty_four_kilobytes_of_anything_are_cut_and_stay_json(void **state)
{
    static const char pieces[][3] = {"\"", "\\", "\001", "\377", "\303\251", "x"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
        AUTO_FREE char *large = xcalloc(LARGE + 2, 1);
        size_t length = 0;
        for (; length < LARGE; length += strlen(pieces[i])) {
            memcpy(large + length, pieces[i], strlen(pieces[i]));
        }
        AUTO_RECORDS records = {.count = 0};
        struct domain_record *record = add(&records, PURPOSE_SPF, DNS_TXT, "c.example", "v");
        check_text_format(large, length, record->observed, sizeof(record->observed));
        for (size_t k = 0; k < RECORD_FINDINGS_MAX; k++) {
            assert_non_null(record_add_finding(record, FINDING_SPF_SYNTAX, large, large));
        }
        AUTO_ROOT *root = load(&records, NULL);
        const json_t *view = record_at(root, 0);
        assert_string_equal(text_of(view, "observed"), record->observed);
        size_t shown = strlen(record->observed);
        assert_in_range(shown, RECORD_OBSERVED_SIZE - 6, RECORD_OBSERVED_SIZE - 1);
        const json_t *finding = json_array_get(json_object_get(view, "findings"), 0);
        assert_true(strlen(text_of(finding, "problem")) < FINDING_PROBLEM_SIZE);
        assert_true(strlen(text_of(finding, "cure")) < FINDING_CURE_SIZE);
    }
}

/* ---- SES ------------------------------------------------------------------------------------- */

static void
what_ses_said_or_why_it_did_not(void **state)
{
    (void)state;
    const struct ses_report good = {.verified = true,
                                    .verification = SES_PROGRESS_SUCCESS,
                                    .dkim = SES_PROGRESS_SUCCESS,
                                    .mail_from = SES_PROGRESS_PENDING};
    AUTO_FREE char *told = record_json_ses(&good, NULL);
    assert_string_equal(told,
                        "{\"verified\":true,\"verification\":\"success\",\"dkim\":\"success\","
                        "\"mail_from\":\"pending\",\"problem\":null}");
    AUTO_FREE char *silent = record_json_ses(NULL, "no \"answer\"\377");
    assert_string_equal(silent, "{\"problem\":\"no \\\"answer\\\"?\"}");
    const struct ses_report waiting = {.verification = SES_PROGRESS_PENDING};
    AUTO_FREE char *text = record_json_ses(&waiting, NULL);
    AUTO_ROOT *root = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(strstr(text_of(root, "problem"), "has not seen the records yet"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_check_has_exactly_these_members),
        cmocka_unit_test(without_a_check_there_are_only_records),
        cmocka_unit_test(every_status_has_its_word),
        cmocka_unit_test(every_code_comes_with_its_sentences),
        cmocka_unit_test(no_bytes_make_it_something_else),
        cmocka_unit_test(sixty_four_kilobytes_of_anything_are_cut_and_stay_json),
        cmocka_unit_test(what_ses_said_or_why_it_did_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
