// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "tests/unit/config/support.h"
#include "verifier/domain/name.h"

#define LABEL_63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define LABEL_51 "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define NAME_243 LABEL_63 "." LABEL_63 "." LABEL_63 "." LABEL_51

static const char HOSTNAME[] = "MX.mailspur.example.";

static void
good_names_are_normalised(void **state)
{
    (void)state;
    static const struct {
        const char *typed;
        const char *name; /* NULL: good, in whatever form */
    } cases[] = {
        {"example.com", "example.com"},
        {"  Example.COM.\n", "example.com"},
        {"mail.sub.example.co.uk", "mail.sub.example.co.uk"},
        {"bücher.example", "xn--bcher-kva.example"},
        {"BÜCHER.example", "xn--bcher-kva.example"},
        {"xn--bcher-kva.example", "xn--bcher-kva.example"},
        {"straße.de", "xn--strae-oqa.de"},
        {"ｅｘａｍｐｌｅ.com", "example.com"},
        {"example。com", "example.com"},
        {"msp.lan", "msp.lan"},
        {"host.nosuchtld", "host.nosuchtld"},
        {"3com.com", "3com.com"},
        {"a-b.example", "a-b.example"},
        {"mailspur.example", "mailspur.example"},
        {"x.github.io", "x.github.io"},
        {"xmx.mailspur.example", "xmx.mailspur.example"},
        {"президент.рф", "xn--d1abbgf6aiiy.xn--p1ai"},
        {"сосо.рф", "xn--n1aahb.xn--p1ai"},
        {"пример.com", "xn--e1afmkfd.com"},
        {"例え.jp", "xn--r8jz45g.jp"},
        {"日本go.jp", "xn--go-5t7du0c.jp"},
        {"한국a.kr", "xn--a-xj6ep17h.kr"},
        {"παράδειγμα.gr", "xn--hxajbheg2az3al.gr"},
        {"ελληνικό1.gr", NULL},
        {"المثال.example", NULL},
        {NAME_243, NAME_243},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char out[DOMAIN_NAME_SIZE] = "";
        struct why why = {.text = ""};
        enum status status = domain_name_check(cases[i].typed, HOSTNAME, out, &why);
        if (status != ST_OK || (cases[i].name != NULL && strcmp(out, cases[i].name) != 0)) {
            fail_msg("'%s': %s '%s' %s", cases[i].typed, status_name(status), out, why.text);
        }
    }
}

