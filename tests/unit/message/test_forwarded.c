// SPDX-License-Identifier: Apache-2.0
// Registered forwarders: every way a message can stand to them, on chains as data. That dkimpy's
// real chains come to the same is in tests/e2e/test_forwarders.py.
#include "support.h"

#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "verifier/message/forwarded.h"

enum { SETS = 3, TIMEOUT_MS = 2000, QUERIES = 50 };

static const char ZONE[] = "_dmarc.author.example TXT v=DMARC1; p=reject\n"
                           "_dmarc.slow.example TXT v=DMARC1; p=reject\n"
                           "_dmarc.a.slow.example TXT !SERVFAIL\n"
                           "_dmarc.strict.example TXT v=DMARC1; p=reject; adkim=s; aspf=s\n";

/* One set of a chain. */
struct set {
    const char *sealer;
    const char *signer;  /* NULL: as the sealer */
    const char *results; /* behind "i=N; mx.example;" */
    bool leaves_author;  /* From is not covered */
    bool leaves_body;    /* l= */
};

struct row {
    const char *label;
    const char *forwarders; /* as common/forwarder.h writes them */
    const char *client;
    const char *author;
    enum auth_result arc;
    struct set sets[SETS];
    enum auth_result dmarc; /* before, and the disposition of p=reject with fail */
    bool signature;         /* DKIM is aligned */
    enum forwarder_result result;
    enum auth_result dmarc_after;
    enum dmarc_action disposition;
};

#define F "fw s:seal.example\n"
#define FF "fw s:seal.example\ngw s:other.example\n"
#define TWO "fw s:seal.example s:other.example\n"
#define FN "fw s:seal.example n:192.0.2.0/28\n"
#define N "fw n:192.0.2.0/28\n"
#define IN "192.0.2.1"
#define OUT "203.0.113.1"
#define A "author.example"
#define PASS "dmarc=pass header.from=author.example"
#define FAIL "dmarc=fail header.from=author.example"
#define REJECT DMARC_ACTION_REJECT
#define HOLD DMARC_ACTION_QUARANTINE
#define ACCEPT DMARC_ACTION_NONE
#define SEAL(what)                                                                                 \
    {                                                                                              \
        .sealer = "seal.example", .results = (what)                                                \
    }
#define OTHER(what)                                                                                \
    {                                                                                              \
        .sealer = "other.example", .results = (what)                                               \
    }
#define EVIL(what)                                                                                 \
    {                                                                                              \
        .sealer = "evil.example", .results = (what)                                                \
    }

