// SPDX-License-Identifier: Apache-2.0
// The table of commands, and the help that is made of it.
#ifndef CONTROL_CLI_COMMANDS_H
#define CONTROL_CLI_COMMANDS_H

#include <stdbool.h>
#include <stddef.h>

#include "control/cli/args.h"

/** All of them, in the order of the help. */
const struct command *commands_all(size_t *count_out);

/** The command of this group (NULL: a command of one word); NULL when there is none. */
const struct command *commands_find(const char *group, const char *verb);

bool commands_is_group(const char *word);

/** Help: every command, those of one group, or one with its options. */
void commands_print_all(const struct screen *screen);
void commands_print_group(const struct screen *screen, const char *group);
void commands_print_one(const struct screen *screen, const struct command *command);

#endif
