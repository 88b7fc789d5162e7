// SPDX-License-Identifier: Apache-2.0
// check_host() beyond what the public suites ask: identities, errors, explanations, the trace.
#include "support.h"

#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "verifier/message/spf.h"

struct spf_case {
    const char *label;
    const char *zone;
    const char *client;
    const char *helo;
    const char *sender;
    enum auth_result result;
    enum auth_result helo_result;
    const char *explanation;
};

#define A "192.0.2.1"
#define HELO "mail.ex.org"
#define SENDER "user@ex.com"
#define TXT "ex.com TXT "

static const struct spf_case CASES[] = {
    // identities
    {"plain", TXT "v=spf1 ip4:192.0.2.1 -all", A, HELO, SENDER, AUTH_PASS, AUTH_NONE, ""},
    {"HELO is judged too", TXT "v=spf1 -all\nmail.ex.org TXT v=spf1 a -all\nmail.ex.org A " A, A,
     HELO, SENDER, AUTH_FAIL, AUTH_PASS, ""},
    {"null sender: HELO counts", "mail.ex.org TXT v=spf1 -all exp=e.ex.org\ne.ex.org TXT %{s}", A,
     HELO, "", AUTH_FAIL, AUTH_FAIL, "postmaster@mail.ex.org"},
    {"no explanation for HELO beside a sender",
     TXT "v=spf1 -all\nmail.ex.org TXT v=spf1 -all exp=e.ex.org\ne.ex.org TXT %{s}", A, HELO,
     SENDER, AUTH_FAIL, AUTH_FAIL, ""},
    {"no local part", TXT "v=spf1 -all exp=e.ex.com\ne.ex.com TXT %{l}", A, HELO, "@ex.com",
     AUTH_FAIL, AUTH_NONE, "postmaster"},
    {"no at sign", TXT "v=spf1 -all exp=e.ex.com\ne.ex.com TXT %{s}", A, HELO, "ex.com", AUTH_FAIL,
     AUTH_NONE, "postmaster@ex.com"},
    {"the last at sign counts", TXT "v=spf1 -all exp=e.ex.com\ne.ex.com TXT %{l}", A, HELO,
     "\"a@b.example\"@ex.com", AUTH_FAIL, AUTH_NONE, "\"a@b.example\""},
    {"case and final dot", TXT "v=spf1 -all", A, HELO, "user@EX.com.", AUTH_FAIL, AUTH_NONE, ""},
    {"underscore", "_x.ex.com TXT v=spf1 -all", A, HELO, "u@_x.ex.com", AUTH_FAIL, AUTH_NONE, ""},
    {"U-label", "xn--bcher-kva.example TXT v=spf1 -all", A, HELO,
     "u@b\xc3\xbc"
     "cher.example",
     AUTH_FAIL, AUTH_NONE, ""},
    {"one label", "com TXT v=spf1 -all", A, "com", "u@com", AUTH_NONE, AUTH_NONE, ""},
    {"empty label", TXT "v=spf1 -all", A, "ex..com", "u@ex..com", AUTH_NONE, AUTH_NONE, ""},
    {"leading dot", TXT "v=spf1 -all", A, ".ex.com", "u@.ex.com", AUTH_NONE, AUTH_NONE, ""},
    {"address literal", TXT "v=spf1 -all", A, "[192.0.2.1]", "u@[192.0.2.1]", AUTH_NONE, AUTH_NONE,
     ""},
    {"blank in the domain", TXT "v=spf1 -all", A, "e x.com", "u@e x.com", AUTH_NONE, AUTH_NONE, ""},
    {"bytes that are no name", TXT "v=spf1 -all", A, "\xff.com", "u@\xff.com", AUTH_NONE, AUTH_NONE,
     ""},
    {"client that is no address", TXT "v=spf1 +all", "unknown", HELO, SENDER, AUTH_NONE, AUTH_NONE,
     ""},
    {"mapped client", TXT "v=spf1 ip6:::/0 ip4:192.0.2.1 -all", "::ffff:192.0.2.1", HELO, SENDER,
     AUTH_PASS, AUTH_NONE, ""},
    {"loopback is a client like others", TXT "v=spf1 -all", "127.0.0.1", HELO, SENDER, AUTH_FAIL,
     AUTH_NONE, ""},
    // records
    {"no record", "ex.com A " A, A, HELO, SENDER, AUTH_NONE, AUTH_NONE, ""},
    {"two records", TXT "v=spf1 -all\n" TXT "v=spf1 -all", A, HELO, SENDER, AUTH_PERMERROR,
     AUTH_NONE, ""},
    {"other texts are no records", TXT "v=spf10\n" TXT "spf2.0/pra +all\n" TXT "v=spf1 -all", A,
     HELO, SENDER, AUTH_FAIL, AUTH_NONE, ""},
    {"syntax error behind the match", TXT "v=spf1 +all moo", A, HELO, SENDER, AUTH_PERMERROR,
     AUTH_NONE, ""},
    {"through a CNAME", "ex.com CNAME r.ex.com\nr.ex.com TXT v=spf1 -all", A, HELO, SENDER,
     AUTH_FAIL, AUTH_NONE, ""},
    // errors of the DNS
    {"record not known", TXT "!SERVFAIL", A, HELO, SENDER, AUTH_TEMPERROR, AUTH_NONE, ""},
    {"include not known", TXT "v=spf1 include:i.ex.com -all\ni.ex.com TXT !TIMEOUT", A, HELO,
     SENDER, AUTH_TEMPERROR, AUTH_NONE, ""},
    {"redirect not known", TXT "v=spf1 redirect=i.ex.com\ni.ex.com TXT !TIMEOUT", A, HELO, SENDER,
     AUTH_TEMPERROR, AUTH_NONE, ""},
    {"address not known", TXT "v=spf1 a -all\nex.com A !SERVFAIL", A, HELO, SENDER, AUTH_TEMPERROR,
     AUTH_NONE, ""},
    {"MX not known", TXT "v=spf1 mx -all\nex.com MX !SERVFAIL", A, HELO, SENDER, AUTH_TEMPERROR,
     AUTH_NONE, ""},
    {"MX host not known", TXT "v=spf1 mx -all\nex.com MX 1 h.ex.com\nh.ex.com A !SERVFAIL", A, HELO,
     SENDER, AUTH_TEMPERROR, AUTH_NONE, ""},
    {"exists not known", TXT "v=spf1 exists:h.ex.com -all\nh.ex.com A !SERVFAIL", A, HELO, SENDER,
     AUTH_TEMPERROR, AUTH_NONE, ""},
    {"a match before the error stands", TXT "v=spf1 ip4:192.0.2.1 a -all\nex.com A !SERVFAIL", A,
     HELO, SENDER, AUTH_PASS, AUTH_NONE, ""},
    {"an error behind ptr is no match", TXT "v=spf1 ptr -all\n1.2.0.192.in-addr.arpa PTR !SERVFAIL",
     A, HELO, SENDER, AUTH_FAIL, AUTH_NONE, ""},
    {"an error of a name behind ptr passes over it",
     TXT "v=spf1 ptr -all\n1.2.0.192.in-addr.arpa PTR x.ex.com\nx.ex.com A !SERVFAIL\n"
         "1.2.0.192.in-addr.arpa PTR y.ex.com\ny.ex.com A " A,
     A, HELO, SENDER, AUTH_PASS, AUTH_NONE, ""},
    // include and redirect
    {"include without record", TXT "v=spf1 include:i.ex.com -all", A, HELO, SENDER, AUTH_PERMERROR,
     AUTH_NONE, ""},
    {"redirect without record", TXT "v=spf1 redirect=i.ex.com", A, HELO, SENDER, AUTH_PERMERROR,
     AUTH_NONE, ""},
    {"include of a name that cannot be asked", TXT "v=spf1 include:a..ex.com -all", A, HELO, SENDER,
     AUTH_PERMERROR, AUTH_NONE, ""},
    {"redirect inside an include",
     TXT "v=spf1 include:i.ex.com ~all\ni.ex.com TXT v=spf1 "
         "redirect=r.ex.com\nr.ex.com TXT v=spf1 ip4:192.0.2.1 -all",
     A, HELO, SENDER, AUTH_PASS, AUTH_NONE, ""},
    {"qualifier of the include counts",
     TXT "v=spf1 ~include:i.ex.com -all\ni.ex.com TXT v=spf1 "
         "+all",
     A, HELO, SENDER, AUTH_SOFTFAIL, AUTH_NONE, ""},
    // matching
    {"IPv6 with a prefix", TXT "v=spf1 a//64 -all\nex.com AAAA 2001:db8::1", "2001:db8::2", HELO,
     SENDER, AUTH_PASS, AUTH_NONE, ""},
    {"IPv6 client, IPv4 records", TXT "v=spf1 a -all\nex.com A " A, "2001:db8::2", HELO, SENDER,
     AUTH_FAIL, AUTH_NONE, ""},
    {"ptr within the domain only",
     TXT "v=spf1 ptr -all\n1.2.0.192.in-addr.arpa PTR notex.com\n"
         "notex.com A " A,
     A, HELO, SENDER, AUTH_FAIL, AUTH_NONE, ""},
    {"letter p takes the name within the domain",
     TXT "v=spf1 exists:%{p}.x.org -all\n"
         "1.2.0.192.in-addr.arpa PTR z.org\n1.2.0.192.in-addr.arpa PTR h.ex.com\nz.org A " A
         "\nh.ex.com A " A "\nh.ex.com.x.org A 127.0.0.2",
     A, HELO, SENDER, AUTH_PASS, AUTH_NONE, ""},
    {"letter p without names", TXT "v=spf1 exists:%{p}.x.org -all\nunknown.x.org A 127.0.0.2", A,
     HELO, SENDER, AUTH_PASS, AUTH_NONE, ""},
    {"null MX", TXT "v=spf1 mx -all\nex.com MX 0 .", A, HELO, SENDER, AUTH_FAIL, AUTH_NONE, ""},
    {"backslash in a name", TXT "v=spf1 exists:a\\092b.ex.com -all\na\\092b.ex.com A 127.0.0.2", A,
     HELO, SENDER, AUTH_PASS, AUTH_NONE, ""},
    // explanations
    {"explanation with everything",
     TXT "v=spf1 -all exp=e.ex.com\ne.ex.com TXT %{i} %{c} %{s} "
         "%{h} %{r} %{v} %{d}%%",
     A, HELO, SENDER, AUTH_FAIL, AUTH_NONE,
     "192.0.2.1 192.0.2.1 user@ex.com mail.ex.org mx.example.net in-addr ex.com%"},
    {"explanation not known", TXT "v=spf1 -all exp=e.ex.com\ne.ex.com TXT !SERVFAIL", A, HELO,
     SENDER, AUTH_FAIL, AUTH_NONE, ""},
    {"explanation of a redirect",
     TXT "v=spf1 exp=e.ex.com redirect=r.ex.com\nr.ex.com TXT v=spf1 "
         "-all exp=f.ex.com\ne.ex.com TXT wrong\nf.ex.com TXT right %{d}",
     A, HELO, SENDER, AUTH_FAIL, AUTH_NONE, "right r.ex.com"},
    {"explanation of an include is not taken",
     TXT "v=spf1 -include:i.ex.com exp=e.ex.com\n"
         "i.ex.com TXT v=spf1 +all exp=f.ex.com\ne.ex.com TXT right\nf.ex.com TXT wrong",
     A, HELO, SENDER, AUTH_FAIL, AUTH_NONE, "right"},
    {"no explanation of a softfail", TXT "v=spf1 ~all exp=e.ex.com\ne.ex.com TXT no", A, HELO,
     SENDER, AUTH_SOFTFAIL, AUTH_NONE, ""},
    {"two explanations", TXT "v=spf1 -all exp=e.ex.com\ne.ex.com TXT a\ne.ex.com TXT b", A, HELO,
     SENDER, AUTH_FAIL, AUTH_NONE, ""},
    {"explanation with bytes of the sender", TXT "v=spf1 -all exp=e.ex.com\ne.ex.com TXT %{l}", A,
     HELO, "\xc3\xa4@ex.com", AUTH_FAIL, AUTH_NONE, ""},
    {"explanation with a line end of the HELO name",
     TXT "v=spf1 -all exp=e.ex.com\ne.ex.com TXT %{h}", A, "a\r\nb", SENDER, AUTH_FAIL, AUTH_NONE,
     ""},
};

