// SPDX-License-Identifier: Apache-2.0
// Unix sockets: listening with rights, connecting, packets with a descriptor.
#ifndef COMMON_UNIXSOCK_H
#define COMMON_UNIXSOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "common/status.h"

enum { UNIXSOCK_PATH_MAX = 107 }; /* sun_path without NUL */

struct unixsock_rights {
    mode_t mode;       /* such as 0660 */
    const char *group; /* NULL: the process's own */
};

/**
 * Listen at `path`. A socket nobody listens on is replaced; a living one, hung or of whatever type,
 * is ST_CONFLICT. Changes the umask of the process for a moment, to less.
 *
 * @type   SOCK_STREAM or SOCK_SEQPACKET
 * @fd_out close-on-exec, non-blocking; the caller closes it and unlinks the path
 */
MUST_CHECK enum status unixsock_listen(const char *path, int type,
                                       const struct unixsock_rights *rights, int *fd_out,
                                       struct why *why);

/** Give a socket file its mode and group. Reads the group database: one thread at a time. */
MUST_CHECK enum status unixsock_give_rights(const char *path, const struct unixsock_rights *rights,
                                            struct why *why);

/** Connect. ST_AGAIN when nobody listens, or does not take the connection within 2 s. The
 *  connection blocks. */
MUST_CHECK enum status unixsock_connect(const char *path, int type, int *fd_out, struct why *why);

/** Let packets of FRAME_MAX bytes through. Call on both ends, on every connection. */
void unixsock_allow_large_packets(int fd);

/**
 * Send one packet, with `passed_fd` unless it is -1.
 *
 * @return ST_OK; ST_AGAIN: the peer is gone, or does not read (non-blocking fd); ST_TOO_LARGE
 */
MUST_CHECK enum status unixsock_send(int fd, const void *packet, size_t length, int passed_fd,
                                     struct why *why);

/**
 * Receive one packet into `buffer`. Without a descriptor *passed_fd_out is -1; more than one is
 * refused. A received descriptor is close-on-exec and the caller's.
 *
 * @length_out 0: the peer has closed
 * @return     ST_OK; ST_AGAIN: nothing there (non-blocking or time-out); ST_TOO_LARGE: it did not
 *             fit; ST_IO
 */
MUST_CHECK enum status unixsock_receive(int fd, void *buffer, size_t size, size_t *length_out,
                                        int *passed_fd_out, struct why *why);

/** Blocking receive gives up after this time with ST_AGAIN. */
void unixsock_set_timeout(int fd, int timeout_ms);

#endif
