// SPDX-License-Identifier: Apache-2.0
// Profile files: what is wrong is told at its place, an operator's own takes the place of ours.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/template.h"
#include "config/text.h"
#include "support.h"

static int
setup(void **state)
{
    static struct folder folder;
    folder_make(&folder);
    folder_mkdir(&folder, "profiles");
    folder_write(&folder, "mailspur.yaml", HOST_LINES);
    *state = &folder;
    return 0;
}

static int
teardown(void **state)
{
    folder_remove(*state);
    return 0;
}

#define RECORD "  - {purpose: dkim, for: sending, type: CNAME, name: 's._domainkey.{domain}', "
#define AT "$/profiles/own.yaml:"

struct wrong_profile {
    const char *label;
    const char *text;
    const char *expected;
};

static const struct wrong_profile WRONG[] = {
    {"unknown key", "record: []\n",
     AT "1:1: error: unknown key 'record' in a profile; did you mean 'records'?\n" AT
        "1:1: error: 'records' is missing in a profile\n"},
    {"no mapping", "[]\n", AT "1:1: error: a profile must be a section (key: value), not a list\n"},
    {"broken YAML", "records: [\n", NULL},
    {"no records", "records: []\n",
     AT "1:10: error: 'records' has 0 items; a profile has 1 to 10\n"},
    {"records are no list", "records: x\n",
     AT "1:10: error: 'records' takes a list, not a value\n"},
    {"word of dkim", "dkim: mad\nrecords:\n" RECORD "value: a.test}\n",
     AT "1:7: error: 'dkim': 'mad' is none of: none, made, ses, local; did you mean 'made'?\n"},
    {"purpose",
     "records:\n  - {purpose: dkmi, for: sending, type: CNAME, name: 'a.{domain}', value: a.b}\n",
     AT "2:15: error: 'purpose': 'dkmi' is none of: ownership, spf, dkim, dmarc, mail_from_mx, "
        "mail_from_spf, mx; did you mean 'dkim'?\n"},
    {"type",
     "records:\n  - {purpose: dkim, for: sending, type: CNMAE, name: 'a.{domain}', value: a.b}\n",
     AT "2:41: error: 'type': 'CNMAE' is none of: TXT, CNAME, MX; did you mean 'CNAME'?\n"},
    {"what it is for",
     "records:\n  - {purpose: dkim, for: sendin, type: CNAME, name: 'a.{domain}', value: a.b}\n",
     AT "2:26: error: 'for': 'sendin' is none of: ownership, sending, inbound; did you mean "
        "'sending'?\n"},
    {"type of another purpose",
     "records:\n  - {purpose: dkim, for: sending, type: TXT, name: 'a.{domain}', value: a.b}\n",
     AT "2:41: error: 'type': a record for dkim is a CNAME\n"},
    {"for another purpose",
     "records:\n  - {purpose: dkim, for: inbound, type: CNAME, name: 'a.{domain}', value: a.b}\n",
     AT "2:26: error: 'for': dkim is for sending\n"},
    {"placeholder", "records:\n" RECORD "value: 's.{regoin}.test'}\n",
     AT "2:86: error: 'value': there is no placeholder {regoin}; did you mean 'region'?\n"},
    {"brace that stays open", "records:\n" RECORD "value: 's.{region.test'}\n",
     AT "2:86: error: 'value': a { without its }\n"},
    {"brace that was not open", "records:\n" RECORD "value: 's.region}.test'}\n",
     AT "2:86: error: 'value': a } without its {\n"},
    {"keys that come from nowhere", "records:\n" RECORD "value: '{dkim1}.test'}\n",
     AT "2:86: error: 'value': {dkim1} to {dkim3} need a `dkim:` made, ses or local\n"},
    {"zone that comes from nowhere", "dkim: made\nrecords:\n" RECORD "value: 's.{dkim_zone}'}\n",
     AT "3:86: error: 'value': {dkim_zone} needs a `dkim:` ses or local\n"},
    {"name of another domain",
     "records:\n  - {purpose: dkim, for: sending, type: CNAME, name: 's.x{domain}', value: a.b}\n",
     AT "2:54: error: 'name': 's.x{domain}' is not {domain} or a name below it\n"},
    {"name that is none",
     "records:\n  - {purpose: dkim, for: sending, type: CNAME, name: 's s.{domain}', value: a.b}\n",
     AT "2:54: error: 'name': 's s.example.com' is not a domain name\n"},
    {"target that is none", "records:\n" RECORD "value: 'a..b'}\n",
     AT "2:86: error: 'value': 'a..b' is not a domain name\n"},
    {"place of SPF",
     "records:\n  - {purpose: spf, for: sending, type: TXT, name: 'a.{domain}',\n"
     "     value: 'v=spf1 include:a.b -all'}\n",
     AT "2:51: error: 'name': a record for spf stands at {domain}\n"},
    {"SPF without include",
     "records:\n  - {purpose: spf, for: sending, type: TXT, name: '{domain}',\n"
     "     value: 'v=spf1 mx -all'}\n",
     AT "3:13: error: 'value': that of a record for spf must hold 'v=spf1 ... include:'\n"},
    {"DMARC without policy",
     "records:\n  - {purpose: dmarc, for: sending, type: TXT, name: '_dmarc.{domain}',\n"
     "     value: 'v=DMARC1;p=none'}\n",
     AT "3:13: error: 'value': that of a record for dmarc must hold 'v=DMARC1; ... p='\n"},
    {"ownership without token",
     "records:\n  - {purpose: ownership, for: ownership, type: TXT, name: '_o.{domain}',\n"
     "     value: 'x'}\n",
     AT "3:13: error: 'value': that of a record for ownership must hold '{token}'\n"},
    {"ownership with another placeholder",
     "records:\n  - {purpose: ownership, for: ownership, type: TXT, name: '_o.{domain}',\n"
     "     value: '{token}{region}'}\n",
     AT "3:13: error: 'value': that of a record for ownership holds no other placeholder than "
        "{token}\n"},
    {"ownership that is not required",
     "records:\n  - {purpose: ownership, for: ownership, type: TXT, name: '_o.{domain}',\n"
     "     value: '{token}', required: off}\n",
     AT "3:34: error: 'required': nothing is verified without its ownership record\n"},
    {"preference of a CNAME", "records:\n" RECORD "value: a.b, preference: 1}\n",
     AT "2:91: error: 'preference' is of MX records only\n"},
    {"preference too large",
     "records:\n  - {purpose: mx, for: inbound, type: MX, name: '{domain}', value: a.b,\n"
     "     preference: 65001}\n",
     AT "3:18: error: 'preference': '65001' is not a whole number from 0 to 65000\n"},
    {"key of an MX",
     "records:\n  - {purpose: mx, for: inbound, type: MX, name: '{domain}', value: a.b, key: "
     "optional}\n",
     AT "2:73: error: 'key' is of records for dkim only\n"},
    {"ttl", "records:\n" RECORD "value: a.b, ttl: 1500ms}\n",
     AT "2:96: error: 'ttl': whole seconds only\n"},
    {"two for one purpose",
     "records:\n  - {purpose: ownership, for: ownership, type: TXT, name: '_o.{domain}',\n"
     "     value: '{token}'}\n"
     "  - {purpose: ownership, for: ownership, type: TXT, name: '_p.{domain}',\n"
     "     value: '{token}'}\n",
     AT "4:5: error: a profile has one record for ownership only\n"},
    {"beside a CNAME", "records:\n" RECORD "value: a.b}\n" RECORD "value: b.b}\n",
     AT "3:5: error: nothing can stand beside a CNAME at s._domainkey.{domain}\n"},
};

