// SPDX-License-Identifier: Apache-2.0
// What a hostile zone can make one check send: many servers, some of them silent, and nothing where
// it should be, so that every place of a mistake is looked at too.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "tests/unit/dns/world.h"
#include "verifier/domain/check.h"
#include "verifier/domain/check_run.h"

enum { TIMEOUT_MS = 100, TRIES = 2 };

// All answer at once: some want TCP, one wants no EDNS.
#define HOSTILE "z-11-12-13-14-18-19-20-21-22-23-25-26-27-28-29-32-33.test"

static const struct {
    enum record_purpose purpose;
    enum record_for needed_for;
    enum dns_type type;
    const char *labels;
    const char *wanted;
} RECORDS[] = {
    {PURPOSE_OWNERSHIP, RECORD_FOR_OWNERSHIP, DNS_TXT, "_mailspur.", "mailspur-verify=abc"},
    {PURPOSE_SPF, RECORD_FOR_SENDING, DNS_TXT, "", "spf.ours.example"},
    {PURPOSE_DKIM, RECORD_FOR_SENDING, DNS_CNAME, "s1._domainkey.", "s1.keys.example"},
    {PURPOSE_DKIM, RECORD_FOR_SENDING, DNS_CNAME, "s2._domainkey.", "s2.keys.example"},
    {PURPOSE_DKIM, RECORD_FOR_SENDING, DNS_CNAME, "s3._domainkey.", "s3.keys.example"},
    {PURPOSE_DKIM, RECORD_FOR_SENDING, DNS_CNAME, "s4._domainkey.", "s4.keys.example"},
    {PURPOSE_DKIM, RECORD_FOR_SENDING, DNS_CNAME, "s5._domainkey.", "s5.keys.example"},
    {PURPOSE_DKIM, RECORD_FOR_SENDING, DNS_CNAME, "s6._domainkey.", "s6.keys.example"},
    {PURPOSE_DMARC, RECORD_FOR_SENDING, DNS_TXT, "_dmarc.", "none"},
    {PURPOSE_MAIL_FROM_MX, RECORD_FOR_SENDING, DNS_MX, "mail.", "feedback.example"},
    {PURPOSE_MAIL_FROM_SPF, RECORD_FOR_SENDING, DNS_TXT, "mail.", "spf.ours.example"},
    {PURPOSE_INBOUND_MX, RECORD_FOR_INBOUND, DNS_MX, "", "mx1.ours.example"},
    {PURPOSE_INBOUND_MX, RECORD_FOR_INBOUND, DNS_MX, "", "mx2.ours.example"},
};

static struct domain_records
records_of(const char *domain)
{
    struct domain_records records = {.count = 0};
    for (size_t i = 0; i < ARRAY_LEN(RECORDS); i++) {
        struct domain_record *record = domain_records_add(&records);
        record->purpose = RECORDS[i].purpose;
        record->needed_for = RECORDS[i].needed_for;
        record->type = RECORDS[i].type;
        record->required = true;
        (void)snprintf(record->name, sizeof(record->name), "%s%s", RECORDS[i].labels, domain);
        (void)snprintf(record->wanted, sizeof(record->wanted), "%s", RECORDS[i].wanted);
        (void)snprintf(record->value, sizeof(record->value), "%s", RECORDS[i].wanted);
    }
    return records;
}

/* One check by hand. */
struct visit {
    struct domain_records records;
    struct check_summary summary;
    unsigned queries;
};

static struct visit
visit(const char *domain)
{
    struct dns *dns = world_dns();
    struct authority_settings settings = world_settings(dns, TIMEOUT_MS);
    struct authority *authority = NULL;
    settings.tries = TRIES;
    assert_int_equal(authority_open(&settings, &authority, NULL), ST_OK);
    const struct check_context context = {.dns = dns, .authority = authority};
    const struct check_subject subject = {.domain = domain};
    struct visit visit = {.records = records_of(domain)};
    unsigned before = world_count_all();
    domain_check(&context, &subject, &visit.records, &visit.summary);
    visit.queries = world_count_all() - before;
    authority_close(authority);
    dns_close(dns);
    return visit;
}

static bool
has_finding(const struct domain_record *record, enum finding_code code)
{
    for (size_t i = 0; i < record->finding_count; i++) {
        if (record->findings[i].code == code) {
            return true;
        }
    }
    return false;
}

static void
a_hostile_zone_cannot_make_a_check_ask_without_end(void **state)
{
    (void)state;
    struct visit hostile = visit(HOSTILE);
    const struct domain_record *first = &hostile.records.items[0];
    assert_in_range(hostile.queries, CHECK_QUERIES_MAX - CHECK_LOOKUPS_MAX, CHECK_QUERIES_MAX);
    assert_true(has_finding(first, FINDING_TOO_MANY_QUERIES));
    domain_records_done(&hostile.records);
}

// What the zone says of the records themselves is all heard; only the places of mistakes are not.
static void
what_is_cut_off_is_the_guessing_and_not_the_records(void **state)
{
    (void)state;
    struct visit hostile = visit(HOSTILE);
    for (size_t i = 0; i < hostile.records.count; i++) {
        const struct domain_record *record = &hostile.records.items[i];
        assert_int_not_equal(record->status, RECORD_UNKNOWN);
        assert_false(has_finding(record, FINDING_NO_ANSWER));
    }
    assert_false(hostile.summary.resolver_only);
    domain_records_done(&hostile.records);
}

static void
a_zone_of_two_servers_is_asked_to_the_end(void **state)
{
    (void)state;
    struct visit usual = visit("z-11-23.test");
    for (size_t i = 0; i < usual.records.count; i++) {
        assert_false(has_finding(&usual.records.items[i], FINDING_TOO_MANY_QUERIES));
    }
    assert_in_range(usual.queries, 50, CHECK_QUERIES_MAX / 4);
    domain_records_done(&usual.records);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hostile_zone_cannot_make_a_check_ask_without_end),
        cmocka_unit_test(what_is_cut_off_is_the_guessing_and_not_the_records),
        cmocka_unit_test(a_zone_of_two_servers_is_asked_to_the_end),
    };
    return cmocka_run_group_tests(tests, world_start, world_stop);
}
