// SPDX-License-Identifier: Apache-2.0
// Requests are netstrings "<map> <key>", answers "<status> <value>" (socketmap_table(5)). Postfix
// asks an access map for more than the whole address (the domain, its parents, "user@"): those are
// no addresses, so they are not ours.
#include "router/socketmap.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "common/log.h"
#include "common/netstring.h"
#include "common/strbuf.h"
#include "common/xalloc.h"
#include "router/gate.h"
#include "router/server.h"

enum {
    REQUEST_MAX = 2048, /* bytes inside one netstring; an address has 320 at most */
    INPUT_SIZE = REQUEST_MAX + 8,
    ANSWER_MAX = 256,
    OUTPUT_MAX = INPUT_SIZE / 3 * (ANSWER_MAX + 8), /* answers to a whole input of "0:," */
};

struct socketmap {
    struct registry *registry;
    struct config_holder *holder;
    struct server *server;
};

struct client {
    char input[INPUT_SIZE];
    size_t length;        /* bytes in it */
    struct strbuf output; /* never read on while something is left in it */
    size_t sent;
    bool broken; /* the stream lost its sense: close once the output is gone */
};

static void
put_answer(struct client *client, const char *status, const char *value)
{
    char text[ANSWER_MAX];
    int length = snprintf(text, sizeof(text), "%s %s", status, value);
    netstring_append(&client->output, text,
                     (size_t)length < sizeof(text) ? (size_t)length : sizeof(text) - 1);
}

static void
answer_key(const struct socketmap *map, struct client *client, const char *key)
{
    AUTO_CONFIG *config = config_holder_get(map->holder);
    struct gate_answer answer;
    gate_decide(config, map->registry, key, &answer);
    char action[ANSWER_MAX - 8]; // access(5): the reply itself is the action
    switch (answer.decision) {
    case GATE_NOT_OURS:
        put_answer(client, "NOTFOUND", "");
        break;
    case GATE_ACCEPT:
        put_answer(client, "OK", "OK");
        break;
    case GATE_REFUSE:
    case GATE_DEFER:
        (void)snprintf(action, sizeof(action), "%u %s %s", answer.reply_code, answer.reply_enhanced,
                       answer.reply_text);
        put_answer(client, "OK", action);
        break;
    }
}

static void
answer_request(const struct socketmap *map, struct client *client, const struct netstring *request)
{
    static const char access[] = "access ";
    const size_t prefix = sizeof(access) - 1;
    if (request->length < prefix || memcmp(request->bytes, access, prefix) != 0) {
        put_answer(client, "PERM", "the only map here is access");
        return;
    }
    char key[REQUEST_MAX + 1];
    memcpy(key, request->bytes + prefix, request->length - prefix);
    key[request->length - prefix] = '\0';
    if (strlen(key) != request->length - prefix) {
        put_answer(client, "NOTFOUND", ""); // a NUL inside: no address
        return;
    }
    answer_key(map, client, key);
}

static void
answer_all(const struct socketmap *map, struct client *client)
{
    size_t done = 0;
    struct netstring request;
    enum netstring_state state = NETSTRING_PARTIAL;
    while (done < client->length &&
           (state = netstring_next(client->input + done, client->length - done, REQUEST_MAX,
                                   &request)) == NETSTRING_COMPLETE) {
        answer_request(map, client, &request);
        done += request.consumed;
    }
    if (done < client->length && state == NETSTRING_BAD) {
        put_answer(client, "PERM", "not a netstring, or too long");
        client->broken = true;
    }
    client->length -= done;
    memmove(client->input, client->input + done, client->length);
}

// What is left to say; false when the peer is gone.
static bool
flush(int fd, struct client *client)
{
    while (client->sent < client->output.length) {
        ssize_t sent = send(fd, client->output.data + client->sent,
                            client->output.length - client->sent, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) {
            continue;
        }
        if (sent < 0) {
            return errno == EAGAIN;
        }
        client->sent += (size_t)sent;
    }
    strbuf_reset(&client->output);
    client->sent = 0;
    return true;
}

// Some more input; false when the peer is gone.
static bool
receive(int fd, struct client *client)
{
    ssize_t received = recv(fd, client->input + client->length,
                            sizeof(client->input) - client->length, MSG_DONTWAIT);
    if (received <= 0) {
        return received < 0 && (errno == EAGAIN || errno == EINTR);
    }
    client->length += (size_t)received;
    return true;
}

static enum connection_next
on_ready(void *context, struct connection *connection)
{
    struct client *client = connection->state;
    if (client->output.length == 0) {
        if (!receive(connection->fd, client)) {
            return CONNECTION_CLOSE;
        }
        answer_all(context, client);
    }
    if (!flush(connection->fd, client)) {
        return CONNECTION_CLOSE;
    }
    if (client->output.length > 0) {
        return CONNECTION_WRITE;
    }
    if (client->broken) {
        log_warn("socketmap.bad_request", LOG_INT("pid", connection->pid),
                 LOG_INT("uid", connection->uid));
        return CONNECTION_CLOSE;
    }
    return CONNECTION_READ;
}

static void *
on_open(void *context, struct connection *connection)
{
    (void)context;
    log_debug("socketmap.connected", LOG_INT("pid", connection->pid),
              LOG_INT("uid", connection->uid));
    struct client *client = xcalloc(1, sizeof(*client));
    client->output = STRBUF_INIT(OUTPUT_MAX);
    return client;
}

static void
on_close(void *context, struct connection *connection)
{
    (void)context;
    struct client *client = connection->state;
    strbuf_done(&client->output);
    free(client);
}

enum status
socketmap_open(struct registry *registry, struct config_holder *holder,
               const struct config_socket *socket, struct socketmap **socketmap_out,
               struct why *why)
{
    AUTO_FREE struct socketmap *map = xcalloc(1, sizeof(*map));
    *map = (struct socketmap){.registry = registry, .holder = holder};
    const struct server_settings settings = {
        .name = "socketmap",
        .type = SOCK_STREAM,
        .connections_max = SOCKETMAP_CONNECTIONS_MAX,
        .on_open = on_open,
        .on_ready = on_ready,
        .on_close = on_close,
        .context = map,
    };
    enum status status = server_open(&settings, socket, &map->server, why);
    if (status == ST_OK) {
        *socketmap_out = STEAL(map);
    }
    return status;
}

void
socketmap_close(struct socketmap *socketmap)
{
    if (socketmap == NULL) {
        return;
    }
    server_close(socketmap->server);
    free(socketmap);
}
