// SPDX-License-Identifier: Apache-2.0
#include "milter/intake_client.h"

#include <pthread.h>
#include <sys/socket.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/unixsock.h"
#include "common/xalloc.h"

enum {
    ANSWER_SIZE = 4096 + FORWARDERS_TEXT_MAX
}; /* the caps of the answers' fields sum up to less */

struct intake_client {
    const char *path;
    int fd;                     /* -1: not connected */
    int timeout_ms;             /* of fd, as it was set last */
    struct intake_client *next; /* in the pool */
    char answer[ANSWER_SIZE];
};

struct intake_pool {
    const char *path;
    pthread_mutex_t mutex;      /* protects what follows */
    struct intake_client *idle; /* the last given back is the next taken */
    size_t count;
};

struct intake_pool *
intake_pool_new(const char *path)
{
    struct intake_pool *pool = xcalloc(1, sizeof(*pool));
    pool->path = path;
    (void)pthread_mutex_init(&pool->mutex, NULL); // cannot fail without attributes
    return pool;
}

static struct intake_client *
take_idle(struct intake_pool *pool)
{
    AUTO_LOCK(lock, &pool->mutex);
    struct intake_client *client = pool->idle;
    if (client != NULL) {
        pool->idle = client->next;
        pool->count--;
    }
    return client;
}

struct intake_client *
intake_pool_take(struct intake_pool *pool)
{
    struct intake_client *client = take_idle(pool);
    if (client == NULL) {
        client = xcalloc(1, sizeof(*client));
        client->path = pool->path;
        client->fd = -1;
    }
    return client;
}

static void
disconnect(struct intake_client *client)
{
    if (client->fd >= 0) {
        (void)close(client->fd); // what it reserved is dropped with it
        client->fd = -1;
    }
}

static void
free_client(struct intake_client *client)
{
    disconnect(client);
    free(client);
}

static bool
keep(struct intake_pool *pool, struct intake_client *client)
{
    AUTO_LOCK(lock, &pool->mutex);
    bool is_kept = client->fd >= 0 && pool->count < INTAKE_IDLE_MAX;
    if (is_kept) {
        client->next = pool->idle;
        pool->idle = client;
        pool->count++;
    }
    return is_kept;
}

void
intake_pool_give(struct intake_pool *pool, struct intake_client *client)
{
    if (!keep(pool, client)) {
        free_client(client);
    }
}

void
intake_pool_free(struct intake_pool *pool)
{
    if (pool == NULL) {
        return;
    }
    for (struct intake_client *client; (client = take_idle(pool)) != NULL;) {
        free_client(client);
    }
    (void)pthread_mutex_destroy(&pool->mutex);
    free(pool);
}

bool
intake_client_is_open(const struct intake_client *client)
{
    return client->fd >= 0;
}

static void
set_timeout(struct intake_client *client, int timeout_ms)
{
    if (client->timeout_ms != timeout_ms) {
        unixsock_set_timeout(client->fd, timeout_ms);
        client->timeout_ms = timeout_ms;
    }
}

static enum status
connect_daemon(struct intake_client *client, struct why *why)
{
    int fd = -1;
    enum status status = unixsock_connect(client->path, SOCK_SEQPACKET, &fd, why);
    if (status != ST_OK) {
        return status;
    }
    unixsock_allow_large_packets(fd);
    client->fd = fd;
    client->timeout_ms = 0;
    return ST_OK;
}

static enum status
send_packet(struct intake_client *client, const struct frame_layout *layout, const void *packet,
            int passed_fd, struct why *why)
{
    AUTO_STRBUF bytes = STRBUF_INIT(FRAME_MAX);
    enum status status = frame_encode(layout, packet, &bytes, why);
    if (status != ST_OK) {
        return status; // nothing was sent: the connection is good
    }
    status = unixsock_send(client->fd, bytes.data, bytes.length, passed_fd, why);
    if (status != ST_OK) {
        disconnect(client);
    }
    return status;
}

// One answer. ST_AGAIN when the socket's time-out passed, the connection stays then.
static enum status
receive_answer(struct intake_client *client, const struct frame_layout *layout, void *answer_out,
               struct why *why)
{
    size_t length = 0;
    AUTO_FD int passed = -1;
    enum status status =
        unixsock_receive(client->fd, client->answer, sizeof(client->answer), &length, &passed, why);
    if (status == ST_OK && length == 0) {
        status = why_set(why, ST_IO, "the daemon closed the connection");
    }
    if (status == ST_OK) {
        status = frame_decode(layout, client->answer, length, answer_out, why);
    }
    if (status != ST_OK && status != ST_AGAIN) {
        disconnect(client);
    }
    return status;
}

