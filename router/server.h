// SPDX-License-Identifier: Apache-2.0
// A Unix socket served by one thread with epoll: accepting, counting and closing connections. What
// is said on them is the user's business.
#ifndef ROUTER_SERVER_H
#define ROUTER_SERVER_H

#include <stdbool.h>
#include <sys/types.h>

#include "config/config.h"

struct server;

/** One accepted connection; non-blocking. Belongs to the server's thread unless parked. */
struct connection {
    int fd;
    pid_t pid; /* of the peer (SO_PEERCRED) */
    uid_t uid;
    void *state; /* the user's, made by on_open, freed by on_close */
    struct server *server;
    bool is_parked; /* under the server's lock; what follows too is the server's */
    struct connection *previous;
    struct connection *next;
};

/** What the server does next with a connection. */
enum connection_next {
    CONNECTION_READ,  /* call again when there is something to read, or the peer closed */
    CONNECTION_WRITE, /* call again when there is room to write, or the peer closed */
    CONNECTION_PARK,  /* leave it alone: another thread has it until server_resume */
    CONNECTION_CLOSE
};

struct server_settings {
    const char *name; /* for logs */
    int type;         /* SOCK_STREAM or SOCK_SEQPACKET */
    size_t connections_max;
    void *(*on_open)(void *context, struct connection *connection);
    enum connection_next (*on_ready)(void *context, struct connection *connection);
    void (*on_close)(void *context, struct connection *connection);
    void *context;
};

/**
 * Listen and start the thread. The callbacks run on it, one at a time, and must not block.
 *
 * @settings  copied; the context must outlive the server
 */
MUST_CHECK enum status server_open(const struct server_settings *settings,
                                   const struct config_socket *socket, struct server **server_out,
                                   struct why *why);

/** Give a parked connection back. The last thing its holder does with it. Any thread. */
void server_resume(struct connection *connection);

/** Stop listening and end the thread; connections stay as they are. Once. */
void server_stop(struct server *server);

/** After server_stop: close what is not parked and of which `is_idle` is true. Its peer hears so at
 *  once, and may ask somebody else, while others are still being answered. */
void server_close_idle(struct server *server, bool (*is_idle)(const struct connection *connection));

/** Stop if that was not done, close all connections. None may be parked with another thread that
 *  still uses it. NULL-safe. */
void server_close(struct server *server);

#endif
