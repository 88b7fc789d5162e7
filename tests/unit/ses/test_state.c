// SPDX-License-Identifier: Apache-2.0
// What is stored of an identity, and the names that may get there.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/xalloc.h"
#include "verifier/domain/ses/names.h"
#include "verifier/domain/ses/ses.h"

// A domain of exactly this length, of labels of 63.
static void
make_domain(char *out, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        out[i] = i % 64 == 63 ? '.' : 'a';
    }
    out[length] = '\0';
}

static struct ses_state
full_state(void)
{
    struct ses_state state;
    ses_state_init(&state, "eu-central-1");
    state.holding = SES_HOLDING_OURS;
    (void)snprintf(state.tokens[0], SES_TOKEN_SIZE, "one");
    (void)snprintf(state.tokens[1], SES_TOKEN_SIZE, "two");
    (void)snprintf(state.tokens[2], SES_TOKEN_SIZE, "three");
    (void)snprintf(state.zone, sizeof(state.zone), "k7.dkim.example");
    (void)snprintf(state.mail_from, sizeof(state.mail_from), "mail.a.example");
    return state;
}

static void
assert_comes_back(const struct ses_state *state)
{
    char text[SES_STATE_TEXT_SIZE];
    char again[SES_STATE_TEXT_SIZE];
    struct ses_state read = {.region = ""};
    struct why why = {.text = ""};
    ses_state_format(state, text);
    assert_true(strlen(text) < SES_STATE_TEXT_SIZE - 1);
    assert_int_equal(ses_state_parse(text, &read, &why), ST_OK);
    ses_state_format(&read, again);
    assert_string_equal(text, again);
    assert_int_equal(read.holding, state->holding);
    assert_int_equal(read.release_pending, state->release_pending);
    assert_string_equal(read.tokens[2], state->tokens[2]);
}

static void
a_state_comes_back_as_it_was_stored(void **unused)
{
    (void)unused;
    struct ses_state state;
    ses_state_init(&state, "eu-central-1");
    assert_comes_back(&state);
    state = full_state();
    for (int i = SES_HOLDING_UNKNOWN; i <= SES_HOLDING_GONE; i++) {
        state.holding = (enum ses_holding)i;
        assert_comes_back(&state);
    }
    state.release_pending = true;
    assert_comes_back(&state);
}

static void
the_longest_state_fits(void **unused)
{
    (void)unused;
    struct ses_state state = full_state();
    state.holding = SES_HOLDING_ADOPTED;
    memset(state.region, 'r', SES_REGION_SIZE - 1);
    for (size_t i = 0; i < SES_TOKENS; i++) {
        memset(state.tokens[i], 'a' + (int)i, SES_TOKEN_SIZE - 1);
    }
    make_domain(state.zone, DOMAIN_NAME_MAX);
    make_domain(state.mail_from, DOMAIN_NAME_MAX);
    assert_comes_back(&state);
}

#define STORED(region, identity, pending, tokens, zone, mail_from)                                 \
    "{\"region\":" region ",\"identity\":" identity ",\"release_pending\":" pending                \
    ",\"tokens\":" tokens ",\"zone\":" zone ",\"mail_from\":" mail_from "}"
#define GOOD_TOKENS "[\"a\",\"b\",\"c\"]"
#define NO_TOKENS "[\"\",\"\",\"\"]"

