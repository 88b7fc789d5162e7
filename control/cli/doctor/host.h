// SPDX-License-Identifier: Apache-2.0
// What clock and disk mean for mailspur: pure functions from what the kernel says to findings.
#ifndef CONTROL_CLI_DOCTOR_HOST_H
#define CONTROL_CLI_DOCTOR_HOST_H

#include <stdint.h>

#include "control/cli/doctor/doctor.h"

/** @status_bits  of adjtimex(2) */
void doctor_judge_clock(int status_bits, struct doctor *doctor);

/** @type  of the store's file system, as statfs(2) numbers them */
void doctor_judge_file_system(unsigned long type, const char *folder, struct doctor *doctor);

/** @free_bytes  for users without rights, on the store's file system */
void doctor_judge_room(uint64_t free_bytes, const struct config_limits *limits,
                       struct doctor *doctor);

#endif
