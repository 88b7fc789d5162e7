// SPDX-License-Identifier: Apache-2.0
// Load over SMTP: TARGET is a port of 127.0.0.1 that allows XCLIENT.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/cleanup.h"
#include "common/strbuf.h"
#include "tests/bench/load.h"

static const char *port;

struct peer {
    int fd;
    char buffer[4096];
    size_t filled;
};

static int
connect_to_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)strtoul(port, NULL, 10)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 ? fd : -1;
}

// The code of the next (perhaps several-line) reply; -1 when the peer is gone.
static int
read_reply(struct peer *peer)
{
    for (;;) {
        char *newline = memchr(peer->buffer, '\n', peer->filled);
        if (newline != NULL) {
            bool last = peer->filled > 3 && peer->buffer[3] == ' ';
            int code = (peer->buffer[0] - '0') * 100 + (peer->buffer[1] - '0') * 10 +
                       (peer->buffer[2] - '0');
            size_t used = (size_t)(newline + 1 - peer->buffer);
            memmove(peer->buffer, newline + 1, peer->filled - used);
            peer->filled -= used;
            if (last) {
                return code;
            }
            continue;
        }
        ssize_t got =
            recv(peer->fd, peer->buffer + peer->filled, sizeof(peer->buffer) - peer->filled, 0);
        if (got <= 0) {
            return -1;
        }
        peer->filled += (size_t)got;
    }
}

static bool
send_all(int fd, const char *data, size_t length)
{
    while (length > 0) {
        ssize_t sent = send(fd, data, length, MSG_NOSIGNAL);
        if (sent <= 0) {
            return false;
        }
        data += sent;
        length -= (size_t)sent;
    }
    return true;
}

static bool PRINTF_LIKE(3, 4) command(struct peer *peer, int wanted, const char *format, ...)
{
    char line[1024];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    return send_all(peer->fd, line, (size_t)length) && read_reply(peer) == wanted;
}

static bool
transact(struct peer *peer, struct load *load, unsigned number)
{
    const struct load_message *message = &load->messages[number % load->message_count];
    if (!command(peer, 250, "MAIL FROM:<%s>\r\n", message->sender) ||
        !command(peer, 250, "RCPT TO:<%s>\r\n", load->recipient) ||
        !command(peer, 354, "DATA\r\n") || !send_all(peer->fd, message->data, message->length)) {
        return false;
    }
    uint64_t start = load_now_us();
    bool good = command(peer, 250, ".\r\n");
    load->end_us[number] = (uint32_t)(load_now_us() - start);
    return good;
}

static void
session(struct load *load)
{
    struct peer peer = {.fd = connect_to_port()};
    bool good = peer.fd >= 0 && read_reply(&peer) == 220 &&
                command(&peer, 250, "EHLO mail.sender.example\r\n") &&
                command(&peer, 220, "XCLIENT ADDR=%s NAME=mail.sender.example\r\n", load->client) &&
                command(&peer, 250, "EHLO mail.sender.example\r\n");
    unsigned number;
    for (unsigned sent = 0;
         (load->per_session == 0 || sent < load->per_session) && load_take(load, &number); sent++) {
        good = good && transact(&peer, load, number);
        if (!good) {
            atomic_fetch_add(&load->failed, 1);
        }
    }
    if (peer.fd >= 0) {
        (void)(good && command(&peer, 221, "QUIT\r\n"));
        (void)close(peer.fd);
    }
}

int
main(int argc, char **argv)
{
    return load_main(argc, argv, &port, session);
}
