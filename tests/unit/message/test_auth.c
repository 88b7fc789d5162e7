// SPDX-License-Identifier: Apache-2.0
// The whole verdict by our own engines and by the reference: a fixture zone, signed messages.
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/strbuf.h"
#include "common/xalloc.h"

enum { TIMEOUT_MS = 10000, QUERIES = 200 };

struct bench {
    struct dns *dns;
    struct auth *auth;      /* our own engines */
    struct auth *reference; /* the reference libraries */
};

static struct auth *
open_auth(struct dns *dns, enum auth_engine engine, int64_t timeout_ms)
{
    struct auth_settings settings = {.authserv_id = "mx.example.net",
                                     .engine = engine,
                                     .helper = HELPER,
                                     .helpers = 2,
                                     .timeout_ms = timeout_ms,
                                     .queries = QUERIES};
    struct auth *auth = NULL;
    struct why why = {.text = ""};
    if (auth_open(&settings, dns, &auth, &why) != ST_OK) {
        fail_msg("auth_open: %s", why.text);
    }
    return auth;
}

static int
set_up(void **state)
{
    static struct bench bench;
    bench.dns = support_fixture_zone();
    bench.auth = open_auth(bench.dns, AUTH_ENGINE_OWN, TIMEOUT_MS);
    bench.reference = open_auth(bench.dns, AUTH_ENGINE_REFERENCE, TIMEOUT_MS);
    *state = &bench;
    return 0;
}

static int
tear_down(void **state)
{
    struct bench *bench = *state;
    auth_close(bench->auth);
    auth_close(bench->reference);
    dns_close(bench->dns);
    return 0;
}

static void
check_fixture(const struct bench *bench, const char *fixture, struct verdict *out)
{
    struct auth_message message;
    support_message(fixture, &message);
    auth_check(bench->auth, &message, out);
    (void)close(message.fd);
}

struct spf_case {
    const char *label;
    const char *sender;
    const char *client;
    enum auth_result result;
};

