// SPDX-License-Identifier: Apache-2.0
// DMARC discovery as a table: which record applies, which names belong together, by the tree walk
// and by the public suffix list.
#include "support.h"

#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "verifier/message/dmarc.h"

#define WALK DMARC_DISCOVERY_TREEWALK
#define LIST DMARC_DISCOVERY_PSL
#define REJECT DMARC_ACTION_REJECT
#define QUARANTINE DMARC_ACTION_QUARANTINE
#define NONE DMARC_ACTION_NONE
#define PASS AUTH_PASS
#define FAIL AUTH_FAIL
#define TEMP AUTH_TEMPERROR
#define ABSENT AUTH_NONE
#define EX "_dmarc.ex.com TXT v=DMARC1; p=reject"

struct walk_case {
    const char *label;
    enum dmarc_discovery discovery;
    const char *zone;
    const char *author;
    const char *signer; /* a DKIM pass; NULL: nothing passes */
    const char *org;    /* "": not known */
    enum auth_result result;
    enum dmarc_action disposition;
};

static const struct walk_case CASES[] = {
    // how far the walk goes
    {"one label", WALK, "_dmarc.com TXT v=DMARC1; p=reject", "com", NULL, "com", FAIL, REJECT},
    {"two labels", WALK, EX, "ex.com", NULL, "ex.com", FAIL, REJECT},
    {"three labels", WALK, EX, "a.ex.com", NULL, "ex.com", FAIL, REJECT},
    {"seven labels", WALK, EX, "1.2.3.4.5.ex.com", NULL, "ex.com", FAIL, REJECT},
    {"eight labels", WALK, EX, "1.2.3.4.5.6.ex.com", NULL, "ex.com", FAIL, REJECT},
    {"nine labels", WALK, EX, "1.2.3.4.5.6.7.ex.com", NULL, "ex.com", FAIL, REJECT},
    {"thirty labels", WALK, EX, "a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r.s.t.u.v.w.x.y.z.1.2.ex.com",
     NULL, "ex.com", FAIL, REJECT},
    {"eight labels, own record", WALK, "_dmarc.1.2.3.4.5.6.ex.com TXT v=DMARC1; p=reject",
     "1.2.3.4.5.6.ex.com", NULL, "1.2.3.4.5.6.ex.com", FAIL, REJECT},
    {"nine labels, own record", WALK, "_dmarc.1.2.3.4.5.6.7.ex.com TXT v=DMARC1; p=reject",
     "1.2.3.4.5.6.7.ex.com", NULL, "1.2.3.4.5.6.7.ex.com", FAIL, REJECT},
    {"nine labels, record at eight is passed over", WALK,
     "_dmarc.2.3.4.5.6.7.ex.com TXT v=DMARC1; p=reject", "1.2.3.4.5.6.7.ex.com", NULL,
     "1.2.3.4.5.6.7.ex.com", ABSENT, NONE},
    {"nine labels, record at seven counts", WALK, "_dmarc.3.4.5.6.7.ex.com TXT v=DMARC1; p=reject",
     "1.2.3.4.5.6.7.ex.com", NULL, "3.4.5.6.7.ex.com", FAIL, REJECT},
    {"ten labels, record at seven counts", WALK, "_dmarc.4.5.6.7.8.ex.com TXT v=DMARC1; p=reject",
     "1.2.3.4.5.6.7.8.ex.com", NULL, "4.5.6.7.8.ex.com", FAIL, REJECT},
    {"long signer of the same organization", WALK, EX, "ex.com", "1.2.3.4.5.6.7.8.ex.com", "ex.com",
     PASS, NONE},
    {"record at the top level", WALK, "_dmarc.com TXT v=DMARC1; p=reject", "a.ex.com", NULL, "com",
     FAIL, REJECT},
    {"record at the top level makes neighbours of all", WALK, "_dmarc.com TXT v=DMARC1; p=reject",
     "ex.com", "evil.com", "com", PASS, NONE},
    // parents without a record
    {"parent publishes nothing", WALK, "_dmarc.a.ex.com TXT v=DMARC1; p=reject", "a.ex.com",
     "ex.com", "a.ex.com", FAIL, REJECT},
    {"parent publishes nothing, below", WALK, "_dmarc.a.ex.com TXT v=DMARC1; p=reject",
     "x.a.ex.com", "y.a.ex.com", "a.ex.com", PASS, NONE},
    {"nobody publishes anything", WALK, "ex.com A 192.0.2.1", "a.ex.com", "a.ex.com", "a.ex.com",
     ABSENT, NONE},
    {"suffix that publishes becomes an organization", WALK, "_dmarc.co.uk TXT v=DMARC1; p=reject",
     "a.co.uk", "b.co.uk", "co.uk", PASS, NONE},
    {"suffix that publishes psd=y does not", WALK, "_dmarc.co.uk TXT v=DMARC1; p=reject; psd=y",
     "a.co.uk", "b.co.uk", "a.co.uk", FAIL, REJECT},
    // psd
    {"psd=u is the default", WALK, EX "; psd=u", "a.ex.com", "b.ex.com", "ex.com", PASS, NONE},
    {"psd with a wrong value is the default", WALK, EX "; psd=x", "a.ex.com", "b.ex.com", "ex.com",
     PASS, NONE},
    {"psd=Y", WALK, "_dmarc.bank TXT v=DMARC1; p=reject; psd=Y", "x.bank", "y.bank", "x.bank", FAIL,
     REJECT},
    {"psd=y at the start", WALK, "_dmarc.bank TXT v=DMARC1; p=reject; psd=y", "bank", NULL, "bank",
     FAIL, REJECT},
    {"psd=y at the start, own name signs", WALK, "_dmarc.bank TXT v=DMARC1; p=reject; psd=y",
     "bank", "bank", "bank", PASS, NONE},
    {"the suffix does not sign for those below", WALK, "_dmarc.bank TXT v=DMARC1; p=reject; psd=y",
     "x.bank", "bank", "x.bank", FAIL, REJECT},
    {"those below do not sign for the suffix", WALK, "_dmarc.bank TXT v=DMARC1; p=reject; psd=y",
     "bank", "x.bank", "bank", FAIL, REJECT},
    {"psd=y three levels up", WALK, "_dmarc.gov TXT v=DMARC1; p=reject; psd=y", "a.b.x.gov",
     "c.x.gov", "x.gov", PASS, NONE},
    {"psd=y, organization has its own record", WALK,
     "_dmarc.gov TXT v=DMARC1; p=reject; psd=y\n_dmarc.x.gov TXT v=DMARC1; p=quarantine", "a.x.gov",
     NULL, "x.gov", FAIL, QUARANTINE},
    {"psd=y, author has its own record", WALK,
     "_dmarc.gov TXT v=DMARC1; p=reject; psd=y\n_dmarc.a.x.gov TXT v=DMARC1; p=quarantine",
     "a.x.gov", "x.gov", "x.gov", PASS, NONE},
    {"psd=y, a record between organization and author is not asked", WALK,
     "_dmarc.gov TXT v=DMARC1; p=reject; psd=y\n_dmarc.b.x.gov TXT v=DMARC1; p=none", "a.b.x.gov",
     NULL, "x.gov", FAIL, REJECT},
    {"psd=y stops the walk", WALK,
     "_dmarc.co.uk TXT v=DMARC1; p=none; psd=y\n_dmarc.uk TXT v=DMARC1; p=reject", "a.co.uk", NULL,
     "a.co.uk", FAIL, NONE},
    {"two psd=y, the longer one counts", WALK,
     "_dmarc.co.uk TXT v=DMARC1; p=none; psd=y\n_dmarc.uk TXT v=DMARC1; p=reject; psd=y", "a.co.uk",
     "b.co.uk", "a.co.uk", FAIL, NONE},
    {"psd=y at eight labels, one below was skipped", WALK,
     "_dmarc.3.4.5.6.7.8.com TXT v=DMARC1; p=reject; psd=y", "0.1.2.3.4.5.6.7.8.com",
     "x.2.3.4.5.6.7.8.com", "2.3.4.5.6.7.8.com", PASS, NONE},
    {"psd=n at the start", WALK, EX "\n_dmarc.a.ex.com TXT v=DMARC1; p=reject; psd=n", "a.ex.com",
     "ex.com", "a.ex.com", FAIL, REJECT},
    {"psd=n above", WALK, EX "\n_dmarc.b.ex.com TXT v=DMARC1; p=quarantine; psd=n", "a.b.ex.com",
     NULL, "b.ex.com", FAIL, QUARANTINE},
    {"psd=n at the top", WALK, "_dmarc.com TXT v=DMARC1; p=reject; psd=n", "a.ex.com", "b.org.com",
     "com", PASS, NONE},
    {"psd=n, an outsider below the same name", WALK,
     EX "\n_dmarc.b.ex.com TXT v=DMARC1; p=reject; psd=n", "b.ex.com", "c.ex.com", "b.ex.com", FAIL,
     REJECT},
    {"signer with psd=n of its own", WALK, EX "\n_dmarc.c.ex.com TXT v=DMARC1; p=none; psd=n",
     "ex.com", "c.ex.com", "ex.com", FAIL, REJECT},
    // records that are none
    {"two records at the author, one above", WALK,
     EX "\n_dmarc.a.ex.com TXT v=DMARC1; p=none\n_dmarc.a.ex.com TXT v=DMARC1; p=quarantine",
     "a.ex.com", NULL, "ex.com", FAIL, REJECT},
    {"two records above", WALK,
     EX "\n_dmarc.ex.com TXT v=DMARC1; p=none\n_dmarc.com TXT v=DMARC1; p=quarantine", "a.ex.com",
     NULL, "com", FAIL, QUARANTINE},
    {"a record and one that is none", WALK, EX "\n_dmarc.ex.com TXT v=DMARC2; p=none", "ex.com",
     NULL, "ex.com", FAIL, REJECT},
    {"two psd=y records are none", WALK,
     "_dmarc.bank TXT v=DMARC1; psd=y; p=reject\n_dmarc.bank TXT v=DMARC1; psd=y; p=none", "x.bank",
     NULL, "x.bank", ABSENT, NONE},
    {"record through a CNAME", WALK,
     "_dmarc.ex.com CNAME d.host.net\nd.host.net TXT v=DMARC1; p=reject", "ex.com", NULL, "ex.com",
     FAIL, REJECT},
    {"words before the version", WALK, "_dmarc.ex.com TXT hello; v=DMARC1; p=reject", "ex.com",
     NULL, "ex.com", ABSENT, NONE},
    {"empty parts before the version", WALK, "_dmarc.ex.com TXT ;v=DMARC1; p=reject", "ex.com",
     NULL, "ex.com", ABSENT, NONE},
    {"version only", WALK, "_dmarc.ex.com TXT v=DMARC1", "ex.com", NULL, "ex.com", ABSENT, NONE},
    {"8-bit bytes in an unknown tag", WALK, EX "; x=\\195\\164", "ex.com", NULL, "ex.com", FAIL,
     REJECT},
    {"NUL in the policy", WALK, "_dmarc.ex.com TXT v=DMARC1; p=reject\\000", "ex.com", NULL,
     "ex.com", ABSENT, NONE},
    {"empty policy", WALK, "_dmarc.ex.com TXT v=DMARC1; p=", "ex.com", NULL, "ex.com", ABSENT,
     NONE},
    {"tabs", WALK, "_dmarc.ex.com TXT v=DMARC1\\009;\\009p\\009=\\009reject", "ex.com", NULL,
     "ex.com", FAIL, REJECT},
    {"record of 49 tags", WALK,
     EX ";a=;b=;c=;d=;e=;f=;g=;h=;i=;j=;k=;l=;m=;n=;o=;q=;r=;u=;w=;x=;y=;z=;aa=;ab=;ac=;ad=;ae=;af="
        ";ag=;ah=;ai=;aj=;ak=;al=;am=;an=;ao=;ap=;aq=;ar=;as=;at=;au=;av=;aw=;ax=;ay=",
     "ex.com", NULL, "ex.com", ABSENT, NONE},
    // sp, np, t
    {"sp wrong, reports wanted", WALK, EX "; sp=x; rua=mailto:a@ex.com", "a.ex.com", NULL, "ex.com",
     FAIL, NONE},
    {"sp wrong, at the domain itself too", WALK, EX "; sp=x; rua=mailto:a@ex.com", "ex.com", NULL,
     "ex.com", FAIL, NONE},
    {"np wrong", WALK, EX "; np=x", "ex.com", NULL, "ex.com", ABSENT, NONE},
    {"rua without scheme", WALK, "_dmarc.ex.com TXT v=DMARC1; rua=a@ex.com", "ex.com", NULL,
     "ex.com", ABSENT, NONE},
    {"np before sp before p", WALK, EX "; sp=quarantine; np=none\nex.com A 192.0.2.1", "no.ex.com",
     NULL, "ex.com", FAIL, NONE},
    {"np falls back to sp", WALK, EX "; sp=quarantine\nex.com A 192.0.2.1", "no.ex.com", NULL,
     "ex.com", FAIL, QUARANTINE},
    {"np is not for the domain itself", WALK, EX "; np=none", "ex.com", NULL, "ex.com", FAIL,
     REJECT},
    {"np, the name has only names below it", WALK,
     EX "; sp=none; np=quarantine\nx.is.ex.com A 192.0.2.1\nis.ex.com MX 10 x.is.ex.com",
     "is.ex.com", NULL, "ex.com", FAIL, NONE},
    {"np of a public suffix", WALK,
     "_dmarc.bank TXT v=DMARC1; p=none; np=reject; psd=y\nis.bank A 192.0.2.1", "no.bank", NULL,
     "no.bank", FAIL, REJECT},
    {"np of a public suffix, the name exists", WALK,
     "_dmarc.bank TXT v=DMARC1; p=none; np=reject; psd=y\nis.bank A 192.0.2.1", "is.bank", NULL,
     "is.bank", FAIL, NONE},
    {"np does not matter when something aligned passes", WALK, EX "; np=none\nex.com A 192.0.2.1",
     "no.ex.com", "ex.com", "ex.com", PASS, NONE},
    {"np, the DNS fails: the milder of both", WALK,
     EX "; sp=quarantine; np=reject\nno.ex.com A !TIMEOUT", "no.ex.com", NULL, "ex.com", FAIL,
     QUARANTINE},
    {"t=y with sp", WALK, EX "; sp=quarantine; t=y", "a.ex.com", NULL, "ex.com", FAIL, NONE},
    {"t=y with p=none", WALK, "_dmarc.ex.com TXT v=DMARC1; p=none; t=y", "ex.com", NULL, "ex.com",
     FAIL, NONE},
    {"t=y changes no pass", WALK, EX "; t=y", "ex.com", "ex.com", "ex.com", PASS, NONE},
    {"t with a wrong value", WALK, EX "; t=yes", "ex.com", NULL, "ex.com", FAIL, REJECT},
    // lookups that fail stay apart from failures
    {"SERVFAIL at the author", WALK, EX "\n_dmarc.a.ex.com TXT !SERVFAIL", "a.ex.com", NULL, "",
     TEMP, NONE},
    {"time-out at the author", WALK, EX "\n_dmarc.a.ex.com TXT !TIMEOUT", "a.ex.com", "a.ex.com",
     "", TEMP, NONE},
    {"SERVFAIL between", WALK, EX "\n_dmarc.b.ex.com TXT !SERVFAIL", "a.b.ex.com", "ex.com", "",
     TEMP, NONE},
    {"SERVFAIL above an own record, nothing passes", WALK, EX "\n_dmarc.com TXT !SERVFAIL",
     "ex.com", NULL, "", FAIL, REJECT},
    {"SERVFAIL above an own record, a stranger passes", WALK, EX "\n_dmarc.com TXT !SERVFAIL",
     "ex.com", "evil.com", "", TEMP, NONE},
    {"SERVFAIL above an own record, another top level passes", WALK,
     EX "\n_dmarc.com TXT !SERVFAIL", "ex.com", "evil.net", "", FAIL, REJECT},
    {"SERVFAIL above an own strict record", WALK, EX "; adkim=s\n_dmarc.com TXT !SERVFAIL",
     "ex.com", "a.ex.com", "", FAIL, REJECT},
    {"SERVFAIL at a stranger's own name", WALK, EX "\n_dmarc.evil.com TXT !SERVFAIL", "ex.com",
     "evil.com", "ex.com", FAIL, REJECT},
    {"time-out above a stranger", WALK, EX "\n_dmarc.evil.com TXT !TIMEOUT", "ex.com",
     "a.b.evil.com", "ex.com", FAIL, REJECT},
    {"a stranger whose name ends like ours", WALK, EX "\n_dmarc.evilex.com TXT !SERVFAIL", "ex.com",
     "evilex.com", "ex.com", FAIL, REJECT},
    {"SERVFAIL at a name of the same organization", WALK, EX "\n_dmarc.b.ex.com TXT !SERVFAIL",
     "a.ex.com", "b.ex.com", "ex.com", TEMP, NONE},
    {"SERVFAIL above psd=n is never asked", WALK, EX "; psd=n\n_dmarc.com TXT !SERVFAIL", "ex.com",
     "a.ex.com", "ex.com", PASS, NONE},
    // public suffix list
    {"list: own record", LIST, EX, "ex.com", NULL, "ex.com", FAIL, REJECT},
    {"list: organization's record", LIST, EX, "a.b.ex.com", NULL, "ex.com", FAIL, REJECT},
    {"list: siblings", LIST, EX, "a.ex.com", "b.ex.com", "ex.com", PASS, NONE},
    {"list: siblings without any record above", LIST, "_dmarc.a.ex.com TXT v=DMARC1; p=reject",
     "a.ex.com", "b.ex.com", "ex.com", PASS, NONE},
    {"list: a record between is not asked", LIST, EX "\n_dmarc.b.ex.com TXT v=DMARC1; p=none",
     "a.b.ex.com", NULL, "ex.com", FAIL, REJECT},
    {"list: one-letter label", LIST, "_dmarc.x.com TXT v=DMARC1; p=reject", "x.com", "evil.com",
     "x.com", FAIL, REJECT},
    {"list: below co.uk", LIST, "_dmarc.a.co.uk TXT v=DMARC1; p=reject", "a.co.uk", "b.co.uk",
     "a.co.uk", FAIL, REJECT},
    {"list: the suffix signs", LIST, "_dmarc.victim.co.uk TXT v=DMARC1; p=reject", "victim.co.uk",
     "co.uk", "victim.co.uk", FAIL, REJECT},
    {"list: the top level signs", LIST, "_dmarc.victim.com TXT v=DMARC1; p=reject", "victim.com",
     "com", "victim.com", FAIL, REJECT},
    {"list: private suffix signs", LIST, "_dmarc.victim.github.io TXT v=DMARC1; p=reject",
     "victim.github.io", "github.io", "victim.github.io", FAIL, REJECT},
    {"list: neighbours below a private suffix", LIST, "_dmarc.a.github.io TXT v=DMARC1; p=reject",
     "a.github.io", "b.github.io", "a.github.io", FAIL, REJECT},
    {"list: wildcard rule", LIST, "_dmarc.b1.foo.kawasaki.jp TXT v=DMARC1; p=reject",
     "b1.foo.kawasaki.jp", "b2.foo.kawasaki.jp", "b1.foo.kawasaki.jp", FAIL, REJECT},
    {"list: exception to a wildcard rule", LIST, "_dmarc.city.kawasaki.jp TXT v=DMARC1; p=reject",
     "a.city.kawasaki.jp", "b.city.kawasaki.jp", "city.kawasaki.jp", PASS, NONE},
    {"list: unlisted top level", LIST, "_dmarc.a.test TXT v=DMARC1; p=reject", "a.test", "b.test",
     "a.test", FAIL, REJECT},
    {"list: author is a suffix", LIST, "_dmarc.co.uk TXT v=DMARC1; p=reject", "co.uk", "co.uk",
     "co.uk", PASS, NONE},
    {"list: author is a suffix, one below signs", LIST, "_dmarc.co.uk TXT v=DMARC1; p=reject",
     "co.uk", "a.co.uk", "co.uk", FAIL, REJECT},
    {"list: psd=n means nothing", LIST, EX "\n_dmarc.b.ex.com TXT v=DMARC1; p=reject; psd=n",
     "b.ex.com", "ex.com", "ex.com", PASS, NONE},
    {"list: A-labels", LIST, "_dmarc.xn--bcher-kva.de TXT v=DMARC1; p=reject", "a.xn--bcher-kva.de",
     "b.xn--bcher-kva.de", "xn--bcher-kva.de", PASS, NONE},
    {"list: strict", LIST, EX "; adkim=s", "ex.com", "a.ex.com", "ex.com", FAIL, REJECT},
    {"list: np", LIST, EX "; sp=none\nex.com A 192.0.2.1", "no.ex.com", NULL, "ex.com", FAIL, NONE},
    {"list: t=y", LIST, EX "; t=y", "ex.com", NULL, "ex.com", FAIL, QUARANTINE},
    {"list: SERVFAIL at the author", LIST, EX "\n_dmarc.a.ex.com TXT !SERVFAIL", "a.ex.com",
     "a.ex.com", "ex.com", TEMP, NONE},
    {"list: SERVFAIL at the organization", LIST, "_dmarc.ex.com TXT !SERVFAIL", "a.ex.com", NULL,
     "ex.com", TEMP, NONE},
    {"list: SERVFAIL at the top level is never asked", LIST, EX "\n_dmarc.com TXT !SERVFAIL",
     "ex.com", "a.ex.com", "ex.com", PASS, NONE},
    {"list: SERVFAIL at the signer is never asked", LIST, EX "\n_dmarc.a.ex.com TXT !SERVFAIL",
     "ex.com", "a.ex.com", "ex.com", PASS, NONE},
    {"list: no record", LIST, "ex.com A 192.0.2.1", "a.ex.com", "a.ex.com", "ex.com", ABSENT, NONE},
};

