// SPDX-License-Identifier: Apache-2.0
// SPF told in words: why there is no answer, and the Received-SPF field (RFC 7208, 9.1).
#include "support.h"

#include <string.h>

enum { TIMEOUT_MS = 10000, QUERIES = 200 };

struct bench {
    struct dns *dns;
    struct auth *plain;
    struct auth *marking; /* with received_spf */
};

static struct auth *
open_auth(struct dns *dns, bool received_spf)
{
    const struct auth_settings settings = {.authserv_id = "mx.example.net",
                                           .received_spf = received_spf,
                                           .timeout_ms = TIMEOUT_MS,
                                           .queries = QUERIES};
    struct auth *auth = NULL;
    assert_int_equal(auth_open(&settings, dns, &auth, NULL), ST_OK);
    return auth;
}

static int
set_up(void **state)
{
    static struct bench bench;
    bench.dns = support_fixture_zone();
    bench.plain = open_auth(bench.dns, false);
    bench.marking = open_auth(bench.dns, true);
    *state = &bench;
    return 0;
}

static int
tear_down(void **state)
{
    struct bench *bench = *state;
    auth_close(bench->plain);
    auth_close(bench->marking);
    dns_close(bench->dns);
    return 0;
}

static void
spf_says_why_it_has_no_answer(void **state)
{
    static const struct {
        const char *sender;
        const char *helo;
        enum auth_result result;
        const char *reason; /* how it begins */
    } rows[] = {
        {"a@example.org", "x", AUTH_PASS, ""},
        {"a@soft.example", "x", AUTH_SOFTFAIL, ""},
        {"a@nothing.example", "x", AUTH_NONE, "there is no SPF record"},
        {"a@b_", "x", AUTH_NONE, "the sender's domain is no name"},
        {"", "x", AUTH_NONE, "HELO is no domain name"},
        {"", "nothing.example", AUTH_NONE, "there is no SPF record"},
        {"a@temp.example", "x", AUTH_TEMPERROR, "TXT of temp.example: "},
        {"a@double.example", "x", AUTH_PERMERROR, "there are two SPF records"},
        {"a@mx11.example", "x", AUTH_PERMERROR, "more than 10 MX hosts"},
        {"a@includenone.example", "x", AUTH_PERMERROR, "include"},
        {"a@broken.example", "x", AUTH_PERMERROR, "the term 'ipv4:1.2.3.4'"},
    };
    const struct bench *bench = *state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct verdict verdict;
        struct auth_message message = {.client_address = i == 1 ? "192.0.2.9" : "192.0.2.1",
                                       .helo = rows[i].helo,
                                       .sender = rows[i].sender,
                                       .fd = -1};
        auth_check(bench->plain, &message, &verdict);
        size_t length = strlen(rows[i].reason);
        bool is_told = strstr(verdict.authentication_results, " reason=\"") != NULL;
        if (verdict.spf.result != rows[i].result || (length > 0) != is_told ||
            (length == 0 ? verdict.spf.reason[0] != '\0'
                         : strncmp(verdict.spf.reason, rows[i].reason, length) != 0)) {
            fail_msg("%s: %s, %s", rows[i].sender, auth_result_name(verdict.spf.result),
                     verdict.spf.reason);
        }
    }
}

static void
received_spf_is_written_where_it_is_wanted(void **state)
{
    static const struct {
        const char *client;
        const char *helo;
        const char *sender;
        const char *text; /* how it begins */
    } rows[] = {
        {"192.0.2.1", "mail.example.org", "alice@example.org",
         "pass client-ip=192.0.2.1; envelope-from=\"alice@example.org\"; helo=mail.example.org; "
         "identity=mailfrom; receiver=mx.example.net"},
        {"2001:db8::1", "[192.0.2.1]", "a@example.org",
         "fail client-ip=\"2001:db8::1\"; envelope-from=\"a@example.org\"; "
         "helo=\"[192.0.2.1]\"; identity=mailfrom; receiver=mx.example.net"},
        {"192.0.2.1", "helo.example.org", "",
         "pass client-ip=192.0.2.1; helo=helo.example.org; identity=helo; receiver=mx.example.net"},
        {"192.0.2.1", "", "a@b@example.org",
         "pass client-ip=192.0.2.1; envelope-from=\"a@b@example.org\"; helo=\"\"; "},
        {"192.0.2.1", "x.\r\nX: y", "\"; x=\"y\\@example.org",
         "pass client-ip=192.0.2.1; envelope-from=\"?? x=?y?@example.org\"; helo=\"x.??X: y\"; "},
        {"192.0.2.1", "x", "a@double.example",
         "permerror client-ip=192.0.2.1; envelope-from=\"a@double.example\"; helo=x; "
         "identity=mailfrom; receiver=mx.example.net; problem=\"there are two SPF records\""},
    };
    const struct bench *bench = *state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct verdict verdict;
        const struct auth_message message = {.client_address = rows[i].client,
                                             .helo = rows[i].helo,
                                             .sender = rows[i].sender,
                                             .fd = -1};
        auth_check(bench->marking, &message, &verdict);
        if (strncmp(verdict.received_spf, rows[i].text, strlen(rows[i].text)) != 0) {
            fail_msg("%s: %s", rows[i].sender, verdict.received_spf);
        }
        auth_check(bench->plain, &message, &verdict);
        assert_string_equal(verdict.received_spf, "");
    }
    struct verdict local;
    auth_local(bench->marking, &local);
    assert_string_equal(local.received_spf, "");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spf_says_why_it_has_no_answer),
        cmocka_unit_test(received_spf_is_written_where_it_is_wanted),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
