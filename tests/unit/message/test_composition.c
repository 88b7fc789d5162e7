// SPDX-License-Identifier: Apache-2.0
// Messages composed so that two programs read two senders in them ("composition" attacks). Each is
// refused (DMARC permerror), or judged on the one address that a mail reader shows.
#include "support.h"

#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "verifier/message/from.h"

/* bank.example is what the attacker wants to be shown; evil.example is the attacker's own. */
struct from_attack {
    const char *label;
    const char *header;
    size_t length;
    const char *domain; /* judged on this one; NULL: refused */
};

#define ATTACK(label, text, domain)                                                                \
    {                                                                                              \
        label, text, sizeof(text) - 1, domain                                                      \
    }

static const struct from_attack FROM_ATTACKS[] = {
    // several fields
    ATTACK("two fields", "From: a@bank.example\r\nFrom: b@evil.example\r\n\r\n", NULL),
    ATTACK("two equal fields", "From: a@evil.example\r\nFrom: a@evil.example\r\n\r\n", NULL),
    ATTACK("two fields, cases", "FROM: a@bank.example\r\nfrom: b@evil.example\r\n\r\n", NULL),
    ATTACK("blank before the colon", "From : a@bank.example\r\nFrom: b@evil.example\r\n\r\n", NULL),
    ATTACK("tab before the colon", "From\t: a@bank.example\r\nFrom: b@evil.example\r\n\r\n", NULL),
    ATTACK("blank before the first name", " From: a@bank.example\r\nFrom: b@evil.example\r\n\r\n",
           NULL),
    ATTACK("fold before the colon", "From\r\n : a@bank.example\r\nFrom: b@evil.example\r\n\r\n",
           NULL),
    ATTACK("empty field first", "From:\r\nFrom: b@evil.example\r\n\r\n", NULL),
    ATTACK("folded away", "Subject: x\r\n From: a@bank.example\r\nFrom: b@evil.example\r\n\r\n",
           "evil.example"),
    ATTACK("other names",
           "X-From: a@bank.example\r\nSender: a@bank.example\r\nResent-From: "
           "a@bank.example\r\nFrom: b@evil.example\r\n\r\n",
           "evil.example"),
    ATTACK("sender only", "Sender: a@bank.example\r\n\r\n", NULL),
    ATTACK("in the body", "From: b@evil.example\r\n\r\nFrom: a@bank.example\r\n", "evil.example"),
    ATTACK("only in the body", "Subject: x\r\n\r\nFrom: a@bank.example\r\n", NULL),
    ATTACK("envelope line of a mailbox file",
           "From a@bank.example Sat Nov 21 10:00:00 2026\r\nFrom: b@evil.example\r\n\r\n",
           "evil.example"),
    // line ends
    ATTACK("bare CR before a field",
           "Subject: x\rFrom: a@bank.example\r\nFrom: b@evil.example"
           "\r\n\r\n",
           NULL),
    ATTACK("bare LF before a field",
           "Subject: x\nFrom: a@bank.example\r\nFrom: b@evil.example"
           "\r\n\r\n",
           NULL),
    ATTACK("CR CR LF", "Subject: x\r\r\nFrom: b@evil.example\r\n\r\n", "evil.example"),
    ATTACK("bare CR in the only field", "From: b@evil.example\r, a@bank.example\r\n\r\n", NULL),
    ATTACK("bare CR inside an address", "From: a@bank.example\r.evil.example\r\n\r\n", NULL),
    ATTACK("bare CR, then the only field", "Subject: x\rFrom: a@bank.example\r\n\r\n", NULL),
    ATTACK("bare CR in another field", "Subject: x\ry\r\nFrom: b@evil.example\r\n\r\n",
           "evil.example"),
    // bytes that are not seen
    ATTACK("NUL in the value", "From: a@bank.example\0@evil.example\r\n\r\n", NULL),
    ATTACK("NUL behind the name", "From\0: a@bank.example\r\nFrom: b@evil.example\r\n\r\n", NULL),
    ATTACK("NUL before the name", "\0From: a@bank.example\r\nFrom: b@evil.example\r\n\r\n", NULL),
    ATTACK("NUL inside the name", "Fr\0om: a@bank.example\r\nFrom: b@evil.example\r\n\r\n", NULL),
    ATTACK("byte order mark before the name",
           "\xef\xbb\xbf"
           "From: a@bank.example\r\nFrom: b@evil.example\r\n\r\n",
           NULL),
    ATTACK("no-break space behind the name",
           "From\xc2\xa0: a@bank.example\r\nFrom: b@evil.example\r\n\r\n", NULL),
    ATTACK("DEL in the name", "Fro\x7fm: a@bank.example\r\nFrom: b@evil.example\r\n\r\n", NULL),
    ATTACK("direction mark in the domain", "From: a@bank\xe2\x80\xae.example\r\n\r\n", NULL),
    ATTACK("soft hyphen in the domain", "From: a@bank.example\xc2\xad.evil.example\r\n\r\n",
           "bank.example.evil.example"),
    // several addresses
    ATTACK("two addresses", "From: a@bank.example, b@evil.example\r\n\r\n", NULL),
    ATTACK("two angle addresses", "From: <a@bank.example>, <b@evil.example>\r\n\r\n", NULL),
    ATTACK("no comma between", "From: <a@bank.example> <b@evil.example>\r\n\r\n", NULL),
    ATTACK("semicolon between", "From: a@bank.example; b@evil.example\r\n\r\n", NULL),
    ATTACK("escaped comma", "From: <a@bank.example>\\,<b@evil.example>\r\n\r\n", NULL),
    ATTACK("address behind the angle", "From: <b@evil.example> a@bank.example\r\n\r\n", NULL),
    ATTACK("angle in an angle", "From: <a@bank.example<b@evil.example>>\r\n\r\n", NULL),
    ATTACK("group", "From: a@bank.example:b@evil.example;\r\n\r\n", NULL),
    ATTACK("two groups", "From: x:a@bank.example;, y:b@evil.example;\r\n\r\n", NULL),
    ATTACK("empty group, then an address", "From: a:;, b@evil.example\r\n\r\n", "evil.example"),
    ATTACK("two at signs", "From: a@bank.example@evil.example\r\n\r\n", NULL),
    ATTACK("unclosed angle", "From: <a@bank.example\r\n\r\n", NULL),
    ATTACK("comma first", "From: ,a@bank.example\r\n\r\n", "bank.example"),
    // quotes and comments
    ATTACK("quoted address as name", "From: \"a@bank.example\" <b@evil.example>\r\n\r\n",
           "evil.example"),
    ATTACK("quoted angle as name", "From: \"<a@bank.example>\" <b@evil.example>\r\n\r\n",
           "evil.example"),
    ATTACK("quoted address as local part", "From: \"a@bank.example\"@evil.example\r\n\r\n",
           "evil.example"),
    ATTACK("quoted angle as local part", "From: \"<a@bank.example>,\"@evil.example\r\n\r\n",
           "evil.example"),
    ATTACK("escaped quote", "From: \"x\\\" <a@bank.example>\" <b@evil.example>\r\n\r\n",
           "evil.example"),
    ATTACK("open quote", "From: \"x <a@bank.example>, b@evil.example\r\n\r\n", NULL),
    ATTACK("address in a comment", "From: (a@bank.example) b@evil.example\r\n\r\n", "evil.example"),
    ATTACK("angle in a comment", "From: (<a@bank.example>) <b@evil.example>\r\n\r\n",
           "evil.example"),
    ATTACK("comment in the domain", "From: b@evil.example(.bank.example)\r\n\r\n", "evil.example"),
    ATTACK("comment that hides the dot", "From: a@bank(.).evil.example\r\n\r\n",
           "bank.evil.example"),
    ATTACK("comment that does not end", "From: a@bank.example (b@evil.example\r\n\r\n", NULL),
    ATTACK("quote in a comment", "From: (\") a@bank.example (\") , b@evil.example\r\n\r\n", NULL),
    ATTACK("comment between angle and name", "From: a@bank.example (x) <b@evil.example>\r\n\r\n",
           "evil.example"),
    // routes
    ATTACK("route through the bank", "From: <@bank.example:b@evil.example>\r\n\r\n",
           "evil.example"),
    ATTACK("route of two", "From: <@bank.example,@x.example:b@evil.example>\r\n\r\n",
           "evil.example"),
    ATTACK("route through the attacker", "From: <@evil.example:a@bank.example>\r\n\r\n",
           "bank.example"),
    ATTACK("route without angles", "From: @evil.example:a@bank.example\r\n\r\n", NULL),
    // encoded words
    ATTACK("encoded address alone", "From: =?utf-8?q?a=40bank=2Eexample?=\r\n\r\n", NULL),
    ATTACK("encoded address in angles", "From: <=?utf-8?q?a=40bank=2Eexample?=>\r\n\r\n", NULL),
    ATTACK("encoded address, then another",
           "From: =?utf-8?b?YUBiYW5rLmV4YW1wbGU=?="
           " <b@evil.example>\r\n\r\n",
           "evil.example"),
    ATTACK("encoded angle, then another",
           "From: =?utf-8?b?PGFAYmFuay5leGFtcGxlPg==?= <b@evil.example>\r\n\r\n", "evil.example"),
    ATTACK("encoded address and comma",
           "From: =?utf-8?b?PGFAYmFuay5leGFtcGxlPg==?=, <b@evil.example>\r\n\r\n", NULL),
    ATTACK("encoded domain", "From: a@=?utf-8?q?bank=2Eexample?=\r\n\r\n", NULL),
    ATTACK("encoded NUL in the name",
           "From: =?utf-8?q?a=40bank.example=00?= <b@evil.example>"
           "\r\n\r\n",
           "evil.example"),
    ATTACK("encoded word as local part",
           "From: =?utf-8?q?a=40bank=2Eexample=2C?=@evil.example"
           "\r\n\r\n",
           "evil.example"),
    // domains
    ATTACK("final dot", "From: a@bank.example.\r\n\r\n", "bank.example"),
    ATTACK("two final dots", "From: a@bank.example..\r\n\r\n", NULL),
    ATTACK("empty label", "From: a@bank..example\r\n\r\n", NULL),
    ATTACK("backslash", "From: a@bank.example\\.evil.example\r\n\r\n", NULL),
    ATTACK("slash", "From: a@bank.example/.evil.example\r\n\r\n", NULL),
    ATTACK("percent", "From: a%bank.example@evil.example\r\n\r\n", "evil.example"),
    ATTACK("bang path", "From: bank.example!a@evil.example\r\n\r\n", "evil.example"),
    ATTACK("blank in the domain", "From: a@bank.example .evil.example\r\n\r\n",
           "bank.example.evil.example"),
    ATTACK("fold in the domain", "From: a@bank.example\r\n .evil.example\r\n\r\n",
           "bank.example.evil.example"),
    ATTACK("word behind the domain", "From: a@bank.example evil.example\r\n\r\n", NULL),
    ATTACK("full-width dot",
           "From: a@bank\xef\xbc\x8e"
           "example\r\n\r\n",
           "bank.example"),
    ATTACK("full-width letters", "From: a@\xef\xbd\x82\xef\xbd\x81nk.example\r\n\r\n",
           "bank.example"),
    ATTACK("look-alike letter", "From: a@b\xd0\xb0nk.example\r\n\r\n", "xn--bnk-6cd.example"),
    ATTACK("8-bit that is no UTF-8", "From: a@b\xe4nk.example\r\n\r\n", NULL),
    ATTACK("address literal", "From: a@[192.0.2.1]\r\n\r\n", NULL),
    ATTACK("literal with a name in it", "From: a@[bank.example]\r\n\r\n", NULL),
};

