// SPDX-License-Identifier: Apache-2.0
// How many of a kind may be under way at once, and waiting for the last of them at stop.
#ifndef MILTER_LIMITER_H
#define MILTER_LIMITER_H

#include <stdbool.h>
#include <stdint.h>

struct limiter;

struct limiter *limiter_new(uint64_t most);
void limiter_free(struct limiter *limiter); /* nobody is inside; NULL-safe */

/** Never blocks. false: `most` are inside, or it is closed. Any thread. */
bool limiter_enter(struct limiter *limiter);
void limiter_leave(struct limiter *limiter);

/** Let nobody in any more, and wait until all have left. false: the time passed first. */
bool limiter_close(struct limiter *limiter, int timeout_ms);

#endif