static void
each_wrong_profile_is_told_with_its_place(void **state)
{
    const struct folder *folder = *state;
    for (size_t i = 0; i < ARRAY_LEN(WRONG); i++) {
        folder_write(folder, "profiles/own.yaml", WRONG[i].text);
        struct diagnostics diagnostics = {.items = NULL};
        AUTO_CONFIG *config = folder_load(folder, &diagnostics);
        AUTO_FREE char *told = folder_format(folder, &diagnostics, true);
        assert_null(config);
        if (WRONG[i].expected == NULL) {
            assert_int_equal(diagnostics.errors, 1);
            assert_memory_equal(told, AT, strlen(AT));
        } else if (strcmp(told, WRONG[i].expected) != 0) {
            fail_msg("%s:\n%s--- told\n%s", WRONG[i].label, WRONG[i].expected, told);
        }
        diagnostics_done(&diagnostics);
    }
}

static void
those_we_ship_are_there_without_a_folder(void **state)
{
    const struct folder *folder = *state;
    folder_write(folder, "mailspur.yaml", HOST_LINES "verification: {profiles: /nowhere}\n");
    AUTO_CONFIG *config = folder_load_good(folder);
    static const char *const names[] = {"inbound", "ivymail", "local", "relay", "ses"};
    assert_int_equal(config->profile_count, ARRAY_LEN(names));
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        assert_string_equal(config->profiles[i].name, names[i]);
        assert_ptr_equal(config_find_profile(config, names[i]), &config->profiles[i]);
    }
    assert_null(config_find_profile(config, "relays"));
}

