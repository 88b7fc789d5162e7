// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/dns/server.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/xalloc.h"

struct server {
    handle_fn *handle;
    int udp;
    int tcp;
    int stop;
    char text[32];
    uint16_t port;
    pthread_t thread;
    atomic_uint udp_count;
    atomic_uint tcp_count;
};

static void
must(bool ok, const char *what)
{
    if (!ok) {
        perror(what);
        abort();
    }
}

static uint16_t
bind_to(int fd, const char *text, uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    must(inet_pton(AF_INET, text, &address.sin_addr) == 1, "inet_pton");
    socklen_t length = sizeof(address);
    if (bind(fd, (const struct sockaddr *)&address, length) != 0) {
        return 0;
    }
    must(getsockname(fd, (struct sockaddr *)&address, &length) == 0, "getsockname");
    return ntohs(address.sin_port);
}

// The same port for both protocols; 0 if it is not free.
static uint16_t
open_sockets(struct server *server, const char *address, uint16_t port)
{
    server->udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    server->tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    port = bind_to(server->udp, address, port);
    if (port != 0 && bind_to(server->tcp, address, port) != 0) {
        must(listen(server->tcp, 16) == 0, "listen");
        return port;
    }
    (void)close(server->udp);
    (void)close(server->tcp);
    return 0;
}

static void
read_question(struct exchange *exchange)
{
    size_t at = 12;
    size_t used = 0;
    while (at < exchange->length && exchange->query[at] != 0) {
        size_t label = exchange->query[at++];
        used += used > 0 ? (size_t)snprintf(exchange->name + used, 2, ".") : 0;
        for (; label > 0 && used + 1 < sizeof(exchange->name); label--) {
            exchange->name[used++] = (char)tolower(exchange->query[at++]);
        }
    }
    exchange->name[used] = '\0';
    exchange->type = (uint16_t)(exchange->query[at + 1] << 8 | exchange->query[at + 2]);
    exchange->has_edns = exchange->query[11] == 1;
}

static void
serve_udp(struct server *server)
{
    unsigned char query[1024];
    struct exchange exchange = {.server = server->text, .fd = server->udp, .query = query};
    socklen_t from_length = sizeof(exchange.from);
    ssize_t length = recvfrom(server->udp, query, sizeof(query), 0,
                              (struct sockaddr *)&exchange.from, &from_length);
    if (length > 12) {
        exchange.length = (size_t)length;
        read_question(&exchange);
        atomic_fetch_add(&server->udp_count, 1);
        server->handle(&exchange);
    }
}

static void
serve_tcp(struct server *server)
{
    unsigned char query[1024];
    struct exchange exchange = {.server = server->text, .is_tcp = true, .query = query + 2};
    exchange.fd = accept4(server->tcp, NULL, NULL, SOCK_CLOEXEC);
    ssize_t length = recv(exchange.fd, query, sizeof(query), 0); // loopback: in one piece
    if (length > 14) {
        exchange.length = (size_t)length - 2;
        read_question(&exchange);
        atomic_fetch_add(&server->tcp_count, 1);
        server->handle(&exchange);
    }
    (void)close(exchange.fd);
}

static void *
serve(void *context)
{
    struct server *server = context;
    for (;;) {
        struct pollfd fds[] = {{.fd = server->stop, .events = POLLIN},
                               {.fd = server->udp, .events = POLLIN},
                               {.fd = server->tcp, .events = POLLIN}};
        (void)poll(fds, 3, -1);
        if (fds[0].revents != 0) {
            return NULL;
        }
        if (fds[1].revents != 0) {
            serve_udp(server);
        }
        if (fds[2].revents != 0) {
            serve_tcp(server);
        }
    }
}

struct server *
server_start_at(const char *address, uint16_t port, handle_fn *handle)
{
    struct server *server = xcalloc(1, sizeof(*server));
    server->handle = handle;
    server->port = open_sockets(server, address, port);
    if (server->port == 0) {
        free(server);
        return NULL;
    }
    server->stop = eventfd(0, EFD_CLOEXEC);
    (void)snprintf(server->text, sizeof(server->text), "%s:%u", address, server->port);
    must(pthread_create(&server->thread, NULL, serve, server) == 0, "pthread_create");
    return server;
}

struct server *
server_start(handle_fn *handle)
{
    struct server *server = NULL;
    while (server == NULL) { // a port that is free for UDP may be taken for TCP
        server = server_start_at("127.0.0.1", 0, handle);
    }
    return server;
}

