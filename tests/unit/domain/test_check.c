// SPDX-License-Identifier: Apache-2.0
// The check of a domain against scripted servers: the table in zones.txt, and what a row cannot
// say.
#include "verifier/domain/check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "common/strbuf.h"
#include "common/xalloc.h"
#include "tests/unit/domain/zones.h"

static struct zones *zones;

// "purpose status finding finding; purpose ..."
static void
format_records(const struct domain_records *records, struct strbuf *out)
{
    for (size_t i = 0; i < records->count; i++) {
        const struct domain_record *record = &records->items[i];
        strbuf_printf(out, "%s%s %s", i == 0 ? "" : "; ", record_purpose_name(record->purpose),
                      record_status_name(record->status));
        for (size_t k = 0; k < record->finding_count; k++) {
            strbuf_printf(out, " %s", finding_code_name(record->findings[k].code));
        }
    }
}

static bool
is_said(const struct domain_records *records, const char *text)
{
    for (size_t i = 0; i < records->count; i++) {
        for (size_t k = 0; k < records->items[i].finding_count; k++) {
            const struct finding *finding = &records->items[i].findings[k];
            if (strstr(finding->problem, text) != NULL || strstr(finding->cure, text) != NULL) {
                return true;
            }
        }
    }
    return false;
}

static void
print_findings(const struct domain_records *records)
{
    for (size_t i = 0; i < records->count; i++) {
        for (size_t k = 0; k < records->items[i].finding_count; k++) {
            const struct finding *finding = &records->items[i].findings[k];
            print_error("    %s | %s\n", finding->problem, finding->cure);
        }
    }
}

// Every finding is a whole: two sentences that were not cut.
static bool
is_whole(const struct domain_records *records)
{
    for (size_t i = 0; i < records->count; i++) {
        for (size_t k = 0; k < records->items[i].finding_count; k++) {
            const struct finding *finding = &records->items[i].findings[k];
            size_t length = strlen(finding->problem);
            if (length == 0 || length == FINDING_PROBLEM_SIZE - 1 || finding->cure[0] == '\0') {
                return false;
            }
        }
    }
    return true;
}

static bool
is_registered(void *context, const char *name)
{
    (void)context;
    return strcmp(name, "mail.r.example") == 0;
}

static bool
run_case(const struct zone_case *zone_case)
{
    struct script script = zones_script(zones, zone_case);
    struct check_asker asker = {.ask = script_ask, .release = script_release, .context = &script};
    struct check_subject subject = {.domain = zone_case->domain, .is_registered = is_registered};
    struct check_summary summary;
    AUTO_RECORDS records = zones_records(zones, zone_case);
    AUTO_STRBUF seen = STRBUF_INIT(4096);
    check_records(&asker, script.resolver, &subject, &records, &summary);
    format_records(&records, &seen);
    bool is_good = strcmp(strbuf_text(&seen), zone_case->expected) == 0 && is_whole(&records) &&
                   (zone_case->says[0] == '\0' || is_said(&records, zone_case->says));
    if (!is_good) {
        print_error("%s:\n    expected %s\n    seen     %s\n", zone_case->label,
                    zone_case->expected, strbuf_text(&seen));
        print_findings(&records);
    }
    zones_script_done(&script);
    return is_good;
}

static void
every_zone_gets_its_status_and_its_findings(void **state)
{
    size_t wrong = 0;
    (void)state;
    assert_true(zones->count >= 340);
    for (size_t i = 0; i < zones->count; i++) {
        wrong += run_case(&zones->cases[i]) ? 0 : 1;
    }
    assert_int_equal(wrong, 0);
}

// ---- what a row of the table cannot say

/* One check by hand. */
struct visit {
    const char *records; /* words of zones.txt */
    const char *zone;
    const char *old; /* what the second server has; NULL: the same */
    struct check_subject subject;
    struct domain_records seen;
    struct check_summary summary;
    unsigned rounds;
    unsigned questions;
};

