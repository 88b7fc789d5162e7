// SPDX-License-Identifier: Apache-2.0
// The tables of the profiles we ship, row by row, and what inputs and settings make of them.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "common/strbuf.h"
#include "tests/unit/config/support.h"
#include "verifier/domain/local_keys.h"
#include "verifier/domain/profile.h"

#define TOKEN "abcdefghijklmnopqrstuvwxyz234567"

struct row {
    const char *profile;
    const char *purpose;
    const char *needed_for;
    bool required;
    const char *type;
    const char *name;
    const char *value;
    unsigned preference;
    const char *wanted; /* NULL: as the value */
};

#define DKIM(profile, name, value)                                                                 \
    {                                                                                              \
        profile, "dkim", "sending", true, "CNAME", name, value, 0, NULL                            \
    }
#define SPF(profile, include)                                                                      \
    {                                                                                              \
        profile, "spf", "sending", true, "TXT", "client.example",                                  \
            "v=spf1 include:" include " ~all", 0, include                                          \
    }
#define MAIL_FROM(profile, host, include)                                                          \
    {profile, "mail_from_mx", "sending", true, "MX", "mail.client.example", host, 10, NULL},       \
    {                                                                                              \
        profile, "mail_from_spf", "sending", true, "TXT", "mail.client.example",                   \
            "v=spf1 include:" include " ~all", 0, include                                          \
    }
#define DMARC(profile, policy)                                                                     \
    {                                                                                              \
        profile, "dmarc", "sending", true, "TXT", "_dmarc.client.example",                         \
            "v=DMARC1; p=" policy "; rua=mailto:dmarc@client.example", 0, policy                   \
    }
#define OWNERSHIP(profile, label, word)                                                            \
    {                                                                                              \
        profile, "ownership", "ownership", true, "TXT", label ".client.example", word "=" TOKEN,   \
            0, NULL                                                                                \
    }
#define MX(profile)                                                                                \
    {                                                                                              \
        profile, "mx", "inbound", false, "MX", "client.example", "in.test", 10, NULL               \
    }

// "#1" to "#3" stand for the names of the keys that are made of domain and token.
static const struct row ROWS[] = {
    DKIM("relay", "selector1._domainkey.client.example", "selector1._domainkey.amazonses.com"),
    DKIM("relay", "selector2._domainkey.client.example", "selector2._domainkey.amazonses.com"),
    DKIM("relay", "selector3._domainkey.client.example", "selector3._domainkey.amazonses.com"),
    SPF("relay", "amazonses.com"),
    DMARC("relay", "quarantine"),
    OWNERSHIP("relay", "_mailspur", "mailspur-verify"),
    MX("relay"),

    OWNERSHIP("ivymail", "_ivymail", "ivymail-verify"),
    SPF("ivymail", "amazonses.com"),
    DKIM("ivymail", "#1._domainkey.client.example", "#1.dkim.amazonses.com"),
    DKIM("ivymail", "#2._domainkey.client.example", "#2.dkim.amazonses.com"),
    DKIM("ivymail", "#3._domainkey.client.example", "#3.dkim.amazonses.com"),
    DMARC("ivymail", "none"),
    MAIL_FROM("ivymail", "feedback-smtp.us-east-1.amazonses.com", "amazonses.com"),
    MX("ivymail"),

    OWNERSHIP("ses", "_ivymail", "ivymail-verify"),
    SPF("ses", "amazonses.com"),
    DKIM("ses", "one._domainkey.client.example", "one.dkim.zone.example"),
    DKIM("ses", "two._domainkey.client.example", "two.dkim.zone.example"),
    DKIM("ses", "three._domainkey.client.example", "three.dkim.zone.example"),
    DMARC("ses", "none"),
    MAIL_FROM("ses", "feedback-smtp.us-east-1.amazonses.com", "amazonses.com"),
    MX("ses"),

    OWNERSHIP("local", "_mailspur", "mailspur-verify"),
    SPF("local", "_spf.ours.test"),
    DKIM("local", "mailspur1._domainkey.client.example", "#1.dkim.ours.test"),
    DKIM("local", "mailspur2._domainkey.client.example", "#2.dkim.ours.test"),
    DKIM("local", "mailspur3._domainkey.client.example", "#3.dkim.ours.test"),
    DMARC("local", "none"),
    MAIL_FROM("local", "in.test", "_spf.ours.test"),
    MX("local"),

    OWNERSHIP("inbound", "_mailspur", "mailspur-verify"),
    MX("inbound"),
};