static const struct spf_case SPF_CASES[] = {
    {"address listed", "alice@example.org", "192.0.2.1", AUTH_PASS},
    {"address not listed", "alice@example.org", "192.0.2.2", AUTH_FAIL},
    {"softfail", "alice@soft.example", "192.0.2.2", AUTH_SOFTFAIL},
    {"neutral", "alice@neutral.example", "192.0.2.2", AUTH_NEUTRAL},
    {"no record", "alice@nothing.example", "192.0.2.1", AUTH_NONE},
    {"no such domain", "alice@absent.example", "192.0.2.1", AUTH_NONE},
    {"single label", "alice@localhost", "192.0.2.1", AUTH_NONE},
    {"address literal", "alice@[192.0.2.1]", "192.0.2.1", AUTH_NONE},
    {"DNS failure", "alice@temp.example", "192.0.2.1", AUTH_TEMPERROR},
    {"DNS failure in an include", "alice@includetemp.example", "192.0.2.1", AUTH_TEMPERROR},
    {"include of nothing", "alice@includenone.example", "192.0.2.1", AUTH_PERMERROR},
    {"include passes", "alice@includegood.example", "192.0.2.1", AUTH_PASS},
    {"include does not pass", "alice@includegood.example", "192.0.2.9", AUTH_FAIL},
    {"two records", "alice@double.example", "192.0.2.1", AUTH_PERMERROR},
    {"syntax error behind the match", "alice@broken.example", "192.0.2.1", AUTH_PERMERROR},
    {"8-bit record", "alice@bit8.example", "192.0.2.1", AUTH_PERMERROR},
    {"a", "alice@a.example", "192.0.2.1", AUTH_PASS},
    {"a over IPv6", "alice@a.example", "2001:db8::1", AUTH_PASS},
    {"a without a name", "alice@abadname.example", "192.0.2.1", AUTH_PERMERROR},
    {"mx", "alice@mx.example", "192.0.2.1", AUTH_PASS},
    {"mx of eleven hosts", "alice@mx11.example", "192.0.2.1", AUTH_PERMERROR},
    {"exists with macros", "alice@exists.example", "192.0.2.1", AUTH_PASS},
    {"exists with macros, other sender", "bob@exists.example", "192.0.2.1", AUTH_FAIL},
    {"ptr", "alice@ptr.example", "192.0.2.1", AUTH_PASS},
    {"ptr failure is no match", "alice@ptrtemp.example", "192.0.2.2", AUTH_PASS},
    {"redirect", "alice@redirect.example", "192.0.2.1", AUTH_PASS},
    {"redirect before all counts for nothing", "alice@redirectlate.example", "192.0.2.1",
     AUTH_SOFTFAIL},
    {"redirect to nothing", "alice@redirectnone.example", "192.0.2.1", AUTH_PERMERROR},
    {"prefix of 0", "alice@cidr0.example", "192.0.2.1", AUTH_PASS},
    {"ip6", "alice@ip6.example", "2001:db8:1::1", AUTH_PASS},
    {"mapped client is IPv4", "alice@example.org", "::ffff:192.0.2.1", AUTH_PASS},
    {"mapped network is IPv6", "alice@mapped.example", "::ffff:192.0.2.1", AUTH_FAIL},
    {"record that includes itself", "alice@loop.example", "192.0.2.1", AUTH_PERMERROR},
    {"three void lookups", "alice@void.example", "192.0.2.1", AUTH_PERMERROR},
    {"two void lookups", "alice@void2.example", "192.0.2.1", AUTH_PASS},
    {"loopback is judged like any other", "alice@loopback.example", "127.0.0.1", AUTH_FAIL},
    {"ten terms", "alice@terms10.example", "192.0.2.2", AUTH_PASS},
    {"eleven terms", "alice@terms11.example", "192.0.2.2", AUTH_PERMERROR},
    {"eleven terms over two levels", "alice@nested.example", "192.0.2.2", AUTH_PERMERROR},
    {"exp with 511 bytes of text", "alice@exp.example", "192.0.2.1", AUTH_FAIL},
    {"127 macros", "alice@macros.example", "192.0.2.1", AUTH_PERMERROR},
    {"70 addresses, none fits", "alice@seventy.example", "192.0.2.1", AUTH_FAIL},
    {"the 71st address fits", "alice@seventyhit.example", "192.0.2.1", AUTH_PASS},
    {"ten includes a level", "alice@bomb.example", "192.0.2.1", AUTH_PERMERROR},
    {"client that is no IP address", "alice@example.org", "local socket", AUTH_NONE},
    {"quoted local part", "\"a b\"@example.org", "192.0.2.1", AUTH_PASS},
    {"no local part", "@example.org", "192.0.2.1", AUTH_PASS},
    {"blank in the local part", "a b@example.org", "192.0.2.1", AUTH_PASS},
    {"no address", "alice", "192.0.2.1", AUTH_NONE},
    {"8-bit local part", "\xc3\xa4@exists.example", "192.0.2.1", AUTH_FAIL},
};

static void
check_spf_table(struct auth *auth, const char *engine)
{
    for (size_t i = 0; i < ARRAY_LEN(SPF_CASES); i++) {
        struct auth_message message;
        struct verdict verdict;
        support_message("unsigned.eml", &message);
        message.sender = SPF_CASES[i].sender;
        message.client_address = SPF_CASES[i].client;
        auth_check(auth, &message, &verdict);
        (void)close(message.fd);
        if (verdict.spf.result != SPF_CASES[i].result) {
            fail_msg("%s, %s: %s instead of %s", engine, SPF_CASES[i].label,
                     auth_result_name(verdict.spf.result), auth_result_name(SPF_CASES[i].result));
        }
    }
}

static void
spf_gives_the_results_of_the_table(void **state)
{
    const struct bench *bench = *state;
    check_spf_table(bench->auth, "own");
    check_spf_table(bench->reference, "reference");
}

static void
include_bomb_costs_few_questions(void **state)
{
    const struct bench *bench = *state;
    struct auth_message message;
    struct verdict verdict;
    struct dns_counts before;
    struct dns_counts after;
    support_message("unsigned.eml", &message);
    message.sender = "alice@bomb.example";
    dns_counts(bench->dns, &before);
    auth_check(bench->auth, &message, &verdict);
    dns_counts(bench->dns, &after);
    (void)close(message.fd);
    assert_int_equal(verdict.spf.terms, 11);
    assert_true(after.queries + after.hits - before.queries - before.hits < 30);
}

