// SPDX-License-Identifier: Apache-2.0
// Words, host parts, findings, and records as zone lines and CSV.
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
#include "verifier/domain/record_format.h"

static int
setup(void **state)
{
    struct domain_records *records = calloc(1, sizeof(*records));
    assert_non_null(records);
    *state = records;
    return 0;
}

static int
teardown(void **state)
{
    domain_records_done(*state);
    free(*state);
    return 0;
}

static struct domain_record *
add(struct domain_records *records, enum record_purpose purpose, const char *name,
    const char *value)
{
    struct domain_record *record = domain_records_add(records);
    assert_non_null(record);
    record->purpose = purpose;
    record->needed_for = record_purpose_for(purpose);
    record->ttl = 3600;
    record->preference = record_purpose_type(purpose) == RECORD_TYPE_MX ? 10 : 0;
    (void)snprintf(record->name, sizeof(record->name), "%s", name);
    (void)snprintf(record->value, sizeof(record->value), "%s", value);
    return record;
}

static void
each_word_is_found_again(void **state)
{
    (void)state;
    for (enum record_purpose i = PURPOSE_OWNERSHIP; i <= PURPOSE_INBOUND_MX; i++) {
        enum record_purpose found;
        assert_int_equal(record_purpose_from_name(record_purpose_name(i), &found), ST_OK);
        assert_int_equal(found, i);
    }
    for (enum record_for i = RECORD_FOR_OWNERSHIP; i <= RECORD_FOR_INBOUND; i++) {
        enum record_for found;
        assert_int_equal(record_for_from_name(record_for_name(i), &found), ST_OK);
        assert_int_equal(found, i);
    }
    enum record_purpose purpose = PURPOSE_DKIM;
    enum record_for needed_for = RECORD_FOR_INBOUND;
    assert_int_equal(record_purpose_from_name("DKIM", &purpose), ST_INVALID);
    assert_int_equal(record_for_from_name("", &needed_for), ST_INVALID);
    assert_int_equal(purpose, PURPOSE_DKIM);
    assert_int_equal(needed_for, RECORD_FOR_INBOUND);
    static const char *const statuses[] = {"unchecked", "found",    "propagating", "missing",
                                           "wrong",     "conflict", "unknown"};
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
        assert_string_equal(record_status_name((enum record_status)i), statuses[i]);
    }
}

static void
finding_codes_are_words_of_their_own(void **state)
{
    (void)state;
    assert_string_equal(finding_code_name(FINDING_MISSING), "missing");
    assert_string_equal(finding_code_name(FINDING_SPF_TWO_RECORDS), "spf_two_records");
    assert_string_equal(finding_code_name(FINDING_NO_ABUSE_ROUTE), "no_abuse_route");
    for (enum finding_code i = FINDING_MISSING; i < FINDING_COUNT; i++) {
        const char *name = finding_code_name(i);
        assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_"), strlen(name));
        for (enum finding_code other = FINDING_MISSING; other < i; other++) {
            assert_string_not_equal(name, finding_code_name(other));
        }
    }
}

