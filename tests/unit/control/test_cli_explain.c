// SPDX-License-Identifier: Apache-2.0
// `mailspur auth explain`: what it tells of which evidence, and when it says that it differs.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli_run.h"
#include "common/cleanup.h"
#include "common/evidence.h"
#include "common/xalloc.h"
#include "control/cli/cli.h"

enum { LINE_SIZE = 512 };

#define SPF_FAIL                                                                                   \
    "\"spf\":{\"result\":\"fail\",\"identity\":\"mailfrom\",\"domain\":\"x.example\","             \
    "\"explanation\":null,\"terms\":0,\"voids\":0,\"reason\":null,\"helo\":{\"result\":\"none\"}}"
#define DMARC_FAIL                                                                                 \
    "\"dmarc\":{\"result\":\"fail\",\"domain\":\"x.example\",\"policy\":\"reject\","               \
    "\"disposition\":\"reject\",\"aligned\":[]}"

static const struct evidence SAMPLE = {
    .now_s = 1763800000,
    .queue_id = "4XyZ",
    .client_address = "192.0.2.9",
    .client_name = "mx.example.org",
    .helo = "[192.0.2.9]",
    .sender = "alice@x.example",
    .recipients = "a@ours.example",
    .size = 9,
    .header_length = 9,
    .authserv_id = "mx.test",
    .discovery = "treewalk",
    .forwarders = "",
    .dns = "!ONLY\n# ttl 300\nx.example TXT v=spf1 -all\n",
    .spf_trace = "mailfrom x.example\n  -all: match (lookups 1)\n",
    .action = "refuse",
    .reason = "",
    .reply = "550 5.7.1 refused by the DMARC policy of x.example",
    .verdict = "{\"local\":false," SPF_FAIL ",\"dkim\":[]," DMARC_FAIL "}",
};

static void
expect_kept(void *context, enum status status, const struct why *why)
{
    (void)context;
    (void)why;
    assert_int_equal(status, ST_OK);
}

static struct id
keep(const struct house *house, const struct evidence *evidence)
{
    AUTO_STRBUF text = STRBUF_INIT(EVIDENCE_MAX);
    evidence_format(evidence, &text);
    assert_false(text.overflow);
    const struct store_evidence row = {.id = id_new(),
                                       .refused = true,
                                       .tenant = "default",
                                       .domain = "ours.example",
                                       .data = strbuf_text(&text)};
    uint64_t count;
    store_evidence_put(house->store, &row, expect_kept, NULL);
    assert_int_equal(store_evidence_purge(house->store, 0, 1, &count, NULL), ST_OK); // behind it
    return row.id;
}

// What `mailspur auth explain ID` prints, with these words behind it.
static void
expect(const struct house *house, const char *id, const char *words, int code, const char *wanted)
{
    char line[LINE_SIZE];
    (void)snprintf(line, sizeof(line), "auth explain %s %s", id, words);
    cli_expect(house, line, code, wanted);
}

static const char PLAIN[] = "";
static const char RECHECK[] = "--recheck";

static void
each_result_has_its_sentence(void **state)
{
    struct house *house = *state;
    static const struct {
        const char *verdict; /* members, in place of the sample's; NULL: the sample's */
        const char *told;
    } cases[] = {
        {NULL, "refused message "},
        {NULL, "  It was refused: 550 5.7.1 refused by the DMARC policy of x.example\n"},
        {NULL, "The recipient's domain has dmarc: enforce, so a policy of reject refuses"},
        {NULL, "DMARC fail: neither SPF nor DKIM passed for a domain that is aligned with the "
               "author's, x.example; its policy is reject, and asks for reject here."},
        {NULL, "SPF fail for client 192.0.2.9: x.example says that this client may not send"},
        {NULL, "DKIM none: there is no signature."},
        {NULL, "SPF, term by term\n  mailfrom x.example\n    -all: match (lookups 1)\n"},
        {NULL, "Answers of the DNS\n  # ttl 300\n  x.example TXT v=spf1 -all\n"},
        {"\"dmarc\":{\"result\":\"pass\",\"domain\":\"x.example\",\"aligned\":[\"spf\",\"dkim\"]}",
         "DMARC pass: SPF and DKIM passed for a domain"},
        {"\"dmarc\":{\"result\":\"pass\",\"aligned\":[\"spf\"]}", "DMARC pass: SPF passed"},
        {"\"dmarc\":{\"result\":\"none\",\"domain\":\"x.example\"}",
         "DMARC none: x.example has no DMARC policy."},
        {"\"dmarc\":{\"result\":\"temperror\",\"reason\":\"no answer\"}",
         "DMARC temperror: it is not known what the author's domain asks for (no answer)."},
        {"\"spf\":{\"result\":\"temperror\",\"domain\":\"x.example\",\"reason\":\"TXT: slow\"}",
         "x.example did not tell: the DNS gave no answer (TXT: slow)."},
        {"\"spf\":{\"result\":\"pass\",\"identity\":\"helo\",\"domain\":\"h.example\"}",
         "h.example allows this client to send for it; HELO was checked"},
        {"\"dkim\":[{\"result\":\"fail\",\"domain\":\"d.example\",\"selector\":\"s1\","
         "\"reason\":\"the body was changed\"}]",
         "DKIM fail: the signature of d.example, selector s1, does not verify "
         "(the body was changed)."},
        {"\"arc\":{\"result\":\"pass\",\"instances\":2}", "ARC pass: a chain of 2."},
        {"\"forwarder\":{\"name\":\"m365\",\"result\":\"trusted\",\"overrides\":true,"
         "\"reason\":\"sealed\"}",
         "Forwarder m365: trusted (sealed); its word stands in the place of the DMARC result."},
        {"\"local\":true", "It was not judged: the client is authenticated or trusted."},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct evidence evidence = SAMPLE;
        AUTO_STRBUF verdict = STRBUF_INIT(1024);
        if (cases[i].verdict != NULL) {
            strbuf_printf(&verdict, "{%s}", cases[i].verdict);
            evidence.verdict = strbuf_text(&verdict);
        }
        const struct id id = keep(house, &evidence);
        expect(house, id.text, PLAIN, CLI_OK, cases[i].told);
    }
}