static const struct {
    const char *typed;
    const char *sentence; /* part of it */
    const char *meant;    /* offered; NULL: nothing is */
} MISTAKES[] = {
    {"", "write a domain name", NULL},
    {" \t\n", "write a domain name", NULL},
    {"http://example.com", "without http://", "example.com"},
    {"https://u:p@Example.com:8443/path?q#f", "without http://", "example.com"},
    {"http://example.com/@user", "without http://", "example.com"},
    {"http://", "without http://", NULL},
    {"http://10.0.0.1/", "an address", NULL},
    {"http:example.com", "without http:", "example.com"},
    {"https:/example.com", "without https:", "example.com"},
    {"//example.com", "without a path", "example.com"},
    {"///example.com/x", "without a path", "example.com"},
    {"/", "without a path", NULL},
    {"//", "without a path", NULL},
    {"example,com", "a comma where a dot", "example.com"},
    {"mail.example,com", "a comma where a dot", "mail.example.com"},
    {"example,co.uk", "a comma where a dot", "example.co.uk"},
    {"example.com,example.org", "one domain at a time", "example.com"},
    {"example, com", "one domain at a time", NULL},
    {"example,com,", "one domain at a time", NULL},
    {",com", "one domain at a time", NULL},
    {"example,co,uk", "one domain at a time", NULL},
    {"co,uk", "one domain at a time", NULL},
    {"http://example,com", "without http://", NULL},
    {"mailto:a@example.com", "behind the @", "example.com"},
    {"<a@example.com>", "behind the @", "example.com"},
    {"\"example.com\"", "without quotes", "example.com"},
    {"'example.com'", "without quotes", "example.com"},
    {"`example.com`", "without quotes", "example.com"},
    {"<example.com>", "without brackets", "example.com"},
    {"(example.com)", "without brackets", "example.com"},
    {"[example.com]", "without brackets", "example.com"},
    {"192.0.2.1:25", "an address", NULL},
    {"192.0.2.0/24", "an address", NULL},
    {"2001:db8::/32", "an address", NULL},
    {"[2001:db8::1]:25", "an address", NULL},
    {"admin@192.0.2.1", "an address", NULL},
    {"user@example.com", "behind the @", "example.com"},
    {"user@", "behind the @", NULL},
    {"@", "behind the @", NULL},
    {"example.com/", "without a path", "example.com"},
    {"example.com:25/x", "without a path", "example.com"},
    {"example.com?x", "without a query", "example.com"},
    {"example.com#x", "without a fragment", "example.com"},
    {"example.com:25", "without a port", "example.com"},
    {"*.example.com", "wildcards", "example.com"},
    {"*", "wildcards", NULL},
    {"*.*.*.example.com", "wildcards", NULL},
    {"example.com, example.org", "one domain at a time", "example.com"},
    {"example.com;example.org", "one domain at a time", "example.com"},
    {"ex ample.com", "no spaces", NULL},
    {"example.com\texample.org", "no spaces", "example.com"},
    {"_dmarc.example.com", "underscore", "example.com"},
    {"a._domainkey.example.com", "underscore", NULL},
    {"192.0.2.1", "an address", NULL},
    {"192.0.2.1.", "an address", NULL},
    {"2001:db8::1", "an address", NULL},
    {"[192.0.2.1]", "an address", NULL},
    {"[IPv6:2001:db8::1]", "an address", NULL},
    {"1.2.3", "an address", NULL},
    {".", "an address", NULL},
    {"a\001b.com", "control character", NULL},
    {"exa!mple.com", "'!' cannot stand", NULL},
    {"exa\\mple.com", "cannot stand", NULL},
    {"a..example.com", "a dot too many", "a.example.com"},
    {".example.com", "a dot too many", "example.com"},
    {"example.com..", "a dot too many", "example.com"},
    {"..", "an address", NULL},
    {"a..", "a dot too many", NULL},
    {"-a.example.com", "hyphen", NULL},
    {"a-.example.com", "hyphen", NULL},
    {LABEL_63 "a.com", "longer than 63", NULL},
    {NAME_243 "b", "too long", NULL},
    {"localhost", "one part only", NULL},
    {"com", "one part only", NULL},
    {"example.123", "ends in a number", NULL},
    {"co.uk", "public suffix", NULL},
    {"github.io", "public suffix", NULL},
    {"xn--a.com", "internationalised", NULL},
    {"ab--cd.com", "internationalised", NULL},
    {"☃.com", "internationalised", NULL},
    {"\377\376.com", "no text in UTF-8", NULL},
    {"\303.com", "no text in UTF-8", NULL},
    {"\355\240\200.com", "internationalised", NULL},
    // ---- signs that come with copied text
    {"exam\xe2\x80\x8bple.com", "(U+200B)", "example.com"},
    {"\xef\xbb\xbf"
     "example.com",
     "(U+FEFF)", "example.com"},
    {"exam\xc2\xadple.com", "(U+00AD)", "example.com"},
    {"my\xe2\x80\x93"
     "example.com",
     "(U+2013)", "my-example.com"},
    {"my\xe2\x88\x92"
     "example.com",
     "(U+2212)", "my-example.com"},
    {"\xe2\x80\xae"
     "example.com",
     "(U+202E)", "example.com"},
    {"\xe2\x80\x98"
     "example.com\xe2\x80\x99",
     "(U+2019)", "example.com"},
    {"\xe2\x80\x9e"
     "example.com\xe2\x80\x9c",
     "(U+201C)", "example.com"},
    {"\xc2\xab"
     "example.com\xc2\xbb",
     "(U+00BB)", "example.com"},
    // ---- look-alikes
    {"ex\xd0\xb0mple.com", "'\xd0\xb0' (U+0430, Cyrillic) stands among", "example.com"},
    {"\xd1\x80\xd0\xb0ypal.com", "(U+0440, Cyrillic) stands among", "paypal.com"},
    {"EX\xd0\x90MPLE.com", "(U+0430, Cyrillic) stands among", "example.com"},
    {"g\xce\xbf\xce\xbfgle.com", "(U+03BF, Greek) stands among", "google.com"},
    {"\xd5\xb8"
     "ame.com",
     "(U+0578, Armenian) stands among", "name.com"},
    {"\xd1\x81\xd0\xbe\xd1\x81\xd0\xbe.com", "look like Latin ones, but are not", "coco.com"},
    {"mail.\xd1\x80\xd0\xb0y.example", "(U+0440, Cyrillic)", "mail.pay.example"},
    {"xn--exmple-4nf.com", "(U+0430, Cyrillic) stands among", "example.com"},
    {"\xc9\xa1"
     "oogle.com",
     "written in no language", "google.com"},
    {"\xd0\xb6"
     "abc.com",
     "(U+0436, Cyrillic) stands among", NULL},
    {"mx.MAILSPUR.example", "this mail server itself", NULL},
    {"a.mx.mailspur.example", "stands below mx.mailspur.example", NULL},
};

