// SPDX-License-Identifier: Apache-2.0
// Records as people and zone files get them: from the API's JSON, whatever strangers wrote into it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/xalloc.h"
#include "control/cli/call.h"
#include "control/cli/record_file.h"
#include "control/cli/record_show.h"
#include "verifier/domain/record_format.h"
#include "verifier/domain/record_json.h"

#define TICK "\xe2\x9c\x93"
#define CROSS "\xe2\x9c\x97"
#define GLASS "\xe2\xa7\x96"
#define BAD "\xef\xbf\xbd"

static json_t *
parse(const char *text)
{
    json_t *json = json_loads(text, 0, NULL);
    assert_non_null(json);
    return json;
}

typedef void printer(const struct screen *screen, const json_t *records);

// What it prints on a screen, owned.
static char *
print(printer *what, const json_t *records, size_t width, bool utf8, bool colour)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    assert_non_null(out);
    struct screen screen = screen_open(out);
    screen.width = width;
    screen.utf8 = utf8;
    screen.colour = colour;
    what(&screen, records);
    assert_int_equal(fclose(out), 0);
    return text;
}

// ---- what was seen

struct line_case {
    const char *json;
    const char *utf8;
    const char *plain;
};
#define NAMED "\"purpose\":\"spf\",\"type\":\"TXT\",\"name\":\"a.test\",\"required\":true"
static const struct line_case LINES[] = {
    {"{" NAMED ",\"status\":\"found\"}", TICK " spf            TXT    a.test  found",
     "ok  spf            TXT    a.test  found"},
    {"{" NAMED ",\"status\":\"missing\"}", CROSS " spf            TXT    a.test  missing",
     "NO  spf            TXT    a.test  missing"},
    {"{" NAMED ",\"status\":\"wrong\"}", CROSS " spf            TXT    a.test  wrong",
     "NO  spf            TXT    a.test  wrong"},
    {"{" NAMED ",\"status\":\"conflict\"}", CROSS " spf            TXT    a.test  conflict",
     "NO  spf            TXT    a.test  conflict"},
    {"{" NAMED ",\"status\":\"propagating\","
     "\"propagation\":{\"found\":2,\"answered\":3,\"of\":4}}",
     GLASS " spf            TXT    a.test  propagating (2 of 3 servers)",
     "... spf            TXT    a.test  propagating (2 of 3 servers)"},
    {"{" NAMED ",\"status\":\"unknown\"}", "? spf            TXT    a.test  unknown",
     "?   spf            TXT    a.test  unknown"},
    {"{" NAMED ",\"status\":\"unchecked\"}", "? spf            TXT    a.test  unchecked",
     "?   spf            TXT    a.test  unchecked"},
    {"{\"purpose\":\"mx\",\"type\":\"MX\",\"name\":\"a.test\",\"status\":\"found\"}",
     TICK " mx             MX     a.test  found (advised)",
     "ok  mx             MX     a.test  found (advised)"},
};

static void
each_status_has_its_mark_with_and_without_utf8(void **state)
{
    (void)state;
    struct screen screen = screen_open(stdout);
    screen.colour = false;
    for (size_t i = 0; i < ARRAY_LEN(LINES); i++) {
        AUTO_JSON *record = parse(LINES[i].json);
        AUTO_STRBUF utf8 = STRBUF_INIT(1024);
        AUTO_STRBUF plain = STRBUF_INIT(1024);
        screen.utf8 = true;
        record_show_line(&screen, record, &utf8);
        screen.utf8 = false;
        record_show_line(&screen, record, &plain);
        assert_string_equal(strbuf_text(&utf8), LINES[i].utf8);
        assert_string_equal(strbuf_text(&plain), LINES[i].plain);
    }
}

