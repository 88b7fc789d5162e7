// SPDX-License-Identifier: Apache-2.0
// Evidence told in sentences, for a person who has to answer "why?".
#ifndef CONTROL_CLI_AUTH_STORY_H
#define CONTROL_CLI_AUTH_STORY_H

#include <jansson.h>

#include "control/cli/cli.h"

/** Print why the message was treated as it was: decision, methods, SPF's path, DNS answers. */
void auth_story_print(const struct cli *cli, const json_t *evidence);

#endif
