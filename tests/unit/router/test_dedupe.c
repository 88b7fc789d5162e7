// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/cleanup.h"
#include "router/dedupe.h"

#define FROM "From: a@sender.example\r\n"
#define ID "Message-ID: <1@sender.example>\r\n"
#define DATE "Date: Sun, 22 Nov 2026 01:00:00 +0000\r\n"
#define OWN FROM ID DATE
#define POSTFIX_ID "Message-Id: <20261122.QID1@mx.test.example>\r\n"

struct sample {
    const char *sender;
    const char *recipients[3];
    const char *header; /* without the empty line */
    const char *body;
    const char *queue_id;
};

static const struct sample BASE = {
    "a@sender.example", {"x@ours.example", "y@ours.example", NULL}, OWN, "body\r\n", "QID1"};

static enum status
compute_cut(const struct sample *sample, uint64_t claimed_more, struct store_dedupe *out,
            struct why *why)
{
    AUTO_STRBUF text = STRBUF_INIT(64 * 1024);
    strbuf_printf(&text, "%s\r\n", sample->header);
    size_t header_length = text.length;
    strbuf_puts(&text, sample->body);
    AUTO_FD int fd = memfd_create("message", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text.data, text.length), text.length);
    const struct intake_commit commit = {
        .queue_id = sample->queue_id,
        .mta_name = "mx.test.example",
        .sender = sample->sender,
        .size = text.length + claimed_more,
    };
    struct dedupe_message message = {
        .commit = &commit,
        .recipients = sample->recipients,
        .header = text.data,
        .header_length = header_length,
        .body_fd = fd,
    };
    while (message.recipient_count < 3 && sample->recipients[message.recipient_count] != NULL) {
        message.recipient_count++;
    }
    return dedupe_key(&message, out, why);
}

static struct store_dedupe
compute(const struct sample *sample)
{
    struct store_dedupe out = {.keep_ms = 1};
    assert_int_equal(compute_cut(sample, 0, &out, NULL), ST_OK);
    return out;
}

struct dedupe_case {
    const char *label;
    struct sample sample;
    bool same; /* as BASE */
    bool until_acknowledged;
};

#define TO .recipients = {"x@ours.example", "y@ours.example", NULL}
#define WITH(header_text)                                                                          \
    {                                                                                              \
        .sender = "a@sender.example", TO, .header = (header_text), .body = "body\r\n",             \
        .queue_id = "QID1"                                                                         \
    }

static const struct dedupe_case CASES[] = {
    {"the same", WITH(OWN), true, false},
    {"recipients in another order",
     {"a@sender.example", {"y@ours.example", "x@ours.example", NULL}, OWN, "body\r\n", "QID1"},
     true,
     false},
    {"another queue id", {"a@sender.example", TO, OWN, "body\r\n", "QID2"}, true, false},
    {"a Received field before", WITH("Received: from b by c\r\n" OWN), true, false},
    {"trace fields between",
     WITH(FROM "Authentication-Results: x; none\r\nARC-Seal: i=1\r\nDKIM-Signature: t=1\r\n"
               "X-MS-Exchange-CrossTenant-Id: 7\r\nreturn-path: <>\r\n" ID DATE),
     true, false},
    {"field names in another case",
     WITH("FROM: a@sender.example\r\nmessage-id: <1@sender.example>\r\n" DATE), true, false},
    {"another sender", {"b@sender.example", TO, OWN, "body\r\n", "QID1"}, false, false},
    {"the null sender", {"", TO, OWN, "body\r\n", "QID1"}, false, false},
    {"fewer recipients",
     {"a@sender.example", {"x@ours.example", NULL, NULL}, OWN, "body\r\n", "QID1"},
     false,
     false},
    {"another body", {"a@sender.example", TO, OWN, "Body\r\n", "QID1"}, false, false},
    {"a longer body", {"a@sender.example", TO, OWN, "body\r\n\r\n", "QID1"}, false, false},
    {"a Subject", WITH(OWN "Subject: a\r\n"), false, false},
    {"an unknown field", WITH(OWN "X-Alert-Id: 7\r\n"), false, false},
    {"a name that only begins like a trace field", WITH(OWN "Receivedness: x\r\n"), false, false},
    {"another Message-ID", WITH(FROM "Message-ID: <2@sender.example>\r\n" DATE), false, false},
    {"another Date", WITH(FROM ID "Date: Sun, 22 Nov 2026 01:00:01 +0000\r\n"), false, false},
    {"no Message-ID", WITH(FROM DATE), false, true},
    {"no Date", WITH(FROM ID), false, true},
    {"neither", WITH(FROM), false, true},
    {"Postfix's Message-Id", WITH(FROM DATE POSTFIX_ID), false, true},
    {"a Message-ID of another queue id is the sender's",
     WITH(FROM "Message-ID: <20261122.QID9@mx.test.example>\r\n" DATE), false, false},
    {"a Message-ID of another host is the sender's",
     WITH(FROM "Message-ID: <20261122.QID1@mx.sender.example>\r\n" DATE), false, false},
};

