// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/dns/replies.h"

#include <sys/socket.h>
#include <unistd.h>

void
reply_rcode(const struct exchange *exchange, unsigned rcode)
{
    struct packet packet;
    packet_start(&packet, exchange, rcode);
    reply_with(exchange, &packet);
}

void
reply_nothing(const struct exchange *exchange)
{
    (void)exchange;
}

void
reply_by_tcp(const struct exchange *exchange, handle_fn *handle)
{
    if (exchange->is_tcp) {
        handle(exchange);
        return;
    }
    struct packet packet;
    packet_start(&packet, exchange, 0);
    packet.bytes[2] |= FLAG_TC;
    reply_with(exchange, &packet);
}

void
reply_a_byte(const struct exchange *exchange)
{
    (void)send(exchange->fd, "\1", 1, MSG_NOSIGNAL);
    char byte;
    (void)recv(exchange->fd, &byte, 1, 0); // until the client gives up
}

void
reply_from_elsewhere(const struct exchange *exchange, handle_fn *handle)
{
    struct exchange other = *exchange;
    other.fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    handle(&other);
    (void)close(other.fd);
}

void
reply_without_edns(const struct exchange *exchange, handle_fn *handle)
{
    if (exchange->has_edns) {
        reply_rcode(exchange, RCODE_FORMERR);
    } else {
        handle(exchange);
    }
}
