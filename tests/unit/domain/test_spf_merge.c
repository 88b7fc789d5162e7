// SPDX-License-Identifier: Apache-2.0
// Records before and after: one record, each term once, the include where it counts.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "verifier/domain/spf_merge.h"
#include "verifier/message/spf_record.h"

#define OURS "spf.ours.example"

struct row {
    const char *label;
    const char *existing[3];
    const char *merged;
    const char *note; /* part of it; NULL: there is none */
};

static const struct row ROWS[] = {
    {"no record", {NULL}, "v=spf1 include:" OURS " ~all", NULL},
    {"bare version", {"v=spf1"}, "v=spf1 include:" OURS " ~all", NULL},
    {"only all", {"v=spf1 -all"}, "v=spf1 include:" OURS " -all", NULL},
    {"softfail stays", {"v=spf1 mx ~all"}, "v=spf1 mx include:" OURS " ~all", NULL},
    {"neutral stays", {"v=spf1 mx ?all"}, "v=spf1 mx include:" OURS " ?all", NULL},
    {"no all", {"v=spf1 a mx"}, "v=spf1 a mx include:" OURS " ~all", NULL},
    {"another include",
     {"v=spf1 include:_spf.google.com ~all"},
     "v=spf1 include:_spf.google.com include:" OURS " ~all",
     NULL},
    {"order is kept",
     {"v=spf1 ip4:192.0.2.0/24 a:b.example mx/28 ip6:2001:db8::/32 exists:%{i}.x.example -all"},
     "v=spf1 ip4:192.0.2.0/24 a:b.example mx/28 ip6:2001:db8::/32 exists:%{i}.x.example "
     "include:" OURS " -all",
     NULL},
    {"other qualifiers are kept",
     {"v=spf1 ?mx -ip4:192.0.2.1 ~a -all"},
     "v=spf1 ?mx -ip4:192.0.2.1 ~a include:" OURS " -all",
     NULL},
    // ---- it is there
    {"there", {"v=spf1 include:" OURS " -all"}, "v=spf1 include:" OURS " -all", NULL},
    {"there, with blanks as written",
     {"v=spf1  a   include:" OURS "  -all "},
     "v=spf1  a   include:" OURS "  -all ",
     NULL},
    {"there, in other case",
     {"v=spf1 Include:SPF.Ours.Example -all"},
     "v=spf1 Include:SPF.Ours.Example -all",
     NULL},
    {"there, with a final dot",
     {"v=spf1 include:" OURS ". -all"},
     "v=spf1 include:" OURS ". -all",
     NULL},
    {"there, with a plus",
     {"v=spf1 +include:" OURS " -all"},
     "v=spf1 +include:" OURS " -all",
     NULL},
    {"there by redirect", {"v=spf1 redirect=" OURS}, "v=spf1 redirect=" OURS, NULL},
    {"a name that only ends so",
     {"v=spf1 include:x." OURS " -all"},
     "v=spf1 include:x." OURS " include:" OURS " -all",
     NULL},
    {"there, but without all", {"v=spf1 include:" OURS}, "v=spf1 include:" OURS " ~all", NULL},
    {"there, with a qualifier that lets nobody pass",
     {"v=spf1 ~include:" OURS " a -all"},
     "v=spf1 a include:" OURS " -all",
     "lets nobody pass"},
    // ---- behind all
    {"behind all",
     {"v=spf1 a -all include:" OURS},
     "v=spf1 a include:" OURS " -all",
     "never looked at"},
    {"something else behind all",
     {"v=spf1 -all mx"},
     "v=spf1 mx include:" OURS " -all",
     "never looked at"},
    {"of two alls the first counts", {"v=spf1 -all ~all"}, "v=spf1 include:" OURS " -all", NULL},
    {"plus all behind all never counted",
     {"v=spf1 mx -all +all"},
     "v=spf1 mx include:" OURS " -all",
     NULL},
    {"ours, and an all behind all",
     {"v=spf1 include:" OURS " -all +all"},
     "v=spf1 include:" OURS " -all",
     NULL},
    // ---- +all
    {"plus all", {"v=spf1 mx +all"}, "v=spf1 mx include:" OURS " ~all", "lets everybody send"},
    {"all without qualifier", {"v=spf1 all"}, "v=spf1 include:" OURS " ~all", "everybody"},
    {"plus all beside our include",
     {"v=spf1 include:" OURS " +all"},
     "v=spf1 include:" OURS " ~all",
     "everybody"},
    // ---- redirect and other modifiers
    {"redirect",
     {"v=spf1 a redirect=_spf.b.example"},
     "v=spf1 a include:" OURS " redirect=_spf.b.example",
     NULL},
    {"redirect beside all is dead",
     {"v=spf1 redirect=_spf.b.example -all"},
     "v=spf1 include:" OURS " -all",
     NULL},
    {"explanation stays, at the end",
     {"v=spf1 exp=why.b.example mx -all"},
     "v=spf1 mx include:" OURS " -all exp=why.b.example",
     NULL},
    {"unknown modifier stays",
     {"v=spf1 mx op=auth -all"},
     "v=spf1 mx include:" OURS " -all op=auth",
     NULL},
    // ---- repeats
    {"equal terms", {"v=spf1 mx mx -all"}, "v=spf1 mx include:" OURS " -all", NULL},
    {"equal but for plus and case",
     {"v=spf1 a:b.example +A:B.example -all"},
     "v=spf1 a:b.example include:" OURS " -all",
     NULL},
    {"equal but for the qualifier are two",
     {"v=spf1 ~mx mx -all"},
     "v=spf1 ~mx mx include:" OURS " -all",
     NULL},
    {"our include twice",
     {"v=spf1 include:" OURS " include:" OURS " -all"},
     "v=spf1 include:" OURS " -all",
     NULL},
    // ---- several records
    {"two records",
     {"v=spf1 include:a.example -all", "v=spf1 include:b.example ~all"},
     "v=spf1 include:a.example include:b.example include:" OURS " ~all",
     "became one"},
    {"two records, the second only ours",
     {"v=spf1 mx -all", "v=spf1 include:" OURS " ~all"},
     "v=spf1 mx include:" OURS " ~all",
     "became one"},
    {"two equal records",
     {"v=spf1 include:" OURS " -all", "v=spf1 include:" OURS " -all"},
     "v=spf1 include:" OURS " -all",
     "became one"},
    {"a redirect and an all",
     {"v=spf1 redirect=_spf.b.example", "v=spf1 mx -all"},
     "v=spf1 include:_spf.b.example mx include:" OURS " -all",
     "redirect"},
    {"two redirects",
     {"v=spf1 redirect=a.example", "v=spf1 redirect=b.example"},
     "v=spf1 include:a.example include:b.example include:" OURS " ~all",
     "redirect"},
    {"two explanations",
     {"v=spf1 -all exp=a.example", "v=spf1 -all exp=b.example"},
     "v=spf1 include:" OURS " -all exp=a.example",
     "became one"},
    {"a bare one beside a full one",
     {"v=spf1", "v=spf1 mx ?all"},
     "v=spf1 mx include:" OURS " ?all",
     "became one"},
    {"three records",
     {"v=spf1 a -all", "v=spf1 mx ?all", "v=spf1 +all"},
     "v=spf1 a mx include:" OURS " ?all",
     "everybody"},
};

