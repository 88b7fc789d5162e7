// SPDX-License-Identifier: Apache-2.0
// The limits of RFC 7208, 4.6.4, each at its number and one above, and what hostile records cost.
#include "support.h"

#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/strbuf.h"
#include "verifier/message/spf.h"

enum { ZONE_MAX = 1 << 20, BUDGET_QUERIES = 1000 };

struct outcome {
    struct verdict_spf verdict;
    unsigned queries;
    unsigned hits;
};

static struct outcome
check_with(struct dns_budget budget, const char *client, const struct strbuf *zone)
{
    assert_false(zone->overflow);
    struct dns *dns = support_zone(strbuf_text(zone));
    struct spf_query query = {
        .client_address = client, .helo = "localhost", .sender = "user@ex.com", .explain = true};
    struct outcome outcome;
    spf_check(NULL, dns, &budget, &query, &outcome.verdict, NULL);
    outcome.queries = budget.queries;
    outcome.hits = budget.hits;
    dns_close(dns);
    return outcome;
}

static struct outcome
check(const char *client, const struct strbuf *zone)
{
    struct dns_budget budget = {.deadline_mono_ms = INT64_MAX, .queries_left = BUDGET_QUERIES};
    return check_with(budget, client, zone);
}

// `count` times the text, each "#" in it as the number.
static void
repeat(struct strbuf *zone, unsigned count, const char *text)
{
    for (unsigned i = 1; i <= count; i++) {
        for (const char *c = text; *c != '\0'; c++) {
            if (*c == '#') {
                strbuf_printf(zone, "%u", i);
            } else {
                strbuf_putc(zone, *c);
            }
        }
    }
}

static void
assert_result(const char *label, struct outcome outcome, enum auth_result wanted)
{
    if (outcome.verdict.result != wanted) {
        fail_msg("%s: %s, not %s", label, auth_result_name(outcome.verdict.result),
                 auth_result_name(wanted));
    }
}

/* Terms that count, and what else the zone needs for them not to match. */
static const struct {
    const char *term;
    const char *lines;
} COUNTED[] = {
    {"a ", ""},
    {"mx ", "ex.com MX 1 h.ex.com\nh.ex.com A 192.0.2.9\n"},
    {"ptr ", ""},
    {"include:i.ex.com ", "i.ex.com TXT v=spf1 -all\n"},
};

static void
ten_terms_are_allowed(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(COUNTED); i++) {
        for (unsigned count = SPF_TERMS_MAX; count <= SPF_TERMS_MAX + 1; count++) {
            AUTO_STRBUF zone = STRBUF_INIT(ZONE_MAX);
            strbuf_printf(&zone, "%sex.com A 192.0.2.9\nex.com TXT v=spf1 ", COUNTED[i].lines);
            repeat(&zone, count, COUNTED[i].term);
            strbuf_puts(&zone, "ip4:192.0.2.1 -all\n");
            struct outcome outcome = check("192.0.2.1", &zone);
            bool is_over = count > SPF_TERMS_MAX;
            assert_result(COUNTED[i].term, outcome, is_over ? AUTH_PERMERROR : AUTH_PASS);
            assert_int_equal(outcome.verdict.terms, count);
        }
    }
}

static void
exists_counts_as_a_term(void **state)
{
    (void)state;
    // A match ends the record, so each stands in an include that then says "no".
    for (unsigned count = 4; count <= 5; count++) {
        AUTO_STRBUF zone = STRBUF_INIT(ZONE_MAX);
        strbuf_puts(&zone, "i.ex.com TXT v=spf1 -exists:y.ex.com -all\ny.ex.com A 127.0.0.2\n"
                           "ex.com A 192.0.2.9\nex.com TXT v=spf1 ");
        repeat(&zone, count, "include:i.ex.com ");
        strbuf_puts(&zone, "a a ip4:192.0.2.1 -all\n");
        assert_result("exists", check("192.0.2.1", &zone), count == 4 ? AUTH_PASS : AUTH_PERMERROR);
    }
}