static void
check(const struct spf_case *row, bool explain, struct verdict_spf *out, struct spf_trace *trace)
{
    struct dns *dns = support_zone(row->zone);
    struct spf_query query = {.client_address = row->client,
                              .helo = row->helo,
                              .sender = row->sender,
                              .receiver = "mx.example.net",
                              .explain = explain};
    spf_check(NULL, dns, NULL, &query, out, trace);
    dns_close(dns);
}

static void
senders_are_judged(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        const struct spf_case *row = &CASES[i];
        struct verdict_spf verdict;
        check(row, true, &verdict, NULL);
        if (verdict.result != row->result || verdict.helo != row->helo_result ||
            strcmp(verdict.explanation, row->explanation) != 0 ||
            verdict.identity_is_helo != (row->sender[0] == '\0')) {
            fail_msg("%s: %s, helo %s, '%s'", row->label, auth_result_name(verdict.result),
                     auth_result_name(verdict.helo), verdict.explanation);
        }
    }
}

static void
domain_is_that_of_the_identity(void **state)
{
    (void)state;
    struct spf_case row = CASES[0];
    struct verdict_spf verdict;
    row.sender = "User@Ex.COM.";
    check(&row, false, &verdict, NULL);
    assert_string_equal(verdict.domain, "ex.com");
    row.sender = "";
    check(&row, false, &verdict, NULL);
    assert_string_equal(verdict.domain, "mail.ex.org");
    row.sender = "user@localhost";
    check(&row, false, &verdict, NULL);
    assert_string_equal(verdict.domain, "");
}

