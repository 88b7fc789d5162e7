// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

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
        const char *name;
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
        {NAME_243, NAME_243},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char out[DOMAIN_NAME_SIZE] = "";
        struct why why = {.text = ""};
        enum status status = domain_name_check(cases[i].typed, HOSTNAME, out, &why);
        if (status != ST_OK || strcmp(out, cases[i].name) != 0) {
            fail_msg("'%s': %s '%s' %s", cases[i].typed, status_name(status), out, why.text);
        }
    }
}

static void
each_mistake_has_its_own_sentence(void **state)
{
    (void)state;
    static const struct {
        const char *typed;
        const char *sentence; /* part of it */
        const char *meant;    /* offered; NULL: nothing is */
    } cases[] = {
        {"", "write a domain name", NULL},
        {" \t\n", "write a domain name", NULL},
        {"http://example.com", "without http://", "example.com"},
        {"https://u:p@Example.com:8443/path?q#f", "without http://", "example.com"},
        {"http://example.com/@user", "without http://", "example.com"},
        {"http://", "without http://", NULL},
        {"http://10.0.0.1/", "without http://", NULL},
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
        {"a..example.com", "a dot too many", NULL},
        {".example.com", "a dot too many", NULL},
        {"example.com..", "a dot too many", NULL},
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
        {"\377\376.com", "internationalised", NULL},
        {"mx.MAILSPUR.example", "this mail server itself", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char out[DOMAIN_NAME_SIZE] = "untouched";
        struct why why = {.text = ""};
        char offer[300] = "did you mean ";
        enum status status = domain_name_check(cases[i].typed, HOSTNAME, out, &why);
        bool is_right = status == ST_INVALID && strstr(why.text, cases[i].sentence) != NULL &&
                        strcmp(out, "untouched") == 0;
        if (cases[i].meant == NULL) {
            is_right = is_right && strstr(why.text, offer) == NULL;
        } else {
            is_right = is_right && strstr(why.text, strcat(strcat(offer, cases[i].meant), "?"));
        }
        if (!is_right) {
            fail_msg("'%s': %s '%s' %s", cases[i].typed, status_name(status), out, why.text);
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
            if (is_edge && domain_name_check(text, NULL, out, NULL) != ST_INVALID) {
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

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_names_are_normalised),
        cmocka_unit_test(each_mistake_has_its_own_sentence),
        cmocka_unit_test(hostile_lengths_are_refused),
        cmocka_unit_test(without_a_hostname_every_name_is_for_tenants),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