static const struct profile_inputs INPUTS = {
    .domain = "client.example",
    .token = TOKEN,
    .ses_tokens = {"one", "two", "three"},
    .ses_zone = "dkim.zone.example",
};

#define SENDING "verification: {spf_include: _spf.ours.test, dkim_zone: dkim.ours.test}\n"

struct house {
    struct folder folder;
    struct config *config;
    struct domain_records *records;
};

static int
setup(void **state)
{
    struct house *house = calloc(1, sizeof(*house));
    assert_non_null(house);
    folder_make(&house->folder);
    house->records = calloc(1, sizeof(*house->records));
    assert_non_null(house->records);
    *state = house;
    return 0;
}

static int
teardown(void **state)
{
    struct house *house = *state;
    config_unref(house->config);
    folder_remove(&house->folder);
    domain_records_done(house->records);
    free(house->records);
    free(house);
    return 0;
}

static void
configure(struct house *house, const char *lines)
{
    AUTO_STRBUF text = STRBUF_INIT(4096);
    strbuf_printf(&text, "%s%s", HOST_LINES, lines);
    folder_write(&house->folder, "mailspur.yaml", strbuf_text(&text));
    config_unref(house->config);
    house->config = folder_load_good(&house->folder);
}

static void
make(struct house *house, const char *profile, const struct profile_inputs *inputs)
{
    struct why why = {.text = ""};
    const struct config_profile *found = config_find_profile(house->config, profile);
    assert_non_null(found);
    if (profile_records_make(house->config, found, inputs, house->records, &why) != ST_OK) {
        fail_msg("%s: %s", profile, why.text);
    }
}

static const struct domain_record *
find(const struct house *house, enum record_purpose purpose)
{
    for (size_t i = 0; i < house->records->count; i++) {
        if (house->records->items[i].purpose == purpose) {
            return &house->records->items[i];
        }
    }
    return NULL;
}

// The text with "#N" replaced by what the record shows at this place, which must be a made label.
static void
expect_text(const char *expected, const char *shown)
{
    if (expected[0] != '#') {
        assert_string_equal(shown, expected);
        return;
    }
    size_t made = strcspn(shown, ".");
    assert_in_range(made, 18, 32);
    assert_string_equal(shown + made, expected + 2);
}

static void
expect_row(const struct row *row, const struct domain_record *record)
{
    assert_string_equal(record_purpose_name(record->purpose), row->purpose);
    assert_string_equal(record_for_name(record->needed_for), row->needed_for);
    assert_int_equal(record->required, row->required);
    assert_string_equal(record_type_name(record), row->type);
    expect_text(row->name, record->name);
    expect_text(row->value, record->value);
    assert_int_equal(record->preference, row->preference);
    assert_string_equal(record->wanted, row->wanted == NULL ? record->value : row->wanted);
    assert_int_equal(record->ttl, 3600);
    assert_int_equal(record->status, RECORD_UNCHECKED);
    assert_int_equal(record->finding_count, 0);
}

static void
each_profile_has_the_records_of_its_table(void **state)
{
    struct house *house = *state;
    configure(house, SENDING);
    for (size_t i = 0; i < ARRAY_LEN(ROWS);) {
        const char *profile = ROWS[i].profile;
        make(house, profile, &INPUTS);
        size_t count = 0;
        while (i < ARRAY_LEN(ROWS) && strcmp(ROWS[i].profile, profile) == 0) {
            assert_in_range(count, 0, house->records->count - 1);
            expect_row(&ROWS[i++], &house->records->items[count++]);
        }
        assert_int_equal(count, house->records->count);
    }
    assert_int_equal(house->config->profile_count, 5);
}

static void
the_key_a_cname_leads_to_is_judged_by_profile(void **state)
{
    struct house *house = *state;
    configure(house, SENDING);
    static const struct {
        const char *profile;
        bool must_match;
        bool is_optional;
    } rows[] = {{"relay", true, true},
                {"ivymail", true, true},
                {"ses", false, false},
                {"local", true, false}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        make(house, rows[i].profile, &INPUTS);
        const struct domain_record *record = find(house, PURPOSE_DKIM);
        assert_int_equal(record->key_must_match, rows[i].must_match);
        assert_int_equal(record->key_is_optional, rows[i].is_optional);
    }
}