static void
explanation_is_fetched_only_when_asked_for(void **state)
{
    (void)state;
    struct spf_case row = CASES[0];
    struct verdict_spf verdict;
    row.zone = TXT "v=spf1 -all exp=e.ex.com\ne.ex.com TXT text";
    check(&row, true, &verdict, NULL);
    assert_string_equal(verdict.explanation, "text");
    check(&row, false, &verdict, NULL);
    assert_int_equal(verdict.result, AUTH_FAIL);
    assert_string_equal(verdict.explanation, "");
}

static void
long_explanation_is_cut(void **state)
{
    (void)state;
    char zone[2048];
    struct spf_case row = CASES[0];
    struct verdict_spf verdict;
    (void)snprintf(zone, sizeof(zone), TXT "v=spf1 -all exp=e.ex.com\ne.ex.com TXT %0*d", 1000, 0);
    row.zone = zone;
    check(&row, true, &verdict, NULL);
    assert_int_equal(strlen(verdict.explanation), VERDICT_TEXT_SIZE - 1);
}

static void
trace_has_a_line_for_each_term(void **state)
{
    (void)state;
    struct spf_case row = CASES[0];
    struct verdict_spf verdict;
    struct spf_trace trace = {.text = STRBUF_INIT(4096)};
    row.zone = TXT "v=spf1 a include:i.ex.com redirect=r.ex.com\nex.com A 192.0.2.9\n"
                   "i.ex.com TXT v=spf1 ip4:192.0.2.8 -all\nr.ex.com TXT v=spf1 a:!";
    row.helo = "localhost";
    check(&row, false, &verdict, &trace);
    assert_string_equal(strbuf_text(&trace.text),
                        "mailfrom ex.com\n"
                        "  ex.com has v=spf1 a include:i.ex.com redirect=r.ex.com\n"
                        "  a: no match (lookups 2)\n"
                        "    i.ex.com has v=spf1 ip4:192.0.2.8 -all\n"
                        "    ip4:192.0.2.8: no match (lookups 3)\n"
                        "    -all: match (lookups 3)\n"
                        "  include:i.ex.com: no match (lookups 3)\n"
                        "  redirect to r.ex.com\n"
                        "mailfrom permerror: the term 'a:!' is not valid (terms 3, voids 0, "
                        "lookups 4)\n");
    strbuf_done(&trace.text);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(senders_are_judged),
        cmocka_unit_test(domain_is_that_of_the_identity),
        cmocka_unit_test(explanation_is_fetched_only_when_asked_for),
        cmocka_unit_test(long_explanation_is_cut),
        cmocka_unit_test(trace_has_a_line_for_each_term),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