// clang-format off
static const struct row ROWS[] = {
    // nothing to do with it
    {"no forwarders", "", OUT, A, AUTH_PASS, {SEAL(PASS)}, AUTH_FAIL, false,
     FORWARDER_NONE, AUTH_FAIL, REJECT},
    {"no chain", F, OUT, A, AUTH_NONE, {{0}}, AUTH_FAIL, false,
     FORWARDER_NONE, AUTH_FAIL, REJECT},
    {"chain of strangers", F, OUT, A, AUTH_PASS, {EVIL(PASS)}, AUTH_FAIL, false,
     FORWARDER_NONE, AUTH_FAIL, REJECT},
    {"broken chain of strangers", F, OUT, A, AUTH_FAIL, {EVIL(PASS)}, AUTH_FAIL, false,
     FORWARDER_NONE, AUTH_FAIL, REJECT},
    {"name that only ends alike", F, OUT, A, AUTH_PASS, {{.sealer = "x.seal.example", .results = PASS}},
     AUTH_FAIL, false, FORWARDER_NONE, AUTH_FAIL, REJECT},
    // what the newest sealer says
    {"dmarc=pass", F, OUT, A, AUTH_PASS, {SEAL(PASS)}, AUTH_FAIL, false,
     FORWARDER_TRUSTED, AUTH_FAIL, ACCEPT},
    {"dmarc=pass in capitals", F, OUT, A, AUTH_PASS, {SEAL("DMARC=Pass Header.From=Author.EXAMPLE")},
     AUTH_FAIL, false, FORWARDER_TRUSTED, AUTH_FAIL, ACCEPT},
    {"dmarc=fail", F, OUT, A, AUTH_PASS, {SEAL(FAIL)}, AUTH_FAIL, false,
     FORWARDER_UNPROVEN, AUTH_FAIL, REJECT},
    {"dmarc=fail outweighs aligned passes", F, OUT, A, AUTH_PASS,
     {SEAL(FAIL "; dkim=pass header.d=author.example; spf=pass smtp.mailfrom=author.example")},
     AUTH_FAIL, false, FORWARDER_UNPROVEN, AUTH_FAIL, REJECT},
    {"dmarc=pass and dmarc=fail", F, OUT, A, AUTH_PASS, {SEAL(PASS "; " FAIL)}, AUTH_FAIL, false,
     FORWARDER_UNPROVEN, AUTH_FAIL, REJECT},
    {"dmarc=fail of no one named", F, OUT, A, AUTH_PASS, {SEAL(PASS "; dmarc=fail")}, AUTH_FAIL,
     false, FORWARDER_UNPROVEN, AUTH_FAIL, REJECT},
    {"dmarc=pass of another", F, OUT, A, AUTH_PASS, {SEAL("dmarc=pass header.from=evil.example")},
     AUTH_FAIL, false, FORWARDER_UNPROVEN, AUTH_FAIL, REJECT},
    {"dmarc=pass of a subdomain", F, OUT, A, AUTH_PASS,
     {SEAL("dmarc=pass header.from=a.author.example")}, AUTH_FAIL, false,
     FORWARDER_UNPROVEN, AUTH_FAIL, REJECT},
    {"dmarc=pass of no one named", F, OUT, A, AUTH_PASS, {SEAL("dmarc=pass")}, AUTH_FAIL, false,
     FORWARDER_UNPROVEN, AUTH_FAIL, REJECT},
    {"dmarc=pass of two", F, OUT, A, AUTH_PASS,
     {SEAL("dmarc=pass header.from=author.example header.from=evil.example")}, AUTH_FAIL, false,
     FORWARDER_UNPROVEN, AUTH_FAIL, REJECT},
    {"dmarc=pass in a comment", F, OUT, A, AUTH_PASS, {SEAL("spf=fail (; " PASS ")")}, AUTH_FAIL,
     false, FORWARDER_UNPROVEN, AUTH_FAIL, REJECT},
    {"dmarc=pass in a quoted string", F, OUT, A, AUTH_PASS,
     {SEAL("spf=fail reason=\"; " PASS "\"")}, AUTH_FAIL, false,
     FORWARDER_UNPROVEN, AUTH_FAIL, REJECT},
    {"dmarc=bestguesspass", F, OUT, A, AUTH_PASS,
     {SEAL("dmarc=bestguesspass header.from=author.example")}, AUTH_FAIL, false,
     FORWARDER_UNPROVEN, AUTH_FAIL, REJECT},
    {"dmarc=none, aligned DKIM", F, OUT, A, AUTH_PASS,
     {SEAL("dmarc=none header.from=author.example; dkim=pass header.d=a.author.example")},
     AUTH_FAIL, false, FORWARDER_TRUSTED, AUTH_FAIL, ACCEPT},
    {"dmarc=temperror, aligned DKIM", F, OUT, A, AUTH_PASS,
     {SEAL("dmarc=temperror header.from=author.example; dkim=pass header.d=author.example")},
     AUTH_FAIL, false, FORWARDER_TRUSTED, AUTH_FAIL, ACCEPT},
    {"aligned DKIM by header.i", F, OUT, A, AUTH_PASS, {SEAL("dkim=pass header.i=@author.example")},
     AUTH_FAIL, false, FORWARDER_TRUSTED, AUTH_FAIL, ACCEPT},
    {"header.d counts before header.i", F, OUT, A, AUTH_PASS,
     {SEAL("dkim=pass header.i=@author.example header.d=evil.example")}, AUTH_FAIL, false,
     FORWARDER_UNPROVEN, AUTH_FAIL, REJECT},
    {"DKIM of another", F, OUT, A, AUTH_PASS, {SEAL("dkim=pass header.d=evil.example")}, AUTH_FAIL,
     false, FORWARDER_UNPROVEN, AUTH_FAIL, REJECT},
    {"second of two signatures", F, OUT, A, AUTH_PASS,
     {SEAL("dkim=pass header.d=evil.example; dkim=pass header.d=author.example")}, AUTH_FAIL, false,
     FORWARDER_TRUSTED, AUTH_FAIL, ACCEPT},
    {"aligned DKIM that failed", F, OUT, A, AUTH_PASS, {SEAL("dkim=fail header.d=author.example")},
     AUTH_FAIL, false, FORWARDER_UNPROVEN, AUTH_FAIL, REJECT},
    {"aligned SPF", F, OUT, A, AUTH_PASS, {SEAL("spf=pass smtp.mailfrom=\"a b\"@author.example")},
     AUTH_FAIL, false, FORWARDER_TRUSTED, AUTH_FAIL, ACCEPT},
    {"aligned SPF, softfail", F, OUT, A, AUTH_PASS, {SEAL("spf=softfail smtp.mailfrom=author.example")},
     AUTH_FAIL, false, FORWARDER_UNPROVEN, AUTH_FAIL, REJECT},
    {"SPF of HELO", F, OUT, A, AUTH_PASS, {SEAL("spf=pass smtp.helo=author.example")}, AUTH_FAIL,
     false, FORWARDER_UNPROVEN, AUTH_FAIL, REJECT},
    {"two results of SPF", F, OUT, A, AUTH_PASS,
     {SEAL("spf=pass smtp.mailfrom=author.example; spf=fail smtp.mailfrom=evil.example")}, AUTH_FAIL,
     false, FORWARDER_UNPROVEN, AUTH_FAIL, REJECT},
    {"strict alignment", F, OUT, "strict.example", AUTH_PASS,
     {SEAL("dkim=pass header.d=a.strict.example")}, AUTH_FAIL, false,
     FORWARDER_UNPROVEN, AUTH_FAIL, REJECT},
    {"alignment that cannot be looked up", F, OUT, "slow.example", AUTH_PASS,
     {SEAL("dkim=pass header.d=a.slow.example")}, AUTH_FAIL, false,
     FORWARDER_TEMPERROR, AUTH_TEMPERROR, ACCEPT},
    {"results that cannot be read", F, OUT, A, AUTH_PASS, {SEAL(PASS "; \"")}, AUTH_FAIL, false,
     FORWARDER_UNPROVEN, AUTH_FAIL, REJECT},
    // what the signature of the set must bind
    {"From is not covered", F, OUT, A, AUTH_PASS,
     {{.sealer = "seal.example", .results = PASS, .leaves_author = true}}, AUTH_FAIL, false,
     FORWARDER_UNPROVEN, AUTH_FAIL, REJECT},
    {"l=", F, OUT, A, AUTH_PASS,
     {{.sealer = "seal.example", .results = PASS, .leaves_body = true}}, AUTH_FAIL, false,
     FORWARDER_UNPROVEN, AUTH_FAIL, REJECT},
    {"seal over a stranger's signature", F, OUT, A, AUTH_PASS,
     {{.sealer = "seal.example", .signer = "evil.example", .results = PASS}}, AUTH_FAIL, false,
     FORWARDER_CLAIMED, AUTH_FAIL, REJECT},
    {"stranger's seal over its signature", F, OUT, A, AUTH_PASS,
     {{.sealer = "evil.example", .signer = "seal.example", .results = PASS}}, AUTH_FAIL, false,
     FORWARDER_NONE, AUTH_FAIL, REJECT},
    // several sets
    {"two sealers of one forwarder", TWO, OUT, A, AUTH_PASS, {SEAL(PASS), OTHER(FAIL)}, AUTH_FAIL,
     false, FORWARDER_TRUSTED, AUTH_FAIL, ACCEPT},
    {"two forwarders", FF, OUT, A, AUTH_PASS, {OTHER(PASS), SEAL("arc=pass")}, AUTH_FAIL, false,
     FORWARDER_TRUSTED, AUTH_FAIL, ACCEPT},
    {"stranger behind it", F, OUT, A, AUTH_PASS, {SEAL(PASS), EVIL(PASS)}, AUTH_FAIL, false,
     FORWARDER_CLAIMED, AUTH_FAIL, REJECT},
    {"stranger before it", F, OUT, A, AUTH_PASS, {EVIL(PASS), SEAL(FAIL)}, AUTH_FAIL, false,
     FORWARDER_UNPROVEN, AUTH_FAIL, REJECT},
    {"stranger between", FF, OUT, A, AUTH_PASS, {SEAL(PASS), EVIL(PASS), OTHER("arc=pass")},
     AUTH_FAIL, false, FORWARDER_UNPROVEN, AUTH_FAIL, REJECT},
    {"older set without From", F, OUT, A, AUTH_PASS,
     {{.sealer = "seal.example", .results = PASS, .leaves_author = true}, SEAL("arc=pass")},
     AUTH_FAIL, false, FORWARDER_UNPROVEN, AUTH_FAIL, REJECT},
    {"From was not covered since the set that saw a pass", F, OUT, A, AUTH_PASS,
     {SEAL(PASS), {.sealer = "seal.example", .results = "arc=pass", .leaves_author = true}},
     AUTH_FAIL, false, FORWARDER_UNPROVEN, AUTH_FAIL, REJECT},
    {"l= since the set that saw a pass", F, OUT, A, AUTH_PASS,
     {SEAL(PASS), {.sealer = "seal.example", .results = "arc=pass", .leaves_body = true}},
     AUTH_FAIL, false, FORWARDER_UNPROVEN, AUTH_FAIL, REJECT},
    // chains that do not hold
    {"forged seal", F, OUT, A, AUTH_FAIL, {SEAL(PASS)}, AUTH_FAIL, false,
     FORWARDER_CLAIMED, AUTH_FAIL, REJECT},
    {"forged, older", F, OUT, A, AUTH_FAIL, {SEAL(PASS), EVIL(PASS)}, AUTH_FAIL, false,
     FORWARDER_CLAIMED, AUTH_FAIL, REJECT},
    {"forged, but DMARC passes", F, OUT, A, AUTH_FAIL, {SEAL(PASS)}, AUTH_PASS, true,
     FORWARDER_CLAIMED, AUTH_PASS, ACCEPT},
    {"the DNS does not tell", F, OUT, A, AUTH_TEMPERROR, {SEAL(PASS)}, AUTH_FAIL, false,
     FORWARDER_TEMPERROR, AUTH_TEMPERROR, ACCEPT},
    {"the DNS does not tell, and it saw a fail", F, OUT, A, AUTH_TEMPERROR, {SEAL(FAIL)}, AUTH_FAIL,
     false, FORWARDER_UNPROVEN, AUTH_FAIL, REJECT},
    {"the DNS does not tell, and it saw nothing", F, OUT, A, AUTH_TEMPERROR, {SEAL("spf=none")},
     AUTH_FAIL, false, FORWARDER_UNPROVEN, AUTH_FAIL, REJECT},
    {"a stranger's zone does not tell, and it saw a fail", F, OUT, A, AUTH_TEMPERROR,
     {EVIL(PASS), SEAL(FAIL)}, AUTH_FAIL, false, FORWARDER_UNPROVEN, AUTH_FAIL, REJECT},
    {"a stranger's zone does not tell, and it saw a pass", F, OUT, A, AUTH_TEMPERROR,
     {EVIL(PASS), SEAL(PASS)}, AUTH_FAIL, false, FORWARDER_TEMPERROR, AUTH_TEMPERROR, ACCEPT},
    {"the DNS does not tell of a stranger", F, OUT, A, AUTH_TEMPERROR, {EVIL(PASS)}, AUTH_FAIL,
     false, FORWARDER_NONE, AUTH_FAIL, REJECT},
    {"the DNS does not tell, stranger behind it", F, OUT, A, AUTH_TEMPERROR,
     {SEAL(PASS), EVIL(PASS)}, AUTH_FAIL, false, FORWARDER_CLAIMED, AUTH_FAIL, REJECT},
    {"the DNS does not tell, stranger's signature", F, OUT, A, AUTH_TEMPERROR,
     {{.sealer = "seal.example", .signer = "evil.example", .results = PASS}}, AUTH_FAIL, false,
     FORWARDER_CLAIMED, AUTH_FAIL, REJECT},
    {"the DNS does not tell, DMARC passes", F, OUT, A, AUTH_TEMPERROR, {SEAL(PASS)}, AUTH_PASS, true,
     FORWARDER_TEMPERROR, AUTH_PASS, ACCEPT},
    // networks
    {"seal from its network", FN, IN, A, AUTH_PASS, {SEAL(PASS)}, AUTH_FAIL, false,
     FORWARDER_TRUSTED, AUTH_FAIL, ACCEPT},
    {"seal from elsewhere", FN, OUT, A, AUTH_PASS, {SEAL(PASS)}, AUTH_FAIL, false,
     FORWARDER_CLAIMED, AUTH_FAIL, REJECT},
    {"seal from elsewhere, the DNS does not tell", FN, OUT, A, AUTH_TEMPERROR, {SEAL(PASS)},
     AUTH_FAIL, false, FORWARDER_CLAIMED, AUTH_FAIL, REJECT},
    {"its network, it saw a fail", FN, IN, A, AUTH_PASS, {SEAL(FAIL)}, AUTH_FAIL, false,
     FORWARDER_UNPROVEN, AUTH_FAIL, REJECT},
    {"its network, it saw nothing", FN, IN, A, AUTH_PASS, {SEAL("spf=none")}, AUTH_FAIL, false,
     FORWARDER_UNPROVEN, AUTH_FAIL, HOLD},
    {"its network, no seal", FN, IN, A, AUTH_NONE, {{0}}, AUTH_FAIL, false,
     FORWARDER_UNPROVEN, AUTH_FAIL, HOLD},
    {"its network, broken seal", FN, IN, A, AUTH_FAIL, {SEAL(PASS)}, AUTH_FAIL, false,
     FORWARDER_UNPROVEN, AUTH_FAIL, HOLD},
    {"its network, a stranger's seal", FN, IN, A, AUTH_PASS, {EVIL(PASS)}, AUTH_FAIL, false,
     FORWARDER_UNPROVEN, AUTH_FAIL, HOLD},
    {"network only, no seal", N, IN, A, AUTH_NONE, {{0}}, AUTH_FAIL, false,
     FORWARDER_UNPROVEN, AUTH_FAIL, HOLD},
    {"network only, elsewhere", N, OUT, A, AUTH_NONE, {{0}}, AUTH_FAIL, false,
     FORWARDER_NONE, AUTH_FAIL, REJECT},
    {"network only, a signature survived", N, IN, A, AUTH_NONE, {{0}}, AUTH_PASS, true,
     FORWARDER_TRUSTED, AUTH_PASS, ACCEPT},
    {"one without networks beside one with", FN "gw s:seal.example\n", OUT, A, AUTH_PASS,
     {SEAL(PASS)}, AUTH_FAIL, false, FORWARDER_TRUSTED, AUTH_FAIL, ACCEPT},
    // other results of DMARC
    {"a pass stays", F, OUT, A, AUTH_PASS, {SEAL(PASS)}, AUTH_PASS, true,
     FORWARDER_TRUSTED, AUTH_PASS, ACCEPT},
    {"a pass by SPF alone, it saw a fail", F, OUT, A, AUTH_PASS, {SEAL(FAIL)}, AUTH_PASS, false,
     FORWARDER_UNPROVEN, AUTH_PASS, ACCEPT},
    {"a pass by DKIM, it saw a fail", F, OUT, A, AUTH_PASS, {SEAL(FAIL)}, AUTH_PASS, true,
     FORWARDER_TRUSTED, AUTH_PASS, ACCEPT},
    {"none stays", F, OUT, A, AUTH_PASS, {SEAL(PASS)}, AUTH_NONE, false,
     FORWARDER_TRUSTED, AUTH_NONE, ACCEPT},
    {"temperror stays", F, OUT, A, AUTH_PASS, {SEAL(PASS)}, AUTH_TEMPERROR, false,
     FORWARDER_TRUSTED, AUTH_TEMPERROR, ACCEPT},
    {"no author", F, OUT, "", AUTH_PASS, {SEAL("dmarc=pass; dkim=pass header.d=author.example")},
     AUTH_PERMERROR, false, FORWARDER_UNPROVEN, AUTH_PERMERROR, ACCEPT},
};
// clang-format on