static void
terms_count_over_includes_and_redirects(void **state)
{
    (void)state;
    for (unsigned count = 7; count <= 8; count++) {
        AUTO_STRBUF zone = STRBUF_INIT(ZONE_MAX);
        strbuf_puts(&zone, "ex.com A 192.0.2.9\nex.com TXT v=spf1 a include:i.ex.com "
                           "redirect=r.ex.com\nr.ex.com TXT v=spf1 ip4:192.0.2.1 -all\n"
                           "i.ex.com TXT v=spf1 ");
        repeat(&zone, count, "a:ex.com ");
        strbuf_puts(&zone, "-all\n");
        assert_result("spread", check("192.0.2.1", &zone), count == 7 ? AUTH_PASS : AUTH_PERMERROR);
    }
}

static void
chain_of_redirects_ends(void **state)
{
    (void)state;
    for (unsigned count = SPF_TERMS_MAX; count <= SPF_TERMS_MAX + 1; count++) {
        AUTO_STRBUF zone = STRBUF_INIT(ZONE_MAX);
        strbuf_puts(&zone, "ex.com TXT v=spf1 redirect=r1.ex.com\n");
        for (unsigned i = 1; i < count; i++) {
            strbuf_printf(&zone, "r%u.ex.com TXT v=spf1 redirect=r%u.ex.com\n", i, i + 1);
        }
        strbuf_printf(&zone, "r%u.ex.com TXT v=spf1 -all\n", count);
        assert_result("redirects", check("192.0.2.1", &zone),
                      count == SPF_TERMS_MAX ? AUTH_FAIL : AUTH_PERMERROR);
    }
}