static void
author_is_the_one_shown_or_none(void **state)
{
    (void)state;
    unsigned wrong = 0;
    for (size_t i = 0; i < ARRAY_LEN(FROM_ATTACKS); i++) {
        const struct from_attack *row = &FROM_ATTACKS[i];
        char domain[DOMAIN_NAME_SIZE] = "";
        enum from_status status = from_find_domain(row->header, row->length, domain);
        bool refused = status != FROM_OK;
        if (refused != (row->domain == NULL) || (!refused && strcmp(domain, row->domain) != 0)) {
            print_error("%s: %d %s\n", row->label, (int)status, domain);
            wrong++;
        }
    }
    assert_int_equal(wrong, 0);
}

/* evil.example lists the client; bank.example has p=reject and does not. */
static const char ZONE[] = "evil.example TXT v=spf1 ip4:192.0.2.66 -all\n"
                           "bank.example TXT v=spf1 -all\n"
                           "_dmarc.bank.example TXT v=DMARC1; p=reject\n";

struct envelope_attack {
    const char *label;
    const char *helo;
    const char *sender;
};

static const struct envelope_attack ENVELOPE_ATTACKS[] = {
    {"own domain", "evil.example", "a@evil.example"},
    {"null sender, own HELO", "evil.example", ""},
    {"null sender, the bank's HELO", "bank.example", ""},
    {"the bank's address", "evil.example", "a@bank.example"},
    {"two at signs", "evil.example", "a@bank.example@evil.example"},
    {"two at signs, turned", "evil.example", "a@evil.example@bank.example"},
    {"quoted address", "evil.example", "\"a@bank.example\"@evil.example"},
    {"comment", "evil.example", "a@bank.example(.evil.example"},
    {"whole comment", "evil.example", "a@evil.example(.bank.example)"},
    {"apostrophe", "evil.example", "a@bank.example'@x.evil.example"},
    {"route", "evil.example", "@bank.example:a@evil.example"},
    {"route of two", "evil.example", "@bank.example,@evil.example:a@evil.example"},
    {"encoded NUL", "evil.example", "a@bank.example%00.evil.example"},
    {"backslash", "evil.example", "a@bank.example\\.evil.example"},
    {"blank", "evil.example", "a@bank.example .evil.example"},
    {"line end", "evil.example", "a@bank.example\r\n.evil.example"},
    {"semicolon", "evil.example", "a@evil.example; smtp.mailfrom=bank.example"},
    {"bracket", "evil.example", "a@evil.example<bank.example"},
    {"no domain", "bank.example", "bank.example"},
    {"HELO with two names", "bank.example evil.example", ""},
    {"HELO with a line end", "evil.example\r\nbank.example", ""},
};

