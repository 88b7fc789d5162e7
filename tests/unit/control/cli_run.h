// SPDX-License-Identifier: Apache-2.0
// `mailspur` run in this process, and what it printed.
#ifndef TESTS_UNIT_CONTROL_CLI_RUN_H
#define TESTS_UNIT_CONTROL_CLI_RUN_H

#include "house.h"

struct outcome {
    int code;
    char *out;
    char *err;
};

void outcome_done(struct outcome *outcome);
#define AUTO_OUTCOME __attribute__((cleanup(outcome_done))) struct outcome

/** Run with these words, separated by blanks. The house's configuration names the socket; NULL: no
 *  house. */
struct outcome cli_run(const struct house *house, const char *line);

/** Run, and fail unless it exits so and printed this to either file. */
void cli_expect(const struct house *house, const char *line, int code, const char *printed);

struct cli_step {
    const char *line;
    int code;
    const char *printed;
};
void cli_expect_all(const struct house *house, const struct cli_step *steps, size_t count);

#endif
