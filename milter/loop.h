// SPDX-License-Identifier: Apache-2.0
// libmilter's process-wide side: the socket with its rights, the loop, the stop. One a process,
// once: libmilter keeps its state in globals.
#ifndef MILTER_LOOP_H
#define MILTER_LOOP_H

#include <stdbool.h>
#include <sys/types.h>

#include "common/status.h"
#include "milter/host.h"

struct loop_socket {
    const char *address; /* "unix:/path", "inet:port@host", "inet6:port@host" */
    mode_t mode;         /* of a Unix socket */
    const char *group;   /* NULL: the process's own */
};

/**
 * Open the socket and answer on it, in threads of libmilter's own.
 *
 * @host  must outlive the process: libmilter's threads may still look at it while main returns
 */
MUST_CHECK enum status loop_start(const struct loop_socket *socket, const struct host *host,
                                  struct why *why);

/**
 * Wait for the loop's end, at most `timeout_ms`. It ends by SIGTERM, SIGINT or SIGHUP, which
 * libmilter awaits in a thread of its own (so nobody else may take them), or when libmilter gives
 * up. Sessions that are open stay.
 *
 * @return false: it has ended, and its thread is joined; do not call again
 */
bool loop_wait(int timeout_ms);

#endif
