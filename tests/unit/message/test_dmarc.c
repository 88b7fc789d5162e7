// SPDX-License-Identifier: Apache-2.0
#include "support.h"

#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "verifier/message/dmarc.h"
#include "verifier/message/dmarc_record.h"

#define PASS(name)                                                                                 \
    {                                                                                              \
        .domain = (name), .result = AUTH_PASS                                                      \
    }
#define FAIL(name)                                                                                 \
    {                                                                                              \
        .domain = (name), .result = AUTH_FAIL                                                      \
    }
#define TEMP(name)                                                                                 \
    {                                                                                              \
        .domain = (name), .result = AUTH_TEMPERROR                                                 \
    }
#define NOTHING                                                                                    \
    {                                                                                              \
        .domain = "", .result = AUTH_NONE                                                          \
    }

struct dmarc_case {
    const char *label;
    const char *zone;
    const char *author;
    struct dmarc_identity spf;
    struct dmarc_identity dkim[2];
    enum auth_result result;
    enum dmarc_action disposition;
};

#define REJECT DMARC_ACTION_REJECT
#define QUARANTINE DMARC_ACTION_QUARANTINE
#define NONE DMARC_ACTION_NONE
#define RECORD "_dmarc.ex.com TXT v=DMARC1; p=reject"

static const struct dmarc_case CASES[] = {
    // alignment
    {"SPF equal", RECORD, "ex.com", PASS("ex.com"), {NOTHING}, AUTH_PASS, NONE},
    {"DKIM equal", RECORD, "ex.com", NOTHING, {PASS("ex.com")}, AUTH_PASS, NONE},
    {"SPF below", RECORD, "ex.com", PASS("mail.ex.com"), {NOTHING}, AUTH_PASS, NONE},
    {"DKIM below", RECORD, "ex.com", NOTHING, {PASS("m.ex.com")}, AUTH_PASS, NONE},
    {"author below", RECORD, "news.ex.com", PASS("ex.com"), {NOTHING}, AUTH_PASS, NONE},
    {"siblings", RECORD, "a.ex.com", PASS("b.ex.com"), {NOTHING}, AUTH_PASS, NONE},
    {"other domain", RECORD, "ex.com", PASS("evil.com"), {PASS("evil.com")}, AUTH_FAIL, REJECT},
    {"nothing passes", RECORD, "ex.com", FAIL("ex.com"), {FAIL("ex.com")}, AUTH_FAIL, REJECT},
    {"nothing at all", RECORD, "ex.com", NOTHING, {NOTHING}, AUTH_FAIL, REJECT},
    {"name that only ends alike",
     RECORD,
     "ex.com",
     PASS("notex.com"),
     {NOTHING},
     AUTH_FAIL,
     REJECT},
    {"one-letter label",
     "_dmarc.x.com TXT v=DMARC1; p=reject",
     "x.com",
     PASS("evil.com"),
     {PASS("mail.attacker.com")},
     AUTH_FAIL,
     REJECT},
    {"one-letter labels below a suffix",
     "_dmarc.a.co.uk TXT v=DMARC1; p=reject",
     "a.co.uk",
     PASS("b.co.uk"),
     {NOTHING},
     AUTH_FAIL,
     REJECT},
    {"top level",
     "_dmarc.victim.com TXT v=DMARC1; p=reject",
     "victim.com",
     NOTHING,
     {PASS("com")},
     AUTH_FAIL,
     REJECT},
    {"suffix",
     "_dmarc.victim.co.uk TXT v=DMARC1; p=reject",
     "victim.co.uk",
     NOTHING,
     {PASS("co.uk")},
     AUTH_FAIL,
     REJECT},
    {"private suffix",
     "_dmarc.victim.github.io TXT v=DMARC1; p=reject",
     "victim.github.io",
     PASS("github.io"),
     {NOTHING},
     AUTH_FAIL,
     REJECT},
    {"neighbours below a private suffix",
     "_dmarc.a.github.io TXT v=DMARC1; p=reject",
     "a.github.io",
     PASS("b.github.io"),
     {NOTHING},
     AUTH_FAIL,
     REJECT},
    {"strict SPF, below",
     RECORD "; aspf=s",
     "ex.com",
     PASS("mail.ex.com"),
     {NOTHING},
     AUTH_FAIL,
     REJECT},
    {"strict SPF, equal", RECORD "; aspf=s", "ex.com", PASS("ex.com"), {NOTHING}, AUTH_PASS, NONE},
    {"strict DKIM, below",
     RECORD "; adkim=s",
     "ex.com",
     NOTHING,
     {PASS("mail.ex.com")},
     AUTH_FAIL,
     REJECT},
    {"strict DKIM, equal",
     RECORD "; adkim=s",
     "ex.com",
     NOTHING,
     {PASS("ex.com")},
     AUTH_PASS,
     NONE},
    {"strict SPF says nothing of DKIM",
     RECORD "; aspf=s",
     "ex.com",
     NOTHING,
     {PASS("mail.ex.com")},
     AUTH_PASS,
     NONE},
    {"aligned pass, then failure",
     RECORD,
     "ex.com",
     NOTHING,
     {PASS("m.ex.com"), FAIL("ex.com")},
     AUTH_PASS,
     NONE},
    {"failure, then aligned pass",
     RECORD,
     "ex.com",
     NOTHING,
     {FAIL("ex.com"), PASS("ex.com")},
     AUTH_PASS,
     NONE},
    // lookups that fail
    {"DKIM temperror, aligned", RECORD, "ex.com", NOTHING, {TEMP("ex.com")}, AUTH_TEMPERROR, NONE},
    {"SPF temperror, aligned", RECORD, "ex.com", TEMP("ex.com"), {NOTHING}, AUTH_TEMPERROR, NONE},
    {"temperror of another domain",
     RECORD,
     "ex.com",
     TEMP("evil.net"),
     {NOTHING},
     AUTH_FAIL,
     REJECT},
    {"SPF temperror beside an aligned pass",
     RECORD,
     "ex.com",
     TEMP("ex.com"),
     {PASS("ex.com")},
     AUTH_PASS,
     NONE},
    {"policy cannot be looked up",
     "_dmarc.ex.com TXT !SERVFAIL",
     "ex.com",
     PASS("ex.com"),
     {NOTHING},
     AUTH_TEMPERROR,
     NONE},
    {"organizational policy cannot be looked up",
     "_dmarc.ex.com TXT !TIMEOUT",
     "a.ex.com",
     PASS("evil.com"),
     {NOTHING},
     AUTH_TEMPERROR,
     NONE},
    {"top level cannot be looked up, names equal",
     RECORD "\n_dmarc.com TXT !SERVFAIL",
     "ex.com",
     PASS("ex.com"),
     {NOTHING},
     AUTH_PASS,
     NONE},
    {"top level cannot be looked up, names differ",
     RECORD "\n_dmarc.com TXT !SERVFAIL",
     "ex.com",
     PASS("a.ex.com"),
     {NOTHING},
     AUTH_TEMPERROR,
     NONE},
    {"identity's walk fails",
     RECORD "\n_dmarc.m.ex.com TXT !SERVFAIL",
     "ex.com",
     PASS("m.ex.com"),
     {NOTHING},
     AUTH_TEMPERROR,
     NONE},
    // which record
    {"no record", "ex.com A 192.0.2.1", "ex.com", PASS("ex.com"), {NOTHING}, AUTH_NONE, NONE},
    {"two records",
     RECORD "\n_dmarc.ex.com TXT v=DMARC1; p=none",
     "ex.com",
     NOTHING,
     {NOTHING},
     AUTH_NONE,
     NONE},
    {"a record beside other text",
     RECORD "\n_dmarc.ex.com TXT hello",
     "ex.com",
     NOTHING,
     {NOTHING},
     AUTH_FAIL,
     REJECT},
    {"own record beats the organizational one",
     RECORD "\n_dmarc.a.ex.com TXT v=DMARC1; p=none",
     "a.ex.com",
     NOTHING,
     {NOTHING},
     AUTH_FAIL,
     NONE},
    {"inherited p", RECORD, "a.ex.com", NOTHING, {NOTHING}, AUTH_FAIL, REJECT},
    {"inherited sp",
     RECORD "; sp=quarantine\na.ex.com A 192.0.2.1",
     "a.ex.com",
     NOTHING,
     {NOTHING},
     AUTH_FAIL,
     QUARANTINE},
    {"sp is not for the domain itself",
     RECORD "; sp=none",
     "ex.com",
     NOTHING,
     {NOTHING},
     AUTH_FAIL,
     REJECT},
    {"np, name does not exist",
     "_dmarc.ex.com TXT v=DMARC1; p=none; np=reject\nex.com A 192.0.2.1",
     "no.ex.com",
     NOTHING,
     {NOTHING},
     AUTH_FAIL,
     REJECT},
    {"np, name exists",
     "_dmarc.ex.com TXT v=DMARC1; p=none; np=reject\nis.ex.com TXT x",
     "is.ex.com",
     NOTHING,
     {NOTHING},
     AUTH_FAIL,
     NONE},
    {"np, nobody knows",
     "_dmarc.ex.com TXT v=DMARC1; p=none; np=reject\nno.ex.com A !SERVFAIL",
     "no.ex.com",
     NOTHING,
     {NOTHING},
     AUTH_FAIL,
     NONE},
    {"public suffix's record",
     "_dmarc.bank TXT v=DMARC1; p=none; sp=reject; psd=y\nx.bank A 1.2.3.4",
     "x.bank",
     NOTHING,
     {NOTHING},
     AUTH_FAIL,
     REJECT},
    {"below a public suffix, neighbours",
     "_dmarc.bank TXT v=DMARC1; p=reject; psd=y",
     "x.bank",
     PASS("y.bank"),
     {NOTHING},
     AUTH_FAIL,
     REJECT},
    {"below a public suffix, own subdomain",
     "_dmarc.bank TXT v=DMARC1; p=reject; psd=y",
     "x.bank",
     PASS("m.x.bank"),
     {NOTHING},
     AUTH_PASS,
     NONE},
    {"psd=n cuts a branch off",
     RECORD "\n_dmarc.b.ex.com TXT v=DMARC1; p=reject; psd=n",
     "a.b.ex.com",
     PASS("ex.com"),
     {NOTHING},
     AUTH_FAIL,
     REJECT},
    {"psd=n, inside the branch",
     "_dmarc.b.ex.com TXT v=DMARC1; p=reject; psd=n",
     "a.b.ex.com",
     PASS("c.b.ex.com"),
     {NOTHING},
     AUTH_PASS,
     NONE},
    {"the shortest name with a record",
     RECORD "\n_dmarc.b.ex.com TXT v=DMARC1; p=none",
     "a.b.ex.com",
     NOTHING,
     {NOTHING},
     AUTH_FAIL,
     REJECT},
    {"ten labels", RECORD, "1.2.3.4.5.6.7.8.ex.com", NOTHING, {NOTHING}, AUTH_FAIL, REJECT},
    {"ten labels, the skipped names do not count",
     "_dmarc.2.3.4.5.6.7.8.ex.com TXT v=DMARC1; p=reject",
     "1.2.3.4.5.6.7.8.ex.com",
     NOTHING,
     {NOTHING},
     AUTH_NONE,
     NONE},
    // record text
    {"t=y, reject", RECORD "; t=y", "ex.com", NOTHING, {NOTHING}, AUTH_FAIL, QUARANTINE},
    {"t=y, quarantine",
     "_dmarc.ex.com TXT v=DMARC1; p=quarantine; t=y",
     "ex.com",
     NOTHING,
     {NOTHING},
     AUTH_FAIL,
     NONE},
    {"t=n", RECORD "; t=n", "ex.com", NOTHING, {NOTHING}, AUTH_FAIL, REJECT},
    {"p missing, rua there",
     "_dmarc.ex.com TXT v=DMARC1; rua=mailto:a@ex.com",
     "ex.com",
     NOTHING,
     {NOTHING},
     AUTH_FAIL,
     NONE},
    {"p wrong, rua there",
     "_dmarc.ex.com TXT v=DMARC1; p=x; rua=mailto:a@ex.com",
     "ex.com",
     NOTHING,
     {NOTHING},
     AUTH_FAIL,
     NONE},
    {"p missing", "_dmarc.ex.com TXT v=DMARC1", "ex.com", NOTHING, {NOTHING}, AUTH_NONE, NONE},
    {"p=r", "_dmarc.ex.com TXT v=DMARC1; p=r", "ex.com", NOTHING, {NOTHING}, AUTH_NONE, NONE},
    {"v not first",
     "_dmarc.ex.com TXT p=reject; v=DMARC1",
     "ex.com",
     NOTHING,
     {NOTHING},
     AUTH_NONE,
     NONE},
    {"v missing", "_dmarc.ex.com TXT p=reject", "ex.com", NOTHING, {NOTHING}, AUTH_NONE, NONE},
    {"v in lower case",
     "_dmarc.ex.com TXT v=dmarc1; p=reject",
     "ex.com",
     NOTHING,
     {NOTHING},
     AUTH_NONE,
     NONE},
    {"v=DMARC10",
     "_dmarc.ex.com TXT v=DMARC10; p=reject",
     "ex.com",
     NOTHING,
     {NOTHING},
     AUTH_NONE,
     NONE},
    {"p twice", RECORD "; p=none", "ex.com", NOTHING, {NOTHING}, AUTH_NONE, NONE},
    {"p in upper case",
     "_dmarc.ex.com TXT v=DMARC1;p=REJECT",
     "ex.com",
     NOTHING,
     {NOTHING},
     AUTH_FAIL,
     REJECT},
    {"adkim=x", RECORD "; adkim=x", "ex.com", NOTHING, {NOTHING}, AUTH_FAIL, REJECT},
    {"pct=200", RECORD "; pct=200", "ex.com", NOTHING, {NOTHING}, AUTH_FAIL, REJECT},
    {"pct=0 means nothing any more",
     RECORD "; pct=0",
     "ex.com",
     NOTHING,
     {NOTHING},
     AUTH_FAIL,
     REJECT},
    {"ri=1h", RECORD "; ri=1h", "ex.com", NOTHING, {NOTHING}, AUTH_FAIL, REJECT},
    {"rf=xyz", RECORD "; rf=xyz", "ex.com", NOTHING, {NOTHING}, AUTH_FAIL, REJECT},
    {"rf=iodef is not aspf",
     RECORD "; rf=iodef",
     "ex.com",
     PASS("m.ex.com"),
     {NOTHING},
     AUTH_PASS,
     NONE},
    {"fo=z", RECORD "; fo=z", "ex.com", NOTHING, {NOTHING}, AUTH_FAIL, REJECT},
    {"unknown tag", RECORD "; zz=1", "ex.com", NOTHING, {NOTHING}, AUTH_FAIL, REJECT},
    {"a part that is no tag", RECORD "; hello", "ex.com", NOTHING, {NOTHING}, AUTH_FAIL, REJECT},
    {"sp wrong", RECORD "; sp=x", "a.ex.com", NOTHING, {NOTHING}, AUTH_NONE, NONE},
    {"blanks",
     "_dmarc.ex.com TXT v = DMARC1 ;  p = reject ;",
     "ex.com",
     NOTHING,
     {NOTHING},
     AUTH_FAIL,
     REJECT},
};