static void
each_decision_has_its_sentence(void **state)
{
    struct house *house = *state;
    static const struct {
        const char *action, *reason, *told;
    } cases[] = {
        {"accept", "", "  It was accepted.\n"},
        {"hold", "dmarc_quarantine", "held, because the sender's DMARC policy asks for quarantine"},
        {"hold", "dmarc_reject_mixed", "held, because it would have been refused, but"},
        {"hold", "dmarc_permerror_mixed", "held, because DMARC could not be checked"},
        {"hold", "dmarc_temperror_mixed", "held, because the sender's DNS gave no answer"},
        {"hold", "a word of tomorrow", "held, because a word of tomorrow."},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct evidence evidence = SAMPLE;
        evidence.action = cases[i].action;
        evidence.reason = cases[i].reason;
        const struct id id = keep(house, &evidence);
        expect(house, id.text, PLAIN, CLI_OK, cases[i].told);
    }
}

static void
without_the_message_spf_alone_is_judged_again(void **state)
{
    struct house *house = *state;
    static const char JSON[] = "--recheck --json";
    const struct id id = keep(house, &SAMPLE);
    expect(house, id.text, RECHECK, CLI_OK, "it agrees");
    expect(house, id.text, RECHECK, CLI_OK, "Only SPF was judged");
    expect(house, id.text, JSON, CLI_OK, "\"agrees\":true,\"checked\":\"spf\",\"differences\":[]");
}

static void
what_differs_is_named(void **state)
{
    struct house *house = *state;
    struct evidence evidence = SAMPLE;
    evidence.dns = "!ONLY\nx.example TXT v=spf1 ip4:192.0.2.9 -all\n";
    const struct id other = keep(house, &evidence);
    expect(house, other.text, RECHECK, CLI_FAILED, "spf.result was \"fail\" and is \"pass\" now");
    evidence.dns = "!ONLY\n";
    evidence.dns_left_out = 1;
    const struct id missing = keep(house, &evidence);
    expect(house, missing.text, RECHECK, CLI_FAILED, "was not recorded");
    expect(house, missing.text, RECHECK, CLI_FAILED, "not all answers of the DNS could be kept");
}

static void
a_message_at_hand_is_judged_whole(void **state)
{
    struct house *house = *state;
    char path[] = "/tmp/mailspur-explain-XXXXXX";
    AUTO_FD int fd = mkstemp(path);
    assert_int_equal(write(fd, "From: x\r\n\r\nlonger", 17), 17);
    char more[64];
    (void)snprintf(more, sizeof(more), "--recheck --message %s", path);
    const struct id id = keep(house, &SAMPLE);
    expect(house, id.text, more, CLI_FAILED,
           "the message has 17 bytes; the one that was judged had 9");
    expect(house, id.text, more, CLI_FAILED, "dmarc.result was \"fail\" and is \"permerror\" now");
    assert_int_equal(unlink(path), 0);
    expect(house, id.text, more, CLI_FAILED, "No such file");
}

static void
what_cannot_be_judged_again_says_so(void **state)
{
    struct house *house = *state;
    static const char NO_RECHECK[] = "--message x";
    static const char ID[] = "018f3c1e-0000-7000-8000-000000000000";
    struct evidence evidence = SAMPLE;
    evidence.verdict = "{\"local\":true}";
    const struct id local = keep(house, &evidence);
    expect(house, local.text, RECHECK, CLI_FAILED, "was not judged");
    evidence = SAMPLE;
    evidence.dns = "nonsense\n";
    const struct id broken = keep(house, &evidence);
    expect(house, broken.text, RECHECK, CLI_FAILED, "recorded answers:1");
    expect(house, ID, PLAIN, CLI_NOT_FOUND, "no evidence of");
    expect(house, "nonsense", PLAIN, CLI_NOT_FOUND, "there is no message");
    expect(house, ID, NO_RECHECK, CLI_USAGE, "--recheck");
    const struct store_evidence rows[] = {
        {.id = id_new(), .tenant = "", .domain = "", .data = "{\"version\":2}"},
        {.id = id_new(), .tenant = "", .domain = "", .data = "no JSON"},
    };
    store_evidence_put(house->store, &rows[0], expect_kept, NULL);
    store_evidence_put(house->store, &rows[1], expect_kept, NULL);
    (void)keep(house, &SAMPLE); // behind them
    expect(house, rows[0].id.text, RECHECK, CLI_FAILED, "version 2, which is not known here");
    expect(house, rows[1].id.text, PLAIN, CLI_FAILED, "cannot be read");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_HOUSE(each_result_has_its_sentence),
        WITH_HOUSE(each_decision_has_its_sentence),
        WITH_HOUSE(without_the_message_spf_alone_is_judged_again),
        WITH_HOUSE(what_differs_is_named),
        WITH_HOUSE(a_message_at_hand_is_judged_whole),
        WITH_HOUSE(what_cannot_be_judged_again_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