static void
key_tells_messages_apart_and_attempts_together(void **state)
{
    (void)state;
    const struct store_dedupe base = compute(&BASE);
    assert_false(base.until_acknowledged);
    assert_int_equal(base.keep_ms, 0);
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        const struct store_dedupe got = compute(&CASES[i].sample);
        bool same = memcmp(base.key, got.key, SHA256_SIZE) == 0;
        if (same != CASES[i].same || got.until_acknowledged != CASES[i].until_acknowledged) {
            fail_msg("%s: same %d, until acknowledged %d", CASES[i].label, same,
                     got.until_acknowledged);
        }
    }
}

static void
expect_equal_keys(const struct sample *a, const struct sample *b)
{
    const struct store_dedupe first = compute(a);
    const struct store_dedupe second = compute(b);
    assert_memory_equal(first.key, second.key, SHA256_SIZE);
    assert_true(first.until_acknowledged);
    assert_true(second.until_acknowledged);
}

static void
what_postfix_adds_does_not_tell_two_attempts_apart(void **state)
{
    (void)state;
    const struct sample first =
        WITH(FROM POSTFIX_ID "Date: Sun, 22 Nov 2026 01:00:00 +0000\r\nFrom: x@y.example\r\n");
    struct sample second =
        WITH(FROM "Message-Id: <20261122.QID2@mx.test.example>\r\nDate: another\r\n");
    second.queue_id = "QID2";
    expect_equal_keys(&first, &second);
}

static void
senders_own_date_still_counts_beside_postfixs_id(void **state)
{
    (void)state;
    const struct sample first = WITH(FROM DATE POSTFIX_ID);
    const struct sample second = WITH(FROM "Date: another\r\n" POSTFIX_ID);
    const struct store_dedupe a = compute(&first);
    const struct store_dedupe b = compute(&second);
    assert_memory_not_equal(a.key, b.key, SHA256_SIZE);
}

static void
texts_do_not_run_into_each_other(void **state)
{
    (void)state;
    static const struct sample pairs[][2] = {
        {{"a", {"bc", NULL, NULL}, OWN, "", "Q"}, {"ab", {"c", NULL, NULL}, OWN, "", "Q"}},
        {{"a", {"b", "c", NULL}, OWN, "", "Q"}, {"a", {"bc", NULL, NULL}, OWN, "", "Q"}},
        {{"a", {"b", NULL, NULL}, "X: 1\r\nY: 2\r\n", "", "Q"},
         {"a", {"b", NULL, NULL}, "X: 1Y: 2\r\n", "", "Q"}},
    };
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        const struct store_dedupe a = compute(&pairs[i][0]);
        const struct store_dedupe b = compute(&pairs[i][1]);
        if (memcmp(a.key, b.key, SHA256_SIZE) == 0) {
            fail_msg("pair %zu", i);
        }
    }
}

static void
file_shorter_than_stated_is_an_error(void **state)
{
    (void)state;
    struct store_dedupe out = {.keep_ms = 7};
    struct why why = {.text = ""};
    assert_int_equal(compute_cut(&BASE, 1, &out, &why), ST_IO);
    assert_int_equal(out.keep_ms, 7);
    assert_string_not_equal(why.text, "");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(key_tells_messages_apart_and_attempts_together),
        cmocka_unit_test(what_postfix_adds_does_not_tell_two_attempts_apart),
        cmocka_unit_test(senders_own_date_still_counts_beside_postfixs_id),
        cmocka_unit_test(texts_do_not_run_into_each_other),
        cmocka_unit_test(file_shorter_than_stated_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