static void
null_sender_is_judged_by_helo(void **state)
{
    const struct bench *bench = *state;
    struct auth_message message;
    struct verdict verdict;
    support_message("unsigned.eml", &message);
    message.sender = "";
    auth_check(bench->auth, &message, &verdict);
    (void)close(message.fd);
    assert_int_equal(verdict.spf.result, AUTH_PASS);
    assert_true(verdict.spf.identity_is_helo);
    assert_string_equal(verdict.spf.domain, "helo.example.org");
    assert_int_equal(verdict.dmarc.result, AUTH_PASS);
    assert_non_null(strstr(verdict.authentication_results, "smtp.helo=helo.example.org"));
}

struct dkim_case {
    const char *fixture;
    enum auth_result result; /* of the first signature */
    enum auth_result dmarc;  /* with an SPF that is not aligned */
    const char *reason;      /* part of it */
};

static const struct dkim_case DKIM_CASES[] = {
    {"rsa.eml", AUTH_PASS, AUTH_PASS, ""},
    {"ed25519.eml", AUTH_PASS, AUTH_PASS, ""},
    {"rsa_1024.eml", AUTH_PASS, AUTH_PASS, ""},
    {"rsa_768.eml", AUTH_POLICY, AUTH_FAIL, "too short"},
    {"rsa_sha1.eml", AUTH_POLICY, AUTH_FAIL, "rsa-sha1"},
    {"k_mismatch.eml", AUTH_PERMERROR, AUTH_FAIL, ""},
    {"key_nokey.eml", AUTH_PERMERROR, AUTH_FAIL, "no key"},
    {"key_temp.eml", AUTH_TEMPERROR, AUTH_TEMPERROR, "looked up"},
    {"key_revoked.eml", AUTH_PERMERROR, AUTH_FAIL, "revoked"},
    {"key_twice.eml", AUTH_PERMERROR, AUTH_FAIL, "several keys"},
    {"key_late.eml", AUTH_PERMERROR, AUTH_FAIL, "v= of the key"},
    {"key_double.eml", AUTH_PERMERROR, AUTH_FAIL, "list of tags"},
    {"body_changed.eml", AUTH_FAIL, AUTH_FAIL, "body"},
    {"header_changed.eml", AUTH_FAIL, AUTH_FAIL, "does not match"},
    {"no_final_line_end.eml", AUTH_PASS, AUTH_PASS, ""},
    {"length_exact.eml", AUTH_PASS, AUTH_PASS, ""},
    {"length_short.eml", AUTH_PASS, AUTH_FAIL, "not signed"},
    {"other_domain.eml", AUTH_PASS, AUTH_FAIL, ""},
    {"subdomain.eml", AUTH_PASS, AUTH_PASS, ""},
    {"temp_and_other.eml", AUTH_PASS, AUTH_TEMPERROR, ""},
    {"temp_and_pass.eml", AUTH_PASS, AUTH_PASS, ""},
    {"twelve.eml", AUTH_PASS, AUTH_PASS, ""},
    {"d_twice.eml", AUTH_PERMERROR, AUTH_FAIL, "twice"},
    {"raw_bytes.eml", AUTH_PASS, AUTH_PASS, ""},
    {"long_i.eml", AUTH_PERMERROR, AUTH_FAIL, "i="},
    {"many_names_0.eml", AUTH_FAIL, AUTH_FAIL, ""},
    {"many_names_1.eml", AUTH_FAIL, AUTH_FAIL, ""},
    {"many_names_2.eml", AUTH_FAIL, AUTH_FAIL, ""},
    {"many_names_3.eml", AUTH_FAIL, AUTH_FAIL, ""},
};

