// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/attrs.h"
#include "verifier/dns/dns.h"

static const char ZONE[] = "# a comment, and an empty line\n"
                           "\n"
                           "example.com TXT v=spf1 a  -all \n"
                           "EXAMPLE.com. TXT second\\000\\032\\\\string\r\n"
                           "example.com A 192.0.2.1\n"
                           "example.com AAAA 2001:db8::1\n"
                           "example.com MX 10 Mail.Example.com.\n"
                           "example.com MX 20 .\n"
                           "example.com NS ns.example.com\n"
                           "example.com SOA ns.example.com\n"
                           "1.2.0.192.in-addr.arpa PTR host.example.com\n"
                           "empty.example.com TXT\n"
                           "odd\\.label.example.com TXT dot\n"
                           "alias.example.com CNAME example.com\n"
                           "far.example.com CNAME alias.example.com\n"
                           "dangling.example.com CNAME nowhere.example.com\n"
                           "loop.example.com CNAME loop.example.com\n"
                           "broken.example.com TXT !SERVFAIL\n"
                           "broken.example.com A 192.0.2.2\n"
                           "slow.example.com A !TIMEOUT\n"
                           "brokenalias.example.com CNAME !SERVFAIL\n"
                           "denied.example.com !NXDOMAIN\n"
                           "*.wild.example.com TXT wild\n"
                           "there.wild.example.com A 192.0.2.3\n"
                           "last.example.com TXT no line end";

