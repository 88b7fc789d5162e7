// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/attrs.h"
#include "config/suggest.h"

static const char *const WORDS[] = {"recipients", "recipient", "retry", "hops", "url", "mode"};

static void
the_nearest_word_is_suggested(void **state)
{
    (void)state;
    static const struct {
        const char *typed;
        const char *expected; /* "": none */
    } rows[] = {
        {"recipent", "; did you mean 'recipient'?"},     // dropped
        {"recipientss", "; did you mean 'recipients'?"}, // added
        {"recipiemt", "; did you mean 'recipient'?"},    // changed
        {"ertry", "; did you mean 'retry'?"},            // swapped
        {"hop", "; did you mean 'hops'?"},
        {"ulr", "; did you mean 'url'?"},
        {"", ""},
        {"x", ""},
        {"xyz", ""},
        {"destination", ""},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct suggestion suggestion = {.typed = rows[i].typed};
        for (size_t w = 0; w < ARRAY_LEN(WORDS); w++) {
            suggest_offer(&suggestion, WORDS[w]);
        }
        char text[SUGGEST_TEXT_SIZE];
        assert_string_equal(suggest_format(&suggestion, text), rows[i].expected);
    }
}

static void
a_word_as_long_as_can_be_compared_is_suggested(void **state)
{
    (void)state;
    char word[SUGGEST_LENGTH_MAX + 1];
    char typed[SUGGEST_LENGTH_MAX + 1];
    memset(word, 'a', SUGGEST_LENGTH_MAX);
    word[SUGGEST_LENGTH_MAX] = '\0';
    memcpy(typed, word, sizeof(typed));
    typed[0] = 'b';
    struct suggestion suggestion = {.typed = typed};
    suggest_offer(&suggestion, word);
    assert_ptr_equal(suggestion.best, word);
    char text[SUGGEST_TEXT_SIZE];
    assert_int_equal(strlen(suggest_format(&suggestion, text)),
                     strlen("; did you mean ''?") + SUGGEST_LENGTH_MAX);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_nearest_word_is_suggested),
        cmocka_unit_test(a_word_as_long_as_can_be_compared_is_suggested),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
