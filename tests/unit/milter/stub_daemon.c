// SPDX-License-Identifier: Apache-2.0
#include "stub_daemon.h"

#include <assert.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/condition.h"
#include "common/intake_protocol.h"
#include "common/policy.h"
#include "common/unixsock.h"
#include "common/xalloc.h"

enum { CONNECTIONS_MAX = 128, AWAIT_MS = 10000 };

struct stub_daemon {
    pthread_mutex_t mutex; /* of the members below */
    pthread_cond_t changed;
    struct stub_counts counts;
    struct stub_commit last;
    bool released;
    bool blinked;
    int fds[CONNECTIONS_MAX];
    pthread_t threads[CONNECTIONS_MAX];
    unsigned thread_count;
    char path[128]; /* the rest is fixed */
    int listen_fd;
    int stop_pipe[2];
    pthread_t accepter;
};

struct connection {
    struct stub_daemon *stub;
    unsigned index;
    int fd;
};

static bool
begins(const char *address, const char *word)
{
    address += address[0] == '<' ? 1 : 0;
    return strncmp(address, word, strlen(word)) == 0;
}

static void
send_struct(int fd, const struct frame_layout *layout, const void *source)
{
    AUTO_STRBUF out = STRBUF_INIT(FRAME_MAX);
    assert(frame_encode(layout, source, &out, NULL) == ST_OK);
    (void)(unixsock_send(fd, out.data, out.length, -1, NULL) == ST_OK);
}

static bool
answer_rcpt(int fd, const char *packet, size_t length)
{
    struct intake_rcpt question;
    assert(frame_decode(&INTAKE_RCPT_LAYOUT, packet, length, &question, NULL) == ST_OK);
    const char *who = question.recipient;
    struct intake_rcpt_answer answer = {
        .decision = GATE_ACCEPT,
        .tenant = begins(who, "two") ? "t2" : "t1",
        .domain = "ours.example",
        .policy_key = begins(who, "strict") ? "p2" : "p1",
        .dmarc = DMARC_MODE_ENFORCE,
        .on_temperror = begins(who, "defer") ? TEMPERROR_DEFER : TEMPERROR_TAG,
        .defer_for_ms = 3600000,
        .trusted = begins(who, "trusted") ? 1 : 0,
        .max_message = begins(who, "small") ? 1000 : 50 * 1024 * 1024,
    };
    if (begins(who, "die")) {
        return false;
    }
    if (begins(who, "junk")) {
        (void)(unixsock_send(fd, "\xff\xff", 2, -1, NULL) == ST_OK);
        return true;
    }
    if (begins(who, "other")) {
        answer.decision = GATE_NOT_OURS;
    } else if (begins(who, "no")) {
        answer.decision = GATE_REFUSE;
        answer.reply = (struct smtp_reply){550, "5.1.1", "no 100% such address"};
    } else if (begins(who, "later")) {
        answer.decision = GATE_DEFER;
        answer.reply = (struct smtp_reply){451, "4.2.1", "not now"};
    } else if (begins(who, "odd")) {
        answer.decision = 77;
    }
    send_struct(fd, &INTAKE_RCPT_ANSWER_LAYOUT, &answer);
    return true;
}

#define COPY(target, text) (void)snprintf((target), sizeof(target), "%s", (text))

static void
remember(struct stub_daemon *stub, const struct intake_commit *commit, int message_fd)
{
    char *bytes = xcalloc(commit->size + 1, 1);
    ssize_t got = pread(message_fd, bytes, commit->size + 1, 0);
    assert(got == (ssize_t)commit->size);
    AUTO_LOCK(lock, &stub->mutex);
    struct stub_commit *last = &stub->last;
    free(last->recipients);
    free(last->bytes);
    COPY(last->queue_id, commit->queue_id);
    COPY(last->mta_name, commit->mta_name);
    COPY(last->sender, commit->sender);
    COPY(last->client_address, commit->client_address);
    COPY(last->client_name, commit->client_name);
    COPY(last->helo, commit->helo);
    COPY(last->hold, commit->hold);
    COPY(last->verdict, commit->verdict);
    COPY(last->evidence, commit->evidence);
    last->recipients = xstrdup(commit->recipients);
    last->bytes = bytes;
    last->size = commit->size;
    last->header_length = commit->header_length;
    stub->counts.commits++;
    (void)pthread_cond_broadcast(&stub->changed);
}