void
server_stop(struct server *server)
{
    must(eventfd_write(server->stop, 1) == 0, "eventfd_write");
    (void)pthread_join(server->thread, NULL);
    (void)close(server->stop);
    (void)close(server->udp);
    (void)close(server->tcp);
    free(server);
}

const char *
server_text(const struct server *server)
{
    return server->text;
}

uint16_t
server_port(const struct server *server)
{
    return server->port;
}

unsigned
server_udp_count(struct server *server)
{
    return atomic_load(&server->udp_count);
}

unsigned
server_tcp_count(struct server *server)
{
    return atomic_load(&server->tcp_count);
}

void
dead_server_text(char out[32])
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    (void)snprintf(out, 32, "127.0.0.1:%u", bind_to(fd, "127.0.0.1", 0));
    (void)close(fd);
}

static void
put(struct packet *packet, const void *data, size_t length)
{
    must(packet->length + length <= sizeof(packet->bytes), "packet is full");
    memcpy(packet->bytes + packet->length, data, length);
    packet->length += length;
}

static void
put_number(struct packet *packet, uint32_t value, size_t length)
{
    for (size_t i = length; i > 0; i--) {
        unsigned char byte = (unsigned char)(value >> (8 * (i - 1)));
        put(packet, &byte, 1);
    }
}

static size_t
encode_name(const char *name, unsigned char out[256])
{
    size_t used = 0;
    while (*name != '\0') {
        size_t label = strcspn(name, ".");
        out[used++] = (unsigned char)label;
        memcpy(out + used, name, label);
        used += label;
        name += label + (name[label] == '.' ? 1 : 0);
    }
    out[used++] = 0;
    return used;
}

void
packet_start(struct packet *packet, const struct exchange *exchange, unsigned rcode)
{
    unsigned char name[256];
    packet->length = 0;
    put(packet, exchange->query, 2);
    put_number(packet, 0x8180 | rcode, 2); // QR, RD, RA
    put(packet, "\0\1\0\0\0\0\0\0", 8);
    put(packet, name, encode_name(exchange->name, name));
    put_number(packet, exchange->type, 2);
    put_number(packet, 1, 2);
}

void
packet_add(struct packet *packet, int section, const char *owner, unsigned type, uint32_t ttl,
           const void *data, size_t length)
{
    unsigned char name[256];
    unsigned count = (unsigned)packet->bytes[section] << 8 | packet->bytes[section + 1];
    packet->bytes[section] = (unsigned char)((count + 1) >> 8);
    packet->bytes[section + 1] = (unsigned char)(count + 1);
    if (owner == NULL) {
        put_number(packet, 0xc00c, 2); // pointer to the question
    } else {
        put(packet, name, encode_name(owner, name));
    }
    put_number(packet, type, 2);
    put_number(packet, 1, 2);
    put_number(packet, ttl, 4);
    put_number(packet, (uint32_t)length, 2);
    put(packet, data, length);
}

void
packet_add_name(struct packet *packet, int section, const char *owner, unsigned type, uint32_t ttl,
                const char *name)
{
    unsigned char wire[256];
    packet_add(packet, section, owner, type, ttl, wire, encode_name(name, wire));
}

void
packet_add_txt(struct packet *packet, const char *owner, const char *text)
{
    unsigned char data[256];
    data[0] = (unsigned char)strlen(text);
    memcpy(data + 1, text, data[0]);
    packet_add(packet, SECTION_ANSWER, owner, 16, 300, data, data[0] + 1U);
}

void
packet_add_soa(struct packet *packet, const char *owner, uint32_t ttl, uint32_t minimum)
{
    unsigned char data[64] = {1, 'm', 0, 1, 'r', 0}; // then serial, refresh, retry, expire
    size_t at = 6 + 16;
    for (int shift = 24; shift >= 0; shift -= 8) {
        data[at++] = (unsigned char)(minimum >> shift);
    }
    packet_add(packet, SECTION_AUTHORITY, owner, 6, ttl, data, at);
}

void
reply_with(const struct exchange *exchange, const struct packet *packet)
{
    if (!exchange->is_tcp) {
        (void)sendto(exchange->fd, packet->bytes, packet->length, 0,
                     (const struct sockaddr *)&exchange->from, sizeof(exchange->from));
        return;
    }
    unsigned char prefix[2] = {(unsigned char)(packet->length >> 8), (unsigned char)packet->length};
    (void)send(exchange->fd, prefix, 2, MSG_NOSIGNAL | MSG_MORE);
    (void)send(exchange->fd, packet->bytes, packet->length, MSG_NOSIGNAL);
}