static void
settings_show_in_the_records(void **state)
{
    struct house *house = *state;
    configure(house, "backup_mx: [b1.test, b2.test]\n"
                     "verification: {mx: required, mail_from: bounce, region: eu-west-1,\n"
                     "  dmarc_report: reports@ours.test}\n");
    make(house, "ivymail", &INPUTS);
    assert_string_equal(find(house, PURPOSE_MAIL_FROM_MX)->name, "bounce.client.example");
    assert_string_equal(find(house, PURPOSE_MAIL_FROM_MX)->value,
                        "feedback-smtp.eu-west-1.amazonses.com");
    struct profile_inputs inputs = INPUTS;
    inputs.region = "ap-south-1";
    make(house, "ivymail", &inputs);
    assert_string_equal(find(house, PURPOSE_MAIL_FROM_MX)->value,
                        "feedback-smtp.ap-south-1.amazonses.com");
    make(house, "relay", &INPUTS);
    assert_string_equal(find(house, PURPOSE_DMARC)->value,
                        "v=DMARC1; p=quarantine; rua=mailto:reports@ours.test");
    const struct domain_record *mx = find(house, PURPOSE_INBOUND_MX);
    static const char *const hosts[] = {"in.test", "b1.test", "b2.test"};
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
        assert_int_equal(mx[i].purpose, PURPOSE_INBOUND_MX);
        assert_true(mx[i].required);
        assert_string_equal(mx[i].value, hosts[i]);
        assert_int_equal(mx[i].preference, 10 + 10 * i);
    }
    assert_ptr_equal(mx + ARRAY_LEN(hosts), &house->records->items[house->records->count]);
}

static void
without_the_settings_for_sending_local_is_for_inbound_only(void **state)
{
    struct house *house = *state;
    static const char *const lines[] = {"", "verification: {spf_include: s.test}\n",
                                        "verification: {dkim_zone: d.test}\n"};
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        configure(house, lines[i]);
        make(house, "local", &INPUTS);
        assert_int_equal(house->records->count, 2);
        assert_int_equal(house->records->items[0].purpose, PURPOSE_OWNERSHIP);
        assert_int_equal(house->records->items[1].purpose, PURPOSE_INBOUND_MX);
    }
}

static void
what_is_not_known_is_left_out(void **state)
{
    struct house *house = *state;
    configure(house, SENDING);
    struct profile_inputs inputs = INPUTS;
    inputs.ses_zone = NULL;
    make(house, "ses", &inputs);
    assert_null(find(house, PURPOSE_DKIM));
    assert_non_null(find(house, PURPOSE_SPF));
    inputs = INPUTS;
    inputs.ses_tokens[2] = NULL;
    make(house, "ses", &inputs);
    assert_int_equal(house->records->count, 8);
    inputs.token = NULL; // a check by hand
    static const struct {
        const char *profile;
        size_t count;
    } rows[] = {{"relay", 5}, {"ivymail", 4}, {"local", 4}, {"inbound", 1}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        make(house, rows[i].profile, &inputs);
        assert_int_equal(house->records->count, rows[i].count);
        assert_null(find(house, PURPOSE_OWNERSHIP));
    }
}

