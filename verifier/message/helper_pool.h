// SPDX-License-Identifier: Apache-2.0
// The processes of mailspur-reference: started when needed, lent to one caller at a time, killed
// and replaced when they do not behave.
#ifndef VERIFIER_MESSAGE_HELPER_POOL_H
#define VERIFIER_MESSAGE_HELPER_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/status.h"

enum {
    HELPER_POOL_MAX = 64,           /* processes */
    HELPER_MESSAGES_MAX = 1000,     /* judged by one process, then it is replaced */
    HELPER_START_TIMEOUT_MS = 5000, /* until READY */
    HELPER_BACKOFF_FIRST_MS = 100,  /* after the second death in a row; doubled each time */
    HELPER_BACKOFF_MAX_MS = 10 * 1000,
};

struct helper_pool;

/** One process, lent. */
struct helper {
    int pid;
    int fd;      /* non-blocking, SOCK_SEQPACKET */
    size_t slot; /* the pool's */
};

/** Start the first process. `path` is copied. ST_IO: it does not start. ST_INVALID: count is 0 or
 *  over HELPER_POOL_MAX. */
MUST_CHECK enum status helper_pool_open(const char *path, size_t count, struct helper_pool **out,
                                        struct why *why);

/** Nothing may be lent. NULL-safe. */
void helper_pool_close(struct helper_pool *pool);

/**
 * Borrow a process; start one if need be.
 *
 * @return ST_OK; ST_AGAIN: all are busy up to the deadline, or they keep dying
 * @thread any; blocks up to the deadline, or HELPER_START_TIMEOUT_MS longer when one has to start
 */
MUST_CHECK enum status helper_pool_lend(struct helper_pool *pool, int64_t deadline_mono_ms,
                                        struct helper *helper_out, struct why *why);

/** Give it back. `healthy`: it is ready for the next message; else it is killed and reaped. */
void helper_pool_return(struct helper_pool *pool, const struct helper *helper, bool healthy);

/** How many processes have been started so far. For tests. */
uint64_t helper_pool_started(struct helper_pool *pool);

/** Wait until the descriptor is ready (`events` as for poll) or the deadline passes. */
bool helper_wait(int fd, short events, int64_t deadline_mono_ms);

#endif
