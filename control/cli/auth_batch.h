// SPDX-License-Identifier: Apache-2.0
// Many checks from one process: JSON lines in, JSON lines out, in order (docs/cli.md).
#ifndef CONTROL_CLI_AUTH_BATCH_H
#define CONTROL_CLI_AUTH_BATCH_H

#include "control/cli/auth_check.h"
#include "control/cli/cli.h"

/**
 * Answer every line of the file ("-": standard input); empty lines are passed over. A line that
 * cannot be answered gets {"error": "..."}.
 *
 * @defaults    what a line does not say
 * @failed_out  lines without a verdict
 * @return      ST_OK; ST_IO: the file; ST_TOO_LARGE: a line is longer than any message may be
 */
MUST_CHECK enum status auth_batch_run(const struct cli *cli, struct checker *checker,
                                      const struct check_request *defaults, const char *path,
                                      size_t *failed_out, struct why *why);

#endif
