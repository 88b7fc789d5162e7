// SPDX-License-Identifier: Apache-2.0
// One exchange with one server: a fresh connected socket each time, so that the kernel chooses a
// random port and drops datagrams from anyone else.
#ifndef VERIFIER_DNS_TRANSPORT_H
#define VERIFIER_DNS_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "common/network.h"
#include "common/status.h"
#include "verifier/dns/cancel.h"
#include "verifier/dns/codec.h"

enum { DNS_SERVER_TEXT_SIZE = 64 };

struct dns_server {
    struct sockaddr_storage address;
    socklen_t address_length;
    bool is_loopback;
    char text[DNS_SERVER_TEXT_SIZE]; /* as configured, for messages */
};

/** "192.0.2.53", "192.0.2.53:5353", "::1", "[::1]:53"; the port is 53 otherwise. */
MUST_CHECK enum status dns_server_parse(const char *text, struct dns_server *out, struct why *why);

/** A server of this address; its text is the address. */
void dns_server_init(const struct network_address *address, uint16_t port, struct dns_server *out);

/** An id that cannot be guessed, for one query. */
uint16_t dns_transport_new_id(void);

/**
 * A non-blocking socket that is connected to the server (SOCK_STREAM: on its way).
 *
 * @return  ST_OK; ST_REFUSED no way there; ST_IO no socket
 */
MUST_CHECK enum status dns_transport_open(const struct dns_server *server, int type, int *fd_out,
                                          struct why *why);

struct dns_message {
    size_t length;
    unsigned char bytes[DNS_MESSAGE_MAX];
};

/** How long an exchange may take. */
struct dns_wait {
    int64_t deadline_mono_ms;        /* by common/clock.h */
    const struct dns_cancel *cancel; /* NULL: none */
};

/**
 * Send the query by UDP and wait for its answer; everything else that arrives is dropped.
 *
 * @return  ST_OK; ST_AGAIN time is up, or cancelled; ST_REFUSED nobody listens or no way there;
 * ST_IO no socket
 */
MUST_CHECK enum status dns_transport_udp(const struct dns_server *server,
                                         const struct dns_query *query, const struct dns_wait *wait,
                                         struct dns_message *out, struct why *why);

/** The same by TCP (RFC 7766). ST_INVALID when something else than the answer came. */
MUST_CHECK enum status dns_transport_tcp(const struct dns_server *server,
                                         const struct dns_query *query, const struct dns_wait *wait,
                                         struct dns_message *out, struct why *why);

#endif