static const struct {
    const char *label;
    const char *text;
    const char *fault;
} BROKEN[] = {
    {"empty", "", "no JSON object"},
    {"a list", "[]", "no JSON object"},
    {"cut", "{\"region\":\"eu", "no JSON object"},
    {"no member", "{}", "six members"},
    {"twice", "{\"region\":\"a\",\"region\":\"b\"}", "says one twice"},
    {"region", STORED("\"EU\"", "\"ours\"", "false", NO_TOKENS, "\"\"", "\"\""), "'region'"},
    {"long region",
     STORED("\"aaaaaaaaaabbbbbbbbbbccccccccccddd\"", "\"ours\"", "false", NO_TOKENS, "\"\"",
            "\"\""),
     "'region'"},
    {"identity", STORED("\"eu\"", "\"theirs\"", "false", NO_TOKENS, "\"\"", "\"\""), "'identity'"},
    {"pending", STORED("\"eu\"", "\"ours\"", "\"no\"", NO_TOKENS, "\"\"", "\"\""),
     "'release_pending'"},
    {"two tokens", STORED("\"eu\"", "\"ours\"", "false", "[\"a\",\"b\"]", "\"z.example\"", "\"\""),
     "'tokens'"},
    {"a number", STORED("\"eu\"", "\"ours\"", "false", "[\"a\",\"b\",3]", "\"z.example\"", "\"\""),
     "'tokens'"},
    {"a token with a dot",
     STORED("\"eu\"", "\"ours\"", "false", "[\"a\",\"b\",\"c.d\"]", "\"z.example\"", "\"\""),
     "'tokens'"},
    {"tokens without zone", STORED("\"eu\"", "\"ours\"", "false", GOOD_TOKENS, "\"\"", "\"\""),
     "'tokens'"},
    {"zone without tokens",
     STORED("\"eu\"", "\"ours\"", "false", NO_TOKENS, "\"z.example\"", "\"\""), "'tokens'"},
    {"zone with a blank",
     STORED("\"eu\"", "\"ours\"", "false", GOOD_TOKENS, "\"z z.example\"", "\"\""), "'tokens'"},
    {"mail_from", STORED("\"eu\"", "\"ours\"", "false", GOOD_TOKENS, "\"z.example\"", "\"a;b\""),
     "'mail_from'"},
};

static void
a_broken_state_is_refused_with_its_fault_and_changes_nothing(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(BROKEN); i++) {
        struct ses_state state = {.region = "untouched"};
        struct why why = {.text = ""};
        print_message("%s\n", BROKEN[i].label);
        assert_int_equal(ses_state_parse(BROKEN[i].text, &state, &why), ST_INVALID);
        assert_non_null(strstr(why.text, BROKEN[i].fault));
        assert_string_equal(state.region, "untouched");
    }
}

static void
a_state_is_read_up_to_its_cap(void **unused)
{
    (void)unused;
    struct ses_state state = full_state();
    char text[SES_STATE_TEXT_SIZE + 1];
    ses_state_format(&state, text);
    size_t length = strlen(text);
    memset(text + length, ' ', sizeof(text) - length);
    text[SES_STATE_TEXT_SIZE - 1] = '\0';
    assert_int_equal(ses_state_parse(text, &state, NULL), ST_OK);
    text[SES_STATE_TEXT_SIZE - 1] = ' ';
    text[SES_STATE_TEXT_SIZE] = '\0';
    assert_int_equal(ses_state_parse(text, &state, NULL), ST_TOO_LARGE);
}

static void
a_release_is_requested_once_and_not_of_what_is_gone(void **unused)
{
    (void)unused;
    struct ses_state state = full_state();
    ses_state_request_release(&state);
    assert_true(state.release_pending);
    state.holding = SES_HOLDING_GONE;
    ses_state_request_release(&state);
    assert_false(state.release_pending);
}

static void
dkim_is_known_with_the_tokens_and_the_zone(void **unused)
{
    (void)unused;
    struct ses_state state;
    ses_state_init(&state, "eu-central-1");
    assert_false(ses_state_has_dkim(&state));
    state = full_state();
    assert_true(ses_state_has_dkim(&state));
    state.zone[0] = '\0';
    assert_false(ses_state_has_dkim(&state));
    state = full_state();
    state.tokens[SES_TOKENS - 1][0] = '\0';
    assert_false(ses_state_has_dkim(&state));
}

/* ---- names ----------------------------------------------------------------------------------- */