static int
open_zone(const char *text, struct dns **dns_out, struct why *why, char path[64])
{
    (void)snprintf(path, 64, "/tmp/test-fixture-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(close(fd), 0);
    enum status status = dns_open_fixture(path, dns_out, why);
    assert_int_equal(unlink(path), 0);
    return status;
}

static int
set_up(void **state)
{
    struct why why = {.text = ""};
    struct dns *dns = NULL;
    char path[64];
    if (open_zone(ZONE, &dns, &why, path) != ST_OK) {
        fail_msg("%s", why.text);
    }
    *state = dns;
    return 0;
}

static int
tear_down(void **state)
{
    dns_close(*state);
    return 0;
}

static void
each_line_is_answered_as_it_stands(void **state)
{
    static const struct {
        const char *name;
        enum dns_type type;
        enum dns_status status;
        size_t count;
        const char *data; /* of the last record */
        size_t length;
        unsigned preference;
        const char *canonical;
    } cases[] = {
        {"example.com", DNS_TXT, DNS_OK, 2, "second\0 \\string", 15, 0, "example.com"},
        {"example.com", DNS_A, DNS_OK, 1, "\300\0\2\1", 4, 0, "example.com"},
        {"example.com", DNS_AAAA, DNS_OK, 1, " \1\r\270\0\0\0\0\0\0\0\0\0\0\0\1", 16, 0,
         "example.com"},
        {"example.com", DNS_MX, DNS_OK, 2, ".", 1, 20, "example.com"},
        {"example.com", DNS_NS, DNS_OK, 1, "ns.example.com", 14, 0, "example.com"},
        {"example.com", DNS_SOA, DNS_OK, 1, "ns.example.com", 14, 0, "example.com"},
        {"1.2.0.192.in-addr.arpa", DNS_PTR, DNS_OK, 1, "host.example.com", 16, 0,
         "1.2.0.192.in-addr.arpa"},
        {"empty.example.com", DNS_TXT, DNS_OK, 1, "", 0, 0, "empty.example.com"},
        {"odd\\046label.example.com", DNS_TXT, DNS_OK, 1, "dot", 3, 0, "odd\\046label.example.com"},
        {"odd.label.example.com", DNS_TXT, DNS_NXDOMAIN, 0, NULL, 0, 0, "odd.label.example.com"},
        {"far.example.com", DNS_A, DNS_OK, 1, "\300\0\2\1", 4, 0, "example.com"},
        {"far.example.com", DNS_CNAME, DNS_OK, 1, "alias.example.com", 17, 0, "far.example.com"},
        {"far.example.com", DNS_PTR, DNS_NODATA, 0, NULL, 0, 0, "example.com"},
        {"dangling.example.com", DNS_A, DNS_NXDOMAIN, 0, NULL, 0, 0, "nowhere.example.com"},
        {"loop.example.com", DNS_A, DNS_TEMPORARY, 0, NULL, 0, 0, "loop.example.com"},
        {"broken.example.com", DNS_TXT, DNS_TEMPORARY, 0, NULL, 0, 0, "broken.example.com"},
        {"broken.example.com", DNS_A, DNS_OK, 1, "\300\0\2\2", 4, 0, "broken.example.com"},
        {"slow.example.com", DNS_A, DNS_TEMPORARY, 0, NULL, 0, 0, "slow.example.com"},
        {"brokenalias.example.com", DNS_A, DNS_TEMPORARY, 0, NULL, 0, 0, "brokenalias.example.com"},
        {"denied.example.com", DNS_A, DNS_NXDOMAIN, 0, NULL, 0, 0, "denied.example.com"},
        {"a.b.wild.example.com", DNS_TXT, DNS_OK, 1, "wild", 4, 0, "a.b.wild.example.com"},
        {"a.wild.example.com", DNS_A, DNS_NODATA, 0, NULL, 0, 0, "a.wild.example.com"},
        {"there.wild.example.com", DNS_TXT, DNS_NODATA, 0, NULL, 0, 0, "there.wild.example.com"},
        {"x.there.wild.example.com", DNS_TXT, DNS_NXDOMAIN, 0, NULL, 0, 0,
         "x.there.wild.example.com"},
        {"last.example.com", DNS_TXT, DNS_OK, 1, "no line end", 11, 0, "last.example.com"},
        {"absent.example.com", DNS_TXT, DNS_NXDOMAIN, 0, NULL, 0, 0, "absent.example.com"},
        {"", DNS_TXT, DNS_BAD_NAME, 0, NULL, 0, 0, "."},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO_ANSWER *answer = dns_get(*state, NULL, cases[i].name, cases[i].type);
        const struct dns_record *last =
            answer->count > 0 ? &answer->records[answer->count - 1] : NULL;
        bool is_right = answer->status == cases[i].status && answer->count == cases[i].count &&
                        strcmp(answer->canonical, cases[i].canonical) == 0 &&
                        (answer->problem[0] != '\0') == (answer->status == DNS_TEMPORARY);
        if (last != NULL) {
            is_right = is_right && last->length == cases[i].length &&
                       memcmp(last->data, cases[i].data, last->length) == 0 &&
                       last->preference == cases[i].preference;
        }
        if (!is_right) {
            fail_msg("%s %s: status %d, %zu records, at %s", cases[i].name,
                     dns_type_name(cases[i].type), answer->status, answer->count,
                     answer->canonical);
        }
    }
}

static void
blanks_of_text_are_kept(void **state)
{
    AUTO_ANSWER *answer = dns_get(*state, NULL, "example.com", DNS_TXT);
    assert_string_equal(answer->records[0].data, "v=spf1 a  -all ");
}

static void
the_budget_counts_here_too(void **state)
{
    struct dns_budget budget = {.deadline_mono_ms = INT64_MAX, .queries_left = 1};
    AUTO_ANSWER *first = dns_get(*state, &budget, "example.com", DNS_A);
    AUTO_ANSWER *hit = dns_get(*state, &budget, "example.com", DNS_A);
    AUTO_ANSWER *none_left = dns_get(*state, &budget, "example.com", DNS_AAAA);
    assert_ptr_equal(first, hit);
    assert_int_equal(none_left->status, DNS_TEMPORARY);
    assert_int_equal(budget.queries, 1);
    assert_int_equal(budget.hits, 1);
}

static void
a_bad_line_is_told_with_its_number(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "a..b TXT x",
        "example.com",
        "example.com SRV 1 2 3 x",
        "example.com txt x",
        "example.com A 1.2.3",
        "example.com AAAA 1.2.3.4",
        "example.com MX a",
        "example.com MX 65536 a",
        "example.com MX 1 a..b",
        "example.com MX 1",
        "example.com TXT \\256",
        "example.com TXT a\\",
        "example.com CNAME",
        "example.com !SERVFAIL",
        " TXT x",
    };
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        char zone[128];
        char path[64];
        char place[80];
        struct why why = {.text = ""};
        struct dns *dns = NULL;
        (void)snprintf(zone, sizeof(zone), "ok.example TXT fine\n\n%s\n", lines[i]);
        enum status status = (enum status)open_zone(zone, &dns, &why, path);
        (void)snprintf(place, sizeof(place), "%s:3:", path);
        if (status != ST_INVALID || dns != NULL || strncmp(why.text, place, strlen(place)) != 0) {
            fail_msg("'%s': %s '%s'", lines[i], status_name(status), why.text);
        }
    }
}

static void
a_missing_file_is_a_local_fault(void **state)
{
    (void)state;
    struct dns *dns = NULL;
    assert_int_equal(dns_open_fixture("/nonexistent/zone", &dns, NULL), ST_IO);
    assert_null(dns);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_line_is_answered_as_it_stands, set_up, tear_down),
        cmocka_unit_test_setup_teardown(blanks_of_text_are_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_budget_counts_here_too, set_up, tear_down),
        cmocka_unit_test(a_bad_line_is_told_with_its_number),
        cmocka_unit_test(a_missing_file_is_a_local_fault),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
