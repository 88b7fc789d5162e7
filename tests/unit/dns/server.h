// SPDX-License-Identifier: Apache-2.0
// A DNS server on loopback that does as the test's handler says, however wrong. UDP and TCP on one
// free port, one thread.
#ifndef TESTS_UNIT_DNS_SERVER_H
#define TESTS_UNIT_DNS_SERVER_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** A DNS message being written; the test's own encoder, so that ldns does not check itself. */
struct packet {
    size_t length;
    unsigned char bytes[65535];
};

/** One query as it came in. */
struct exchange {
    const char *server; /* "address:port" it came in at */
    bool is_tcp;
    int fd;
    struct sockaddr_in from; /* UDP */
    char name[256];          /* lower case, without final dot */
    uint16_t type;
    bool has_edns;
    const unsigned char *query;
    size_t length;
};

typedef void handle_fn(const struct exchange *exchange);

struct server;

struct server *server_start(handle_fn *handle);

/** At another address of loopback; NULL if the port is not free there. */
struct server *server_start_at(const char *address, uint16_t port, handle_fn *handle);
void server_stop(struct server *server);

/** "127.0.0.1:port" */
const char *server_text(const struct server *server);
uint16_t server_port(const struct server *server);
unsigned server_udp_count(struct server *server);
unsigned server_tcp_count(struct server *server);

/** "127.0.0.1:port" of a port where nobody listens. */
void dead_server_text(char out[32]);

/** An answer to the query: header, question, no records. */
void packet_start(struct packet *packet, const struct exchange *exchange, unsigned rcode);

enum { SECTION_ANSWER = 6, SECTION_AUTHORITY = 8 }; /* offset of its count in the header */

/** Add a record; `owner` NULL is the question's name. */
void packet_add(struct packet *packet, int section, const char *owner, unsigned type, uint32_t ttl,
                const void *data, size_t length);
void packet_add_name(struct packet *packet, int section, const char *owner, unsigned type,
                     uint32_t ttl, const char *name);
void packet_add_txt(struct packet *packet, const char *owner, const char *text);
void packet_add_soa(struct packet *packet, const char *owner, uint32_t ttl, uint32_t minimum);

/** Send it back the way the query came. May be called several times. */
void reply_with(const struct exchange *exchange, const struct packet *packet);

#endif
