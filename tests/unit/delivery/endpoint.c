// SPDX-License-Identifier: Apache-2.0
#include "endpoint.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base64.h"
#include "common/cleanup.h"
#include "common/condition.h"
#include "common/digest.h"
#include "common/xalloc.h"

enum { CONNECTIONS_MAX = 1024, REPLIES_MAX = 64, PATIENCE_MS = 30000, HEAD_SIZE = 32 * 1024 };

struct endpoint {
    struct config_secret secret;
    int listen_fd;
    uint16_t port;
    pthread_t thread;
    pthread_mutex_t lock; /* protects all below */
    pthread_cond_t changed;
    struct endpoint_reply replies[REPLIES_MAX];
    size_t reply_count;
    size_t taken; /* requests that got their reply */
    struct endpoint_seen seen[ENDPOINT_SEEN_MAX];
    size_t seen_count;
    size_t at_once;
    size_t most_at_once;
    bool released;
    bool closing;
    int fds[CONNECTIONS_MAX];
    pthread_t threads[CONNECTIONS_MAX];
    size_t connections;
};

struct connection {
    struct endpoint *endpoint;
    int fd;
    char buffer[HEAD_SIZE];
    size_t used; /* bytes read and not consumed */
};

/* ---- one request ----------------------------------------------------------------------------- */

// Reads until the empty line; false when the peer closes.
static bool
read_head(struct connection *connection, size_t *length_out)
{
    for (;;) {
        connection->buffer[connection->used] = '\0';
        const char *end = strstr(connection->buffer, "\r\n\r\n");
        if (end != NULL) {
            *length_out = (size_t)(end - connection->buffer) + 4;
            return true;
        }
        ssize_t length = recv(connection->fd, connection->buffer + connection->used,
                              sizeof(connection->buffer) - 1 - connection->used, 0);
        if (length <= 0) {
            return false;
        }
        connection->used += (size_t)length;
    }
}

static void
copy_header(const char *head, const char *name, char *out, size_t size)
{
    out[0] = '\0';
    size_t name_length = strlen(name);
    for (const char *line = strstr(head, "\r\n"); line != NULL; line = strstr(line, "\r\n")) {
        line += 2;
        if (strncasecmp(line, name, name_length) == 0 && line[name_length] == ':') {
            const char *value = line + name_length + 1;
            value += strspn(value, " ");
            size_t length = strcspn(value, "\r");
            length = length < size - 1 ? length : size - 1;
            memcpy(out, value, length);
            out[length] = '\0';
            return;
        }
    }
}

static bool
send_all(int fd, const char *text)
{
    size_t left = strlen(text);
    while (left > 0) {
        ssize_t sent = send(fd, text, left, MSG_NOSIGNAL);
        if (sent <= 0) {
            return false;
        }
        text += sent;
        left -= (size_t)sent;
    }
    return true;
}

struct checks {
    struct digest *mac;
    struct digest *sha;
};

static void
take_body(struct endpoint_seen *seen, const struct checks *checks, const char *data, size_t length)
{
    digest_update(checks->mac, data, length);
    digest_update(checks->sha, data, length);
    if (seen->length < ENDPOINT_START_SIZE - 1) {
        size_t room = ENDPOINT_START_SIZE - 1 - (size_t)seen->length;
        memcpy(seen->start + seen->length, data, length < room ? length : room);
    }
    seen->length += length;
}

static bool
read_body(struct connection *connection, struct endpoint_seen *seen, const struct checks *checks,
          uint64_t wanted)
{
    size_t have = connection->used < wanted ? connection->used : (size_t)wanted;
    take_body(seen, checks, connection->buffer, have);
    memmove(connection->buffer, connection->buffer + have, connection->used - have);
    connection->used -= have;
    char piece[65536];
    while (seen->length < wanted) {
        uint64_t left = wanted - seen->length;
        ssize_t length =
            recv(connection->fd, piece, left < sizeof(piece) ? (size_t)left : sizeof(piece), 0);
        if (length <= 0) {
            return false;
        }
        take_body(seen, checks, piece, (size_t)length);
    }
    return true;
}

static void
check_signature(struct endpoint_seen *seen, const struct checks *checks, const char *signature)
{
    unsigned char mac[SHA256_SIZE];
    digest_finish(checks->mac, mac);
    digest_finish(checks->sha, seen->sha256);
    char wanted[64] = "v1,";
    base64_encode(mac, sizeof(mac), wanted + 3);
    seen->signature_good = strcmp(signature, wanted) == 0;
}

static struct endpoint_reply
next_reply(struct endpoint *endpoint)
{
    AUTO_LOCK(guard, &endpoint->lock);
    size_t index = endpoint->taken++;
    endpoint->at_once++;
    if (endpoint->at_once > endpoint->most_at_once) {
        endpoint->most_at_once = endpoint->at_once;
    }
    return endpoint->replies[index < endpoint->reply_count ? index : endpoint->reply_count - 1];
}