static void
fill_trail(const struct row *row, struct arc_sealed sets[SETS], char texts[SETS][512],
           struct arc_trail *out)
{
    *out = (struct arc_trail){.sets = sets};
    for (size_t i = 0; i < SETS && row->sets[i].sealer != NULL; i++) {
        const struct set *from = &row->sets[i];
        struct arc_sealed *to = &sets[out->count++];
        *to = (struct arc_sealed){.covers_author = !from->leaves_author,
                                  .covers_body = !from->leaves_body};
        (void)snprintf(to->sealer, sizeof(to->sealer), "%s", from->sealer);
        (void)snprintf(to->signer, sizeof(to->signer), "%s",
                       from->signer == NULL ? from->sealer : from->signer);
        to->results_length = (size_t)snprintf(texts[i], sizeof(texts[i]),
                                              " i=%zu; mx.example;\r\n\t%s", i + 1, from->results);
        to->results = texts[i];
    }
}

static void
judge(struct dns *dns, const struct row *row, struct verdict *out)
{
    struct forwarders *forwarders = NULL;
    struct arc_sealed sets[SETS];
    char texts[SETS][512];
    struct arc_trail trail;
    struct dns_budget budget = {.deadline_mono_ms = clock_mono_ms() + TIMEOUT_MS,
                                .queries_left = QUERIES};
    assert_int_equal(forwarders_parse(row->forwarders, &forwarders, NULL), ST_OK);
    fill_trail(row, sets, texts, &trail);
    *out = (struct verdict){.arc = {.result = row->arc, .reason = "as told"},
                            .dmarc = {.result = row->dmarc,
                                      .policy = DMARC_ACTION_REJECT,
                                      .disposition = row->dmarc == AUTH_FAIL ? REJECT : ACCEPT,
                                      .aligned_dkim = row->signature}};
    (void)snprintf(out->dmarc.domain, sizeof(out->dmarc.domain), "%s", row->author);
    const struct forwarded_case input = {.forwarders = forwarders,
                                         .client_address = row->client,
                                         .trail = &trail,
                                         .dns = dns,
                                         .budget = &budget,
                                         .discovery = DMARC_DISCOVERY_TREEWALK};
    forwarded_judge(&input, out);
    free(forwarders);
}