// SPF that passes for the attacker's name never speaks for the bank's, however the name is written;
// and no text of the envelope gets out of its place in our field.
static void
envelope_never_speaks_for_another(void **state)
{
    (void)state;
    static const char text[] = "From: a@bank.example\r\nSubject: x\r\n\r\nbody\r\n";
    struct dns *dns = support_zone(ZONE);
    const struct auth_settings settings = {
        .authserv_id = "mx.example.net", .timeout_ms = 10000, .queries = 100};
    struct auth *auth = NULL;
    assert_int_equal(auth_open(&settings, dns, &auth, NULL), ST_OK);
    for (size_t i = 0; i < ARRAY_LEN(ENVELOPE_ATTACKS); i++) {
        struct auth_message message;
        struct verdict verdict;
        support_message_text(text, sizeof(text) - 1, &message);
        message.client_address = "192.0.2.66";
        message.helo = ENVELOPE_ATTACKS[i].helo;
        message.sender = ENVELOPE_ATTACKS[i].sender;
        auth_check(auth, &message, &verdict);
        (void)close(message.fd);
        const char *first = strchr(verdict.authentication_results, ';');
        const char *second = first == NULL ? NULL : strstr(first + 1, "; dkim=none; dmarc=fail");
        if (verdict.dmarc.result != AUTH_FAIL || verdict.dmarc.disposition != DMARC_ACTION_REJECT ||
            second == NULL || memchr(first + 1, ';', (size_t)(second - first - 1)) != NULL) {
            fail_msg("%s: %s", ENVELOPE_ATTACKS[i].label, verdict.authentication_results);
        }
    }
    auth_close(auth);
    dns_close(dns);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(author_is_the_one_shown_or_none),
        cmocka_unit_test(envelope_never_speaks_for_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