static void
record(struct endpoint *endpoint, const struct endpoint_seen *seen)
{
    AUTO_LOCK(guard, &endpoint->lock);
    if (endpoint->seen_count < ENDPOINT_SEEN_MAX) {
        endpoint->seen[endpoint->seen_count] = *seen;
    } else {
        free(seen->start);
    }
    endpoint->seen_count++;
    (void)pthread_cond_broadcast(&endpoint->changed);
}

static void
answer(struct connection *connection, const struct endpoint_reply *reply)
{
    const char *body = reply->body == NULL ? "ok" : reply->body;
    char head[1024];
    (void)snprintf(head, sizeof(head), "HTTP/1.1 %d Test\r\nContent-Length: %zu\r\n%s\r\n",
                   reply->status, strlen(body), reply->headers == NULL ? "" : reply->headers);
    (void)(send_all(connection->fd, head) && send_all(connection->fd, body));
}

static void
read_headers(const char *head, struct endpoint_seen *seen)
{
    char text[64];
    copy_header(head, "webhook-id", seen->id, sizeof(seen->id));
    copy_header(head, "Idempotency-Key", seen->key, sizeof(seen->key));
    copy_header(head, "Content-Type", seen->content_type, sizeof(seen->content_type));
    copy_header(head, "Authorization", seen->authorization, sizeof(seen->authorization));
    copy_header(head, "User-Agent", seen->agent, sizeof(seen->agent));
    copy_header(head, "X-Mailspur-Recipient", seen->recipient, sizeof(seen->recipient));
    copy_header(head, "webhook-timestamp", text, sizeof(text));
    seen->timestamp = strtoll(text, NULL, 10);
}

// Reads the rest of a request whose head is in the buffer. False: the connection is over.
static bool
receive(struct connection *connection, size_t head_length, const struct endpoint_reply *reply,
        struct endpoint_seen *seen)
{
    struct endpoint *endpoint = connection->endpoint;
    char signature[128];
    char length[32];
    char expect[32];
    char prefix[160];
    AUTO_FREE char *head = xmemdup(connection->buffer, head_length);
    read_headers(head, seen);
    copy_header(head, "webhook-signature", signature, sizeof(signature));
    copy_header(head, "Content-Length", length, sizeof(length));
    copy_header(head, "Expect", expect, sizeof(expect));
    memmove(connection->buffer, connection->buffer + head_length, connection->used - head_length);
    connection->used -= head_length;
    if (reply->cut_early ||
        (expect[0] != '\0' && !send_all(connection->fd, "HTTP/1.1 100 Continue\r\n\r\n"))) {
        return false;
    }
    AUTO_DIGEST *mac = digest_new_hmac_sha256(endpoint->secret.bytes, endpoint->secret.length);
    AUTO_DIGEST *sha = digest_new_sha256();
    struct checks checks = {.mac = mac, .sha = sha};
    int used = snprintf(prefix, sizeof(prefix), "%s.%" PRId64 ".", seen->id, seen->timestamp);
    digest_update(mac, prefix, (size_t)used);
    seen->whole = read_body(connection, seen, &checks, strtoull(length, NULL, 10));
    check_signature(seen, &checks, signature);
    return seen->whole;
}

static void
wait_for_release(struct endpoint *endpoint)
{
    AUTO_LOCK(guard, &endpoint->lock);
    while (!endpoint->released && !endpoint->closing) {
        (void)pthread_cond_wait(&endpoint->changed, &endpoint->lock);
    }
}

static bool
serve_one(struct connection *connection)
{
    struct endpoint *endpoint = connection->endpoint;
    size_t head_length = 0;
    if (!read_head(connection, &head_length)) {
        return false;
    }
    struct endpoint_reply reply = next_reply(endpoint);
    struct endpoint_seen seen = {.start = xcalloc(1, ENDPOINT_START_SIZE)};
    bool whole = receive(connection, head_length, &reply, &seen);
    record(endpoint, &seen);
    if (reply.wait) {
        wait_for_release(endpoint);
    }
    (void)pthread_mutex_lock(&endpoint->lock);
    endpoint->at_once--;
    (void)pthread_mutex_unlock(&endpoint->lock);
    if (!whole || reply.status == 0) {
        return false;
    }
    if (reply.hang_up) { // the end travels with the answer, so the client knows it in time
        int one = 1;
        (void)setsockopt(connection->fd, IPPROTO_TCP, TCP_CORK, &one, sizeof(one));
    }
    answer(connection, &reply);
    return !reply.hang_up;
}