static void
visit(struct visit *visit)
{
    struct zone_case zone_case = {.domain = "c.example",
                                  .cut = "c.example",
                                  .zone = STRBUF_INIT(65536),
                                  .old = STRBUF_INIT(65536),
                                  .resolver = STRBUF_INIT(65536)};
    (void)snprintf(zone_case.records, sizeof(zone_case.records), "%s", visit->records);
    (void)snprintf(zone_case.servers, sizeof(zone_case.servers), "%s",
                   visit->old == NULL ? "++" : "+o");
    strbuf_puts(&zone_case.zone, visit->zone);
    strbuf_puts(&zone_case.old, visit->old == NULL ? "" : visit->old);
    struct script script = zones_script(zones, &zone_case);
    struct check_asker asker = {.ask = script_ask, .release = script_release, .context = &script};
    visit->subject.domain = "c.example";
    visit->seen = zones_records(zones, &zone_case);
    check_records(&asker, script.resolver, &visit->subject, &visit->seen, &visit->summary);
    visit->rounds = script.rounds;
    visit->questions = script.questions;
    zones_script_done(&script);
    strbuf_done(&zone_case.zone);
    strbuf_done(&zone_case.old);
}

#define TOKEN_LINE "_mailspur.c.example TXT mailspur-verify=abcdefgh\n"
#define SPF_LINE "c.example TXT v=spf1 include:amazonses.com ~all\n"
#define MX_LINE "c.example MX 10 mx.ours.example\n"

static const struct {
    const char *label;
    const char *records;
    const char *zone;
    const char *old;
    enum check_outcome ownership;
    enum check_outcome required;
    const char *detail; /* how it begins */
} SUMMARIES[] = {
    {"all there", "ownership spf", TOKEN_LINE SPF_LINE, NULL, CHECK_PASS, CHECK_PASS, ""},
    {"one is missing", "ownership spf", TOKEN_LINE, NULL, CHECK_PASS, CHECK_MISS,
     "TXT c.example: There is no TXT record at c.example."},
    {"the ownership is missing", "spf ownership", SPF_LINE, NULL, CHECK_MISS, CHECK_MISS,
     "TXT _mailspur.c.example: "},
    {"one on its way", "ownership spf", TOKEN_LINE SPF_LINE, SPF_LINE, CHECK_PARTIAL, CHECK_PARTIAL,
     "TXT _mailspur.c.example: 1 of the 2 servers"},
    {"one on its way, one missing", "ownership spf", TOKEN_LINE, "c.example A 192.0.2.1\n",
     CHECK_PARTIAL, CHECK_MISS, "TXT _mailspur.c.example: "},
    {"one that cannot be told, one on its way", "ownership spf",
     TOKEN_LINE "c.example TXT v=spf1 include:slow.example -all\n",
     "c.example TXT v=spf1 include:slow.example -all\n", CHECK_PARTIAL, CHECK_UNKNOWN, "TXT "},
    {"what is not required does not count", "spf mx", SPF_LINE, NULL, CHECK_UNKNOWN, CHECK_PASS,
     ""},
};

static void
the_summary_is_the_worst_of_what_is_required(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(SUMMARIES); i++) {
        struct visit one = {
            .records = SUMMARIES[i].records, .zone = SUMMARIES[i].zone, .old = SUMMARIES[i].old};
        visit(&one);
        if (one.summary.ownership != SUMMARIES[i].ownership ||
            one.summary.required != SUMMARIES[i].required ||
            strncmp(one.summary.detail, SUMMARIES[i].detail, strlen(SUMMARIES[i].detail)) != 0 ||
            (SUMMARIES[i].detail[0] == '\0' && one.summary.detail[0] != '\0')) {
            fail_msg("%s: ownership %d, required %d, %s", SUMMARIES[i].label,
                     (int)one.summary.ownership, (int)one.summary.required, one.summary.detail);
        }
        assert_string_equal(one.summary.zone, "c.example");
        assert_false(one.summary.resolver_only);
        domain_records_done(&one.seen);
    }
}

static void
what_is_all_there_costs_one_round(void **state)
{
    (void)state;
    struct visit one = {.records = "ownership spf mx", .zone = TOKEN_LINE SPF_LINE MX_LINE};
    visit(&one);
    assert_int_equal(one.rounds, 1);
    assert_int_equal(one.questions, 4); // and a random sibling of the ownership record
    domain_records_done(&one.seen);
}

static void
what_is_missing_costs_one_round_more(void **state)
{
    (void)state;
    struct visit one = {.records = "ownership spf mx", .zone = TOKEN_LINE SPF_LINE};
    visit(&one);
    assert_int_equal(one.rounds, 2);
    domain_records_done(&one.seen);
}

static bool
takes_only_support(void *context, const char *address)
{
    (void)context;
    return strcmp(address, "support@c.example") == 0;
}

static bool
takes_everything(void *context, const char *address)
{
    (void)context;
    (void)address;
    return true;
}

