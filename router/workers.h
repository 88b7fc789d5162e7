// SPDX-License-Identifier: Apache-2.0
// A small pool of threads behind a first-in, first-out queue.
#ifndef ROUTER_WORKERS_H
#define ROUTER_WORKERS_H

#include "common/status.h"

struct workers;

/** Start `count` threads that call work(context, item) for each item pushed. */
MUST_CHECK enum status workers_open(unsigned count, void (*work)(void *context, void *item),
                                    void *context, struct workers **workers_out, struct why *why);

/** Queue an item; the caller bounds how many there can be. Any thread, never blocks for long. */
void workers_push(struct workers *workers, void *item);

/** Items being worked on are finished; those still queued go to drop(context, item) instead, on
 *  this thread. NULL-safe. */
void workers_close(struct workers *workers, void (*drop)(void *context, void *item));

#endif