#define GOOD "records:\n" RECORD "value: a.b}\n"

static void
an_operator_s_file_wins_over_ours(void **state)
{
    const struct folder *folder = *state;
    folder_write(folder, "profiles/relay.yaml", "description: ours\n" GOOD);
    folder_write(folder, "profiles/own.yml", GOOD);
    folder_write(folder, "profiles/.own2.yaml", "nonsense");
    folder_write(folder, "mailspur.yaml", HOST_LINES "verification: {default_profile: own}\n");
    AUTO_CONFIG *config = folder_load_good(folder);
    assert_int_equal(config->profile_count, 6);
    const struct config_profile *relay = config_find_profile(config, "relay");
    assert_string_equal(relay->description, "ours");
    assert_int_equal(relay->record_count, 1);
    assert_true(relay->records[0].required);
    assert_int_equal(relay->records[0].ttl_ms, 3600000);
    assert_non_null(config_find_profile(config, "own"));
}

static void
a_profile_that_is_not_there_is_told_with_those_there_are(void **state)
{
    const struct folder *folder = *state;
    const struct config_profile *profile = NULL;
    struct why why = {.text = ""};
    folder_write(folder, "profiles/own.yaml", GOOD);
    AUTO_CONFIG *config = folder_load_good(folder);
    assert_int_equal(config_get_profile(config, "none", &profile, &why), ST_INVALID);
    assert_null(profile);
    assert_string_equal(why.text,
                        "there is no profile 'none'; there are: inbound (receiving only), ivymail "
                        "(IvyMail), local (servers of the operator), own, relay (SES relay with "
                        "shared selectors), ses (Amazon SES)");
    assert_int_equal(config_get_profile(config, "relay", &profile, &why), ST_OK);
    assert_string_equal(profile->description, "SES relay with shared selectors");
    assert_true(config_profile_has(profile, PURPOSE_SPF));
    assert_false(config_profile_has(profile, PURPOSE_OWNERSHIP));
}

static void
profiles_whose_descriptions_take_too_much_room_are_told_by_name(void **state)
{
    const struct folder *folder = *state;
    const struct config_profile *profile = NULL;
    struct why why = {.text = ""};
    char text[512];
    for (int i = 0; i < 4; i++) {
        char name[64];
        (void)snprintf(name, sizeof(name), "profiles/own%d.yaml", i);
        (void)snprintf(text, sizeof(text), "description: %060d\n%s", 0, GOOD);
        folder_write(folder, name, text);
    }
    AUTO_CONFIG *config = folder_load_good(folder);
    assert_int_equal(config_get_profile(config, "none", &profile, &why), ST_INVALID);
    assert_string_equal(why.text, "there is no profile 'none'; there are: inbound, ivymail, local, "
                                  "own0, own1, own2, own3, relay, ses");
}

static void
a_default_profile_that_is_not_there_is_told(void **state)
{
    const struct folder *folder = *state;
    folder_write(folder, "mailspur.yaml", HOST_LINES "verification: {default_profile: lokal}\n");
    struct diagnostics diagnostics = {.items = NULL};
    assert_null(folder_load(folder, &diagnostics));
    AUTO_FREE char *told = folder_format(folder, &diagnostics, true);
    assert_string_equal(told, "$/mailspur.yaml:3:33: error: 'default_profile': there is no profile "
                              "'lokal'; did you mean 'local'?\n");
    diagnostics_done(&diagnostics);
}

