// SPDX-License-Identifier: Apache-2.0
#include "control/cli/auth_story.h"

#include <string.h>

#include "control/cli/call.h"

enum { SENTENCE_MAX = 4096 };

static const char *
or_else(const char *text, const char *otherwise)
{
    return text[0] == '\0' ? otherwise : text;
}

// " (reason)", or nothing.
static void
add_reason(struct strbuf *out, const char *reason)
{
    if (reason[0] != '\0') {
        strbuf_printf(out, " (%s)", reason);
    }
}

static void
print_sentence(const struct cli *cli, const struct strbuf *sentence)
{
    screen_line(&cli->screen, "  %s", strbuf_text(sentence));
}

/* A word of a result or decision, and what it means. */
struct meaning {
    const char *word;
    const char *text;
};

static const char *
meaning_of(const struct meaning *meanings, size_t count, const char *word, const char *otherwise)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(meanings[i].word, word) == 0) {
            return meanings[i].text;
        }
    }
    return otherwise;
}
#define MEANING_OF(table, word, otherwise)                                                         \
    meaning_of((table), ARRAY_LEN(table), (word), (otherwise))

// ---- the decision

static const struct meaning HOLDS[] = {
    {"dmarc_quarantine", "the sender's DMARC policy asks for quarantine"},
    {"dmarc_reject_mixed",
     "it would have been refused, but a refusal would have hit recipients that are not ours too"},
    {"dmarc_permerror_mixed",
     "DMARC could not be checked, and a refusal would have hit recipients that are not ours too"},
    {"dmarc_temperror_mixed", "the sender's DNS gave no answer, and putting it off would have hit "
                              "recipients that are not ours too"},
};

static const struct meaning MODES[] = {
    {"enforce", "a policy of reject refuses and a policy of quarantine holds"},
    {"tag", "mail is delivered with its verdict, whatever that is"},
    {"off", "DMARC decides nothing"},
};

static void
tell_decision(const struct cli *cli, const json_t *evidence)
{
    const json_t *decision = json_object_get(evidence, "decision");
    const json_t *policy = json_object_get(evidence, "policy");
    const char *action = call_text(decision, "action");
    const char *reason = call_text(decision, "reason");
    const char *mode = call_text(policy, "dmarc");
    AUTO_STRBUF text = STRBUF_INIT(SENTENCE_MAX);
    if (strcmp(action, "refuse") == 0) {
        strbuf_printf(&text, "It was refused: %s", call_text(decision, "reply"));
    } else if (strcmp(action, "hold") == 0) {
        strbuf_printf(&text, "It was accepted and held, because %s.",
                      MEANING_OF(HOLDS, reason, or_else(reason, "of its policy")));
    } else {
        strbuf_puts(&text, "It was accepted.");
    }
    print_sentence(cli, &text);
    strbuf_reset(&text);
    strbuf_printf(&text, "The recipient's domain has dmarc: %s, so %s.", mode,
                  MEANING_OF(MODES, mode, "its policy counts"));
    print_sentence(cli, &text);
}

// ---- the methods

static const struct meaning SPF_RESULTS[] = {
    {"pass", "allows this client to send for it"},
    {"fail", "says that this client may not send for it"},
    {"softfail", "says that this client probably may not send for it"},
    {"neutral", "says nothing about this client"},
    {"none", "has no SPF record that could be used"},
    {"temperror", "did not tell: the DNS gave no answer"},
    {"permerror", "has an SPF record that cannot be used"},
};

static void
tell_spf(const struct cli *cli, const json_t *evidence)
{
    const json_t *spf = json_object_get(json_object_get(evidence, "verdict"), "spf");
    const char *result = call_text(spf, "result");
    const char *address = call_text(json_object_get(evidence, "client"), "address");
    AUTO_STRBUF text = STRBUF_INIT(SENTENCE_MAX);
    strbuf_printf(&text, "SPF %s for client %s: %s %s", result, or_else(address, "unknown"),
                  or_else(call_text(spf, "domain"), "the sender's name"),
                  MEANING_OF(SPF_RESULTS, result, "was not checked"));
    add_reason(&text, call_text(spf, "reason"));
    strbuf_puts(&text, strcmp(call_text(spf, "identity"), "helo") == 0
                           ? "; HELO was checked, since the sender is null."
                           : ".");
    print_sentence(cli, &text);
    if (call_text(spf, "explanation")[0] != '\0') {
        screen_line(&cli->screen, "    its owner explains: %s", call_text(spf, "explanation"));
    }
}

static const struct meaning DKIM_RESULTS[] = {
    {"pass", "verifies"},
    {"fail", "does not verify"},
    {"policy", "is not accepted"},
    {"neutral", "is not taken into account"},
    {"temperror", "could not be checked: the DNS gave no key"},
    {"permerror", "cannot be used"},
};

static void
tell_signature(const struct cli *cli, const json_t *signature)
{
    const char *result = call_text(signature, "result");
    AUTO_STRBUF text = STRBUF_INIT(SENTENCE_MAX);
    strbuf_printf(&text, "DKIM %s: the signature of %s, selector %s, %s", result,
                  or_else(call_text(signature, "domain"), "an unknown domain"),
                  or_else(call_text(signature, "selector"), "unknown"),
                  MEANING_OF(DKIM_RESULTS, result, "was not checked"));
    add_reason(&text, call_text(signature, "reason"));
    strbuf_putc(&text, '.');
    print_sentence(cli, &text);
}

