// SPDX-License-Identifier: Apache-2.0
// The helper shuts itself in: resource limits, then a seccomp allow-list. After it no file can be
// opened, no socket made, no process started.
#ifndef VERIFIER_MESSAGE_REFERENCE_SANDBOX_H
#define VERIFIER_MESSAGE_REFERENCE_SANDBOX_H

#include "common/status.h"

/** Call once, when everything that needs files is loaded. ST_IO: the kernel refused. */
MUST_CHECK enum status sandbox_enter(struct why *why);

/** Grant CPU time for one more message; past it the kernel ends the process. */
void sandbox_grant_cpu(void);

#endif