static void
every_way_is_judged_as_the_table_says(void **state)
{
    (void)state;
    struct dns *dns = support_zone(ZONE);
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        const struct row *row = &ROWS[i];
        struct verdict verdict;
        judge(dns, row, &verdict);
        bool is_told = verdict.forwarder.result != FORWARDER_NONE;
        bool overrides = row->result == FORWARDER_TRUSTED && row->dmarc == AUTH_FAIL;
        if (verdict.forwarder.result != row->result || verdict.dmarc.result != row->dmarc_after ||
            verdict.dmarc.disposition != row->disposition ||
            verdict.forwarder.overrides != overrides ||
            (verdict.forwarder.name[0] != '\0') != is_told ||
            (verdict.forwarder.reason[0] != '\0') != is_told) {
            fail_msg("%s: %s (%s), dmarc=%s, disposition %s", row->label,
                     forwarder_result_name(verdict.forwarder.result), verdict.forwarder.reason,
                     auth_result_name(verdict.dmarc.result),
                     dmarc_action_name(verdict.dmarc.disposition));
        }
    }
    dns_close(dns);
}

static void
client_is_hidden_by_networks_alone(void **state)
{
    (void)state;
    struct forwarders *forwarders = NULL;
    assert_int_equal(forwarders_parse(F "net n:192.0.2.0/28 n:2001:db8::/32\n", &forwarders, NULL),
                     ST_OK);
    assert_true(forwarded_hides_client(forwarders, IN));
    assert_true(forwarded_hides_client(forwarders, "::ffff:192.0.2.1"));
    assert_true(forwarded_hides_client(forwarders, "2001:db8::1"));
    assert_false(forwarded_hides_client(forwarders, "192.0.2.16"));
    assert_false(forwarded_hides_client(forwarders, "unknown"));
    assert_false(forwarded_hides_client(NULL, IN));
    free(forwarders);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_way_is_judged_as_the_table_says),
        cmocka_unit_test(client_is_hidden_by_networks_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
