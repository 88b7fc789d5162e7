// SPDX-License-Identifier: Apache-2.0
#include "router/server.h"

#include <errno.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/listener.h"
#include "common/log.h"
#include "common/xalloc.h"

enum {
    EVENTS_AT_ONCE = 64,
    ACCEPT_PAUSE_MS = 1000 /* without descriptors: let connections end before trying again */
};

struct server {
    struct server_settings settings;
    struct listener listener;
    int epoll_fd;
    int stop_fd; /* eventfd: becomes readable once */
    bool accepting;
    bool running; /* the thread was started and not joined */
    size_t count;
    struct connection *first;
    pthread_mutex_t resuming; /* held while another thread gives a connection back */
    pthread_t thread;
};

// epoll tells these two apart from connections by their address.
static char LISTENER;
static char STOP;

static enum status
watch(int epoll_fd, int fd, uint32_t events, void *mark, struct why *why)
{
    struct epoll_event event = {.events = events, .data.ptr = mark};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0) {
        return why_errno(why, ST_IO, "epoll_ctl");
    }
    return ST_OK;
}

static void
link_connection(struct server *server, struct connection *connection)
{
    connection->next = server->first;
    if (server->first != NULL) {
        server->first->previous = connection;
    }
    server->first = connection;
    server->count++;
}

static void
unlink_connection(struct server *server, struct connection *connection)
{
    if (connection->previous != NULL) {
        connection->previous->next = connection->next;
    } else {
        server->first = connection->next;
    }
    if (connection->next != NULL) {
        connection->next->previous = connection->previous;
    }
    server->count--;
}

static void
close_connection(struct server *server, struct connection *connection)
{
    server->settings.on_close(server->settings.context, connection);
    unlink_connection(server, connection);
    (void)close(connection->fd); // nothing was written that close could lose
    free(connection);
}

static void
open_connection(struct server *server, int fd)
{
    struct connection *connection = xcalloc(1, sizeof(*connection));
    struct ucred peer = {.pid = 0, .uid = (uid_t)-1};
    socklen_t size = sizeof(peer);
    (void)getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size); // for logs only
    *connection = (struct connection){.fd = fd, .pid = peer.pid, .uid = peer.uid, .server = server};
    connection->state = server->settings.on_open(server->settings.context, connection);
    link_connection(server, connection);
    struct why why;
    if (watch(server->epoll_fd, fd, EPOLLIN | EPOLLONESHOT, connection, &why) != ST_OK) {
        log_err("server.watch_failed", LOG_STR("socket", server->settings.name),
                LOG_STR("why", why.text));
        close_connection(server, connection);
    }
}

// Without descriptors the pending connection would wake epoll again and again.
static void
pause_accepting(struct server *server)
{
    log_err("server.accept_failed", LOG_STR("socket", server->settings.name),
            LOG_INT("connections", server->count), LOG_INT("errno", errno),
            LOG_INT("retry_ms", ACCEPT_PAUSE_MS));
    (void)epoll_ctl(server->epoll_fd, EPOLL_CTL_DEL, server->listener.fd, NULL);
    server->accepting = false;
}

static void
resume_accepting(struct server *server)
{
    server->accepting =
        watch(server->epoll_fd, server->listener.fd, EPOLLIN, &LISTENER, NULL) == ST_OK;
}

static void
accept_one(struct server *server)
{
    int fd = accept4(server->listener.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0 && server->count < server->settings.connections_max) {
        open_connection(server, fd);
    } else if (fd >= 0) {
        log_warn("server.too_many_connections", LOG_STR("socket", server->settings.name),
                 LOG_INT("limit", server->settings.connections_max));
        (void)close(fd);
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        pause_accepting(server);
    }
}

// One shot at a time: between an event and its rearming epoll leaves the connection alone, so that
// what on_ready hands to another thread may even be resumed before on_ready returns.
static bool
rearm(struct connection *connection, uint32_t events)
{
    struct epoll_event event = {.events = events | EPOLLONESHOT, .data.ptr = connection};
    return epoll_ctl(connection->server->epoll_fd, EPOLL_CTL_MOD, connection->fd, &event) == 0;
}

