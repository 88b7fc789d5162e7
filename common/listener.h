// SPDX-License-Identifier: Apache-2.0
// A listening Unix socket that outlives a restart when the service manager holds it (socket
// activation, sd_listen_fds(3)): who connects meanwhile waits instead of being refused.
#ifndef COMMON_LISTENER_H
#define COMMON_LISTENER_H

#include "common/unixsock.h"

struct listener {
    int fd; /* close-on-exec, non-blocking; -1: closed */
    char *path;
    bool inherited; /* the service manager's: its rights and its file are not ours */
    ino_t inode;    /* of the file we made */
};

/** A listener that was not opened. */
#define LISTENER_INIT                                                                              \
    {                                                                                              \
        .fd = -1                                                                                   \
    }

/**
 * Take the socket that the service manager listens on at `path`, else listen there (see
 * unixsock_listen for errors and `rights`).
 *
 * @thread  start-up: one at a time
 */
MUST_CHECK enum status listener_open(struct listener *listener, const char *path, int type,
                                     const struct unixsock_rights *rights, struct why *why);

/** Close, and remove the file if it is still the one we made. Twice is harmless. */
void listener_close(struct listener *listener);

#endif
