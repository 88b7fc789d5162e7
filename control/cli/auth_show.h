// SPDX-License-Identifier: Apache-2.0
// A verdict on the screen: for people, or as one line of JSON.
#ifndef CONTROL_CLI_AUTH_SHOW_H
#define CONTROL_CLI_AUTH_SHOW_H

#include <jansson.h>

#include "common/verdict.h"
#include "control/cli/cli.h"

/** A table with the reasons, and the Authentication-Results field. */
void auth_show_table(const struct cli *cli, const struct verdict *verdict, bool has_message);

/** One line of ASCII; with the member "id" unless it is NULL (borrowed). */
void auth_show_json(const struct cli *cli, const struct verdict *verdict, const json_t *id);

/** The same for a check that gave no verdict. */
void auth_show_error(const struct cli *cli, const char *text, const json_t *id);

#endif
