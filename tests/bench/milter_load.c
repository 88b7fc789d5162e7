// SPDX-License-Identifier: Apache-2.0
// Load over the milter protocol (version 6), without an MTA: TARGET is the milter's Unix socket.
// Several, with commas between, see each message one behind the other, as an MTA would do it: a
// milter sees the fields that those before it have added.
#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/cleanup.h"
#include "common/header.h"
#include "common/strbuf.h"
#include "common/unixsock.h"
#include "common/xalloc.h"
#include "tests/bench/load.h"

enum {
    BODY_CHUNK = 65535,
    PACKET_CAP = 64 * 1024 * 1024,
    PROTOCOL_STEPS = 0x1fffff, /* every SMFIP_ flag of version 6: the milter takes what it wants */
    LEADING_SPACE = 0x100000,  /* SMFIP_HDR_LEADSPC */
    NO_REPLY_CONNECT = 0x1000,
    NO_REPLY_HELO = 0x2000,
    NO_REPLY_MAIL = 0x4000,
    NO_REPLY_RCPT = 0x8000,
    NO_REPLY_DATA = 0x10000,
    NO_REPLY_HEADER = 0x80,
    NO_REPLY_END_OF_HEADERS = 0x40000,
    NO_REPLY_BODY = 0x80000,
    FILTERS_MAX = 4,
    FIELDS_CAP = 64 * 1024,
};

static const char *socket_paths;

struct filter {
    int fd;
    uint32_t steps; /* as the milter answered the negotiation */
    struct strbuf out;
    struct strbuf *added; /* fields for the milters behind it: name NUL value NUL */
};

static void
put_packet(struct filter *filter, char kind, const void *data, size_t length)
{
    uint32_t size = htonl((uint32_t)length + 1);
    strbuf_append(&filter->out, &size, sizeof(size));
    strbuf_putc(&filter->out, kind);
    strbuf_append(&filter->out, data, length);
}

// Strings are separated by NUL: "a\0b" with its length; `texts` ends with NULL.
static void
put_texts(struct filter *filter, char kind, const char *first, ...)
{
    AUTO_STRBUF body = STRBUF_INIT(65536);
    va_list args;
    va_start(args, first);
    for (const char *text = first; text != NULL; text = va_arg(args, const char *)) {
        strbuf_append(&body, text, strlen(text) + 1);
    }
    va_end(args);
    put_packet(filter, kind, body.data, body.length);
}

static bool
flush(struct filter *filter)
{
    size_t sent = 0;
    while (sent < filter->out.length) {
        ssize_t n =
            send(filter->fd, filter->out.data + sent, filter->out.length - sent, MSG_NOSIGNAL);
        if (n <= 0) {
            return false;
        }
        sent += (size_t)n;
    }
    strbuf_reset(&filter->out);
    return true;
}

// An inserted field has its place in front of its name.
static void
keep_field(struct filter *filter, const char *packet, size_t length)
{
    size_t skip = packet[0] == 'i' ? 1 + sizeof(uint32_t) : 1;
    if (length > skip) {
        strbuf_append(filter->added, packet + skip, length - skip);
    }
}

// The kind of the next answer, progress and changes passed over; 0 when the milter is gone.
static char
read_answer(struct filter *filter, char *data, size_t size)
{
    for (;;) {
        uint32_t length;
        if (recv(filter->fd, &length, sizeof(length), MSG_WAITALL) != (ssize_t)sizeof(length)) {
            return 0;
        }
        char packet[16384];
        length = ntohl(length);
        if (length == 0 || length > sizeof(packet) ||
            recv(filter->fd, packet, length, MSG_WAITALL) != (ssize_t)length) {
            return 0;
        }
        if (packet[0] == 'i' || packet[0] == 'h') {
            keep_field(filter, packet, length);
        } else if (strchr("pm-+", packet[0]) == NULL) {
            memcpy(data, packet + 1, length - 1 < size ? length - 1 : size);
            return packet[0];
        }
    }
}

static bool
step(struct filter *filter, uint32_t no_reply)
{
    char data[512];
    if ((filter->steps & no_reply) != 0) {
        return true;
    }
    return flush(filter) && read_answer(filter, data, sizeof(data)) == 'c';
}

static bool
negotiate(struct filter *filter)
{
    uint32_t offer[3] = {htonl(6), htonl(0x1ff), htonl(PROTOCOL_STEPS)};
    uint32_t answer[3] = {0};
    put_packet(filter, 'O', offer, sizeof(offer));
    if (!flush(filter) || read_answer(filter, (char *)answer, sizeof(answer)) != 'O') {
        return false;
    }
    filter->steps = ntohl(answer[2]);
    return true;
}

static bool
greet(struct filter *filter, const char *client)
{
    AUTO_STRBUF connect = STRBUF_INIT(1024);
    uint16_t client_port = htons(40000);
    strbuf_append(&connect, "mail.sender.example\0004", 21);
    strbuf_append(&connect, &client_port, sizeof(client_port));
    strbuf_append(&connect, client, strlen(client) + 1);
    put_texts(filter, 'D', "Cj", "mx.mailspur.example", NULL);
    put_packet(filter, 'C', connect.data, connect.length);
    bool good = step(filter, NO_REPLY_CONNECT);
    put_texts(filter, 'H', "mail.sender.example", NULL);
    return good && step(filter, NO_REPLY_HELO);
}