static void
check_dkim_table(struct auth *auth, const char *engine)
{
    for (size_t i = 0; i < ARRAY_LEN(DKIM_CASES); i++) {
        const struct dkim_case *row = &DKIM_CASES[i];
        struct auth_message message;
        struct verdict verdict;
        support_message(row->fixture, &message);
        message.sender = "bounce@nothing.example";
        auth_check(auth, &message, &verdict);
        (void)close(message.fd);
        bool as_wanted = verdict.dkim_count > 0 && verdict.dkim[0].result == row->result &&
                         verdict.dmarc.result == row->dmarc &&
                         strstr(verdict.dkim[0].reason, row->reason) != NULL;
        if (!as_wanted) {
            fail_msg("%s, %s: %s", engine, row->fixture, verdict.authentication_results);
        }
    }
}

static void
dkim_gives_the_results_of_the_table(void **state)
{
    const struct bench *bench = *state;
    check_dkim_table(bench->auth, "own");
    check_dkim_table(bench->reference, "reference");
}

static void
twelve_signatures_are_ten_and_two_ignored(void **state)
{
    struct verdict verdict;
    check_fixture(*state, "twelve.eml", &verdict);
    assert_int_equal(verdict.dkim_count, VERDICT_DKIM_MAX);
    assert_int_equal(verdict.dkim_ignored, 2);
    for (size_t i = 0; i < verdict.dkim_count; i++) {
        assert_int_equal(verdict.dkim[i].result, AUTH_PASS);
    }
}

static void
signature_details_are_reported(void **state)
{
    struct verdict verdict;
    check_fixture(*state, "rsa.eml", &verdict);
    assert_string_equal(verdict.dkim[0].domain, "example.org");
    assert_string_equal(verdict.dkim[0].selector, "rsa");
    assert_string_equal(verdict.dkim[0].algorithm, "rsa-sha256");
    assert_int_equal(verdict.dkim[0].bits, 2048);
    assert_string_equal(verdict.authentication_results,
                        "mx.example.net; spf=pass smtp.mailfrom=example.org; dkim=pass "
                        "header.d=example.org header.s=rsa header.a=rsa-sha256; dmarc=pass "
                        "(p=reject disposition=none) header.from=example.org");
}

static void
several_authors_are_permerror(void **state)
{
    static const char text[] = "From: a@example.org, b@other.example\r\n\r\nx\r\n";
    const struct bench *bench = *state;
    struct auth_message message;
    struct verdict verdict;
    support_message_text(text, sizeof(text) - 1, &message);
    auth_check(bench->auth, &message, &verdict);
    (void)close(message.fd);
    assert_int_equal(verdict.dmarc.result, AUTH_PERMERROR);
    assert_int_equal(verdict.dmarc.disposition, DMARC_ACTION_NONE);
    assert_int_equal(verdict.dkim_count, 0);
}

static void
local_message_is_not_judged(void **state)
{
    const struct bench *bench = *state;
    struct verdict verdict;
    auth_local(bench->auth, &verdict);
    assert_true(verdict.local);
    assert_int_equal(verdict.dmarc.result, AUTH_NONE);
    assert_string_equal(verdict.authentication_results, "mx.example.net; none");
}

static void
message_in_memory_has_the_verdict_of_the_same_in_a_file(void **state)
{
    const struct bench *bench = *state;
    static const char *const MESSAGES[] = {"rsa.eml", "unsigned.eml", "four_kilobytes.eml"};
    for (size_t i = 0; i < ARRAY_LEN(MESSAGES); i++) {
        static struct verdict verdicts[2];
        struct auth_message message;
        support_message(MESSAGES[i], &message);
        auth_check(bench->auth, &message, &verdicts[0]);
        AUTO_FREE char *data = xcalloc(message.size + 1, 1);
        assert_int_equal(pread(message.fd, data, message.size, 0), (ssize_t)message.size);
        (void)close(message.fd);
        message.fd = -1;
        message.data = data;
        auth_check(bench->auth, &message, &verdicts[1]);
        assert_string_equal(verdicts[0].authentication_results, verdicts[1].authentication_results);
        data[message.size - 3] ^= 1; // the body is read from there
        auth_check(bench->auth, &message, &verdicts[1]);
        assert_int_not_equal(verdict_dkim_overall(&verdicts[1]), AUTH_PASS);
    }
}