static size_t
count_existing(const struct row *row)
{
    size_t count = 0;
    while (count < ARRAY_LEN(row->existing) && row->existing[count] != NULL) {
        count++;
    }
    return count;
}

static void
each_row_becomes_the_record_to_have(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        const struct row *row = &ROWS[i];
        size_t count = count_existing(row);
        struct spf_merged merged = {.text = ""};
        struct why why = {.text = ""};
        enum status status = spf_merge(row->existing, count, OURS, &merged, &why);
        if (status != ST_OK || strcmp(merged.text, row->merged) != 0) {
            fail_msg("%s: %s '%s' %s", row->label, status_name(status), merged.text, why.text);
        }
        bool has_note =
            row->note == NULL ? merged.note[0] == '\0' : strstr(merged.note, row->note) != NULL;
        if (!has_note) {
            fail_msg("%s: note '%s'", row->label, merged.note);
        }
        bool is_same = count == 1 && strcmp(row->existing[0], merged.text) == 0;
        assert_int_equal(merged.is_changed, !is_same);
    }
}

static void
what_was_merged_is_valid_and_merging_again_changes_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        const char *once = ROWS[i].merged;
        struct spf_record record;
        assert_int_equal(spf_record_parse(once, strlen(once), &record, NULL), ST_OK);
        spf_record_done(&record);
        struct spf_merged again;
        assert_int_equal(spf_merge(&once, 1, OURS, &again, NULL), ST_OK);
        assert_string_equal(again.text, once);
        assert_false(again.is_changed);
    }
}

static void
terms_that_ask_the_dns_are_counted(void **state)
{
    (void)state;
    static const struct {
        const char *record;
        unsigned lookups;
    } rows[] = {
        {"v=spf1 -all", 1},
        {"v=spf1 ip4:192.0.2.1 ip6:2001:db8::1 exp=e.example -all", 1},
        {"v=spf1 a mx ptr exists:e.example a:b.example/24 ~MX:c.example redirect=d.example", 8},
        {"v=spf1 a:1.e a:2.e a:3.e a:4.e a:5.e a:6.e a:7.e a:8.e a:9.e -all", 10},
        {"v=spf1 a:1.e a:2.e a:3.e a:4.e a:5.e a:6.e a:7.e a:8.e a:9.e mx -all", 11},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct spf_merged merged;
        assert_int_equal(spf_merge(&rows[i].record, 1, OURS, &merged, NULL), ST_OK);
        if (merged.lookups != rows[i].lookups) {
            fail_msg("%s: %u", rows[i].record, merged.lookups);
        }
        assert_int_equal(merged.has_too_many_lookups, rows[i].lookups > 10);
        assert_int_equal(strstr(merged.note, "asks the DNS 11 times") != NULL,
                         rows[i].lookups > 10);
    }
}