static void
an_existing_spf_record_is_merged(void **state)
{
    struct house *house = *state;
    configure(house, SENDING);
    static const struct {
        const char *existing;
        const char *shown;
    } rows[] = {
        {"v=spf1 mx -all", "v=spf1 mx include:_spf.ours.test -all"},
        {"v=spf1 include:_spf.ours.test ?all", "v=spf1 include:_spf.ours.test ?all"},
        {"v=spf1 nonsense", "v=spf1 include:_spf.ours.test ~all"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct profile_inputs inputs = INPUTS;
        inputs.existing_spf = rows[i].existing;
        make(house, "local", &inputs);
        assert_string_equal(find(house, PURPOSE_SPF)->value, rows[i].shown);
        assert_string_equal(find(house, PURPOSE_SPF)->wanted, "_spf.ours.test");
        assert_string_equal(find(house, PURPOSE_MAIL_FROM_SPF)->value,
                            "v=spf1 include:_spf.ours.test ~all");
    }
}

static void
names_of_keys_differ_by_domain_token_and_number_and_never_change(void **state)
{
    struct house *house = *state;
    configure(house, SENDING);
    char label[LOCAL_KEY_LABEL_SIZE];
    char other[LOCAL_KEY_LABEL_SIZE];
    local_key_label("client.example", TOKEN, 0, label);
    assert_string_equal(label, "6a85c5d69ef4ab65-1");
    local_key_label("client.example", TOKEN, 2, other);
    assert_string_not_equal(label, other);
    local_key_label("client2.example", TOKEN, 0, other);
    assert_string_not_equal(label, other);
    local_key_label("client.example", "another", 0, other);
    assert_string_not_equal(label, other);
    static const char *const profiles[] = {"local", "ivymail"};
    for (size_t i = 0; i < ARRAY_LEN(profiles); i++) {
        make(house, profiles[i], &INPUTS);
        char value[RECORD_VALUE_SIZE];
        memcpy(value, find(house, PURPOSE_DKIM)->value, sizeof(value));
        assert_string_not_equal(find(house, PURPOSE_DKIM)[1].value, value);
        make(house, profiles[i], &INPUTS);
        assert_string_equal(find(house, PURPOSE_DKIM)->value, value);
        struct profile_inputs inputs = INPUTS;
        inputs.token = "another";
        make(house, profiles[i], &inputs);
        assert_string_not_equal(find(house, PURPOSE_DKIM)->value, value);
    }
}

static void
a_name_that_gets_too_long_is_told(void **state)
{
    struct house *house = *state;
    configure(house, SENDING);
#define LABEL_60 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
    // 3 x 61 + 39 is 222: "mailspur1._domainkey." is 21 more, the DKIM token of ivymail 44.
    struct profile_inputs inputs = INPUTS;
    inputs.domain = LABEL_60 "." LABEL_60 "." LABEL_60 ".bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb.example";
    assert_int_equal(strlen(inputs.domain), 222);
    make(house, "local", &inputs);
    struct why why = {.text = ""};
    const struct config_profile *ivymail = config_find_profile(house->config, "ivymail");
    assert_int_equal(profile_records_make(house->config, ivymail, &inputs, house->records, &why),
                     ST_TOO_LARGE);
    assert_non_null(strstr(why.text, "longer than the DNS allows (253)"));
}

static void
a_profile_of_the_operator_makes_its_records(void **state)
{
    struct house *house = *state;
    folder_mkdir(&house->folder, "profiles");
    folder_write(&house->folder, "profiles/relay.yaml",
                 "records:\n"
                 "  - {purpose: spf, for: sending, type: TXT, name: '{domain}', ttl: 5m,\n"
                 "     value: 'v=spf1 ip4:192.0.2.1 include:r.test -all'}\n");
    folder_write(&house->folder, "profiles/broken.yaml",
                 "records:\n"
                 "  - {purpose: spf, for: sending, type: TXT, name: '{domain}',\n"
                 "     value: 'v=spf1 ip4:192.0.2 include:r.test -all'}\n");
    configure(house, "");
    make(house, "relay", &INPUTS);
    assert_int_equal(house->records->count, 3);
    assert_string_equal(house->records->items[0].wanted, "r.test");
    assert_int_equal(house->records->items[0].ttl, 300);
    struct why why = {.text = ""};
    const struct config_profile *broken = config_find_profile(house->config, "broken");
    assert_int_equal(profile_records_make(house->config, broken, &INPUTS, house->records, &why),
                     ST_INVALID);
    assert_non_null(strstr(why.text, "profiles/broken.yaml: 'v=spf1 ip4:192.0.2 "));
}

static void
the_most_records_fit(void **state)
{
    struct house *house = *state;
    folder_mkdir(&house->folder, "profiles");
    AUTO_STRBUF text = STRBUF_INIT(8192);
    strbuf_puts(&text, "records:\n");
    for (unsigned i = 0; i < CONFIG_PROFILE_RECORDS_MAX; i++) {
        strbuf_printf(
            &text,
            "  - {purpose: dkim, for: sending, type: CNAME, name: 's%u._domainkey.{domain}',"
            " value: s.test}\n",
            i);
    }
    folder_write(&house->folder, "profiles/many.yaml", strbuf_text(&text));
    configure(house, "backup_mx: [b1.test, b2.test, b3.test, b4.test]\n");
    make(house, "many", &INPUTS);
    assert_int_equal(house->records->count, RECORDS_MAX);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_profile_has_the_records_of_its_table, setup, teardown),
        cmocka_unit_test_setup_teardown(the_key_a_cname_leads_to_is_judged_by_profile, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(settings_show_in_the_records, setup, teardown),
        cmocka_unit_test_setup_teardown(without_the_settings_for_sending_local_is_for_inbound_only,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_not_known_is_left_out, setup, teardown),
        cmocka_unit_test_setup_teardown(an_existing_spf_record_is_merged, setup, teardown),
        cmocka_unit_test_setup_teardown(
            names_of_keys_differ_by_domain_token_and_number_and_never_change, setup, teardown),
        cmocka_unit_test_setup_teardown(a_name_that_gets_too_long_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(a_profile_of_the_operator_makes_its_records, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_most_records_fit, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