static void
report_has_the_text_to_paste_on_a_line_of_its_own(void **state)
{
    (void)state;
    AUTO_JSON *records = parse(
        "[{" NAMED
        ",\"status\":\"wrong\",\"value\":\"v=spf1 include:x ~all\",\"observed\":\"v=spf1 -all\","
        "\"findings\":[{\"code\":\"spf_include_missing\",\"advice\":false,"
        "\"problem\":\"x is missing.\","
        "\"cure\":\"Replace the TXT at a.test by this one: v=spf1 include:x ~all\\n"
        "The zone is served by ns.test: it has to be entered there.\"},"
        "{\"code\":\"lame_server\",\"advice\":true,\"problem\":\"One is lame.\",\"cure\":\"Mend "
        "it.\"}]}]");
    AUTO_FREE char *text = print(record_show_report, records, 0, true, false);
    assert_string_equal(
        text, "  " CROSS " spf            TXT    a.test  wrong\n"
              "      wanted    v=spf1 include:x ~all\n"
              "      observed  v=spf1 -all\n"
              "      problem   x is missing.\n"
              "      cure      Replace the TXT at a.test by this one:\n"
              "v=spf1 include:x ~all\n"
              "                The zone is served by ns.test: it has to be entered there.\n"
              "      note      One is lame.\n"
              "      cure      Mend it.\n");
}