// One field, its value's first blank left out unless the milter wants it.
static bool
put_field(struct filter *filter, const char *name, size_t name_length, const char *value,
          size_t value_length)
{
    AUTO_STRBUF packet = STRBUF_INIT(PACKET_CAP);
    size_t skip = (filter->steps & LEADING_SPACE) == 0 && value_length > 0 && value[0] == ' ';
    strbuf_append(&packet, name, name_length);
    strbuf_putc(&packet, '\0');
    for (size_t i = skip; i < value_length; i++) {
        if (value[i] != '\r') {
            strbuf_putc(&packet, value[i]);
        }
    }
    strbuf_putc(&packet, '\0');
    put_packet(filter, 'L', packet.data, packet.length);
    return step(filter, NO_REPLY_HEADER);
}

static bool
put_added(struct filter *filter)
{
    const struct strbuf *added = filter->added;
    AUTO_STRBUF before = STRBUF_INIT(FIELDS_CAP); // what this milter adds is not for itself
    strbuf_append(&before, added->data, added->length);
    for (size_t at = 0; at < before.length;) {
        const char *name = before.data + at;
        const char *value = name + strlen(name) + 1;
        if (!put_field(filter, name, strlen(name), value, strlen(value))) {
            return false;
        }
        at = (size_t)(value - before.data) + strlen(value) + 1;
    }
    return true;
}

static bool
put_headers(struct filter *filter, const struct load_message *message)
{
    struct header_field field;
    if (!put_added(filter)) {
        return false;
    }
    for (size_t at = 0; header_next(message->data, message->header_length, &at, &field);) {
        if (!put_field(filter, field.name, field.name_length, field.value, field.value_length)) {
            return false;
        }
    }
    put_packet(filter, 'N', NULL, 0);
    return step(filter, NO_REPLY_END_OF_HEADERS);
}

static bool
put_body(struct filter *filter, const struct load_message *message)
{
    for (size_t at = message->header_length + 2; at < message->length;) {
        size_t length = message->length - at < BODY_CHUNK ? message->length - at : BODY_CHUNK;
        put_packet(filter, 'B', message->data + at, length);
        if (!step(filter, NO_REPLY_BODY)) {
            return false;
        }
        at += length;
    }
    return true;
}

static bool
ask(struct filter *filter, const struct load *load, unsigned number)
{
    const struct load_message *message = &load->messages[number % load->message_count];
    char sender[300];
    char recipient[300];
    char queue_id[32];
    (void)snprintf(sender, sizeof(sender), "<%s>", message->sender);
    (void)snprintf(recipient, sizeof(recipient), "<%s>", load->recipient);
    (void)snprintf(queue_id, sizeof(queue_id), "LOAD%08X", number);
    put_texts(filter, 'M', sender, NULL);
    bool good = step(filter, NO_REPLY_MAIL);
    put_texts(filter, 'R', recipient, NULL);
    good = good && step(filter, NO_REPLY_RCPT);
    put_texts(filter, 'D', "Ti", queue_id, NULL);
    put_packet(filter, 'T', NULL, 0);
    good = good && step(filter, NO_REPLY_DATA) && put_headers(filter, message) &&
           put_body(filter, message);
    put_packet(filter, 'E', NULL, 0);
    char data[512];
    char answer = good && flush(filter) ? read_answer(filter, data, sizeof(data)) : '\0';
    return answer == 'd' || answer == 'c' || answer == 'a'; // DISCARD: kept by mailspur
}

struct chain {
    struct filter filters[FILTERS_MAX];
    size_t count;
    struct strbuf added; /* to the message under way */
};

static bool
transact(struct chain *chain, struct load *load, unsigned number)
{
    strbuf_reset(&chain->added);
    uint64_t start = load_now_us();
    bool good = true;
    for (size_t i = 0; good && i < chain->count; i++) {
        good = ask(&chain->filters[i], load, number);
    }
    load->end_us[number] = (uint32_t)(load_now_us() - start);
    static const char PASS[] = "dmarc=pass";
    const struct strbuf *added = &chain->added;
    if (added->length > 0 && memmem(added->data, added->length, PASS, sizeof(PASS) - 1) != NULL) {
        atomic_fetch_add(&load->passed, 1);
    }
    return good;
}

static bool
open_filter(struct filter *filter, const char *path, const char *client)
{
    return unixsock_connect(path, SOCK_STREAM, &filter->fd, NULL) == ST_OK && negotiate(filter) &&
           greet(filter, client);
}

static bool
open_chain(struct chain *chain, const char *client)
{
    bool good = true;
    for (const char *path = socket_paths; good && path != NULL && chain->count < FILTERS_MAX;) {
        const char *comma = strchr(path, ',');
        size_t length = comma == NULL ? strlen(path) : (size_t)(comma - path);
        AUTO_FREE char *one = xmemdup(path, length);
        struct filter *filter = &chain->filters[chain->count++];
        *filter = (struct filter){.fd = -1, .out = STRBUF_INIT(PACKET_CAP), .added = &chain->added};
        good = open_filter(filter, one, client);
        path = comma == NULL ? NULL : comma + 1;
    }
    return good;
}

static void
close_chain(struct chain *chain)
{
    for (size_t i = 0; i < chain->count; i++) {
        struct filter *filter = &chain->filters[i];
        if (filter->fd >= 0) {
            put_packet(filter, 'Q', NULL, 0);
            (void)flush(filter);
            (void)close(filter->fd);
        }
        strbuf_done(&filter->out);
    }
    strbuf_done(&chain->added);
}

static void
session(struct load *load)
{
    struct chain chain = {.count = 0, .added = STRBUF_INIT(FIELDS_CAP)};
    bool good = open_chain(&chain, load->client);
    unsigned number;
    for (unsigned sent = 0;
         (load->per_session == 0 || sent < load->per_session) && load_take(load, &number); sent++) {
        good = good && transact(&chain, load, number);
        if (!good) {
            atomic_fetch_add(&load->failed, 1);
        }
    }
    close_chain(&chain);
}

int
main(int argc, char **argv)
{
    return load_main(argc, argv, &socket_paths, session);
}