static void
dmarc_gives_the_results_of_the_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        const struct dmarc_case *row = &CASES[i];
        struct dns *dns = support_zone(row->zone);
        struct dns_budget budget = {.deadline_mono_ms = clock_mono_ms() + 5000,
                                    .queries_left = 100};
        struct dmarc_input input = {
            .author = row->author, .spf = row->spf, .dkim = row->dkim, .dkim_count = 1};
        input.dkim_count += row->dkim[1].domain != NULL ? 1 : 0;
        struct verdict_dmarc out;
        dmarc_evaluate(dns, &budget, &input, &out);
        if (out.result != row->result || out.disposition != row->disposition) {
            fail_msg("%s: %s/%s (org %s)", row->label, auth_result_name(out.result),
                     dmarc_action_name(out.disposition), out.org_domain);
        }
        dns_close(dns);
    }
}

static void
org_domain_follows_the_walk(void **state)
{
    (void)state;
    static const struct {
        const char *zone;
        const char *name;
        const char *org; /* NULL: the DNS does not tell */
    } rows[] = {
        {RECORD, "a.b.ex.com", "ex.com"},
        {"x.example A 192.0.2.1", "a.b.ex.com", "a.b.ex.com"},
        {"_dmarc.com TXT v=DMARC1; psd=y", "a.b.ex.com", "ex.com"},
        {"_dmarc.com TXT v=DMARC1; psd=y", "com", "com"},
        {"_dmarc.b.ex.com TXT v=DMARC1; psd=n", "a.b.ex.com", "b.ex.com"},
        {"_dmarc.ex.com TXT !SERVFAIL", "a.ex.com", NULL},
        {"_dmarc.3.4.5.6.7.8.9 TXT v=DMARC1; psd=y", "0.1.2.3.4.5.6.7.8.9", "2.3.4.5.6.7.8.9"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct dns *dns = support_zone(rows[i].zone);
        struct dns_budget budget = {.deadline_mono_ms = clock_mono_ms() + 5000,
                                    .queries_left = 100};
        char org[DOMAIN_NAME_SIZE] = "untouched";
        enum status status =
            dmarc_org_domain(dns, &budget, DMARC_DISCOVERY_TREEWALK, rows[i].name, org);
        assert_int_equal(status, rows[i].org == NULL ? ST_AGAIN : ST_OK);
        assert_string_equal(org, rows[i].org == NULL ? "untouched" : rows[i].org);
        dns_close(dns);
    }
}

static void
walk_asks_at_most_eight_names(void **state)
{
    (void)state;
    struct dns *dns = support_zone("x.example A 192.0.2.1");
    struct dns_budget budget = {.deadline_mono_ms = clock_mono_ms() + 5000, .queries_left = 100};
    char name[DOMAIN_NAME_SIZE] = "a";
    for (int i = 0; i < 60; i++) {
        (void)strncat(name, ".a", sizeof(name) - strlen(name) - 1);
    }
    char org[DOMAIN_NAME_SIZE];
    assert_int_equal(dmarc_org_domain(dns, &budget, DMARC_DISCOVERY_TREEWALK, name, org), ST_OK);
    assert_in_range(budget.queries + budget.hits, 1, DMARC_WALK_MAX);
    dns_close(dns);
}

// Else whoever signs for many long names of his own makes a fail a temperror.
static void
strangers_names_cost_no_questions(void **state)
{
    (void)state;
    struct dmarc_identity signers[VERDICT_DKIM_MAX];
    for (size_t i = 0; i < ARRAY_LEN(signers); i++) {
        signers[i] = (struct dmarc_identity){.domain = "a.b.c.d.e.f.evil.com", .result = AUTH_PASS};
    }
    struct dns *dns = support_zone(RECORD);
    struct dns_budget budget = {.deadline_mono_ms = clock_mono_ms() + 5000,
                                .queries_left = DMARC_WALK_MAX};
    struct dmarc_input input = {.author = "ex.com",
                                .spf = PASS("g.h.i.j.evil.com"),
                                .dkim = signers,
                                .dkim_count = ARRAY_LEN(signers)};
    struct verdict_dmarc out;
    dmarc_evaluate(dns, &budget, &input, &out);
    assert_int_equal(out.result, AUTH_FAIL);
    assert_int_equal(out.disposition, DMARC_ACTION_REJECT);
    assert_int_equal(budget.queries + budget.hits, 2); // ex.com and com
    dns_close(dns);
}

static void
used_up_budget_is_temperror(void **state)
{
    (void)state;
    struct dns *dns = support_zone(RECORD);
    struct dns_budget budget = {.deadline_mono_ms = clock_mono_ms() - 1, .queries_left = 0};
    struct dmarc_input input = {.author = "ex.com", .spf = NOTHING};
    struct verdict_dmarc out;
    dmarc_evaluate(dns, &budget, &input, &out);
    assert_int_equal(out.result, AUTH_TEMPERROR);
    assert_int_equal(out.disposition, DMARC_ACTION_NONE);
    dns_close(dns);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dmarc_gives_the_results_of_the_table),
        cmocka_unit_test(org_domain_follows_the_walk),
        cmocka_unit_test(walk_asks_at_most_eight_names),
        cmocka_unit_test(strangers_names_cost_no_questions),
        cmocka_unit_test(used_up_budget_is_temperror),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
