// SPDX-License-Identifier: Apache-2.0
// Asking the person before something is gone.
#ifndef CONTROL_CLI_CONFIRM_H
#define CONTROL_CLI_CONFIRM_H

#include "control/cli/args.h"

/**
 * Unless --yes is there: ask on the terminal "QUESTION [y/N]".
 *
 * @return CLI_OK yes; after a complaint CLI_FAILED no, CLI_USAGE nobody is there to ask
 */
MUST_CHECK enum cli_exit confirm(const struct cli *cli, const struct args *args,
                                 const char *question, ...) PRINTF_LIKE(3, 4);

#endif
