// SPDX-License-Identifier: Apache-2.0
// Load over the milter protocol (version 6), without an MTA: TARGET is the milter's Unix socket.
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
};

static const char *socket_path;

struct filter {
    int fd;
    uint32_t steps; /* as the milter answered the negotiation */
    struct strbuf out;
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

// The kind of the next answer, progress passed over; 0 when the milter is gone.
static char
read_answer(struct filter *filter, char *data, size_t size)
{
    for (;;) {
        uint32_t length;
        if (recv(filter->fd, &length, sizeof(length), MSG_WAITALL) != (ssize_t)sizeof(length)) {
            return 0;
        }
        char packet[4096];
        length = ntohl(length);
        if (length == 0 || length > sizeof(packet) ||
            recv(filter->fd, packet, length, MSG_WAITALL) != (ssize_t)length) {
            return 0;
        }
        if (packet[0] != 'p') {
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

static bool
put_headers(struct filter *filter, const struct load_message *message)
{
    struct header_field field;
    for (size_t at = 0; header_next(message->data, message->header_length, &at, &field);) {
        size_t skip = (filter->steps & LEADING_SPACE) == 0 && field.value_length > 0 ? 1 : 0;
        AUTO_STRBUF packet = STRBUF_INIT(PACKET_CAP);
        strbuf_append(&packet, field.name, field.name_length);
        strbuf_putc(&packet, '\0');
        for (size_t i = skip; i < field.value_length; i++) {
            if (field.value[i] != '\r') {
                strbuf_putc(&packet, field.value[i]);
            }
        }
        strbuf_putc(&packet, '\0');
        put_packet(filter, 'L', packet.data, packet.length);
        if (!step(filter, NO_REPLY_HEADER)) {
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
transact(struct filter *filter, struct load *load, unsigned number)
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
    uint64_t start = load_now_us();
    char data[512];
    char answer = 0;
    if (good && flush(filter)) {
        answer = read_answer(filter, data, sizeof(data));
    }
    load->end_us[number] = (uint32_t)(load_now_us() - start);
    return answer == 'd' || answer == 'c' || answer == 'a'; // DISCARD: kept by mailspur
}

static void
session(struct load *load)
{
    struct filter filter = {.fd = -1, .out = STRBUF_INIT(PACKET_CAP)};
    bool good = unixsock_connect(socket_path, SOCK_STREAM, &filter.fd, NULL) == ST_OK &&
                negotiate(&filter) && greet(&filter, load->client);
    unsigned number;
    for (unsigned sent = 0;
         (load->per_session == 0 || sent < load->per_session) && load_take(load, &number); sent++) {
        good = good && transact(&filter, load, number);
        if (!good) {
            atomic_fetch_add(&load->failed, 1);
        }
    }
    strbuf_done(&filter.out);
    if (filter.fd >= 0) {
        (void)close(filter.fd);
    }
}

int
main(int argc, char **argv)
{
    return load_main(argc, argv, &socket_path, session);
}