static void
await_release(struct stub_daemon *stub)
{
    AUTO_LOCK(lock, &stub->mutex);
    while (!stub->released) {
        (void)pthread_cond_wait(&stub->changed, &stub->mutex);
    }
}

// The first of two copies.
static bool
blinks(struct stub_daemon *stub)
{
    AUTO_LOCK(lock, &stub->mutex);
    stub->blinked = !stub->blinked;
    return stub->blinked;
}

static bool
answer_commit(struct stub_daemon *stub, int fd, const char *packet, size_t length, int message_fd)
{
    struct intake_commit commit;
    assert(frame_decode(&INTAKE_COMMIT_LAYOUT, packet, length, &commit, NULL) == ST_OK);
    remember(stub, &commit, message_fd);
    struct intake_commit_answer answer = {.outcome = INTAKE_STORED,
                                          .message_id = "019377a0-0000-7000-8000-000000000001"};
    if (begins(commit.sender, "die") || (begins(commit.sender, "blink") && blinks(stub))) {
        return false;
    }
    if (begins(commit.sender, "wait")) {
        await_release(stub);
    }
    if (begins(commit.sender, "full")) {
        answer = (struct intake_commit_answer){INTAKE_NOT_STORED, {452, "4.3.1", "no room"}, ""};
    } else if (begins(commit.sender, "perm")) {
        answer = (struct intake_commit_answer){INTAKE_NOT_STORED, {554, "5.6.0", "never"}, ""};
    } else if (begins(commit.sender, "dup")) {
        answer.outcome = INTAKE_DUPLICATE;
    }
    send_struct(fd, &INTAKE_COMMIT_ANSWER_LAYOUT, &answer);
    return true;
}

static void
count(struct stub_daemon *stub, unsigned *counter)
{
    AUTO_LOCK(lock, &stub->mutex);
    (*counter)++;
    (void)pthread_cond_broadcast(&stub->changed);
}

static bool
answer_refusal(struct stub_daemon *stub, int fd, const char *packet, size_t length)
{
    struct intake_refused refused;
    assert(frame_decode(&INTAKE_REFUSED_LAYOUT, packet, length, &refused, NULL) == ST_OK);
    {
        AUTO_LOCK(lock, &stub->mutex);
        COPY(stub->last.refused_id, refused.id);
        COPY(stub->last.evidence, refused.evidence);
    }
    count(stub, &stub->counts.refusals);
    if (strstr(refused.evidence, "\"sender\":\"die") != NULL) {
        return false;
    }
    send_struct(
        fd, &INTAKE_REFUSED_ANSWER_LAYOUT,
        &(struct intake_refused_answer){strstr(refused.evidence, "\"sender\":\"full") == NULL});
    return true;
}

static bool
handle(struct stub_daemon *stub, int fd, const char *packet, size_t length, int passed_fd)
{
    switch ((enum intake_kind)packet[0]) {
    case INTAKE_RCPT:
        count(stub, &stub->counts.questions);
        return answer_rcpt(fd, packet, length);
    case INTAKE_COMMIT:
        return answer_commit(stub, fd, packet, length, passed_fd);
    case INTAKE_ACK:
        count(stub, &stub->counts.acks);
        return true;
    case INTAKE_RESET:
        count(stub, &stub->counts.resets);
        return true;
    case INTAKE_REFUSED:
        return answer_refusal(stub, fd, packet, length);
    case INTAKE_RCPT_ANSWER:
    case INTAKE_COMMIT_ANSWER:
    case INTAKE_REFUSED_ANSWER:
        break;
    }
    return false;
}