static void
each_mistake_has_its_own_sentence(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(MISTAKES); i++) {
        char out[DOMAIN_NAME_SIZE] = "untouched";
        struct why why = {.text = ""};
        char offer[400] = "did you mean ";
        enum status status = domain_name_check(MISTAKES[i].typed, HOSTNAME, out, &why);
        bool is_right = status == ST_INVALID && strstr(why.text, MISTAKES[i].sentence) != NULL &&
                        strcmp(out, "untouched") == 0;
        if (MISTAKES[i].meant == NULL) {
            is_right = is_right && strstr(why.text, offer) == NULL;
        } else {
            is_right = is_right && strstr(why.text, strcat(strcat(offer, MISTAKES[i].meant), "?"));
        }
        if (!is_right) {
            fail_msg("'%s': %s '%s' %s", MISTAKES[i].typed, status_name(status), out, why.text);
        }
    }
}

static void
a_name_is_shown_in_its_own_letters_only_where_they_deceive_nobody(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *shown; /* NULL: as it is */
    } cases[] = {
        {"xn--bcher-kva.example", "bücher.example"},
        {"a.xn--bcher-kva.example", "a.bücher.example"},
        {"xn--r8jz45g.jp", "例え.jp"},
        {"xn--n1aahb.xn--p1ai", "сосо.рф"},
        {"example.com", NULL},
        {"", NULL},
        {"xn--exmple-4nf.com", NULL},    // Cyrillic a among Latin letters
        {"xn--n1aahb.com", NULL},        // looks like coco.com
        {"xn--a.com", NULL},             // no name
        {"xn--a-ecp.ru", NULL},          // a hidden joiner
        {"xn--n3h.com", NULL},           // a snowman
        {"xn--example-.com", NULL},      // letters of ASCII in disguise
        {"xn--BCHER-KVA.example", NULL}, // not as domain_name_check gives it
        {"xn--bcher-kva.co_m", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char out[DOMAIN_UNICODE_SIZE] = "untouched";
        bool differs = domain_name_unicode(cases[i].name, out);
        const char *wanted = cases[i].shown == NULL ? "untouched" : cases[i].shown;
        if (differs != (cases[i].shown != NULL) || strcmp(out, wanted) != 0) {
            fail_msg("'%s': %d '%s'", cases[i].name, differs, out);
        }
    }
}