static void
what_cannot_be_merged_is_told(void **state)
{
    (void)state;
    static const struct {
        const char *record;
        const char *include;
        const char *said;
    } rows[] = {
        {"v=spf1 includ:a.example -all", OURS, "includ:a.example"},
        {"v=spf10 -all", OURS, "no SPF record"},
        {"google-site-verification=x", OURS, "no SPF record"},
        {"v=spf1 a\tmx -all", OURS, "not printable"},
        {"v=spf1 redirect=a.example redirect=b.example", OURS, "redirect=b.example"},
        {"v=spf1 -all", "not a name", "not a name"},
        {"v=spf1 -all", "", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct spf_merged merged = {.text = "untouched"};
        struct why why = {.text = ""};
        enum status status = spf_merge(&rows[i].record, 1, rows[i].include, &merged, &why);
        if (status != ST_INVALID || strstr(why.text, rows[i].said) == NULL) {
            fail_msg("%s: %s %s", rows[i].record, status_name(status), why.text);
        }
        assert_string_equal(merged.text, "untouched");
    }
}

static void
no_more_than_eight_records_are_merged(void **state)
{
    (void)state;
    const char *records[SPF_MERGE_RECORDS_MAX + 1];
    for (size_t i = 0; i < ARRAY_LEN(records); i++) {
        records[i] = "v=spf1 mx -all";
    }
    struct spf_merged merged;
    assert_int_equal(spf_merge(records, SPF_MERGE_RECORDS_MAX, OURS, &merged, NULL), ST_OK);
    assert_string_equal(merged.text, "v=spf1 mx include:" OURS " -all");
    assert_int_equal(spf_merge(records, SPF_MERGE_RECORDS_MAX + 1, OURS, &merged, NULL),
                     ST_INVALID);
}

// A record of so many bytes whose merging adds 26.
static void
make_record(size_t length, char *out)
{
    size_t at = (size_t)snprintf(out, length + 1, "v=spf1");
    for (unsigned i = 0; at + 30 < length - strlen(" -all"); i++) {
        at += (size_t)snprintf(out + at, length + 1 - at, " ip4:192.0.%u.%u", i / 200, i % 200);
    }
    at += (size_t)snprintf(out + at, length + 1 - at, " a:b.");
    while (at < length - strlen(" -all")) {
        out[at++] = 'a';
    }
    memcpy(out + at, " -all", sizeof(" -all"));
}

static void
a_merged_record_is_at_most_1023_bytes(void **state)
{
    (void)state;
    char record[1100];
    const size_t added = strlen(" include:" OURS);
    const size_t most = RECORD_VALUE_SIZE - 1;
    const char *existing = record;
    struct spf_merged merged;
    make_record(most - added, record);
    assert_int_equal(spf_merge(&existing, 1, OURS, &merged, NULL), ST_OK);
    assert_int_equal(strlen(merged.text), most);
    make_record(most - added + 1, record);
    assert_int_equal(spf_merge(&existing, 1, OURS, &merged, NULL), ST_TOO_LARGE);
}

static void
a_hostile_record_takes_no_time(void **state)
{
    (void)state;
    static char records[SPF_MERGE_RECORDS_MAX][SPF_RECORD_MAX + 1];
    const char *existing[SPF_MERGE_RECORDS_MAX];
    for (size_t r = 0; r < ARRAY_LEN(existing); r++) {
        size_t at = (size_t)snprintf(records[r], sizeof(records[r]), "v=spf1");
        for (unsigned i = 0; at + 12 < SPF_RECORD_MAX; i++) {
            at += (size_t)snprintf(records[r] + at, sizeof(records[r]) - at, " a:%x.%zx.e", i, r);
        }
        existing[r] = records[r];
    }
    struct spf_merged merged;
    assert_int_equal(spf_merge(existing, ARRAY_LEN(existing), OURS, &merged, NULL), ST_TOO_LARGE);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_row_becomes_the_record_to_have),
        cmocka_unit_test(what_was_merged_is_valid_and_merging_again_changes_nothing),
        cmocka_unit_test(terms_that_ask_the_dns_are_counted),
        cmocka_unit_test(what_cannot_be_merged_is_told),
        cmocka_unit_test(no_more_than_eight_records_are_merged),
        cmocka_unit_test(a_merged_record_is_at_most_1023_bytes),
        cmocka_unit_test(a_hostile_record_takes_no_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
