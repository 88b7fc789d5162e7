// SPDX-License-Identifier: Apache-2.0
// Macro strings: the examples of RFC 7208, 7.4, and what hostile ones come to.
#include "support.h"

#include <stdio.h>
#include <string.h>

#include "verifier/message/spf_macro.h"

static const struct network_address CLIENT4 = {.bytes = {192, 0, 2, 3}, .length = 4};
static const struct network_address CLIENT6 = {
    .bytes = {0x20, 0x01, 0x0d, 0xb8, [14] = 0xcb, [15] = 0x01}, .length = 16};

static struct spf_values
example_values(const struct network_address *client)
{
    return (struct spf_values){.client = client,
                               .local_part = "strong-bad",
                               .sender_domain = "email.example.com",
                               .helo = "mx.example.org",
                               .domain = "email.example.com",
                               .receiver = "mx.example.net",
                               .validated = "mail.example.org",
                               .wall_s = 1234567890};
}

struct macro_case {
    const char *text;
    const struct network_address *client;
    const char *expanded;
};

#define NIBBLES "1.0.B.C.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.B.D.0.1.0.0.2"

static const struct macro_case NAMES[] = {
    {"%{s}", &CLIENT4, "strong-bad@email.example.com"},
    {"%{o}", &CLIENT4, "email.example.com"},
    {"%{d}", &CLIENT4, "email.example.com"},
    {"%{d4}", &CLIENT4, "email.example.com"},
    {"%{d3}", &CLIENT4, "email.example.com"},
    {"%{d2}", &CLIENT4, "example.com"},
    {"%{d1}", &CLIENT4, "com"},
    {"%{d002}", &CLIENT4, "example.com"},
    {"%{d129}", &CLIENT4, "email.example.com"},
    {"%{d99999999999999999999}", &CLIENT4, "email.example.com"},
    {"%{dr}", &CLIENT4, "com.example.email"},
    {"%{d2r}", &CLIENT4, "example.email"},
    {"%{l}", &CLIENT4, "strong-bad"},
    {"%{l-}", &CLIENT4, "strong.bad"},
    {"%{lr}", &CLIENT4, "strong-bad"},
    {"%{lr-}", &CLIENT4, "bad.strong"},
    {"%{l1r-}", &CLIENT4, "strong"},
    {"%{l1R-}", &CLIENT4, "strong"},
    {"%{s-.@+,/_=}", &CLIENT4, NULL},
    {"%{s-.}", &CLIENT4, "strong.bad@email.example.com"},
    {"%{h}.%{v}.%{p}", &CLIENT4, "mx.example.org.in-addr.mail.example.org"},
    {"%{ir}.%{v}._spf.%{d2}", &CLIENT4, "3.2.0.192.in-addr._spf.example.com"},
    {"%{lr-}.lp._spf.%{d2}", &CLIENT4, "bad.strong.lp._spf.example.com"},
    {"%{lr-}.lp.%{ir}.%{v}._spf.%{d2}", &CLIENT4,
     "bad.strong.lp.3.2.0.192.in-addr._spf.example.com"},
    {"%{ir}.%{v}.%{l1r-}.lp._spf.%{d2}", &CLIENT4, "3.2.0.192.in-addr.strong.lp._spf.example.com"},
    {"%{d2}.trusted-domains.example.net", &CLIENT4, "example.com.trusted-domains.example.net"},
    {"%{ir}.%{v}._spf.%{d2}", &CLIENT6, NIBBLES ".ip6._spf.example.com"},
    {"a%%b%_c%-d.example", &CLIENT4, "a%b c%20d.example"},
    {"%{S}", &CLIENT4, "strong-bad%40email.example.com"},
    {"h.example.", &CLIENT4, "h.example"},
    {"h.example..", &CLIENT4, "h.example."},
};

static void
names_are_expanded(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(NAMES); i++) {
        const struct macro_case *row = &NAMES[i];
        struct spf_values values = example_values(row->client);
        struct spf_string string;
        char name[SPF_NAME_SIZE];
        enum status status =
            spf_string_parse(row->text, strlen(row->text), SPF_MACRO_TERM, &string);
        if ((status == ST_OK) != (row->expanded != NULL)) {
            fail_msg("%s: %s", row->text, status_name(status));
        }
        if (status != ST_OK) {
            continue;
        }
        spf_string_expand_name(&string, &values, name);
        spf_string_done(&string);
        if (strcmp(name, row->expanded) != 0) {
            fail_msg("%s: '%s', not '%s'", row->text, name, row->expanded);
        }
    }
}

static const struct macro_case TEXTS[] = {
    {"%{c} at %{t} by %{r}.", &CLIENT4, "192.0.2.3 at 1234567890 by mx.example.net."},
    {"%{c}", &CLIENT6, "2001:db8::cb01"},
    {"a b.", &CLIENT4, "a b."},
    {"", &CLIENT4, ""},
    {"%{C1r}", &CLIENT4, "192"},
    {"%{x}", &CLIENT4, NULL},
    {"%", &CLIENT4, NULL},
    {"%{", &CLIENT4, NULL},
    {"%{d", &CLIENT4, NULL},
    {"%{d2", &CLIENT4, NULL},
    {"a\tb", &CLIENT4, NULL},
    {"\xc3\xa4", &CLIENT4, NULL},
};

