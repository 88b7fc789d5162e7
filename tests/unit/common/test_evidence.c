// SPDX-License-Identifier: Apache-2.0
// The JSON form of evidence: exact where it is judged by, small enough for its frame.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "common/cleanup.h"
#include "common/evidence.h"
#include "common/xalloc.h"

static const struct evidence SAMPLE = {
    .now_s = 1763800000,
    .queue_id = "4XyZ",
    .client_address = "192.0.2.1",
    .client_name = "mx.example.org",
    .helo = "mx.example.org",
    .sender = "alice@example.org",
    .recipients = "a@ours.example\nb@ours.example",
    .size = 1234,
    .header_length = 200,
    .authserv_id = "mx.test",
    .discovery = "treewalk",
    .forwarders = "",
    .dns = "!ONLY\n# ttl 300\nexample.org TXT v=spf1 \\033 -all\n",
    .spf_trace = "mailfrom example.org\n",
    .policy = {.dmarc = DMARC_MODE_ENFORCE, .on_temperror = TEMPERROR_DEFER, .defer_for_ms = 5},
    .deferred_since_ms = 7,
    .action = "hold",
    .reason = "dmarc_quarantine",
    .reply = "",
    .verdict = "{\"local\":false}",
};

static json_t *
format(const struct evidence *evidence, struct strbuf *out)
{
    evidence_format(evidence, out);
    assert_false(out->overflow);
    json_t *root = json_loadb(out->data, out->length, JSON_REJECT_DUPLICATES, NULL);
    assert_true(json_is_object(root));
    return root;
}

static const char *
text(const json_t *root, const char *section, const char *member)
{
    const json_t *object = section == NULL ? root : json_object_get(root, section);
    const char *value = json_string_value(json_object_get(object, member));
    return value == NULL ? "(none)" : value;
}

static int64_t
number(const json_t *root, const char *member)
{
    return json_integer_value(json_object_get(root, member));
}

static void
all_that_is_needed_is_told(void **state)
{
    (void)state;
    AUTO_STRBUF out = STRBUF_INIT(EVIDENCE_MAX);
    json_t *root = format(&SAMPLE, &out);
    assert_int_equal(number(root, "version"), EVIDENCE_VERSION);
    assert_int_equal(number(root, "now"), 1763800000);
    assert_string_equal(text(root, NULL, "checked_at"), "2025-11-22T08:26:40.000Z");
    assert_string_equal(text(root, NULL, "sender"), "alice@example.org");
    assert_string_equal(text(root, "client", "helo"), "mx.example.org");
    assert_string_equal(text(root, "client", "address"), "192.0.2.1");
    assert_int_equal(json_array_size(json_object_get(root, "recipients")), 2);
    assert_int_equal(number(root, "recipient_count"), 2);
    assert_int_equal(number(root, "size"), 1234);
    assert_int_equal(number(root, "header_length"), 200);
    assert_string_equal(text(root, NULL, "dns"), SAMPLE.dns);
    assert_string_equal(text(root, NULL, "spf_trace"), SAMPLE.spf_trace);
    assert_string_equal(text(root, "policy", "dmarc"), "enforce");
    assert_string_equal(text(root, "policy", "on_temperror"), "defer");
    assert_string_equal(text(root, "decision", "action"), "hold");
    assert_string_equal(text(root, "decision", "reason"), "dmarc_quarantine");
    assert_true(json_is_false(json_object_get(root, "truncated")));
    assert_true(json_is_false(json_object_get(json_object_get(root, "verdict"), "local")));
    json_decref(root);
}

static void
bytes_that_are_no_text_are_told_exactly(void **state)
{
    (void)state;
    struct evidence evidence = SAMPLE;
    AUTO_STRBUF out = STRBUF_INIT(EVIDENCE_MAX);
    evidence.helo = "a\xff";
    evidence.sender = "\xfe@example.org";
    evidence.recipients = "\xff@ours.example";
    json_t *root = format(&evidence, &out);
    assert_string_equal(text(root, "client", "helo_base64"), "Yf8=");
    assert_true(json_is_null(json_object_get(json_object_get(root, "client"), "helo")));
    assert_string_equal(text(root, NULL, "sender_base64"), "/kBleGFtcGxlLm9yZw==");
    json_decref(root);
}

static void
recipients_over_the_cap_are_counted(void **state)
{
    (void)state;
    for (int extra = 0; extra <= 1; extra++) {
        struct evidence evidence = SAMPLE;
        AUTO_STRBUF out = STRBUF_INIT(EVIDENCE_MAX);
        AUTO_STRBUF list = STRBUF_INIT(1024);
        for (int i = 0; i < EVIDENCE_RECIPIENTS_MAX + extra; i++) {
            strbuf_printf(&list, "%s%d@ours.example", i == 0 ? "" : "\n", i);
        }
        evidence.recipients = strbuf_text(&list);
        json_t *root = format(&evidence, &out);
        assert_int_equal(json_array_size(json_object_get(root, "recipients")),
                         EVIDENCE_RECIPIENTS_MAX);
        assert_int_equal(number(root, "recipient_count"), EVIDENCE_RECIPIENTS_MAX + extra);
        json_decref(root);
    }
}

static void
what_is_missing_is_told(void **state)
{
    (void)state;
    struct evidence evidence = SAMPLE;
    AUTO_STRBUF out = STRBUF_INIT(EVIDENCE_MAX);
    evidence.dns_left_out = 3;
    json_t *root = format(&evidence, &out);
    assert_int_equal(number(root, "dns_left_out"), 3);
    assert_true(json_is_true(json_object_get(root, "truncated")));
    json_decref(root);
    strbuf_reset(&out);
    evidence = SAMPLE;
    evidence.trace_cut = true;
    root = format(&evidence, &out);
    assert_true(json_is_true(json_object_get(root, "truncated")));
    json_decref(root);
}

// The answers go first, then the trace; without room for the rest there is none.
static void
it_shrinks_to_its_cap(void **state)
{
    (void)state;
    struct evidence evidence = SAMPLE;
    AUTO_STRBUF whole = STRBUF_INIT(EVIDENCE_MAX);
    evidence.spf_trace = "mailfrom example.org\n"
                         "  a trace that is longer than what it takes to say so, by a good deal\n";
    json_decref(format(&evidence, &whole));
    static const struct {
        const char *label;
        size_t less; /* than the whole */
        bool has_dns, has_trace, overflow;
    } cases[] = {
        {"all", 0, true, true, false},
        {"one byte less", 1, false, true, false},
        {"less still", 100, false, false, false},
        {"nothing", 300, false, false, true},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        print_message("%s\n", cases[i].label);
        AUTO_STRBUF out = STRBUF_INIT(whole.length - cases[i].less);
        evidence_format(&evidence, &out);
        assert_int_equal(out.overflow, cases[i].overflow);
        if (!cases[i].overflow) {
            json_t *root = json_loadb(out.data, out.length, 0, NULL);
            assert_int_equal(text(root, NULL, "dns")[0] != '\0', cases[i].has_dns);
            assert_int_equal(text(root, NULL, "spf_trace")[0] != '\0', cases[i].has_trace);
            assert_int_equal(number(root, "dns_left_out"), cases[i].has_dns ? 0 : 1);
            assert_int_equal(json_is_true(json_object_get(root, "truncated")), i > 0);
            json_decref(root);
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_that_is_needed_is_told),
        cmocka_unit_test(bytes_that_are_no_text_are_told_exactly),
        cmocka_unit_test(recipients_over_the_cap_are_counted),
        cmocka_unit_test(what_is_missing_is_told),
        cmocka_unit_test(it_shrinks_to_its_cap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