static void *
serve(void *context)
{
    struct connection *connection = context;
    while (serve_one(connection)) {
    }
    (void)shutdown(connection->fd, SHUT_RDWR); // closed with the endpoint
    free(connection);
    return NULL;
}

/* ---- life ------------------------------------------------------------------------------------ */

static void *
accept_all(void *context)
{
    struct endpoint *endpoint = context;
    for (;;) {
        int fd = accept(endpoint->listen_fd, NULL, NULL);
        if (fd < 0) {
            return NULL;
        }
        AUTO_LOCK(guard, &endpoint->lock);
        if (endpoint->closing || endpoint->connections == CONNECTIONS_MAX) {
            (void)close(fd);
            continue;
        }
        int one = 1; // or the two writes of an answer wait for a delayed ACK
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        struct connection *connection = xcalloc(1, sizeof(*connection));
        connection->endpoint = endpoint;
        connection->fd = fd;
        size_t index = endpoint->connections++;
        endpoint->fds[index] = fd;
        (void)pthread_create(&endpoint->threads[index], NULL, serve, connection);
    }
}

struct endpoint *
endpoint_open(const struct config_secret *secret, const struct endpoint_reply *replies,
              size_t count)
{
    struct endpoint *endpoint = xcalloc(1, sizeof(*endpoint));
    endpoint->secret = *secret;
    assert_true(count > 0 && count <= REPLIES_MAX);
    memcpy(endpoint->replies, replies, count * sizeof(*replies));
    endpoint->reply_count = count;
    (void)pthread_mutex_init(&endpoint->lock, NULL);
    condition_init(&endpoint->changed);
    endpoint->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    assert_int_equal(bind(endpoint->listen_fd, (struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(endpoint->listen_fd, 512), 0);
    assert_int_equal(getsockname(endpoint->listen_fd, (struct sockaddr *)&address, &length), 0);
    endpoint->port = ntohs(address.sin_port);
    assert_int_equal(pthread_create(&endpoint->thread, NULL, accept_all, endpoint), 0);
    return endpoint;
}

void
endpoint_close(struct endpoint *endpoint)
{
    (void)pthread_mutex_lock(&endpoint->lock);
    endpoint->closing = true;
    (void)pthread_cond_broadcast(&endpoint->changed);
    (void)pthread_mutex_unlock(&endpoint->lock);
    (void)shutdown(endpoint->listen_fd, SHUT_RDWR);
    (void)pthread_join(endpoint->thread, NULL);
    for (size_t i = 0; i < endpoint->connections; i++) {
        (void)shutdown(endpoint->fds[i], SHUT_RDWR);
        (void)pthread_join(endpoint->threads[i], NULL);
        (void)close(endpoint->fds[i]);
    }
    for (size_t i = 0; i < endpoint->seen_count && i < ENDPOINT_SEEN_MAX; i++) {
        free(endpoint->seen[i].start);
    }
    (void)close(endpoint->listen_fd);
    (void)pthread_mutex_destroy(&endpoint->lock);
    (void)pthread_cond_destroy(&endpoint->changed);
    free(endpoint);
}

uint16_t
endpoint_port(const struct endpoint *endpoint)
{
    return endpoint->port;
}

void
endpoint_await(struct endpoint *endpoint, size_t count)
{
    struct timespec until = condition_deadline(PATIENCE_MS);
    int error = 0;
    (void)pthread_mutex_lock(&endpoint->lock);
    while (endpoint->seen_count < count && error == 0) {
        error = pthread_cond_timedwait(&endpoint->changed, &endpoint->lock, &until);
    }
    size_t seen = endpoint->seen_count;
    (void)pthread_mutex_unlock(&endpoint->lock);
    if (seen < count) {
        fail_msg("%zu of %zu requests came", seen, count);
    }
}

size_t
endpoint_count(struct endpoint *endpoint)
{
    AUTO_LOCK(guard, &endpoint->lock);
    return endpoint->seen_count;
}

const struct endpoint_seen *
endpoint_seen(struct endpoint *endpoint, size_t index)
{
    AUTO_LOCK(guard, &endpoint->lock);
    assert_true(index < endpoint->seen_count && index < ENDPOINT_SEEN_MAX);
    return &endpoint->seen[index];
}

size_t
endpoint_most_at_once(struct endpoint *endpoint)
{
    AUTO_LOCK(guard, &endpoint->lock);
    return endpoint->most_at_once;
}

size_t
endpoint_connections(struct endpoint *endpoint)
{
    AUTO_LOCK(guard, &endpoint->lock);
    return endpoint->connections;
}

void
endpoint_release(struct endpoint *endpoint)
{
    AUTO_LOCK(guard, &endpoint->lock);
    endpoint->released = true;
    (void)pthread_cond_broadcast(&endpoint->changed);
}
