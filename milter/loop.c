// SPDX-License-Identifier: Apache-2.0
#include <stdbool.h> // mfapi.h would make bool an int

#include "milter/loop.h"

#include <pthread.h>
#include <string.h>
#include <sys/stat.h>

#include <libmilter/mfapi.h>

#include "common/cleanup.h"
#include "common/condition.h"
#include "common/log.h"
#include "common/unixsock.h"
#include "milter/callbacks.h"

enum {
    BACKLOG = 512, /* connections of smtpd processes that wait for a thread */
    /* libmilter starts a thread for nearly every message. The C library keeps 40 MB of stacks to be
     * used again: of the default size that is five. */
    THREAD_STACK = 1024 * 1024
};

static pthread_t loop_thread;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t end;
static bool ended; /* under mutex */

// The path of "unix:/path", "local:/path" or "/path"; NULL for Internet sockets.
static const char *
unix_path(const char *address)
{
    const char *colon = strchr(address, ':');
    bool is_unix =
        colon == NULL || strncmp(address, "unix:", 5) == 0 || strncmp(address, "local:", 6) == 0;
    if (!is_unix) {
        return NULL;
    }
    return colon == NULL ? address : colon + 1;
}

// smfi_opensocket(true) would take the socket away from a living milter.
static enum status
check_free(const char *path, struct why *why)
{
    int probe = -1;
    if (unixsock_connect(path, SOCK_STREAM, &probe, NULL) != ST_OK) {
        return ST_OK;
    }
    (void)close(probe);
    return why_set(why, ST_CONFLICT, "another process listens on %s", path);
}

static enum status
open_socket(const struct loop_socket *socket, struct why *why)
{
    char *address;
    memcpy(&address, &socket->address, sizeof(address)); // libmilter copies it
    if (smfi_setconn(address) != MI_SUCCESS) {
        return why_set(why, ST_INVALID, "milter socket '%s'", socket->address);
    }
    const char *path = unix_path(socket->address);
    enum status status = path == NULL ? ST_OK : check_free(path, why);
    if (status != ST_OK) {
        return status;
    }
    mode_t before = umask(0177); // nobody gets in before the rights are set
    int rc = smfi_opensocket(true);
    (void)umask(before);
    if (rc != MI_SUCCESS) {
        return why_errno(why, ST_IO, "open milter socket %s", socket->address);
    }
    const struct unixsock_rights rights = {.mode = socket->mode, .group = socket->group};
    return path == NULL ? ST_OK : unixsock_give_rights(path, &rights, why);
}

static void *
run_loop(void *unused)
{
    if (smfi_main() != MI_SUCCESS) {
        log_err("milter.loop_failed", LOG_STR("why", "libmilter tells it in the system log"));
    }
    AUTO_LOCK(lock, &mutex);
    ended = true;
    (void)pthread_cond_signal(&end);
    return unused;
}

// It counts for the threads that libmilter starts, too.
static void
make_threads_small(void)
{
    pthread_attr_t attributes;
    (void)pthread_attr_init(&attributes);
    if (pthread_attr_setstacksize(&attributes, THREAD_STACK) == 0) {
        (void)pthread_setattr_default_np(&attributes); // else they cost more
    }
    (void)pthread_attr_destroy(&attributes);
}

enum status
loop_start(const struct loop_socket *socket, const struct host *host, struct why *why)
{
    if (smfi_register(*callbacks_table(host)) != MI_SUCCESS ||
        smfi_setbacklog(BACKLOG) != MI_SUCCESS) {
        return why_set(why, ST_BUG, "libmilter refuses the callbacks");
    }
    enum status status = open_socket(socket, why);
    if (status != ST_OK) {
        return status;
    }
    condition_init(&end);
    make_threads_small();
    if (pthread_create(&loop_thread, NULL, run_loop, NULL) != 0) {
        return why_set(why, ST_IO, "start the milter's thread");
    }
    return ST_OK;
}

bool
loop_wait(int timeout_ms)
{
    struct timespec until = condition_deadline(timeout_ms);
    {
        AUTO_LOCK(lock, &mutex);
        while (!ended) {
            if (pthread_cond_timedwait(&end, &mutex, &until) != 0) {
                return !ended;
            }
        }
    }
    (void)pthread_join(loop_thread, NULL);
    return false;
}
