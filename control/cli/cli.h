// SPDX-License-Identifier: Apache-2.0
// What every command of `mailspur` works with, and what it may return (docs/cli.md).
#ifndef CONTROL_CLI_CLI_H
#define CONTROL_CLI_CLI_H

#include <stdbool.h>
#include <stdio.h>

#include "control/cli/screen.h"

/** Exit codes. */
enum cli_exit {
    CLI_OK = 0,
    CLI_FAILED = 1,     /* a negative answer: not verified, errors in the configuration */
    CLI_USAGE = 2,      /* the command line, or a value in it, is wrong */
    CLI_NOT_FOUND = 3,  /* no such domain, message, delivery */
    CLI_REFUSED = 4,    /* it exists, but its state or a limit forbids the request */
    CLI_UNREACHABLE = 5 /* daemon not reachable, or it cannot answer now: try again */
};

struct cli {
    struct screen screen;    /* stdout */
    FILE *err;               /* stderr */
    bool json;               /* --json: print the API's JSON as it came */
    const char *config_path; /* -c; NULL: CONFIG_DEFAULT_PATH */
    const char *socket_path; /* --socket; NULL: from the configuration */
    long patience_s;         /* of requests that take long; 0: the usual */
};

/** Run `mailspur` with these arguments; returns an exit code. Prints to the two files only. */
int cli_main(int argc, char *const argv[], FILE *out, FILE *err);

/** "mailspur: text" on stderr, control bytes removed. Returns `code`. */
enum cli_exit cli_complain(const struct cli *cli, enum cli_exit code, const char *format, ...)
    PRINTF_LIKE(3, 4);

#endif