static void
the_host_part_is_relative_to_the_zone_or_the_domain(void **state)
{
    struct domain_records *records = *state;
    static const struct {
        const char *name;
        const char *domain;
        const char *zone;
        const char *host;
    } rows[] = {
        {"_dmarc.a.example", "a.example", NULL, "_dmarc"},
        {"_dmarc.a.example", "a.example", "a.example", "_dmarc"},
        {"_dmarc.mail.a.example", "mail.a.example", "a.example", "_dmarc.mail"},
        {"mail.a.example", "mail.a.example", "a.example", "mail"},
        {"a.example", "a.example", NULL, "@"},
        {"a.example", "a.example", "a.example", "@"},
        {"_dmarc.a.example", "a.example", "b.example", "_dmarc"},
        {"_dmarc.a.example", "a.example", "", "_dmarc"},
        {"_dmarc.aa.example", "a.example", NULL, "_dmarc.aa.example"},
        {"other.example", "a.example", NULL, "other.example"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        records->count = 0;
        struct domain_record *record = add(records, PURPOSE_DMARC, rows[i].name, "");
        char host[RECORD_NAME_SIZE];
        record_host_part(record, rows[i].domain, rows[i].zone, host);
        assert_string_equal(host, rows[i].host);
    }
}

static void
findings_are_cut_and_counted(void **state)
{
    struct domain_records *records = *state;
    struct domain_record *record = add(records, PURPOSE_SPF, "a.example", "");
    char text[FINDING_CURE_SIZE + 10];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    record_add_finding(record, FINDING_MISSING, "short", text);
    record_add_finding(record, FINDING_WRONG_VALUE, text, "short");
    assert_string_equal(record->findings[0].problem, "short");
    assert_int_equal(strlen(record->findings[0].cure), FINDING_CURE_SIZE - 1);
    assert_int_equal(strlen(record->findings[1].problem), FINDING_PROBLEM_SIZE - 1);
    assert_int_equal(record->findings[1].code, FINDING_WRONG_VALUE);
    for (int i = 2; i <= RECORD_FINDINGS_MAX; i++) {
        record_add_finding(record, FINDING_DUPLICATE, "p", "c");
    }
    assert_int_equal(record->finding_count, RECORD_FINDINGS_MAX);
}

static void
servers_past_the_cap_are_left_out(void **state)
{
    struct domain_records *records = *state;
    struct domain_record *record = add(records, PURPOSE_SPF, "a.example", "");
    char text[2 * DOMAIN_NAME_SIZE];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    record_add_server(record, text, text, RECORD_UNKNOWN, text);
    assert_int_equal(strlen(record->servers[0].name), DOMAIN_NAME_SIZE - 1);
    assert_int_equal(strlen(record->servers[0].address), sizeof(record->servers[0].address) - 1);
    assert_int_equal(strlen(record->servers[0].detail), RECORD_DETAIL_SIZE - 1);
    for (size_t i = 1; i < RECORD_SERVERS_MAX + 1; i++) {
        assert_int_equal(record->server_count, i);
        record_add_server(record, "ns.example", "192.0.2.1", RECORD_FOUND, "");
    }
    assert_int_equal(record->server_count, RECORD_SERVERS_MAX);
    record_forget(record);
    assert_int_equal(record->server_count, 0);
    assert_null(record->servers);
    assert_string_equal(record->name, "a.example");
}

static void
records_are_put_in_and_taken_out_up_to_the_cap(void **state)
{
    struct domain_records *records = *state;
    for (size_t i = 0; i < RECORDS_MAX; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "%zu.example", i);
        record_add_server(add(records, PURPOSE_SPF, name, ""), "ns.example", "", RECORD_FOUND, "");
    }
    assert_null(domain_records_add(records));
    assert_null(domain_records_insert(records, 0));
    assert_int_equal(records->count, RECORDS_MAX);
    domain_records_drop(records, 1);
    assert_int_equal(records->count, RECORDS_MAX - 1);
    assert_string_equal(records->items[0].name, "0.example");
    assert_string_equal(records->items[1].name, "2.example");
    assert_string_equal(records->items[1].servers[0].name, "ns.example");
    assert_string_equal(domain_records_insert(records, 0)->name, "");
    assert_int_equal(records->items[0].server_count, 0);
    assert_string_equal(records->items[2].name, "2.example");
    domain_records_done(records);
    assert_int_equal(records->count, 0);
    assert_null(records->items);
}

static void
a_txt_is_split_and_escaped(void **state)
{
    (void)state;
    char long_text[RECORD_VALUE_SIZE];
    AUTO_STRBUF expected = STRBUF_INIT(4096);
    memset(long_text, 'a', 511);
    long_text[511] = '\0';
    strbuf_printf(&expected, "\"%.255s\" \"%.255s\" \"a\"", long_text, long_text);
    const struct {
        const char *text;
        const char *line;
    } rows[] = {
        {"", "\"\""},
        {"v=spf1 -all", "\"v=spf1 -all\""},
        {"say \"hi\" \\ there", "\"say \\\"hi\\\" \\\\ there\""},
        {"p=\xc3\xa4\x7f", "\"p=\\195\\164\\127\""},
        {long_text, strbuf_text(&expected)},
        {long_text + 256, NULL}, // 255 bytes: one string
        {long_text + 255, NULL}, // 256: two
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO_STRBUF line = STRBUF_INIT(4096);
        record_format_txt(rows[i].text, &line);
        if (rows[i].line != NULL) {
            assert_string_equal(strbuf_text(&line), rows[i].line);
        }
        bool is_split = strstr(strbuf_text(&line), "\" \"") != NULL;
        assert_int_equal(is_split, strlen(rows[i].text) > 255);
    }
}

static void
fill(struct domain_records *records, char long_key[RECORD_VALUE_SIZE])
{
    memset(long_key, 'A', RECORD_VALUE_SIZE - 1);
    long_key[RECORD_VALUE_SIZE - 1] = '\0';
    memcpy(long_key, "v=DKIM1; p=", strlen("v=DKIM1; p="));
    (void)add(records, PURPOSE_SPF, "a.example", "v=spf1 include:b.example ~all");
    (void)add(records, PURPOSE_DKIM, "s1._domainkey.a.example", "s1.dkim.b.example");
    (void)add(records, PURPOSE_DMARC, "_dmarc.a.example",
              "v=DMARC1; p=none; rua=mailto:x@a.example,mailto:y@a.example");
    (void)add(records, PURPOSE_INBOUND_MX, "a.example", "mx.b.example");
    (void)add(records, PURPOSE_OWNERSHIP, "_mailspur.a.example", "say \"hi\" \\");
    (void)add(records, PURPOSE_OWNERSHIP, "_long.a.example", long_key);
}