static void
two_void_terms_are_allowed(void **state)
{
    (void)state;
    static const struct {
        const char *label;
        const char *zone;
        enum auth_result result;
        unsigned voids;
    } rows[] = {
        {"no such name", "ex.com TXT v=spf1 a:n1.x exists:n2.x ip4:192.0.2.1", AUTH_PASS, 2},
        {"no such type", "ex.com TXT v=spf1 a mx ip4:192.0.2.1", AUTH_PASS, 2},
        {"three", "ex.com TXT v=spf1 a mx a:n.x ip4:192.0.2.1", AUTH_PERMERROR, 3},
        {"over an include",
         "ex.com TXT v=spf1 include:i.ex.com a:n3.x ip4:192.0.2.1\n"
         "i.ex.com TXT v=spf1 a:n1.x a:n2.x",
         AUTH_PERMERROR, 3},
        {"ptr counts not", "ex.com TXT v=spf1 a mx ptr ip4:192.0.2.1", AUTH_PASS, 2},
        {"letter p counts not",
         "ex.com TXT v=spf1 a mx -exists:%{p}.y ip4:192.0.2.1\n"
         "unknown.y A 127.0.0.2",
         AUTH_FAIL, 2},
        {"explanation counts not", "ex.com TXT v=spf1 a mx -all exp=n.x", AUTH_FAIL, 2},
        {"an mx counts once",
         "ex.com TXT v=spf1 mx ip4:192.0.2.1\nex.com MX 1 a.x\nex.com MX 2 b.x\nex.com MX 3 c.x\n",
         AUTH_PASS, 1},
        {"what matches is not void",
         "ex.com TXT v=spf1 a:n1.x a:n2.x mx -all\nex.com MX 1 a.x\nex.com MX 2 h.x\n"
         "h.x A 192.0.2.1",
         AUTH_PASS, 2},
        {"a name that cannot be asked is not asked",
         "ex.com TXT v=spf1 a:a..x a:b..x a:c..x ip4:192.0.2.1", AUTH_PASS, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO_STRBUF zone = STRBUF_INIT(ZONE_MAX);
        strbuf_puts(&zone, rows[i].zone);
        struct outcome outcome = check("192.0.2.1", &zone);
        assert_result(rows[i].label, outcome, rows[i].result);
        assert_int_equal(outcome.verdict.voids, rows[i].voids);
    }
}

static void
ten_mx_hosts_are_allowed(void **state)
{
    (void)state;
    for (unsigned count = SPF_MX_HOSTS_MAX; count <= SPF_MX_HOSTS_MAX + 1; count++) {
        AUTO_STRBUF zone = STRBUF_INIT(ZONE_MAX);
        strbuf_puts(&zone, "ex.com TXT v=spf1 mx -all\n");
        repeat(&zone, count, "ex.com MX # h#.ex.com\nh#.ex.com A 192.0.2.#\n");
        bool is_over = count > SPF_MX_HOSTS_MAX;
        assert_result("first", check("192.0.2.1", &zone), is_over ? AUTH_PERMERROR : AUTH_PASS);
        assert_result("tenth", check("192.0.2.10", &zone), is_over ? AUTH_PERMERROR : AUTH_PASS);
        assert_result("none", check("192.0.2.99", &zone), is_over ? AUTH_PERMERROR : AUTH_FAIL);
    }
}

static void
ten_names_of_the_client_are_looked_at(void **state)
{
    (void)state;
    for (unsigned before = SPF_PTR_NAMES_MAX - 1; before <= SPF_PTR_NAMES_MAX; before++) {
        AUTO_STRBUF zone = STRBUF_INIT(ZONE_MAX);
        strbuf_puts(&zone, "ex.com TXT v=spf1 ptr -all\n");
        repeat(&zone, before, "1.2.0.192.in-addr.arpa PTR h#.x.org\nh#.x.org A 192.0.2.1\n");
        strbuf_puts(&zone, "1.2.0.192.in-addr.arpa PTR h.ex.com\nh.ex.com A 192.0.2.1\n");
        assert_result("ptr", check("192.0.2.1", &zone),
                      before < SPF_PTR_NAMES_MAX ? AUTH_PASS : AUTH_FAIL);
    }
}

static void
zones_of_the_client_leave_budget_for_the_domain(void **state)
{
    (void)state;
    AUTO_STRBUF zone = STRBUF_INIT(ZONE_MAX);
    strbuf_puts(&zone, "ex.com TXT v=spf1 ptr a -all\nex.com A 192.0.2.9\n");
    repeat(&zone, SPF_PTR_NAMES_MAX, "1.2.0.192.in-addr.arpa PTR h#.x.org\nh#.x.org A 192.0.2.1\n");
    struct dns_budget budget = {.deadline_mono_ms = INT64_MAX, .queries_left = 10};
    assert_result("ptr", check_with(budget, "192.0.2.1", &zone), AUTH_FAIL);
}

static void
names_of_the_client_are_looked_up_once(void **state)
{
    (void)state;
    AUTO_STRBUF zone = STRBUF_INIT(ZONE_MAX);
    strbuf_puts(&zone, "ex.com TXT v=spf1 ptr:a.org ptr:b.org include:%{p}.ex.com -all "
                       "exp=%{p}.e.ex.com\nh.x.org.ex.com TXT v=spf1 ptr:c.org -all\n");
    repeat(&zone, 10, "1.2.0.192.in-addr.arpa PTR h.x.org\n");
    strbuf_puts(&zone, "h.x.org A 192.0.2.1\nh.x.org.e.ex.com TXT for %{p}\n");
    struct outcome outcome = check("192.0.2.1", &zone);
    assert_result("p", outcome, AUTH_FAIL);
    assert_string_equal(outcome.verdict.explanation, "for h.x.org");
    assert_int_equal(outcome.queries, 5); // two records, PTR, one A, the explanation
    assert_int_equal(outcome.hits, 9);    // the other nine names are the same
}

static void
lookups_have_a_cap_of_their_own(void **state)
{
    (void)state;
    // One record, and 11 lookups for each mx: 56 with five of them, 67 with six.
    for (unsigned count = 5; count <= 6; count++) {
        AUTO_STRBUF zone = STRBUF_INIT(ZONE_MAX);
        strbuf_puts(&zone, "ex.com TXT v=spf1 ");
        repeat(&zone, count, "mx:m#.ex.com ");
        strbuf_puts(&zone, "ip4:192.0.2.1 -all\n");
        for (unsigned i = 1; i <= count; i++) {
            for (unsigned host = 1; host <= 10; host++) {
                strbuf_printf(&zone, "m%u.ex.com MX 1 h%u.m%u.ex.com\nh%u.m%u.ex.com A 192.0.2.9\n",
                              i, host, i, host, i);
            }
        }
        struct outcome outcome = check("192.0.2.1", &zone);
        assert_result("cap", outcome, count == 5 ? AUTH_PASS : AUTH_PERMERROR);
        assert_int_equal(outcome.queries, count == 5 ? 56 : SPF_LOOKUPS_MAX);
    }
}

static void
budget_used_up_is_temporary(void **state)
{
    (void)state;
    AUTO_STRBUF zone = STRBUF_INIT(ZONE_MAX);
    strbuf_puts(&zone, "ex.com TXT v=spf1 a include:i.ex.com -all\nex.com A 192.0.2.9\n"
                       "i.ex.com TXT v=spf1 +all\n");
    for (unsigned queries = 0; queries <= 3; queries++) {
        struct dns_budget budget = {.deadline_mono_ms = INT64_MAX, .queries_left = queries};
        assert_result("queries", check_with(budget, "192.0.2.1", &zone),
                      queries == 3 ? AUTH_PASS : AUTH_TEMPERROR);
    }
    struct dns_budget late = {.deadline_mono_ms = clock_mono_ms(), .queries_left = 3};
    assert_result("deadline", check_with(late, "192.0.2.1", &zone), AUTH_TEMPERROR);
}

static void
each_identity_has_its_own_limits(void **state)
{
    (void)state;
    struct dns *dns = support_zone("ex.com TXT v=spf1 a a a a a a a a a a ip4:192.0.2.1 -all\n"
                                   "ex.com A 192.0.2.9\n");
    struct spf_query query = {
        .client_address = "192.0.2.1", .helo = "ex.com", .sender = "user@ex.com"};
    struct verdict_spf verdict;
    spf_check(NULL, dns, NULL, &query, &verdict, NULL);
    assert_int_equal(verdict.result, AUTH_PASS);
    assert_int_equal(verdict.helo, AUTH_PASS);
    assert_int_equal(verdict.terms, 10);
    dns_close(dns);
}

static void
seventy_addresses_are_all_looked_at(void **state)
{
    (void)state;
    AUTO_STRBUF zone = STRBUF_INIT(ZONE_MAX);
    strbuf_puts(&zone, "ex.com TXT v=spf1 ");
    repeat(&zone, 70, "ip4:192.0.2.# ");
    strbuf_puts(&zone, "-all\n");
    assert_result("first", check("192.0.2.1", &zone), AUTH_PASS);
    assert_result("last", check("192.0.2.70", &zone), AUTH_PASS);
    assert_result("none", check("192.0.2.71", &zone), AUTH_FAIL);
}

static void
long_joined_record_is_read_whole(void **state)
{
    (void)state;
    AUTO_STRBUF zone = STRBUF_INIT(ZONE_MAX);
    strbuf_puts(&zone, "ex.com TXT v=spf1 ");
    repeat(&zone, 20, "ip6:2001:db8:#::/48 ");
    size_t length = zone.length - strlen("ex.com TXT ");
    strbuf_printf(&zone, "%*sip4:192.0.2.1 -all\n", 450 - (int)length - 18, "");
    assert_int_equal(zone.length, strlen("ex.com TXT ") + 450 + 1);
    assert_result("joined", check("192.0.2.1", &zone), AUTH_PASS);
    assert_result("joined", check("192.0.2.2", &zone), AUTH_FAIL);
}

static void
record_too_long_is_a_permanent_error(void **state)
{
    (void)state;
    for (int extra = 0; extra <= 1; extra++) {
        AUTO_STRBUF zone = STRBUF_INIT(ZONE_MAX);
        strbuf_printf(&zone, "ex.com TXT v=spf1 +all%*s\n",
                      SPF_RECORD_MAX - (int)strlen("v=spf1 +all") + extra, "");
        assert_result("long", check("192.0.2.1", &zone), extra == 0 ? AUTH_PASS : AUTH_PERMERROR);
    }
}

static void
includes_of_includes_are_bounded(void **state)
{
    (void)state;
    AUTO_STRBUF zone = STRBUF_INIT(ZONE_MAX);
    strbuf_puts(&zone, "ex.com TXT v=spf1 ");
    repeat(&zone, 10, "include:i#.%{d} ");
    strbuf_puts(&zone, "\n*.ex.com TXT v=spf1 ");
    repeat(&zone, 10, "include:i#.%{d} ");
    strbuf_puts(&zone, "\n");
    struct outcome outcome = check("192.0.2.1", &zone);
    assert_result("bomb", outcome, AUTH_PERMERROR);
    assert_true(outcome.queries <= SPF_TERMS_MAX + 1);
}

static void
includes_of_themselves_are_bounded(void **state)
{
    (void)state;
    AUTO_STRBUF zone = STRBUF_INIT(ZONE_MAX);
    strbuf_puts(&zone, "ex.com TXT v=spf1 include:ex.com include:ex.com redirect=ex.com\n");
    struct outcome outcome = check("192.0.2.1", &zone);
    assert_result("loop", outcome, AUTH_PERMERROR);
    assert_int_equal(outcome.queries, 1);
    assert_int_equal(outcome.hits, SPF_TERMS_MAX);
}

static void
macros_without_end_cost_one_query(void **state)
{
    (void)state;
    AUTO_STRBUF zone = STRBUF_INIT(ZONE_MAX);
    strbuf_puts(&zone, "ex.com TXT v=spf1 -exists:");
    repeat(&zone, 4000, "%{s}");
    strbuf_puts(&zone, ".ex.com ip4:192.0.2.1 -all\n");
    struct outcome outcome = check("192.0.2.1", &zone);
    assert_result("macros", outcome, AUTH_PASS);
    assert_int_equal(outcome.queries, 2);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ten_terms_are_allowed),
        cmocka_unit_test(exists_counts_as_a_term),
        cmocka_unit_test(terms_count_over_includes_and_redirects),
        cmocka_unit_test(chain_of_redirects_ends),
        cmocka_unit_test(two_void_terms_are_allowed),
        cmocka_unit_test(ten_mx_hosts_are_allowed),
        cmocka_unit_test(ten_names_of_the_client_are_looked_at),
        cmocka_unit_test(zones_of_the_client_leave_budget_for_the_domain),
        cmocka_unit_test(names_of_the_client_are_looked_up_once),
        cmocka_unit_test(lookups_have_a_cap_of_their_own),
        cmocka_unit_test(budget_used_up_is_temporary),
        cmocka_unit_test(each_identity_has_its_own_limits),
        cmocka_unit_test(seventy_addresses_are_all_looked_at),
        cmocka_unit_test(long_joined_record_is_read_whole),
        cmocka_unit_test(record_too_long_is_a_permanent_error),
        cmocka_unit_test(includes_of_includes_are_bounded),
        cmocka_unit_test(includes_of_themselves_are_bounded),
        cmocka_unit_test(macros_without_end_cost_one_query),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