static void
mail_that_no_route_takes_is_told(void **state)
{
    (void)state;
    static const char zone[] =
        MX_LINE "_dmarc.c.example TXT v=DMARC1; p=none; rua=mailto:dmarc@c.example\n";
    static const struct {
        const char *records;
        bool (*takes)(void *context, const char *address);
        const char *expected;
    } cases[] = {
        {"dmarc mx", takes_only_support,
         "dmarc found dmarc_report_no_route; mx found no_postmaster_route no_abuse_route"},
        {"dmarc mx", takes_everything, "dmarc found; mx found"},
        {"dmarc mx", NULL, "dmarc found; mx found"},
        {"dmarc", takes_only_support, "dmarc found"}, // not inbound: its mail goes elsewhere
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO_STRBUF seen = STRBUF_INIT(1024);
        struct visit one = {
            .records = cases[i].records, .zone = zone, .subject.takes_mail_for = cases[i].takes};
        visit(&one);
        format_records(&one.seen, &seen);
        assert_string_equal(strbuf_text(&seen), cases[i].expected);
        domain_records_done(&one.seen);
    }
}

static void
the_value_to_have_in_the_end_is_the_merged_one(void **state)
{
    (void)state;
    struct visit one = {.records = "spf",
                        .zone = "c.example TXT v=spf1 ip4:192.0.2.7 include:other.example -all\n"};
    visit(&one);
    assert_string_equal(one.seen.items[0].value,
                        "v=spf1 ip4:192.0.2.7 include:other.example include:amazonses.com -all");
    assert_string_equal(one.seen.items[0].observed,
                        "v=spf1 ip4:192.0.2.7 include:other.example -all");
    domain_records_done(&one.seen);
}

// Each term is one byte long, and the record longer than any that is valid.
static void
what_is_valid_in_a_long_spf_record_is_soon_found(void **state)
{
    (void)state;
    enum { TERMS = 30000, MOST_MS = 2000 };
    AUTO_STRBUF zone = STRBUF_INIT(65536);
    strbuf_puts(&zone, "c.example TXT v=spf1");
    for (unsigned i = 0; i < TERMS; i++) {
        strbuf_puts(&zone, " a");
    }
    strbuf_puts(&zone, "\n");
    struct visit one = {.records = "spf", .zone = strbuf_text(&zone)};
    clock_t before = clock();
    visit(&one);
    assert_in_range((clock() - before) * 1000 / CLOCKS_PER_SEC, 0, MOST_MS);
    assert_int_equal(one.seen.items[0].status, RECORD_WRONG);
    domain_records_done(&one.seen);
}

