// SPDX-License-Identifier: Apache-2.0
#include "cli_run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "control/cli/cli.h"

enum { WORDS_MAX = 14, LINE_SIZE = 512 };

void
outcome_done(struct outcome *outcome)
{
    free(outcome->out);
    free(outcome->err);
}

struct outcome
cli_run(const struct house *house, const char *line)
{
    char words[LINE_SIZE];
    char program[] = "mailspur";
    char option[] = "-c";
    char config[FOLDER_PATH_SIZE];
    char *argv[WORDS_MAX + 4] = {program};
    int argc = 1;
    (void)snprintf(words, sizeof(words), "%s", line);
    char *rest = NULL;
    for (char *word = strtok_r(words, " ", &rest); word != NULL;
         word = strtok_r(NULL, " ", &rest)) {
        assert_true(argc < WORDS_MAX);
        argv[argc++] = word;
    }
    if (house != NULL) {
        (void)snprintf(config, sizeof(config), "%s", house->config_path);
        argv[argc++] = option;
        argv[argc++] = config;
    }
    struct outcome outcome = {.code = -1};
    size_t out_length;
    size_t err_length;
    FILE *out = open_memstream(&outcome.out, &out_length);
    FILE *err = open_memstream(&outcome.err, &err_length);
    outcome.code = cli_main(argc, argv, out, err);
    assert_int_equal(fclose(out), 0);
    assert_int_equal(fclose(err), 0);
    return outcome;
}

void
cli_expect(const struct house *house, const char *line, int code, const char *printed)
{
    AUTO_OUTCOME outcome = cli_run(house, line);
    if (outcome.code != code ||
        (strstr(outcome.out, printed) == NULL && strstr(outcome.err, printed) == NULL)) {
        fail_msg("mailspur %s: exit %d\n%s%s", line, outcome.code, outcome.out, outcome.err);
    }
}

void
cli_expect_all(const struct house *house, const struct cli_step *steps, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        cli_expect(house, steps[i].line, steps[i].code, steps[i].printed);
    }
}
