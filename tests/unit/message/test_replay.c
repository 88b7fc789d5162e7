// SPDX-License-Identifier: Apache-2.0
// A message judged again from the answers that were recorded gets the verdict it got then: with
// cold and warm caches, with a DNS in trouble, with a budget that did not last.
#include "support.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/strbuf.h"
#include "verifier/dns/recorder.h"
#include "verifier/message/spf.h"

enum { TIMEOUT_MS = 10000, QUERIES = 200, MANY_QUERIES = 1000000, TEXT_MAX = 1024 * 1024 };
static const int64_t NOW_S = 1763800000;

static struct auth *
open_auth(struct dns *dns, unsigned queries)
{
    const struct auth_settings settings = {
        .authserv_id = "mx.example.net", .timeout_ms = TIMEOUT_MS, .queries = queries};
    struct auth *auth = NULL;
    assert_int_equal(auth_open(&settings, dns, &auth, NULL), ST_OK);
    return auth;
}

static void
judge(struct auth *auth, struct auth_message *message, struct dns_recorder *recorder,
      struct strbuf *verdict_out)
{
    struct verdict verdict;
    struct spf_trace trace = {.text = STRBUF_INIT(TEXT_MAX)};
    message->now_s = NOW_S;
    message->recorder = recorder;
    message->trace = &trace;
    auth_check(auth, message, &verdict);
    verdict_format_json(&verdict, verdict_out);
    strbuf_puts(verdict_out, strbuf_text(&trace.text));
    strbuf_done(&trace.text);
}

// Judge, note, and judge again with nothing but the notes.
static void
assert_repeats(struct auth *auth, struct auth_message *message, const char *label)
{
    struct dns_recorder *recorder = dns_recorder_new();
    AUTO_STRBUF was = STRBUF_INIT(TEXT_MAX);
    AUTO_STRBUF is = STRBUF_INIT(TEXT_MAX);
    AUTO_STRBUF text = STRBUF_INIT(TEXT_MAX);
    judge(auth, message, recorder, &was);
    assert_int_equal(dns_recorder_format(recorder, &text), 0);
    dns_recorder_free(recorder);
    struct dns *dns = NULL;
    assert_int_equal(dns_open_fixture_text(strbuf_text(&text), text.length, &dns, NULL), ST_OK);
    struct auth *again = open_auth(dns, MANY_QUERIES);
    judge(again, message, NULL, &is);
    auth_close(again);
    dns_close(dns);
    if (strcmp(strbuf_text(&was), strbuf_text(&is)) != 0) {
        fail_msg("%s\nwas %s\nis  %s\nanswers\n%s", label, strbuf_text(&was), strbuf_text(&is),
                 strbuf_text(&text));
    }
}

static void
assert_all_messages_repeat(struct auth *auth, const char *label)
{
    DIR *folder = opendir(FIXTURES);
    assert_non_null(folder);
    unsigned count = 0;
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (strstr(entry->d_name, ".eml") != NULL) {
            struct auth_message message;
            char name[400];
            (void)snprintf(name, sizeof(name), "%s, %s", entry->d_name, label);
            support_message(entry->d_name, &message);
            assert_repeats(auth, &message, name);
            (void)close(message.fd);
            count++;
        }
    }
    (void)closedir(folder);
    assert_true(count > 20);
}

static void
every_message_gets_the_same_verdict_again(void **state)
{
    (void)state;
    struct dns *dns = support_fixture_zone();
    struct auth *auth = open_auth(dns, QUERIES);
    assert_all_messages_repeat(auth, "cold");
    assert_all_messages_repeat(auth, "warm"); // records and keys come from the engines' caches
    auth_close(auth);
    dns_close(dns);
}

static void
every_sender_gets_the_same_verdict_again(void **state)
{
    (void)state;
    static const char *const SENDERS[] = {
        "",
        "alice@example.org",
        "alice@temp.example",
        "alice@includetemp.example",
        "alice@includenone.example",
        "alice@nothing.example",
        "alice@absent.example",
        "alice@double.example",
        "alice@broken.example",
        "alice@a.example",
        "alice@mx.example",
        "alice@mx11.example",
        "alice@exists.example",
        "alice@ptr.example",
        "alice@ptrtemp.example",
        "alice@no name",
    };
    static const char *const CLIENTS[] = {"192.0.2.1", "192.0.2.2", "2001:db8::1"};
    struct dns *dns = support_fixture_zone();
    struct auth *auth = open_auth(dns, QUERIES);
    for (size_t i = 0; i < ARRAY_LEN(SENDERS) * ARRAY_LEN(CLIENTS); i++) {
        struct auth_message message;
        support_message("rsa.eml", &message);
        message.sender = SENDERS[i / ARRAY_LEN(CLIENTS)];
        message.client_address = CLIENTS[i % ARRAY_LEN(CLIENTS)];
        assert_repeats(auth, &message, message.sender);
        (void)close(message.fd);
    }
    auth_close(auth);
    dns_close(dns);
}

// What could not be asked then is not known now either.
static void
a_budget_that_was_used_up_is_used_up_again(void **state)
{
    (void)state;
    static const char *const MESSAGES[] = {"rsa.eml", "twelve.eml", "many_names_1.eml",
                                           "temp_and_pass.eml"};
    for (unsigned queries = 1; queries <= 16; queries++) {
        for (size_t i = 0; i < ARRAY_LEN(MESSAGES); i++) {
            struct dns *dns = support_fixture_zone();
            struct auth *auth = open_auth(dns, queries);
            struct auth_message message;
            char label[80];
            (void)snprintf(label, sizeof(label), "%s, %u queries", MESSAGES[i], queries);
            support_message(MESSAGES[i], &message);
            message.sender = "alice@includegood.example";
            assert_repeats(auth, &message, label);
            (void)close(message.fd);
            auth_close(auth);
            dns_close(dns);
        }
    }
}

static void
an_explanation_tells_the_recorded_moment(void **state)
{
    (void)state;
    struct dns *dns = support_zone("x.example TXT v=spf1 -all exp=why.example\n"
                                   "why.example TXT at %{t}\n");
    struct auth *auth = open_auth(dns, QUERIES);
    struct verdict verdict;
    struct auth_message message = {.client_address = "192.0.2.9",
                                   .helo = "h.example",
                                   .sender = "a@x.example",
                                   .fd = -1,
                                   .now_s = NOW_S};
    auth_check(auth, &message, &verdict);
    assert_string_equal(verdict.spf.explanation, "at 1763800000");
    auth_close(auth);
    dns_close(dns);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_gets_the_same_verdict_again),
        cmocka_unit_test(every_sender_gets_the_same_verdict_again),
        cmocka_unit_test(a_budget_that_was_used_up_is_used_up_again),
        cmocka_unit_test(an_explanation_tells_the_recorded_moment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
