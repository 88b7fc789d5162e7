// SPDX-License-Identifier: Apache-2.0
// The rules for mail of the MTA's own recipients, and the marks of its copy.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "common/attrs.h"
#include "common/cleanup.h"
#include "milter/own_mail.h"

static const struct policy HOST = {DMARC_MODE_OFF, TEMPERROR_DEFER, 1000};

static void
tag_refuses_nothing_and_enforce_takes_the_rest_from_the_host(void **state)
{
    (void)state;
    struct policy tag = own_mail_policy(false, &HOST);
    assert_int_equal(tag.dmarc, DMARC_MODE_TAG);
    assert_int_equal(tag.on_temperror, TEMPERROR_TAG);
    struct policy enforce = own_mail_policy(true, &HOST);
    assert_int_equal(enforce.dmarc, DMARC_MODE_ENFORCE);
    assert_int_equal(enforce.on_temperror, TEMPERROR_DEFER);
    assert_int_equal(enforce.defer_for_ms, 1000);
}

static void
trust_is_for_addresses_in_the_networks(void **state)
{
    (void)state;
    struct network networks[2];
    assert_int_equal(network_parse("192.0.2.0/24", &networks[0], NULL), ST_OK);
    assert_int_equal(network_parse("2001:db8::/32", &networks[1], NULL), ST_OK);
    const struct own_mail own = {.trusted = networks, .trusted_count = 2};
    static const struct {
        const char *address;
        bool trusted;
    } CASES[] = {{"192.0.2.7", true},   {"::ffff:192.0.2.7", true},
                 {"2001:db8::1", true}, {"192.0.3.7", false},
                 {"", false},           {"localhost", false}};
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        assert_int_equal(own_mail_trusts(&own, CASES[i].address), CASES[i].trusted);
    }
    assert_false(own_mail_trusts(&(struct own_mail){.judged = true}, "192.0.2.7"));
}

static void
one_answer_is_wrong_where_own_mail_is_judged_harder(void **state)
{
    (void)state;
    static const struct {
        const char *label;
        struct policy own;
        struct policy ours;
        bool trusted;
        bool clash;
    } CASES[] = {
        {"own is tagged",
         {DMARC_MODE_TAG, TEMPERROR_TAG, 0},
         {DMARC_MODE_OFF, TEMPERROR_TAG, 0},
         true,
         false},
        {"both enforce",
         {DMARC_MODE_ENFORCE, TEMPERROR_TAG, 0},
         {DMARC_MODE_ENFORCE, TEMPERROR_TAG, 0},
         false,
         false},
        {"ours enforces more",
         {DMARC_MODE_ENFORCE, TEMPERROR_TAG, 0},
         {DMARC_MODE_ENFORCE, TEMPERROR_DEFER, 9},
         false,
         false},
        {"ours tags",
         {DMARC_MODE_ENFORCE, TEMPERROR_TAG, 0},
         {DMARC_MODE_TAG, TEMPERROR_TAG, 0},
         false,
         true},
        {"ours is off",
         {DMARC_MODE_ENFORCE, TEMPERROR_TAG, 0},
         {DMARC_MODE_OFF, TEMPERROR_TAG, 0},
         false,
         true},
        {"ours is trusted",
         {DMARC_MODE_ENFORCE, TEMPERROR_TAG, 0},
         {DMARC_MODE_ENFORCE, TEMPERROR_TAG, 0},
         true,
         true},
        {"own defers",
         {DMARC_MODE_ENFORCE, TEMPERROR_DEFER, 9},
         {DMARC_MODE_ENFORCE, TEMPERROR_TAG, 0},
         false,
         true},
        {"both defer",
         {DMARC_MODE_ENFORCE, TEMPERROR_DEFER, 9},
         {DMARC_MODE_ENFORCE, TEMPERROR_DEFER, 1},
         false,
         false},
    };
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        const struct own_mail own = {.policy = CASES[i].own};
        if (own_mail_clashes(&own, &CASES[i].ours, CASES[i].trusted) != CASES[i].clash) {
            fail_msg("%s", CASES[i].label);
        }
    }
}

static void
forged_fields_are_told_by_their_place_among_those_of_the_name(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *value;
    } FIELDS[] = {
        {"Received", " mx.test; spf=pass"},
        {"Authentication-Results", " mx.other; spf=pass"},
        {"authentication-RESULTS", "MX.Test;spf=pass"},
        {"ARC-Authentication-Results", " i=1; mx.test; spf=pass"},
        {"Authentication-Results", "\n\tmx.test;\n\tspf=pass"},
        {"Authentication-Results ", " (x) \"mx.test\" 1; spf=pass"},
        {"Authentication-Results", ""},
    };
    struct forged_list list = {.count = 0};
    for (size_t i = 0; i < ARRAY_LEN(FIELDS); i++) {
        forged_list_see(&list, "mx.test", FIELDS[i].name, FIELDS[i].value);
    }
    assert_int_equal(list.count, 3);
    assert_int_equal(list.places[0], 2);
    assert_int_equal(list.places[1], 3);
    assert_int_equal(list.places[2], 4);
    assert_int_equal(list.fields, 5);
    forged_list_done(&list);
    assert_int_equal(list.count, 0);
    forged_list_done(&list);
}

static void
more_forged_fields_than_the_cap_overflow_the_list(void **state)
{
    (void)state;
    struct forged_list list = {.count = 0};
    for (int i = 0; i < OWN_MAIL_FORGED_MAX; i++) {
        forged_list_see(&list, "mx.test", "Authentication-Results", " mx.test; none");
    }
    assert_false(list.overflow);
    forged_list_see(&list, "mx.test", "Authentication-Results", " mx.other; none");
    assert_false(list.overflow);
    forged_list_see(&list, "mx.test", "Authentication-Results", " mx.test; none");
    assert_true(list.overflow);
    assert_int_equal(list.count, OWN_MAIL_FORGED_MAX);
    forged_list_done(&list);
}

static void
results_are_folded_behind_each_of_them(void **state)
{
    (void)state;
    static const struct {
        const char *results;
        const char *wanted;
    } CASES[] = {
        {"mx.test; none", " mx.test;\n\tnone"},
        {"mx.test; spf=pass; dkim=none", " mx.test;\n\tspf=pass;\n\tdkim=none"},
        {"mx.test", " mx.test"},
        {"; ; ", " ;\n\t;\n\t"},
        {"", " "},
    };
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        AUTO_FREE char *folded = own_mail_fold(CASES[i].results);
        assert_string_equal(folded, CASES[i].wanted);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tag_refuses_nothing_and_enforce_takes_the_rest_from_the_host),
        cmocka_unit_test(trust_is_for_addresses_in_the_networks),
        cmocka_unit_test(one_answer_is_wrong_where_own_mail_is_judged_harder),
        cmocka_unit_test(forged_fields_are_told_by_their_place_among_those_of_the_name),
        cmocka_unit_test(more_forged_fields_than_the_cap_overflow_the_list),
        cmocka_unit_test(results_are_folded_behind_each_of_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
