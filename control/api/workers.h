// SPDX-License-Identifier: Apache-2.0
// A few threads that take jobs from a queue. Handlers run here, since they may wait for the disk or
// the DNS, while the HTTP threads go on with other connections.
#ifndef CONTROL_API_WORKERS_H
#define CONTROL_API_WORKERS_H

#include <stddef.h>

#include "common/status.h"

struct api_workers;

/** Start `count` threads that call `run` with each job. */
MUST_CHECK enum status api_workers_open(size_t count, void (*run)(void *job),
                                        struct api_workers **workers_out, struct why *why);

/** Queue a job (not NULL). The queue has no cap of its own: the connection limit is it. */
void api_workers_submit(struct api_workers *workers, void *job);

/** Run what is queued, then stop. No submit may be under way or follow. NULL-safe. */
void api_workers_close(struct api_workers *workers);

#endif