static void
explanations_are_expanded(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(TEXTS); i++) {
        const struct macro_case *row = &TEXTS[i];
        struct spf_values values = example_values(row->client);
        struct spf_string string;
        char text[128];
        enum status status =
            spf_string_parse(row->text, strlen(row->text), SPF_MACRO_EXPLANATION, &string);
        if ((status == ST_OK) != (row->expanded != NULL)) {
            fail_msg("%s: %s", row->text, status_name(status));
        }
        if (status != ST_OK) {
            continue;
        }
        spf_string_expand_text(&string, &values, text, sizeof(text));
        spf_string_done(&string);
        if (strcmp(text, row->expanded) != 0) {
            fail_msg("%s: '%s', not '%s'", row->text, text, row->expanded);
        }
    }
}

static void
long_names_lose_labels_from_the_left(void **state)
{
    (void)state;
    static const char macro[] = "%{d}.%{d}.%{d}.%{d}.%{d}.%{d}.%{d}.%{d}.%{d}.%{d}.%{d}.%{d}.%{d}."
                                "%{d}.%{d}.%{d}.example";
    char name[SPF_NAME_SIZE];
    struct spf_values values = example_values(&CLIENT4);
    struct spf_string string;
    assert_int_equal(spf_string_parse(macro, strlen(macro), SPF_MACRO_TERM, &string), ST_OK);
    spf_string_expand_name(&string, &values, name);
    spf_string_done(&string);
    // 13 whole domains, "example.com" of one more, and "example": the next label is too much.
    assert_int_equal(strlen(name), DOMAIN_NAME_MAX);
    assert_memory_equal(name, "example.com.email.example.com.", 30);
    assert_string_equal(name + strlen(name) - 12, ".com.example");
}

static void
name_at_the_limit_stays_whole(void **state)
{
    (void)state;
    for (unsigned extra = 0; extra <= 1; extra++) {
        char domain[SPF_NAME_SIZE + 8];
        char name[SPF_NAME_SIZE];
        struct spf_values values = example_values(&CLIENT4);
        struct spf_string string;
        size_t length = DOMAIN_NAME_MAX + extra;
        memset(domain, 'a', length);
        domain[1 + extra] = '.';
        domain[length] = '\0';
        values.local_part = domain;
        assert_int_equal(spf_string_parse("%{l}.", 5, SPF_MACRO_TERM, &string), ST_OK);
        spf_string_expand_name(&string, &values, name);
        spf_string_done(&string);
        assert_int_equal(strlen(name), extra == 0 ? DOMAIN_NAME_MAX : DOMAIN_NAME_MAX + 1 - 3);
    }
}

static void
name_without_a_place_to_cut_becomes_empty(void **state)
{
    (void)state;
    char local_part[300];
    char name[SPF_NAME_SIZE] = "x";
    struct spf_values values = example_values(&CLIENT4);
    struct spf_string string;
    memset(local_part, 'a', sizeof(local_part) - 1);
    local_part[sizeof(local_part) - 1] = '\0';
    values.local_part = local_part;
    assert_int_equal(spf_string_parse("%{l}", 4, SPF_MACRO_TERM, &string), ST_OK);
    spf_string_expand_name(&string, &values, name);
    spf_string_done(&string);
    assert_string_equal(name, "");
}

static void
text_is_cut_to_its_room(void **state)
{
    (void)state;
    char text[8];
    struct spf_values values = example_values(&CLIENT4);
    struct spf_string string;
    assert_int_equal(spf_string_parse("ab%{s}%{s}", 10, SPF_MACRO_EXPLANATION, &string), ST_OK);
    spf_string_expand_text(&string, &values, text, sizeof(text));
    spf_string_done(&string);
    assert_string_equal(text, "abstron");
}

static void
domain_spec_ends_in_a_top_label_or_a_macro(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool good;
    } rows[] = {{"a.example", true}, {"a.example.", true}, {".example", true}, {"%{d}", true},
                {"a%%", true},       {"a", false},         {"", false},        {"a.", false},
                {"%{d}.a1", true},   {"%{d}.1", false},    {"%{d}a", false},   {".", false}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct spf_string string = {.count = 0};
        enum status status = spf_domain_spec_parse(rows[i].text, strlen(rows[i].text), &string);
        spf_string_done(&string);
        if (status != (rows[i].good ? ST_OK : ST_INVALID)) {
            fail_msg("%s: %s", rows[i].text, status_name(status));
        }
    }
}

static void
letters_that_occur_are_known(void **state)
{
    (void)state;
    struct spf_string string;
    assert_int_equal(spf_string_parse("p%%p%{P}.%{d}", 13, SPF_MACRO_TERM, &string), ST_OK);
    assert_true(spf_string_uses(&string, 'p'));
    assert_true(spf_string_uses(&string, 'd'));
    assert_false(spf_string_uses(&string, 'l'));
    spf_string_done(&string);
    spf_string_done(NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_expanded),
        cmocka_unit_test(explanations_are_expanded),
        cmocka_unit_test(long_names_lose_labels_from_the_left),
        cmocka_unit_test(name_at_the_limit_stays_whole),
        cmocka_unit_test(name_without_a_place_to_cut_becomes_empty),
        cmocka_unit_test(text_is_cut_to_its_room),
        cmocka_unit_test(domain_spec_ends_in_a_top_label_or_a_macro),
        cmocka_unit_test(letters_that_occur_are_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