static void
zone_lines_are_as_servers_read_them(void **state)
{
    struct domain_records *records = *state;
    (void)add(records, PURPOSE_SPF, "a.example", "v=spf1 include:b.example ~all");
    (void)add(records, PURPOSE_DKIM, "s1._domainkey.a.example", "s1.dkim.b.example");
    (void)add(records, PURPOSE_INBOUND_MX, "a.example", "mx.b.example");
    AUTO_STRBUF lines = STRBUF_INIT(RECORD_FORMAT_MAX);
    record_format_bind(records, &lines);
    assert_string_equal(strbuf_text(&lines),
                        "a.example. 3600 IN TXT \"v=spf1 include:b.example ~all\"\n"
                        "s1._domainkey.a.example. 3600 IN CNAME s1.dkim.b.example.\n"
                        "a.example. 3600 IN MX 10 mx.b.example.\n");
}

static void
nsd_takes_the_zone_lines(void **state)
{
    struct domain_records *records = *state;
    char long_key[RECORD_VALUE_SIZE];
    fill(records, long_key);
    AUTO_STRBUF zone = STRBUF_INIT(RECORD_FORMAT_MAX);
    strbuf_puts(&zone, "a.example. 60 IN SOA ns.b.example. h.b.example. 1 60 60 60 60\n"
                       "a.example. 60 IN NS ns.b.example.\n");
    record_format_bind(records, &zone);
    char path[] = "/tmp/mailspur-zone-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, strbuf_text(&zone), zone.length), zone.length);
    assert_int_equal(close(fd), 0);
    AUTO_STRBUF command = STRBUF_INIT(256);
    strbuf_printf(&command, "PATH=$PATH:/usr/sbin nsd-checkzone a.example %s", path);
    assert_int_equal(system(strbuf_text(&command)), 0);
    assert_int_equal(unlink(path), 0);
}

static void
csv_is_quoted_where_it_must_be(void **state)
{
    struct domain_records *records = *state;
    char long_key[RECORD_VALUE_SIZE];
    fill(records, long_key);
    records->count = 5;
    records->items[0].required = true;
    records->items[0].status = RECORD_FOUND;
    AUTO_STRBUF csv = STRBUF_INIT(RECORD_FORMAT_MAX);
    record_format_csv(records, "a.example", NULL, &csv);
    assert_string_equal(
        strbuf_text(&csv),
        "purpose,for,required,type,host,name,value,priority,ttl,status\r\n"
        "spf,sending,yes,TXT,@,a.example,v=spf1 include:b.example ~all,,3600,found\r\n"
        "dkim,sending,no,CNAME,s1._domainkey,s1._domainkey.a.example,s1.dkim.b.example,,3600,"
        "unchecked\r\n"
        "dmarc,sending,no,TXT,_dmarc,_dmarc.a.example,\"v=DMARC1; p=none; rua=mailto:x@a.example,"
        "mailto:y@a.example\",,3600,unchecked\r\n"
        "mx,inbound,no,MX,@,a.example,mx.b.example,10,3600,unchecked\r\n"
        "ownership,ownership,no,TXT,_mailspur,_mailspur.a.example,\"say \"\"hi\"\" \\\",,3600,"
        "unchecked\r\n");
}

static void
the_named_cap_always_suffices(void **state)
{
    struct domain_records *records = *state;
    char value[RECORD_VALUE_SIZE];
    char name[RECORD_NAME_SIZE];
    memset(value, '\x01', sizeof(value) - 1);
    memset(name, '"', sizeof(name) - 1);
    value[sizeof(value) - 1] = '\0';
    name[sizeof(name) - 1] = '\0';
    for (size_t i = 0; i < RECORDS_MAX; i++) {
        (void)add(records, PURPOSE_OWNERSHIP, name, value);
    }
    AUTO_STRBUF lines = STRBUF_INIT(RECORD_FORMAT_MAX);
    record_format_bind(records, &lines);
    assert_false(lines.overflow);
    memset(value, '"', sizeof(value) - 1);
    for (size_t i = 0; i < RECORDS_MAX; i++) {
        memcpy(records->items[i].value, value, sizeof(value));
    }
    AUTO_STRBUF csv = STRBUF_INIT(RECORD_FORMAT_MAX);
    record_format_csv(records, "a.example", NULL, &csv);
    assert_false(csv.overflow);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_word_is_found_again),
        cmocka_unit_test(finding_codes_are_words_of_their_own),
        cmocka_unit_test_setup_teardown(the_host_part_is_relative_to_the_zone_or_the_domain, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(findings_are_cut_and_counted, setup, teardown),
        cmocka_unit_test_setup_teardown(servers_past_the_cap_are_left_out, setup, teardown),
        cmocka_unit_test_setup_teardown(records_are_put_in_and_taken_out_up_to_the_cap, setup,
                                        teardown),
        cmocka_unit_test(a_txt_is_split_and_escaped),
        cmocka_unit_test_setup_teardown(zone_lines_are_as_servers_read_them, setup, teardown),
        cmocka_unit_test_setup_teardown(nsd_takes_the_zone_lines, setup, teardown),
        cmocka_unit_test_setup_teardown(csv_is_quoted_where_it_must_be, setup, teardown),
        cmocka_unit_test_setup_teardown(the_named_cap_always_suffices, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