static void *
serve_connection(void *argument)
{
    struct connection connection = *(struct connection *)argument;
    free(argument);
    AUTO_FREE char *packet = xcalloc(FRAME_MAX, 1);
    for (bool more = true; more;) {
        size_t length = 0;
        AUTO_FD int passed = -1;
        more =
            unixsock_receive(connection.fd, packet, FRAME_MAX, &length, &passed, NULL) == ST_OK &&
            length > 0 && handle(connection.stub, connection.fd, packet, length, passed);
    }
    (void)shutdown(connection.fd, SHUT_RDWR); // the descriptor is closed at stop
    return NULL;
}

static void
take_connection(struct stub_daemon *stub)
{
    int fd = accept4(stub->listen_fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0) {
        return;
    }
    unixsock_allow_large_packets(fd);
    AUTO_LOCK(lock, &stub->mutex);
    assert(stub->thread_count < CONNECTIONS_MAX);
    struct connection *connection = xcalloc(1, sizeof(*connection));
    *connection = (struct connection){.stub = stub, .fd = fd};
    stub->counts.connections++;
    stub->fds[stub->thread_count] = fd;
    assert(pthread_create(&stub->threads[stub->thread_count], NULL, serve_connection, connection) ==
           0);
    stub->thread_count++;
}

static void *
accept_connections(void *argument)
{
    struct stub_daemon *stub = argument;
    struct pollfd items[] = {{.fd = stub->listen_fd, .events = POLLIN},
                             {.fd = stub->stop_pipe[0], .events = POLLIN}};
    while (poll(items, 2, -1) > 0 && items[1].revents == 0) {
        take_connection(stub);
    }
    return NULL;
}

struct stub_daemon *
stub_daemon_start(const char *path)
{
    struct stub_daemon *stub = xcalloc(1, sizeof(*stub));
    COPY(stub->path, path);
    (void)pthread_mutex_init(&stub->mutex, NULL);
    condition_init(&stub->changed);
    const struct unixsock_rights rights = {.mode = 0600};
    assert(unixsock_listen(path, SOCK_SEQPACKET, &rights, &stub->listen_fd, NULL) == ST_OK);
    assert(pipe(stub->stop_pipe) == 0);
    assert(pthread_create(&stub->accepter, NULL, accept_connections, stub) == 0);
    return stub;
}

void
stub_daemon_stop(struct stub_daemon *stub)
{
    if (stub == NULL) {
        return;
    }
    stub_daemon_release(stub);
    (void)close(stub->stop_pipe[1]);
    (void)pthread_join(stub->accepter, NULL);
    for (unsigned i = 0; i < stub->thread_count; i++) {
        (void)shutdown(stub->fds[i], SHUT_RDWR);
        (void)pthread_join(stub->threads[i], NULL);
        (void)close(stub->fds[i]);
    }
    (void)close(stub->stop_pipe[0]);
    (void)close(stub->listen_fd);
    (void)unlink(stub->path);
    free(stub->last.recipients);
    free(stub->last.bytes);
    free(stub);
}

const struct stub_commit *
stub_daemon_last(struct stub_daemon *stub)
{
    return &stub->last;
}

struct stub_counts
stub_daemon_counts(struct stub_daemon *stub)
{
    AUTO_LOCK(lock, &stub->mutex);
    return stub->counts;
}

bool
stub_daemon_await(struct stub_daemon *stub, unsigned acks, unsigned resets)
{
    struct timespec until = condition_deadline(AWAIT_MS);
    AUTO_LOCK(lock, &stub->mutex);
    while (stub->counts.acks < acks || stub->counts.resets < resets) {
        if (pthread_cond_timedwait(&stub->changed, &stub->mutex, &until) != 0) {
            return false;
        }
    }
    return stub->counts.acks == acks && stub->counts.resets == resets;
}

bool
stub_daemon_await_commits(struct stub_daemon *stub, unsigned commits)
{
    struct timespec until = condition_deadline(AWAIT_MS);
    AUTO_LOCK(lock, &stub->mutex);
    while (stub->counts.commits < commits) {
        if (pthread_cond_timedwait(&stub->changed, &stub->mutex, &until) != 0) {
            return false;
        }
    }
    return true;
}

void
stub_daemon_release(struct stub_daemon *stub)
{
    AUTO_LOCK(lock, &stub->mutex);
    stub->released = true;
    (void)pthread_cond_broadcast(&stub->changed);
}
