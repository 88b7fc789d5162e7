// SPDX-License-Identifier: Apache-2.0
// The command line, taken apart by the table of commands.
#ifndef CONTROL_CLI_ARGS_H
#define CONTROL_CLI_ARGS_H

#include <stddef.h>

#include "control/cli/cli.h"

enum { ARGS_OPERANDS_MAX = 4, ARGS_OPTIONS_MAX = 16 };

struct option {
    const char *name;   /* "--tenant" */
    const char *value;  /* what stands behind it, for the help; NULL: nothing; in brackets: a
                           value that may be empty */
    const char *member; /* its name in the API's request; NULL: not sent as it is */
    const char *help;
};

struct args;

struct command {
    const char *group;    /* "domain"; NULL for commands of one word */
    const char *verb;     /* "add" */
    const char *operands; /* "NAME"; "" when none */
    const char *summary;  /* one line */
    const struct option *options;
    size_t option_count;
    size_t operands_min;
    size_t operands_max;
    enum cli_exit (*run)(struct cli *cli, const struct args *args);
};

struct args {
    const struct command *command; /* NULL: none, as in `mailspur --version` */
    const char *group;             /* without a command: the word that was given, or NULL */
    bool help;                     /* --help, -h */
    bool version;                  /* --version */
    const char *operands[ARGS_OPERANDS_MAX];
    size_t operand_count;
    const char *values[ARGS_OPTIONS_MAX]; /* by the command's options; flags: "" */
};

/**
 * Read the arguments (without the program's name). Fills `cli`'s global options.
 *
 * @return CLI_OK; CLI_USAGE after a complaint on stderr
 */
MUST_CHECK enum cli_exit args_parse(struct cli *cli, int argc, char *const argv[],
                                    struct args *out);

/** The value of an option, "" for a flag that stands there; NULL when it does not. */
const char *args_value(const struct args *args, const char *name);

#endif