static void
message_that_cannot_be_read_is_temperror(void **state)
{
    const struct bench *bench = *state;
    struct auth_message message;
    struct verdict verdict;
    support_message("rsa.eml", &message);
    message.size += 10;
    auth_check(bench->auth, &message, &verdict);
    assert_int_equal(verdict.dkim[0].result, AUTH_TEMPERROR);
    message.header_length = message.size;
    auth_check(bench->auth, &message, &verdict);
    assert_int_equal(verdict.dmarc.result, AUTH_TEMPERROR);
    (void)close(message.fd);
}

// Each name below is one query of the 20 that the message has.
static void
hostile_zones_that_use_up_the_queries_do_not_get_around_a_policy_of_reject(void **state)
{
    (void)state;
    enum { SIGNATURES = 9 };
    struct strbuf zone = STRBUF_INIT(4096);
    strbuf_puts(&zone, "_dmarc.victim.example TXT v=DMARC1; p=reject\n");
    strbuf_puts(&zone, "evil.example TXT v=spf1");
    for (int i = 1; i <= SIGNATURES; i++) {
        strbuf_printf(&zone, " a:%d.evil.example", i);
    }
    for (int i = 1; i <= SIGNATURES; i++) {
        strbuf_printf(&zone, "\n%d.evil.example A 203.0.113.9", i);
    }
    struct dns *dns = support_zone(strbuf_text(&zone));
    strbuf_done(&zone);
    struct strbuf text = STRBUF_INIT(8192);
    for (int i = 0; i <= SIGNATURES; i++) {
        const char *signer = i < SIGNATURES ? "evil.example" : "victim.example";
        strbuf_printf(&text,
                      "DKIM-Signature: v=1; a=rsa-sha256; d=%s; s=k%d; h=from; "
                      "bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=AAAA\r\n",
                      signer, i);
    }
    strbuf_puts(&text, "From: ceo@victim.example\r\n\r\nPay now.\r\n");
    const struct auth_settings settings = {.authserv_id = "mx.test",
                                           .engine = AUTH_ENGINE_OWN,
                                           .timeout_ms = TIMEOUT_MS,
                                           .queries = 20};
    struct auth *auth = NULL;
    assert_int_equal(auth_open(&settings, dns, &auth, NULL), ST_OK);
    struct auth_message message;
    support_message_text(text.data, text.length, &message);
    message.client_address = "192.0.2.1";
    message.helo = "helo.evil.example";
    message.sender = "x@evil.example";
    struct verdict verdict;
    auth_check(auth, &message, &verdict);
    assert_int_equal(verdict.dmarc.result, AUTH_FAIL);
    assert_int_equal(verdict.dmarc.disposition, DMARC_ACTION_REJECT);
    assert_int_equal(verdict.dkim[SIGNATURES].result, AUTH_PERMERROR);     // no such key
    assert_int_equal(verdict.dkim[SIGNATURES - 1].result, AUTH_TEMPERROR); // not looked up
    (void)close(message.fd);
    strbuf_done(&text);
    auth_close(auth);
    dns_close(dns);
}

static void
used_up_time_is_temperror_everywhere(void **state)
{
    (void)state;
    struct dns *dns = support_fixture_zone(); // with an empty cache
    struct auth *auth = open_auth(dns, AUTH_ENGINE_OWN, 0);
    struct auth_message message;
    struct verdict verdict;
    support_message("rsa.eml", &message);
    auth_check(auth, &message, &verdict);
    (void)close(message.fd);
    assert_int_equal(verdict.spf.result, AUTH_TEMPERROR);
    assert_int_equal(verdict_dkim_overall(&verdict), AUTH_TEMPERROR);
    assert_int_equal(verdict.dmarc.result, AUTH_TEMPERROR);
    auth_close(auth);
    dns_close(dns);
}

static void
helper_that_does_not_exist_is_refused(void **state)
{
    const struct bench *bench = *state;
    struct auth_settings settings = {.authserv_id = "x",
                                     .engine = AUTH_ENGINE_REFERENCE,
                                     .helper = "/nonexistent",
                                     .helpers = 1};
    struct auth *auth = NULL;
    struct why why;
    assert_int_equal(auth_open(&settings, bench->dns, &auth, &why), ST_IO);
    settings.helper = "/bin/true"; // starts, but never says READY
    assert_int_equal(auth_open(&settings, bench->dns, &auth, &why), ST_IO);
    settings.helper = HELPER;
    settings.helpers = 0;
    assert_int_equal(auth_open(&settings, bench->dns, &auth, &why), ST_INVALID);
    assert_null(auth);
}