static void
files_with_a_bad_or_equal_name_are_told(void **state)
{
    const struct folder *folder = *state;
    folder_write(folder, "profiles/own.yaml", GOOD);
    folder_write(folder, "profiles/own.yml", GOOD);
    folder_write(folder, "profiles/my own.yaml", GOOD);
    struct diagnostics diagnostics = {.items = NULL};
    assert_null(folder_load(folder, &diagnostics));
    AUTO_FREE char *told = folder_format(folder, &diagnostics, true);
    assert_non_null(
        strstr(told, "$/profiles/my own.yaml: error: the file's name: 'my own' is not"));
    assert_non_null(strstr(told, "$/profiles/own.yml: error: there is a profile 'own' already\n"));
    assert_int_equal(diagnostics.errors, 2);
    diagnostics_done(&diagnostics);
}

static void
write_profiles(const struct folder *folder, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        AUTO_STRBUF name = STRBUF_INIT(64);
        strbuf_printf(&name, "profiles/p%u.yaml", i);
        folder_write(folder, strbuf_text(&name), GOOD);
    }
}

static void
there_are_at_most_64_of_the_operator(void **state)
{
    const struct folder *folder = *state;
    write_profiles(folder, CONFIG_PROFILES_MAX);
    config_unref(folder_load_good(folder));
    write_profiles(folder, CONFIG_PROFILES_MAX + 1);
    struct diagnostics diagnostics = {.items = NULL};
    assert_null(folder_load(folder, &diagnostics));
    AUTO_FREE char *told = folder_format(folder, &diagnostics, true);
    assert_non_null(strstr(told, "more than 64 profiles"));
    diagnostics_done(&diagnostics);
}

static void
a_profile_has_at_most_ten_records(void **state)
{
    const struct folder *folder = *state;
    for (unsigned count = CONFIG_PROFILE_RECORDS_MAX; count < CONFIG_PROFILE_RECORDS_MAX + 2;
         count++) {
        AUTO_STRBUF text = STRBUF_INIT(8192);
        strbuf_puts(&text, "records:\n");
        for (unsigned i = 0; i < count; i++) {
            strbuf_printf(&text,
                          "  - {purpose: dkim, for: sending, type: CNAME, name: 's%u.{domain}', "
                          "value: a.b}\n",
                          i);
        }
        folder_write(folder, "profiles/own.yaml", strbuf_text(&text));
        struct diagnostics diagnostics = {.items = NULL};
        AUTO_CONFIG *config = folder_load(folder, &diagnostics);
        assert_int_equal(config != NULL, count == CONFIG_PROFILE_RECORDS_MAX);
        diagnostics_done(&diagnostics);
    }
}

static void
a_template_has_at_most_512_bytes(void **state)
{
    (void)state;
    char text[TEMPLATE_MAX + 2];
    memset(text, 'a', sizeof(text));
    text[TEMPLATE_MAX + 1] = '\0';
    assert_int_equal(template_check(text, NULL), ST_INVALID);
    text[TEMPLATE_MAX] = '\0';
    assert_int_equal(template_check(text, NULL), ST_OK);
    assert_int_equal(template_check("", NULL), ST_INVALID);
    assert_int_equal(template_check("a\xc3\xa4", NULL), ST_INVALID);
    assert_int_equal(template_check("{}", NULL), ST_INVALID);
    assert_int_equal(template_check("{domain", NULL), ST_INVALID);
}

static void
placeholders_get_their_values(void **state)
{
    (void)state;
    struct template_values values = {.text = {[PLACE_DOMAIN] = "a.test", [PLACE_DKIM2] = "k2"}};
    AUTO_STRBUF out = STRBUF_INIT(32);
    assert_int_equal(template_expand("{dkim2}.x.{domain}", &values, &out, NULL), ST_OK);
    assert_string_equal(strbuf_text(&out), "k2.x.a.test");
    struct why why;
    assert_int_equal(template_expand("{dkim1}", &values, &out, &why), ST_NOT_FOUND);
    assert_string_equal(why.text, "{dkim1} has no value");
    AUTO_STRBUF small = STRBUF_INIT(8);
    assert_int_equal(template_expand("{domain}...", &values, &small, NULL), ST_TOO_LARGE);
    assert_true(template_has("x{dkim2}", PLACE_DKIM2));
    assert_false(template_has("x{dkim2}", PLACE_DKIM1));
    assert_false(template_has("dkim1", PLACE_DKIM1));
}

