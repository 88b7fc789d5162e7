// SPDX-License-Identifier: Apache-2.0
// Another program, run without a shell, within a time and with a cap on what it says.
#ifndef CONTROL_CLI_DOCTOR_PROGRAM_H
#define CONTROL_CLI_DOCTOR_PROGRAM_H

#include "common/status.h"
#include "common/strbuf.h"

enum {
    PROGRAM_OUTPUT_MAX = 4 * 1024 * 1024,
    PROGRAM_ERRORS_MAX = 4 * 1024,
    PROGRAM_TIMEOUT_MS = 10 * 1000,
    PROGRAM_ARGUMENTS_MAX = 64
};

struct program {
    const char *const *argv; /* NULL-terminated, at most PROGRAM_ARGUMENTS_MAX; argv[0] is looked
                                for where systems keep programs of root, unless it has a slash */
    const char *input;       /* its standard input; NULL: none */
    int timeout_ms;
};

struct program_result {
    int exit_status;      /* 128 + signal when one ended it */
    struct strbuf output; /* what does not fit is thrown away, and overflow says so */
    struct strbuf errors;
};

/**
 * Run to its end. Environment: PATH and LC_ALL=C alone.
 *
 * @result_out  program_result_done, also on failure
 * @return      ST_OK whatever its exit status is; ST_NOT_FOUND there is no such program; ST_AGAIN
 *              it did not end in time, and was killed; ST_TOO_LARGE; ST_IO
 */
MUST_CHECK enum status program_run(const struct program *program, struct program_result *result_out,
                                   struct why *why);

void program_result_done(struct program_result *result);

#define AUTO_PROGRAM_RESULT AUTO(program_result_done) struct program_result
#define PROGRAM_RESULT_INIT                                                                        \
    {                                                                                              \
        .output = STRBUF_INIT(PROGRAM_OUTPUT_MAX), .errors = STRBUF_INIT(PROGRAM_ERRORS_MAX)       \
    }

#endif