static void
without_a_message_only_spf_is_told(void **state)
{
    const struct bench *bench = *state;
    struct auth *const engines[] = {bench->auth, bench->reference};
    const struct auth_message message = {.client_address = "192.0.2.1",
                                         .helo = "helo.example.org",
                                         .sender = "alice@example.org",
                                         .fd = -1};
    for (size_t i = 0; i < ARRAY_LEN(engines); i++) {
        struct verdict verdict;
        auth_check(engines[i], &message, &verdict);
        assert_int_equal(verdict.spf.result, AUTH_PASS);
        assert_int_equal(verdict.dkim_count, 0);
        assert_int_equal(verdict.dmarc.result, AUTH_NONE);
        assert_string_equal(verdict.authentication_results,
                            "mx.example.net; spf=pass smtp.mailfrom=example.org");
    }
}

static void
header_block_over_the_cap_is_permerror(void **state)
{
    const struct bench *bench = *state;
    size_t length = AUTH_HEADER_MAX + 1;
    char *text = malloc(length + 3);
    assert_non_null(text);
    memset(text, 'x', length);
    memcpy(text, "From: a@example.org\r\nX: ", 24);
    for (size_t size = AUTH_HEADER_MAX; size <= length; size++) {
        struct auth_message message;
        struct verdict verdict;
        memcpy(text + size - 4, "\r\n\r\n", 4);
        support_message_text(text, size, &message);
        message.client_address = "192.0.2.77"; // SPF does not pass
        auth_check(bench->auth, &message, &verdict);
        (void)close(message.fd);
        assert_int_equal(verdict.dmarc.result, size == length ? AUTH_PERMERROR : AUTH_FAIL);
    }
    free(text);
}

static void
decision_moment_is_given(void **state)
{
    const struct bench *bench = *state;
    struct auth_message message;
    struct verdict verdict;
    support_message("rsa.eml", &message);
    message.now_s = 1; // long before the signature was made: t= is in the future
    auth_check(bench->auth, &message, &verdict);
    assert_int_not_equal(verdict.dkim[0].result, AUTH_PASS);
    message.now_s = 0;
    auth_check(bench->auth, &message, &verdict);
    assert_int_equal(verdict.dkim[0].result, AUTH_PASS);
    (void)close(message.fd);
}

// ---- the shadow

static struct {
    size_t count;
    char last[128];
} heard;

static void
hear(const struct auth_disagreement *disagreement)
{
    heard.count++;
    (void)snprintf(heard.last, sizeof(heard.last), "%s %s own=%s reference=%s %s",
                   disagreement->label, auth_method_name(disagreement->method), disagreement->own,
                   disagreement->reference, disagreement->domain);
}

static struct auth *
open_shadow(struct dns *dns, const char *helper)
{
    const struct auth_settings settings = {.authserv_id = "mx.example.net",
                                           .shadow = true,
                                           .helper = helper,
                                           .helpers = 1,
                                           .timeout_ms = TIMEOUT_MS,
                                           .queries = QUERIES,
                                           .disagreed = hear};
    struct auth *auth = NULL;
    struct why why = {.text = ""};
    heard.count = 0;
    if (auth_open(&settings, dns, &auth, &why) != ST_OK) {
        fail_msg("auth_open: %s", why.text);
    }
    return auth;
}

static void
shadow_agrees_where_both_are_right(void **state)
{
    const struct bench *bench = *state;
    struct auth *auth = open_shadow(bench->dns, HELPER);
    struct auth_shadow_counts counts;
    struct auth_message message;
    struct verdict verdict;
    support_message("rsa.eml", &message);
    auth_check(auth, &message, &verdict);
    (void)close(message.fd);
    auth_shadow_counts(auth, &counts);
    assert_int_equal(verdict.dmarc.result, AUTH_PASS);
    assert_int_equal(counts.compared, 1);
    assert_int_equal(counts.agreed, 1);
    assert_int_equal(counts.failed + heard.count, 0);
    auth_close(auth);
}

