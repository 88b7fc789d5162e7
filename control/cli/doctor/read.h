// SPDX-License-Identifier: Apache-2.0
// What the checks need to know, read from this host.
#ifndef CONTROL_CLI_DOCTOR_READ_H
#define CONTROL_CLI_DOCTOR_READ_H

#include "common/status.h"
#include "control/cli/doctor/settings.h"

/**
 * Read Postfix's settings.
 *
 * @config  its folder; NULL: Postfix's own
 * @return  ST_OK; ST_NOT_FOUND there is no Postfix on this host; ST_AGAIN it takes too long; ST_IO
 * @settings_out  postfix_settings_free
 */
MUST_CHECK enum status doctor_read_postfix(const char *config,
                                           struct postfix_settings **settings_out, struct why *why);

#endif