static void
serve(struct server *server, struct connection *connection)
{
    bool keep = false;
    connection->is_parked = true; // unless it turns out below that it is not
    switch (server->settings.on_ready(server->settings.context, connection)) {
    case CONNECTION_READ:
        connection->is_parked = false;
        keep = rearm(connection, EPOLLIN);
        break;
    case CONNECTION_WRITE:
        connection->is_parked = false;
        keep = rearm(connection, EPOLLOUT);
        break;
    case CONNECTION_PARK:
        return; // it may be another thread's by now
    case CONNECTION_CLOSE:
        break;
    }
    if (!keep) {
        close_connection(server, connection);
    }
}

// An event of a parked connection can arrive before server_resume has returned: what its holder
// wrote is seen, and its last use of the connection is over, once the lock was free.
static void
wait_for_resumers(struct server *server)
{
    AUTO_LOCK(lock, &server->resuming);
}

static void *
run(void *argument)
{
    struct server *server = argument;
    struct epoll_event events[EVENTS_AT_ONCE];
    for (;;) {
        int count = epoll_wait(server->epoll_fd, events, EVENTS_AT_ONCE,
                               server->accepting ? -1 : ACCEPT_PAUSE_MS);
        if (!server->accepting) {
            resume_accepting(server);
        }
        wait_for_resumers(server);
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr == &STOP) {
                return NULL;
            }
            if (events[i].data.ptr == &LISTENER) {
                accept_one(server);
            } else {
                serve(server, events[i].data.ptr);
            }
        }
    }
}

static enum status
start(struct server *server, const struct config_socket *socket, struct why *why)
{
    server->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    server->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (server->epoll_fd < 0 || server->stop_fd < 0) {
        return why_errno(why, ST_IO, "epoll");
    }
    const struct unixsock_rights rights = {.mode = socket->mode, .group = socket->group};
    enum status status =
        listener_open(&server->listener, socket->path, server->settings.type, &rights, why);
    if (status != ST_OK) {
        return status;
    }
    server->accepting = true;
    status = watch(server->epoll_fd, server->stop_fd, EPOLLIN, &STOP, why);
    if (status == ST_OK) {
        status = watch(server->epoll_fd, server->listener.fd, EPOLLIN, &LISTENER, why);
    }
    if (status != ST_OK) {
        return status;
    }
    errno = pthread_create(&server->thread, NULL, run, server);
    if (errno != 0) {
        return why_errno(why, ST_AGAIN, "start the thread of %s", server->settings.name);
    }
    server->running = true;
    return ST_OK;
}

enum status
server_open(const struct server_settings *settings, const struct config_socket *socket,
            struct server **server_out, struct why *why)
{
    struct server *server = xcalloc(1, sizeof(*server));
    *server = (struct server){
        .settings = *settings, .listener = LISTENER_INIT, .epoll_fd = -1, .stop_fd = -1};
    (void)pthread_mutex_init(&server->resuming, NULL); // cannot fail without attributes
    enum status status = start(server, socket, why);
    if (status != ST_OK) {
        server_close(server);
        return status;
    }
    *server_out = server;
    return ST_OK;
}

void
server_resume(struct connection *connection)
{
    AUTO_LOCK(lock, &connection->server->resuming);
    connection->is_parked = false;
    // It can only fail for a descriptor that is not watched, which a parked one always is.
    (void)rearm(connection, EPOLLIN);
}

static void
close_fd(int *fd)
{
    if (*fd >= 0) {
        (void)close(*fd); // a socket or an eventfd: nothing to lose
        *fd = -1;
    }
}

void
server_stop(struct server *server)
{
    if (!server->running) {
        return;
    }
    (void)eventfd_write(server->stop_fd, 1); // cannot fail: the counter is far from full
    (void)pthread_join(server->thread, NULL);
    server->running = false;
    listener_close(&server->listener);
}

void
server_close_idle(struct server *server, bool (*is_idle)(const struct connection *connection))
{
    AUTO_LOCK(lock, &server->resuming);
    for (struct connection *each = server->first; each != NULL;) {
        struct connection *next = each->next;
        if (!each->is_parked && is_idle(each)) {
            close_connection(server, each);
        }
        each = next;
    }
}

void
server_close(struct server *server)
{
    if (server == NULL) {
        return;
    }
    server_stop(server);
    for (struct connection *each = server->first; each != NULL;) {
        struct connection *next = each->next;
        close_connection(server, each);
        each = next;
    }
    listener_close(&server->listener); // when the thread did not start
    close_fd(&server->epoll_fd);
    close_fd(&server->stop_fd);
    (void)pthread_mutex_destroy(&server->resuming);
    free(server);
}