static void
what_was_seen_in_another_type_is_told_with_both_types(void **state)
{
    (void)state;
    static const struct {
        const char *type;
        const char *observed;
        const char *lines;
    } cases[] = {
        {"CNAME", "TXT \\\"k.test\\\"",
         "      wanted    CNAME k.test\n      observed  TXT \"k.test\"\n"},
        {"TXT", "CNAME k.test", "      wanted    TXT k.test\n      observed  CNAME k.test\n"},
        {"CNAME", "MX k.test", "      wanted    CNAME k.test\n      observed  MX k.test\n"},
        {"CNAME", "other.test", "      wanted    k.test\n      observed  other.test\n"},
        {"TXT", "MXTOOL k", "      wanted    k.test\n      observed  MXTOOL k\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char json[512];
        (void)snprintf(json, sizeof(json),
                       "[{\"purpose\":\"dkim\",\"type\":\"%s\",\"name\":\"a.test\","
                       "\"status\":\"wrong\",\"value\":\"k.test\",\"observed\":\"%s\","
                       "\"findings\":[]}]",
                       cases[i].type, cases[i].observed);
        AUTO_JSON *records = parse(json);
        AUTO_FREE char *text = print(record_show_report, records, 0, true, false);
        assert_string_equal(strchr(text, '\n') + 1, cases[i].lines);
    }
}

static void
found_record_shows_no_more_than_its_line_and_advice(void **state)
{
    (void)state;
    AUTO_JSON *records = parse("[{" NAMED ",\"status\":\"found\",\"value\":\"v=spf1 ~all\","
                               "\"observed\":\"v=spf1 ~all\",\"findings\":[]}]");
    AUTO_FREE char *text = print(record_show_report, records, 0, true, false);
    assert_string_equal(text, "  " TICK " spf            TXT    a.test  found\n");
    AUTO_FREE char *coloured = print(record_show_report, records, 80, true, true);
    assert_string_equal(coloured,
                        "  \033[32m" TICK "\033[0m spf            TXT    a.test  found\n");
}

static void
cached_answer_is_told_with_the_time_it_is_gone(void **state)
{
    (void)state;
    assert_int_equal(setenv("TZ", "UTC", 1), 0);
    tzset();
    AUTO_JSON *records = parse("[{" NAMED ",\"status\":\"missing\",\"value\":\"v=spf1 ~all\","
                               "\"stale_until\":\"2026-11-22T14:20:00.000Z\",\"findings\":[]}]");
    clock_fake_set(INT64_C(1795342530000), 0); // 2026-11-22
    AUTO_FREE char *text = print(record_show_report, records, 0, true, false);
    clock_fake_off();
    assert_non_null(strstr(text, "      wanted    v=spf1 ~all\n")); // there is no cure that has it
    assert_non_null(strstr(text, "a cached old answer is gone at 14:20\n"));
}

static void
text_of_a_zones_owner_cannot_drive_the_terminal(void **state)
{
    (void)state;
    AUTO_JSON *records =
        parse("[{" NAMED ",\"status\":\"wrong\",\"observed\":\"\\u001b[2Jx\\u202e\","
              "\"findings\":[{\"problem\":\"a\\u0007b\",\"cure\":\"c: \\u009bd\"}]}]");
    AUTO_FREE char *text = print(record_show_report, records, 80, true, false);
    assert_null(strpbrk(text, "\033\a"));
    assert_non_null(strstr(text, "observed  " BAD "[2Jx" BAD "\n"));
    assert_non_null(strstr(text, "cure      c:\n" BAD "d\n"));
}

// ---- what to publish

#define LONG_VALUE                                                                                 \
    "v=spf1 include:a.long.name.example include:another.long.name.example ip4:192.0.2.0/24 ~all"
static const char WANTED[] =
    "[{\"purpose\":\"spf\",\"type\":\"TXT\",\"required\":true,\"host\":\"@\",\"name\":\"a.test\","
    "\"value\":\"" LONG_VALUE "\",\"priority\":null,\"ttl\":3600},"
    "{\"purpose\":\"mx\",\"type\":\"MX\",\"required\":false,\"host\":\"@\",\"name\":\"a.test\","
    "\"value\":\"mx.test\",\"priority\":10,\"ttl\":300}]";

static void
records_are_a_table_where_it_fits_and_blocks_where_not(void **state)
{
    (void)state;
    AUTO_JSON *records = parse(WANTED);
    AUTO_FREE char *table = print(record_show_wanted, records, 0, true, false);
    assert_string_equal(table,
                        "PURPOSE  NEEDED   TYPE  HOST  FULL NAME  PRIORITY   TTL  VALUE\n"
                        "spf      yes      TXT   @     a.test            -  3600  " LONG_VALUE "\n"
                        "mx       advised  MX    @     a.test           10   300  mx.test\n");
    AUTO_FREE char *blocks = print(record_show_wanted, records, 80, true, false);
    assert_string_equal(blocks, "spf (needed)\n"
                                "  type      TXT\n"
                                "  host      @\n"
                                "  full name a.test\n"
                                "  ttl       3600\n"
                                "  value     " LONG_VALUE "\n"
                                "\n"
                                "mx (advised)\n"
                                "  type      MX\n"
                                "  host      @\n"
                                "  full name a.test\n"
                                "  priority  10\n"
                                "  ttl       300\n"
                                "  value     mx.test\n");
}

// ---- files

static const char FILED[] =
    "{\"domain\":\"b.a.test\",\"zone\":\"a.test\",\"records\":["
    "{\"purpose\":\"ownership\",\"for\":\"ownership\",\"type\":\"TXT\",\"required\":true,"
    "\"name\":\"_m.b.a.test\",\"value\":\"say \\\"x\\\"; y\",\"ttl\":60,\"status\":\"missing\"},"
    "{\"purpose\":\"dkim\",\"for\":\"sending\",\"required\":true,"
    "\"name\":\"s._domainkey.b.a.test\",\"value\":\"k.test\",\"ttl\":60,\"status\":\"found\"},"
    "{\"purpose\":\"mx\",\"for\":\"inbound\",\"required\":false,"
    "\"name\":\"b.a.test\",\"value\":\"mx.test\",\"priority\":10,\"ttl\":60,\"status\":\"odd\"}]}";

static char *
write_file(const char *json, enum record_file form, enum status expected)
{
    AUTO_JSON *domain = parse(json);
    struct strbuf out = STRBUF_INIT(RECORD_FORMAT_MAX);
    struct why why = {.text = ""};
    assert_int_equal(record_file_write(domain, form, &out, &why), expected);
    assert_true(expected == ST_OK || why.text[0] != '\0');
    return strbuf_steal(&out);
}

static void
files_are_those_of_the_one_writer_of_both_forms(void **state)
{
    (void)state;
    AUTO_FREE char *bind = write_file(FILED, RECORD_FILE_BIND, ST_OK);
    assert_string_equal(bind, "_m.b.a.test. 60 IN TXT \"say \\\"x\\\"; y\"\n"
                              "s._domainkey.b.a.test. 60 IN CNAME k.test.\n"
                              "b.a.test. 60 IN MX 10 mx.test.\n");
    AUTO_FREE char *csv = write_file(FILED, RECORD_FILE_CSV, ST_OK);
    assert_string_equal(
        csv, "purpose,for,required,type,host,name,value,priority,ttl,status\r\n"
             "ownership,ownership,yes,TXT,_m.b,_m.b.a.test,\"say \"\"x\"\"; y\",,60,missing\r\n"
             "dkim,sending,yes,CNAME,s._domainkey.b,s._domainkey.b.a.test,k.test,,60,found\r\n"
             "mx,inbound,no,MX,b,b.a.test,mx.test,10,60,unchecked\r\n");
}

static void
records_that_this_program_cannot_write_are_refused(void **state)
{
    (void)state;
    static const char *const REFUSED[] = {
        "{\"records\":[{\"purpose\":\"other\",\"for\":\"sending\",\"name\":\"a\",\"value\":\"b\"}]"
        "}",
        "{\"records\":[{\"purpose\":\"spf\",\"for\":\"fun\",\"name\":\"a\",\"value\":\"b\"}]}",
        "{\"records\":[{\"purpose\":\"spf\",\"for\":\"sending\",\"value\":\"b\"}]}",
        "{\"records\":[{\"purpose\":\"spf\",\"for\":\"sending\",\"name\":\"a\"}]}",
    };
    for (size_t i = 0; i < ARRAY_LEN(REFUSED); i++) {
        free(write_file(REFUSED[i], RECORD_FILE_BIND, ST_INVALID));
    }
}

// So many records; or one whose value is so long.
static enum status
write_many(size_t count, size_t value_length)
{
    AUTO_JSON *list = json_array();
    AUTO_FREE char *value = xcalloc(1, value_length + 1);
    memset(value, 'v', value_length);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(
            json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s}", "purpose", "spf", "for",
                                                  "sending", "name", "a.test", "value", value)),
            0);
    }
    AUTO_JSON *domain = json_pack("{s:s, s:O}", "domain", "a.test", "records", list);
    AUTO_STRBUF out = STRBUF_INIT(RECORD_FORMAT_MAX);
    struct why why;
    enum status status = record_file_write(domain, RECORD_FILE_BIND, &out, &why);
    assert_false(out.overflow);
    return status;
}