static const struct {
    const char *text;
    bool token;
    bool domain;
    bool region;
} NAMES[] = {
    {"", false, false, false},          {"abc123", true, false, true},
    {"Abc", true, false, false},        {"-abc", false, false, true},
    {"abc-", false, false, true},       {"a_b", false, false, false},
    {"a.b", false, true, false},        {"a..b", false, false, false},
    {"A.b", false, false, false},       {"a.b.", false, false, false},
    {"a b.c", false, false, false},     {"a.b/c", false, false, false},
    {"a\n.b", false, false, false},     {"\xc3\xa4.example", false, false, false},
    {"_x.example", false, true, false},
};

static void
names_are_taken_only_in_their_form(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(NAMES); i++) {
        print_message("'%s'\n", NAMES[i].text);
        assert_int_equal(ses_name_is_token(NAMES[i].text), NAMES[i].token);
        assert_int_equal(ses_name_is_domain(NAMES[i].text), NAMES[i].domain);
        assert_int_equal(ses_name_is_region(NAMES[i].text), NAMES[i].region);
    }
    assert_true(ses_name_is_below("mail.a.example", "a.example"));
    assert_false(ses_name_is_below("a.example", "a.example"));
    assert_false(ses_name_is_below(".a.example", "a.example"));
    assert_false(ses_name_is_below("mail-a.example", "a.example"));
    assert_true(ses_name_is_installation("A-b_c.1"));
    assert_false(ses_name_is_installation("a b"));
    assert_false(ses_name_is_installation("a\"b"));
}

static void
names_have_their_lengths(void **unused)
{
    (void)unused;
    char text[DOMAIN_NAME_MAX + 2];
    memset(text, 'a', sizeof(text));
    text[SES_TOKEN_SIZE] = '\0';
    assert_false(ses_name_is_token(text));
    text[SES_TOKEN_SIZE - 1] = '\0';
    assert_true(ses_name_is_token(text));
    assert_false(ses_name_is_region(text));
    text[SES_REGION_SIZE - 1] = '\0';
    assert_true(ses_name_is_region(text));
    memset(text, 'a', sizeof(text));
    text[SES_INSTALLATION_MAX + 1] = '\0';
    assert_false(ses_name_is_installation(text));
    text[SES_INSTALLATION_MAX] = '\0';
    assert_true(ses_name_is_installation(text));
    make_domain(text, DOMAIN_NAME_MAX + 1);
    assert_false(ses_name_is_domain(text));
    make_domain(text, DOMAIN_NAME_MAX);
    assert_true(ses_name_is_domain(text));
}

static void
every_word_of_a_report_has_its_text(void **unused)
{
    (void)unused;
    static const char *const ERRORS[] = {"SERVICE_ERROR", "DNS_SERVER_ERROR", "HOST_NOT_FOUND",
                                         "TYPE_NOT_FOUND", "INVALID_VALUE"};
    assert_string_equal(ses_error_sentence(""), "");
    const char *other = ses_error_sentence("SOMETHING_NEW");
    assert_non_null(strstr(other, "no words for"));
    for (size_t i = 0; i < ARRAY_LEN(ERRORS); i++) {
        assert_non_null(strstr(ses_error_sentence(ERRORS[i]), "Amazon SES"));
        assert_string_not_equal(ses_error_sentence(ERRORS[i]), other);
    }
    assert_string_equal(ses_progress_name(SES_PROGRESS_NONE), "none");
    assert_string_equal(ses_progress_name(SES_PROGRESS_OTHER), "other");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_state_comes_back_as_it_was_stored),
        cmocka_unit_test(the_longest_state_fits),
        cmocka_unit_test(a_broken_state_is_refused_with_its_fault_and_changes_nothing),
        cmocka_unit_test(a_state_is_read_up_to_its_cap),
        cmocka_unit_test(a_release_is_requested_once_and_not_of_what_is_gone),
        cmocka_unit_test(dkim_is_known_with_the_tokens_and_the_zone),
        cmocka_unit_test(names_are_taken_only_in_their_form),
        cmocka_unit_test(names_have_their_lengths),
        cmocka_unit_test(every_word_of_a_report_has_its_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