// As docs/profiles.md writes the values.
static const struct template_values WRITTEN = {.text = {[PLACE_DOMAIN] = "D",
                                                        [PLACE_TOKEN] = "TOKEN",
                                                        [PLACE_REGION] = "REGION",
                                                        [PLACE_MAIL_FROM] = "mail",
                                                        [PLACE_SPF_INCLUDE] = "SPF_INCLUDE",
                                                        [PLACE_DMARC_REPORT] = "dmarc@D",
                                                        [PLACE_INBOUND_MX] = "INBOUND_MX"}};

static void
expect_row(const char *manual, const char *profile, const struct config_record *record)
{
    AUTO_STRBUF row = STRBUF_INIT(2048);
    strbuf_printf(&row, "| %s | %s | `", RECORD_FOR_WORDS[record->needed_for],
                  RECORD_TYPE_WORDS[record->type]);
    assert_int_equal(template_expand(record->name, &WRITTEN, &row, NULL), ST_OK);
    strbuf_puts(&row, record->type == RECORD_TYPE_MX ? "` | `10 " : "` | `");
    assert_int_equal(template_expand(record->value, &WRITTEN, &row, NULL), ST_OK);
    strbuf_putc(&row, '`');
    AUTO_STRBUF start = STRBUF_INIT(128);
    strbuf_printf(&start, "\n| `%s` |", profile);
    const char *section = strstr(manual, strbuf_text(&start));
    assert_non_null(section);
    const char *end = strstr(section + 3, "\n| `"); // of the next profile
    const char *found = strstr(section, strbuf_text(&row));
    if (found == NULL || (end != NULL && found > end)) {
        fail_msg("docs/profiles.md: %s has no row %s", profile, strbuf_text(&row));
    }
}

static void
the_manual_shows_the_profiles_we_ship(void **state)
{
    const struct folder *folder = *state;
    AUTO_CONFIG *config = folder_load_good(folder);
    AUTO_STRBUF manual = STRBUF_INIT(256 * 1024);
    assert_int_equal(text_read_file(MANUAL, &manual, NULL, NULL), ST_OK);
    for (size_t i = 0; i < config->profile_count; i++) {
        const struct config_profile *profile = &config->profiles[i];
        if (strcmp(profile->name, "ses") == 0) {
            continue; // "as ivymail"
        }
        for (size_t r = 0; r < profile->record_count; r++) {
            if (profile->records[r].type != RECORD_TYPE_CNAME) { // three in one row
                expect_row(strbuf_text(&manual), profile->name, &profile->records[r]);
            }
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_wrong_profile_is_told_with_its_place, setup, teardown),
        cmocka_unit_test_setup_teardown(those_we_ship_are_there_without_a_folder, setup, teardown),
        cmocka_unit_test_setup_teardown(an_operator_s_file_wins_over_ours, setup, teardown),
        cmocka_unit_test_setup_teardown(
            profiles_whose_descriptions_take_too_much_room_are_told_by_name, setup, teardown),
        cmocka_unit_test_setup_teardown(a_profile_that_is_not_there_is_told_with_those_there_are,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_default_profile_that_is_not_there_is_told, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(files_with_a_bad_or_equal_name_are_told, setup, teardown),
        cmocka_unit_test_setup_teardown(there_are_at_most_64_of_the_operator, setup, teardown),
        cmocka_unit_test_setup_teardown(a_profile_has_at_most_ten_records, setup, teardown),
        cmocka_unit_test_setup_teardown(the_manual_shows_the_profiles_we_ship, setup, teardown),
        cmocka_unit_test(a_template_has_at_most_512_bytes),
        cmocka_unit_test(placeholders_get_their_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