static void
tell_signatures(const struct cli *cli, const json_t *verdict)
{
    const json_t *signatures = json_object_get(verdict, "dkim");
    for (size_t i = 0; i < json_array_size(signatures); i++) {
        tell_signature(cli, json_array_get(signatures, i));
    }
    if (json_array_size(signatures) == 0) {
        screen_line(&cli->screen, "  DKIM none: there is no signature.");
    }
}

static void
tell_arc(const struct cli *cli, const json_t *verdict)
{
    const json_t *arc = json_object_get(verdict, "arc");
    const char *result = call_text(arc, "result");
    if (strcmp(result, "none") != 0) {
        screen_line(&cli->screen, "  ARC %s: a chain of %lld.", result,
                    (long long)call_number(arc, "instances"));
    }
}

static void
tell_forwarder(const struct cli *cli, const json_t *verdict)
{
    const json_t *forwarder = json_object_get(verdict, "forwarder");
    if (!json_is_object(forwarder)) {
        return;
    }
    AUTO_STRBUF text = STRBUF_INIT(SENTENCE_MAX);
    strbuf_printf(&text, "Forwarder %s: %s", call_text(forwarder, "name"),
                  call_text(forwarder, "result"));
    add_reason(&text, call_text(forwarder, "reason"));
    strbuf_puts(&text, json_is_true(json_object_get(forwarder, "overrides"))
                           ? "; its word stands in the place of the DMARC result."
                           : ".");
    print_sentence(cli, &text);
}

static const char *
aligned_methods(const json_t *dmarc)
{
    const json_t *aligned = json_object_get(dmarc, "aligned");
    const char *first = json_string_value(json_array_get(aligned, 0));
    if (json_array_size(aligned) == 2) {
        return "SPF and DKIM";
    }
    return first != NULL && strcmp(first, "spf") == 0 ? "SPF" : "DKIM";
}

static void
tell_dmarc(const struct cli *cli, const json_t *verdict)
{
    const json_t *dmarc = json_object_get(verdict, "dmarc");
    const char *result = call_text(dmarc, "result");
    const char *author = or_else(call_text(dmarc, "domain"), "the author's domain");
    AUTO_STRBUF text = STRBUF_INIT(SENTENCE_MAX);
    strbuf_printf(&text, "DMARC %s: ", result);
    if (strcmp(result, "pass") == 0) {
        strbuf_printf(&text, "%s passed for a domain that is aligned with the author's, %s",
                      aligned_methods(dmarc), author);
    } else if (strcmp(result, "fail") == 0) {
        strbuf_printf(&text,
                      "neither SPF nor DKIM passed for a domain that is aligned with the author's, "
                      "%s; its policy is %s, and asks for %s here",
                      author, call_text(dmarc, "policy"), call_text(dmarc, "disposition"));
    } else if (strcmp(result, "none") == 0) {
        strbuf_printf(&text, "%s has no DMARC policy", author);
    } else {
        strbuf_printf(&text, "it is not known what %s asks for", author);
    }
    add_reason(&text, call_text(dmarc, "reason"));
    strbuf_putc(&text, '.');
    print_sentence(cli, &text);
}

// ---- what it rests on

// A text of several lines under a title; `skip` is a line that means nothing to a person.
static void
print_lines(const struct cli *cli, const char *title, const char *lines, const char *skip)
{
    if (lines[0] == '\0') {
        return;
    }
    (void)fputc('\n', cli->screen.out);
    screen_line(&cli->screen, "%s", title);
    while (*lines != '\0') {
        int length = (int)strcspn(lines, "\n");
        if (strncmp(lines, skip, (size_t)length) != 0) {
            screen_line(&cli->screen, "  %.*s", length, lines);
        }
        lines += length + (lines[length] == '\n' ? 1 : 0);
    }
}

static void
tell_missing(const struct cli *cli, const json_t *evidence)
{
    int64_t missing = call_number(evidence, "dns_left_out");
    if (json_is_true(json_object_get(evidence, "truncated"))) {
        screen_line(&cli->screen, "  Some of it was too large to be kept (%lld answers).",
                    (long long)missing);
    }
}

void
auth_story_print(const struct cli *cli, const json_t *evidence)
{
    const json_t *verdict = json_object_get(evidence, "verdict");
    tell_decision(cli, evidence);
    if (json_is_true(json_object_get(verdict, "local"))) {
        screen_line(&cli->screen, "  It was not judged: the client is authenticated or trusted.");
        return;
    }
    tell_dmarc(cli, verdict);
    tell_spf(cli, evidence);
    tell_signatures(cli, verdict);
    tell_arc(cli, verdict);
    tell_forwarder(cli, verdict);
    print_lines(cli, "SPF, term by term", call_text(evidence, "spf_trace"), "");
    print_lines(cli, "Answers of the DNS", call_text(evidence, "dns"), "!ONLY");
    tell_missing(cli, evidence);
}