static void
shadow_that_disagrees_is_heard_and_decides_nothing(void **state)
{
    const struct bench *bench = *state;
    struct auth *auth = open_shadow(bench->dns, FAKE_HELPER);
    struct auth_shadow_counts counts;
    struct auth_message message;
    struct verdict verdict;
    support_message("unsigned.eml", &message);
    message.label = "4F3";
    message.helo = "localhost";           // none for both
    message.sender = "good@soft.example"; // the fake one says pass
    message.client_address = "192.0.2.2";
    auth_check(auth, &message, &verdict);
    (void)close(message.fd);
    auth_shadow_counts(auth, &counts);
    assert_int_equal(verdict.spf.result, AUTH_SOFTFAIL);
    assert_int_equal(counts.compared, 1);
    assert_int_equal(counts.agreed, 0);
    assert_int_equal(counts.disagreements[AUTH_METHOD_SPF], 1);
    assert_int_equal(counts.disagreements[AUTH_METHOD_HELO], 0);
    assert_int_equal(counts.disagreements[AUTH_METHOD_DKIM], 0);
    assert_int_equal(counts.disagreements[AUTH_METHOD_DMARC], 0);
    assert_int_equal(heard.count, 1);
    assert_string_equal(heard.last, "4F3 spf own=softfail reference=pass soft.example");
    auth_close(auth);
}

static void
shadow_that_dies_costs_nothing(void **state)
{
    const struct bench *bench = *state;
    struct auth *auth = open_shadow(bench->dns, FAKE_HELPER);
    struct auth_shadow_counts counts;
    struct auth_message message;
    struct verdict verdict;
    struct verdict alone;
    support_message("rsa.eml", &message);
    message.sender = "die@example.org";
    auth_check(auth, &message, &verdict);
    auth_check(bench->auth, &message, &alone);
    (void)close(message.fd);
    auth_shadow_counts(auth, &counts);
    assert_int_equal(verdict.dmarc.result, AUTH_PASS);
    assert_string_equal(verdict.authentication_results, alone.authentication_results);
    assert_int_equal(counts.failed, 1);
    assert_int_equal(counts.compared + heard.count, 0);
    auth_close(auth);
}

static void
our_own_engines_start_no_process(void **state)
{
    const struct bench *bench = *state;
    const struct auth_settings settings = {.authserv_id = "x", .helper = "/nonexistent"};
    struct auth *auth = NULL;
    assert_int_equal(auth_open(&settings, bench->dns, &auth, NULL), ST_OK);
    auth_close(auth);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(message_in_memory_has_the_verdict_of_the_same_in_a_file),
        cmocka_unit_test(spf_gives_the_results_of_the_table),
        cmocka_unit_test(include_bomb_costs_few_questions),
        cmocka_unit_test(null_sender_is_judged_by_helo),
        cmocka_unit_test(dkim_gives_the_results_of_the_table),
        cmocka_unit_test(twelve_signatures_are_ten_and_two_ignored),
        cmocka_unit_test(signature_details_are_reported),
        cmocka_unit_test(several_authors_are_permerror),
        cmocka_unit_test(local_message_is_not_judged),
        cmocka_unit_test(message_that_cannot_be_read_is_temperror),
        cmocka_unit_test(
            hostile_zones_that_use_up_the_queries_do_not_get_around_a_policy_of_reject),
        cmocka_unit_test(used_up_time_is_temperror_everywhere),
        cmocka_unit_test(helper_that_does_not_exist_is_refused),
        cmocka_unit_test(without_a_message_only_spf_is_told),
        cmocka_unit_test(header_block_over_the_cap_is_permerror),
        cmocka_unit_test(decision_moment_is_given),
        cmocka_unit_test(shadow_agrees_where_both_are_right),
        cmocka_unit_test(shadow_that_disagrees_is_heard_and_decides_nothing),
        cmocka_unit_test(shadow_that_dies_costs_nothing),
        cmocka_unit_test(our_own_engines_start_no_process),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