static void
hostile_lengths_are_refused(void **state)
{
    (void)state;
    static const char *const parts[] = {"a", "*", "@", "_.", "://", "\303\274", "a.", "xn--a."};
    static char text[100001];
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        size_t step = strlen(parts[i]);
        for (size_t length = 0; length + step < sizeof(text); length += step) {
            memcpy(text + length, parts[i], step + 1);
            bool is_edge = (length > 1010 && length < 1030) || length + 2 * step >= sizeof(text);
            char out[DOMAIN_NAME_SIZE];
            char shown[DOMAIN_UNICODE_SIZE];
            if (is_edge && (domain_name_check(text, NULL, out, NULL) != ST_INVALID ||
                            domain_name_unicode(text, shown))) {
                fail_msg("%zu bytes of '%s' pass", length, parts[i]);
            }
        }
    }
}

static void
without_a_hostname_every_name_is_for_tenants(void **state)
{
    (void)state;
    char out[DOMAIN_NAME_SIZE];
    assert_int_equal(domain_name_check("mx.mailspur.example", NULL, out, NULL), ST_OK);
}

static void
names_of_the_host_are_nobody_s(void **state)
{
    (void)state;
    struct folder folder;
    folder_make(&folder);
    folder_write(&folder, "mailspur.yaml",
                 "hostname: mx.ours.test\nauthserv_id: auth.ours.test\ninbound_mx: in.ours.test\n"
                 "backup_mx: [in2.ours.test]\nverification: {spf_include: _spf.ours.test,\n"
                 "  dkim_zone: dkim.ours.test, reserved_names: [intern.test, web.test]}\n");
    AUTO_CONFIG *config = folder_load_good(&folder);
    static const struct {
        const char *name;
        const char *sentence; /* NULL: free */
    } rows[] = {
        {"mx.ours.test", "is the name of this mail server itself"},
        {"auth.ours.test", "this mail server itself"},
        {"in.ours.test", "this mail server itself"},
        {"in2.ours.test", "is the name of our mail server itself"},
        {"a.b.mx.ours.test", "stands below mx.ours.test"},
        {"dkim.ours.test", "a zone of this mail server itself"},
        {"x.dkim.ours.test", "stands below dkim.ours.test"},
        {"intern.test", "is a name of the operator itself"},
        {"a.web.test", "stands below web.test, which is a name of the operator"},
        {"ours.test", NULL},
        {"amx.ours.test", NULL},
        {"test", NULL},
        {"client.example", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct why why = {.text = ""};
        enum status status = domain_name_check_free(rows[i].name, config, &why);
        assert_int_equal(status, rows[i].sentence == NULL ? ST_OK : ST_INVALID);
        if (rows[i].sentence != NULL && strstr(why.text, rows[i].sentence) == NULL) {
            fail_msg("%s: %s", rows[i].name, why.text);
        }
    }
    folder_remove(&folder);
}

static void
what_is_told_is_never_cut_inside_a_character(void **state)
{
    (void)state;
    char text[202];
    for (size_t shift = 0; shift < 4; shift++) {
        memset(text, 'a', shift);
        for (size_t at = shift; at + 4 < sizeof(text); at += 4) {
            memcpy(text + at, "\xf0\x9f\x98\x80", 5);
        }
        struct why why = {.text = ""};
        char out[DOMAIN_NAME_SIZE];
        assert_int_equal(domain_name_check(text, NULL, out, &why), ST_INVALID);
        size_t emoji = 0;
        for (const char *c = strchr(why.text, '\xf0'); c != NULL; c = strchr(c + 1, '\xf0')) {
            assert_memory_equal(c, "\xf0\x9f\x98\x80", 4);
            emoji++;
        }
        assert_int_equal(emoji, (60 - shift) / 4);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_names_are_normalised),
        cmocka_unit_test(each_mistake_has_its_own_sentence),
        cmocka_unit_test(a_name_is_shown_in_its_own_letters_only_where_they_deceive_nobody),
        cmocka_unit_test(hostile_lengths_are_refused),
        cmocka_unit_test(names_of_the_host_are_nobody_s),
        cmocka_unit_test(what_is_told_is_never_cut_inside_a_character),
        cmocka_unit_test(without_a_hostname_every_name_is_for_tenants),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