static void
evaluate(const struct walk_case *row, struct verdict_dmarc *out)
{
    struct dns *dns = support_zone(row->zone);
    struct dns_budget budget = {.deadline_mono_ms = clock_mono_ms() + 5000, .queries_left = 100};
    const struct dmarc_identity signer = {.domain = row->signer, .result = AUTH_PASS};
    const struct dmarc_input input = {.author = row->author,
                                      .spf = {.domain = "", .result = AUTH_NONE},
                                      .dkim = &signer,
                                      .dkim_count = row->signer == NULL ? 0 : 1,
                                      .discovery = row->discovery};
    dmarc_evaluate(dns, &budget, &input, out);
    dns_close(dns);
}

static void
discovery_gives_the_results_of_the_table(void **state)
{
    (void)state;
    unsigned wrong = 0;
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        const struct walk_case *row = &CASES[i];
        struct verdict_dmarc out;
        evaluate(row, &out);
        if (out.result != row->result || out.disposition != row->disposition ||
            strcmp(out.org_domain, row->org) != 0) {
            print_error("%s: %s/%s, org '%s'\n", row->label, auth_result_name(out.result),
                        dmarc_action_name(out.disposition), out.org_domain);
            wrong++;
        }
    }
    assert_int_equal(wrong, 0);
}

static void
the_list_costs_at_most_two_questions(void **state)
{
    (void)state;
    struct dns *dns = support_zone("x.example A 192.0.2.1");
    struct dns_budget budget = {.deadline_mono_ms = clock_mono_ms() + 5000, .queries_left = 100};
    struct dmarc_walk walk;
    char org[DOMAIN_NAME_SIZE];
    dmarc_discover(dns, &budget, LIST, "a.b.c.d.e.f.g.h.i.ex.com", &walk);
    assert_int_equal(budget.queries + budget.hits, 2);
    assert_int_equal(dmarc_org_domain(dns, &budget, LIST, "a.b.ex.com", org), ST_OK);
    assert_string_equal(org, "ex.com");
    assert_int_equal(budget.queries + budget.hits, 2);
    dns_close(dns);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(discovery_gives_the_results_of_the_table),
        cmocka_unit_test(the_list_costs_at_most_two_questions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
