// SPDX-License-Identifier: Apache-2.0
#include "router/delivery/outcome.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "common/attrs.h"

static const struct {
    long http_status;
    bool sent;
    enum outcome outcome;
} CASES[] = {
    {0, false, OUTCOME_RETRY},    {0, true, OUTCOME_UNKNOWN}, {200, true, OUTCOME_DONE},
    {201, true, OUTCOME_DONE},    {204, true, OUTCOME_DONE},  {299, true, OUTCOME_DONE},
    {200, false, OUTCOME_DONE},   {301, true, OUTCOME_RETRY}, {308, true, OUTCOME_RETRY},
    {400, true, OUTCOME_DEAD},    {401, true, OUTCOME_RETRY}, {403, true, OUTCOME_RETRY},
    {404, true, OUTCOME_RETRY},   {405, true, OUTCOME_DEAD},  {408, true, OUTCOME_RETRY},
    {410, true, OUTCOME_BLOCKED}, {413, true, OUTCOME_DEAD},  {413, false, OUTCOME_DEAD},
    {415, true, OUTCOME_DEAD},    {422, true, OUTCOME_DEAD},  {425, true, OUTCOME_RETRY},
    {429, true, OUTCOME_RETRY},   {500, true, OUTCOME_RETRY}, {503, true, OUTCOME_RETRY},
    {599, true, OUTCOME_RETRY},   {999, true, OUTCOME_RETRY},
};

static void
each_answer_has_its_outcome(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        enum outcome got = outcome_of(CASES[i].http_status, CASES[i].sent);
        if (got != CASES[i].outcome) {
            fail_msg("%ld sent=%d: %s", CASES[i].http_status, CASES[i].sent, outcome_name(got));
        }
    }
}

static void
outcomes_have_the_words_of_the_manual(void **state)
{
    (void)state;
    assert_string_equal(outcome_name(OUTCOME_DONE), "done");
    assert_string_equal(outcome_name(OUTCOME_RETRY), "retry");
    assert_string_equal(outcome_name(OUTCOME_UNKNOWN), "unknown");
    assert_string_equal(outcome_name(OUTCOME_BLOCKED), "blocked");
    assert_string_equal(outcome_name(OUTCOME_DEAD), "dead");
}

static void
only_429_and_503_speak_for_the_whole_endpoint(void **state)
{
    (void)state;
    for (long http_status = 0; http_status < 1000; http_status++) {
        assert_int_equal(outcome_pauses_destination(http_status),
                         http_status == 429 || http_status == 503);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_answer_has_its_outcome),
        cmocka_unit_test(outcomes_have_the_words_of_the_manual),
        cmocka_unit_test(only_429_and_503_speak_for_the_whole_endpoint),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