static void
what_was_seen_in_another_type_is_told_with_it(void **state)
{
    (void)state;
    static const struct {
        const char *records;
        const char *zone;
        const char *observed;
    } cases[] = {
        {"dkim1", "k1._domainkey.c.example TXT k1.keys.example\n", "TXT \"k1.keys.example\""},
        {"dkim1", "k1._domainkey.c.example TXT something\n", "TXT \"something\""},
        {"mail_from_mx", "mail.c.example TXT 10 feedback-smtp.us-east-1.amazonses.com\n",
         "TXT \"10 feedback-smtp.us-east-1.amazonses.com\""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct visit one = {.records = cases[i].records, .zone = cases[i].zone};
        visit(&one);
        assert_string_equal(one.seen.items[0].observed, cases[i].observed);
        domain_records_done(&one.seen);
    }
}

static void
two_hundred_txt_records_hide_nothing(void **state)
{
    (void)state;
    AUTO_STRBUF zone = STRBUF_INIT(65536);
    for (unsigned i = 0; i < 200; i++) {
        strbuf_printf(&zone, "c.example TXT some-service=%u\n", i);
    }
    strbuf_puts(&zone, "c.example TXT v=spf1 ");
    for (unsigned i = 0; i < 60; i++) {
        strbuf_printf(&zone, "ip4:192.0.2.%u ", i);
    }
    strbuf_puts(&zone, "include:amazonses.com ~all\n");
    struct visit one = {.records = "spf", .zone = strbuf_text(&zone)};
    visit(&one);
    assert_int_equal(one.seen.items[0].status, RECORD_FOUND);
    domain_records_done(&one.seen);
}

// The name with the domain twice in it is a guess; as too deep a name it would spoil its whole
// round.
static void
a_name_that_is_too_deep_is_not_asked(void **state)
{
    (void)state;
    static const char deep[] = "1.2.3.4.5.6.7.8.9.10.11.12.13.14.15.16.17.18.19.20.21.22.c.example";
    struct check_run *run = xcalloc(1, sizeof(*run));
    check_want(run, DNS_TXT, "%s", deep);
    assert_int_equal(run->question_count, 1);
    check_want(run, DNS_TXT, "0.%s", deep);
    assert_int_equal(run->question_count, 1);
    free(run->questions);
    free(run);
}

// Forty terms that lead nowhere, twice, and another order of them on the second server.
static void
put_wide_spf(struct strbuf *out, const char *name, unsigned from)
{
    strbuf_printf(out, "%s TXT v=spf1 ", name);
    for (unsigned i = 0; i < 40; i++) {
        strbuf_printf(out, "a:h%u.none.example ", from + i);
    }
    strbuf_puts(out, "-all\n");
}

static void
what_spf_records_need_beyond_the_lookups_of_a_check_is_not_known(void **state)
{
    (void)state;
    AUTO_STRBUF zone = STRBUF_INIT(65536);
    AUTO_STRBUF old = STRBUF_INIT(65536);
    struct strbuf *const sides[] = {&zone, &old};
    for (unsigned i = 0; i < 2; i++) {
        put_wide_spf(sides[i], "c.example", 100 * i);
        put_wide_spf(sides[i], "mail.c.example", 100 * i + 1000);
    }
    AUTO_STRBUF seen = STRBUF_INIT(1024);
    struct visit one = {
        .records = "spf mail_from_spf", .zone = strbuf_text(&zone), .old = strbuf_text(&old)};
    visit(&one);
    format_records(&one.seen, &seen);
    assert_string_equal(strbuf_text(&seen),
                        "spf wrong spf_include_missing spf_too_many_lookups spf_too_many_void "
                        "too_many_queries; mail_from_spf unknown no_answer");
    assert_int_equal(one.summary.required, CHECK_MISS);
    domain_records_done(&one.seen);
}

static void
findings_past_the_cap_are_dropped(void **state)
{
    (void)state;
    struct check_judgement judgement = {.status = RECORD_UNCHECKED};
    struct domain_record record = {.status = RECORD_UNCHECKED};
    for (size_t i = 0; i < RECORD_FINDINGS_MAX + 3; i++) {
        struct finding_draft *finding = check_find(&judgement, FINDING_MISSING, true);
        CHECK_SAY(finding->problem, "problem %zu", i);
        check_add(&record, finding);
        assert_int_equal(judgement.finding_count,
                         i < RECORD_FINDINGS_MAX ? i + 1 : RECORD_FINDINGS_MAX);
        assert_int_equal(record.finding_count, judgement.finding_count);
    }
    assert_string_equal(record.findings[RECORD_FINDINGS_MAX - 1].problem, "problem 7");
    record_forget(&record);
    check_judgement_done(&judgement);
}

static void
text_of_a_stranger_is_shown_as_dig_does(void **state)
{
    (void)state;
    char out[16];
    check_text_format("a\\b\0\xe2", 5, out, sizeof(out));
    assert_string_equal(out, "a\\092b\\000\\226");
    check_text_format("0123456789abcdefgh", 18, out, sizeof(out));
    assert_true(strlen(out) < sizeof(out));
    check_text_format("", 0, out, sizeof(out));
    assert_string_equal(out, "");
}

static int
read_zones(void **state)
{
    (void)state;
    zones = zones_read(ZONES_FILE);
    return 0;
}

static int
free_zones(void **state)
{
    (void)state;
    zones_free(zones);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_seen_in_another_type_is_told_with_it),
        cmocka_unit_test(every_zone_gets_its_status_and_its_findings),
        cmocka_unit_test(the_summary_is_the_worst_of_what_is_required),
        cmocka_unit_test(what_is_all_there_costs_one_round),
        cmocka_unit_test(what_is_missing_costs_one_round_more),
        cmocka_unit_test(mail_that_no_route_takes_is_told),
        cmocka_unit_test(the_value_to_have_in_the_end_is_the_merged_one),
        cmocka_unit_test(what_is_valid_in_a_long_spf_record_is_soon_found),
        cmocka_unit_test(two_hundred_txt_records_hide_nothing),
        cmocka_unit_test(a_name_that_is_too_deep_is_not_asked),
        cmocka_unit_test(what_spf_records_need_beyond_the_lookups_of_a_check_is_not_known),
        cmocka_unit_test(findings_past_the_cap_are_dropped),
        cmocka_unit_test(text_of_a_stranger_is_shown_as_dig_does),
    };
    return cmocka_run_group_tests(tests, read_zones, free_zones);
}
