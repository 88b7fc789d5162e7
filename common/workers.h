// SPDX-License-Identifier: Apache-2.0
// A small pool of threads behind a first-in, first-out queue.
#ifndef COMMON_WORKERS_H
#define COMMON_WORKERS_H

#include "common/status.h"

struct workers;

/** Start `count` threads that call work(context, item) for each item pushed. ST_AGAIN: no thread
 *  to be had. */
MUST_CHECK enum status workers_open(unsigned count, void (*work)(void *context, void *item),
                                    void *context, struct workers **workers_out, struct why *why);

/** Queue an item (not NULL); the caller bounds how many there can be. Any thread, never blocks for
 *  long. */
void workers_push(struct workers *workers, void *item);

/**
 * Finish what is being worked on and end the threads. No push may be under way or follow.
 *
 * @drop  gets what is still queued, as drop(context, item) on this thread; NULL: it is worked on
 *        first. With `workers` NULL nothing happens.
 */
void workers_close(struct workers *workers, void (*drop)(void *context, void *item));

#endif