// ST_IO: the connection is dead; ST_AGAIN: nobody listens, or no answer in time.
static enum status
ask(struct intake_client *client, const struct intake_rcpt *question,
    struct intake_rcpt_answer *answer_out, struct why *why)
{
    enum status status = ST_OK;
    if (client->fd < 0) {
        status = connect_daemon(client, why);
    }
    if (status != ST_OK) {
        return status;
    }
    set_timeout(client, INTAKE_RCPT_TIMEOUT_MS);
    status = send_packet(client, &INTAKE_RCPT_LAYOUT, question, -1, why);
    if (status != ST_OK) {
        return status == ST_AGAIN ? ST_IO : status;
    }
    status = receive_answer(client, &INTAKE_RCPT_ANSWER_LAYOUT, answer_out, why);
    if (status == ST_AGAIN) {
        disconnect(client); // a late answer would be taken for the next question's
    }
    return status;
}

enum status
intake_client_rcpt(struct intake_client *client, const struct intake_rcpt *question,
                   struct intake_rcpt_answer *answer_out, struct why *why)
{
    enum status status = ask(client, question, answer_out, why);
    if (status == ST_IO) {
        status = ask(client, question, answer_out, why);
    }
    return status;
}

// Wait in slices, so that the MTA hears of us meanwhile.
static enum status
await_commit(struct intake_client *client, intake_progress_fn progress, void *arg,
             struct intake_commit_answer *answer_out, struct why *why)
{
    int64_t deadline = clock_mono_ms() + INTAKE_COMMIT_MAX_MS;
    for (;;) {
        enum status status = receive_answer(client, &INTAKE_COMMIT_ANSWER_LAYOUT, answer_out, why);
        if (status != ST_AGAIN) {
            return status;
        }
        if (clock_mono_ms() >= deadline) {
            return why_set(why, ST_AGAIN, "no answer to a commit within %d ms",
                           INTAKE_COMMIT_MAX_MS);
        }
        if (!progress(arg)) {
            return why_set(why, ST_AGAIN, "the MTA gave up waiting");
        }
    }
}

// ST_IO: the connection is dead.
static enum status
commit_once(struct intake_client *client, const struct intake_commit *message, int fd,
            intake_progress_fn progress, void *arg, struct intake_commit_answer *answer_out,
            struct why *why)
{
    enum status status = client->fd < 0 ? connect_daemon(client, why) : ST_OK;
    if (status != ST_OK) {
        return status;
    }
    set_timeout(client, INTAKE_PROGRESS_MS);
    status = send_packet(client, &INTAKE_COMMIT_LAYOUT, message, fd, why);
    if (status != ST_OK) {
        return status == ST_AGAIN ? ST_IO : status;
    }
    status = await_commit(client, progress, arg, answer_out, why);
    if (status != ST_OK) {
        disconnect(client); // the daemon sees it, and does not commit if it has not yet
    }
    return status;
}

enum status
intake_client_commit(struct intake_client *client, const struct intake_commit *message, int fd,
                     intake_progress_fn progress, void *arg,
                     struct intake_commit_answer *answer_out, struct why *why)
{
    enum status status = commit_once(client, message, fd, progress, arg, answer_out, why);
    if (status == ST_IO && progress(arg)) {
        status = commit_once(client, message, fd, progress, arg, answer_out, why);
    }
    if (status != ST_OK) {
        return status;
    }
    struct intake_nothing nothing = {0};
    // Without the ACK the daemon only keeps watch for a repeated copy.
    (void)(send_packet(client, &INTAKE_ACK_LAYOUT, &nothing, -1, NULL) == ST_OK);
    return ST_OK;
}

// ST_IO: the connection is dead.
static enum status
refused_once(struct intake_client *client, const struct intake_refused *refused,
             struct intake_refused_answer *answer_out, struct why *why)
{
    enum status status = client->fd < 0 ? connect_daemon(client, why) : ST_OK;
    if (status != ST_OK) {
        return status;
    }
    set_timeout(client, INTAKE_RCPT_TIMEOUT_MS);
    status = send_packet(client, &INTAKE_REFUSED_LAYOUT, refused, -1, why);
    if (status != ST_OK) {
        return status == ST_AGAIN ? ST_IO : status;
    }
    status = receive_answer(client, &INTAKE_REFUSED_ANSWER_LAYOUT, answer_out, why);
    if (status == ST_AGAIN) {
        disconnect(client); // as in `ask`
    }
    return status;
}

enum status
intake_client_refused(struct intake_client *client, const struct intake_refused *refused,
                      struct intake_refused_answer *answer_out, struct why *why)
{
    enum status status = refused_once(client, refused, answer_out, why);
    return status == ST_IO ? refused_once(client, refused, answer_out, why) : status;
}

void
intake_client_reset(struct intake_client *client)
{
    struct intake_nothing nothing = {0};
    if (client->fd >= 0) {
        // If it fails the connection is closed, which drops the reservation too.
        (void)(send_packet(client, &INTAKE_RESET_LAYOUT, &nothing, -1, NULL) == ST_OK);
    }
}