static void
files_have_as_many_and_as_long_records_as_a_domain_may(void **state)
{
    (void)state;
    assert_int_equal(write_many(RECORDS_MAX, RECORD_VALUE_SIZE - 1), ST_OK);
    assert_int_equal(write_many(RECORDS_MAX + 1, 1), ST_INVALID);
    assert_int_equal(write_many(1, RECORD_VALUE_SIZE), ST_INVALID);
}

// What lists count, without reading the JSON.
static void
problems_are_counted_whatever_strangers_wrote(void **state)
{
    (void)state;
    AUTO_RECORDS records = {.count = 0};
    for (size_t i = 0; i < 2; i++) {
        *domain_records_add(&records) =
            (struct domain_record){.purpose = PURPOSE_SPF, .type = DNS_TXT, .name = "a.test"};
    }
    struct domain_record *record = &records.items[0];
    (void)snprintf(record->observed, sizeof(record->observed),
                   "\"advice\":false,\\\"advice\":false");
    record_add_finding(record, FINDING_WRONG_VALUE, "\"advice\":false", "cure");
    record_add_finding(record, FINDING_LAME_SERVER, "lame", "cure");
    record->findings[1].advice = true;
    record_add_finding(&records.items[1], FINDING_MISSING, "missing", "cure");
    AUTO_FREE char *text = record_json(&records, "a.test", NULL);
    assert_int_equal(record_json_problems(text), 2);
    assert_int_equal(record_json_problems("{}"), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_status_has_its_mark_with_and_without_utf8),
        cmocka_unit_test(what_was_seen_in_another_type_is_told_with_both_types),
        cmocka_unit_test(report_has_the_text_to_paste_on_a_line_of_its_own),
        cmocka_unit_test(found_record_shows_no_more_than_its_line_and_advice),
        cmocka_unit_test(cached_answer_is_told_with_the_time_it_is_gone),
        cmocka_unit_test(text_of_a_zones_owner_cannot_drive_the_terminal),
        cmocka_unit_test(problems_are_counted_whatever_strangers_wrote),
        cmocka_unit_test(records_are_a_table_where_it_fits_and_blocks_where_not),
        cmocka_unit_test(files_are_those_of_the_one_writer_of_both_forms),
        cmocka_unit_test(records_that_this_program_cannot_write_are_refused),
        cmocka_unit_test(files_have_as_many_and_as_long_records_as_a_domain_may),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
