// SPDX-License-Identifier: Apache-2.0
#include "verifier/dns/transport.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/attrs.h"
#include "common/clock.h"
#include "common/network.h"
#include "common/parse.h"

enum { DNS_PORT = 53 };

static bool
is_loopback(const struct network_address *address)
{
    static const unsigned char v6_loopback[16] = {[15] = 1};
    if (address->length == 4) {
        return address->bytes[0] == 127;
    }
    return memcmp(address->bytes, v6_loopback, sizeof(v6_loopback)) == 0;
}

static void
fill_address(const struct network_address *address, uint16_t port, struct dns_server *server)
{
    if (address->length == 4) {
        struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
        memcpy(&v4.sin_addr, address->bytes, 4);
        memcpy(&server->address, &v4, sizeof(v4));
        server->address_length = sizeof(v4);
    } else {
        struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
        memcpy(&v6.sin6_addr, address->bytes, 16);
        memcpy(&server->address, &v6, sizeof(v6));
        server->address_length = sizeof(v6);
    }
    server->is_loopback = is_loopback(address);
}

void
dns_server_init(const struct network_address *address, uint16_t port, struct dns_server *out)
{
    struct dns_server server = {.address_length = 0};
    int family = address->length == 4 ? AF_INET : AF_INET6;
    fill_address(address, port, &server);
    if (inet_ntop(family, address->bytes, server.text, sizeof(server.text)) == NULL) {
        abort(); // the text has room for any address
    }
    *out = server;
}

uint16_t
dns_transport_new_id(void)
{
    uint16_t id;
    if (getrandom(&id, sizeof(id), 0) != (ssize_t)sizeof(id)) { // never short below 256 bytes
        abort();
    }
    return id;
}

// Split "address", "address:port", "[address]:port" in place; NULL port when there is none.
static bool
split_port(char *text, char **address_out, char **port_out)
{
    char *colon = strchr(text, ':');
    bool is_v6 = colon != NULL && strchr(colon + 1, ':') != NULL;
    *address_out = text;
    *port_out = NULL;
    if (text[0] == '[') {
        char *bracket = strchr(text, ']');
        if (bracket == NULL || (bracket[1] != ':' && bracket[1] != '\0')) {
            return false;
        }
        *address_out = text + 1;
        *port_out = bracket[1] == ':' ? bracket + 2 : NULL;
        *bracket = '\0';
    } else if (colon != NULL && !is_v6) {
        *colon = '\0';
        *port_out = colon + 1;
    }
    return true;
}

enum status
dns_server_parse(const char *text, struct dns_server *out, struct why *why)
{
    struct dns_server server = {.address_length = 0};
    char copy[DNS_SERVER_TEXT_SIZE];
    size_t length = strlen(text);
    char *address_text = NULL;
    char *port_text = NULL;
    struct network_address address = {.length = 0};
    uint64_t port = DNS_PORT;
    if (length >= sizeof(copy)) {
        return why_set(why, ST_INVALID, "'%.60s...' is not a DNS server address", text);
    }
    memcpy(copy, text, length + 1);
    memcpy(server.text, text, length + 1);
    if (!split_port(copy, &address_text, &port_text) ||
        network_parse_address(address_text, &address, NULL) != ST_OK) {
        return why_set(why, ST_INVALID, "'%s' is not a DNS server address", text);
    }
    if (port_text != NULL &&
        (parse_uint(port_text, UINT16_MAX, &port, NULL) != ST_OK || port == 0)) {
        return why_set(why, ST_INVALID, "'%s' has no port from 1 to 65535", text);
    }
    fill_address(&address, (uint16_t)port, &server);
    *out = server;
    return ST_OK;
}

static enum status
network_error(const struct dns_server *server, struct why *why)
{
    switch (errno) {
    case ECONNREFUSED:
    case ECONNRESET:
    case EPIPE:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case EADDRNOTAVAIL: // no address of that family here
    case EAFNOSUPPORT:
    case EACCES:
    case EPERM: // a local firewall
        return why_errno(why, ST_REFUSED, "server %s", server->text);
    default:
        return why_errno(why, ST_IO, "server %s", server->text);
    }
}

// Wait until the socket is ready, or for the deadline.
static enum status
wait_for(const struct dns_server *server, int fd, short events, const struct dns_wait *wait,
         struct why *why)
{
    for (;;) {
        int64_t left = wait->deadline_mono_ms - clock_mono_ms();
        struct pollfd fds[] = {{.fd = fd, .events = events},
                               {.fd = dns_cancel_fd(wait->cancel), .events = POLLIN}};
        int ready = left <= 0 ? 0 : poll(fds, ARRAY_LEN(fds), left > INT_MAX ? INT_MAX : (int)left);
        if (dns_cancel_is_thrown(wait->cancel)) {
            return why_set(why, ST_AGAIN, "shutting down");
        }
        if (ready > 0) {
            return ST_OK;
        }
        if (ready == 0) {
            return why_set(why, ST_AGAIN, "server %s did not answer in time", server->text);
        }
        if (errno != EINTR) {
            return why_errno(why, ST_IO, "server %s: poll", server->text);
        }
    }
}

enum status
dns_transport_open(const struct dns_server *server, int type, int *fd_out, struct why *why)
{
    AUTO_FD int fd = socket(server->address.ss_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return network_error(server, why);
    }
    const struct sockaddr *address = (const struct sockaddr *)&server->address;
    if (connect(fd, address, server->address_length) != 0 && errno != EINPROGRESS) {
        return network_error(server, why);
    }
    *fd_out = STEAL_FD(fd);
    return ST_OK;
}

enum status
dns_transport_udp(const struct dns_server *server, const struct dns_query *query,
                  const struct dns_wait *wait, struct dns_message *out, struct why *why)
{
    AUTO_FD int fd = -1;
    enum status status = dns_transport_open(server, SOCK_DGRAM, &fd, why);
    if (status != ST_OK) {
        return status;
    }
    if (send(fd, query->bytes, query->length, MSG_NOSIGNAL) < 0) {
        return network_error(server, why);
    }
    for (;;) {
        status = wait_for(server, fd, POLLIN, wait, why);
        if (status != ST_OK) {
            return status;
        }
        ssize_t length = recv(fd, out->bytes, sizeof(out->bytes), 0);
        if (length < 0 && errno != EAGAIN && errno != EINTR) {
            return network_error(server, why);
        }
        if (length >= 0 && dns_codec_is_answer(query, out->bytes, (size_t)length)) {
            out->length = (size_t)length;
            return ST_OK;
        }
    }
}

static enum status
send_all(const struct dns_server *server, int fd, const unsigned char *data, size_t length,
         const struct dns_wait *wait, struct why *why)
{
    for (size_t sent = 0; sent < length;) {
        enum status status = wait_for(server, fd, POLLOUT, wait, why);
        if (status != ST_OK) {
            return status;
        }
        ssize_t now = send(fd, data + sent, length - sent, MSG_NOSIGNAL);
        if (now < 0 && errno != EAGAIN && errno != EINTR) {
            return network_error(server, why);
        }
        sent += now > 0 ? (size_t)now : 0;
    }
    return ST_OK;
}

static enum status
receive_all(const struct dns_server *server, int fd, unsigned char *data, size_t length,
            const struct dns_wait *wait, struct why *why)
{
    for (size_t got = 0; got < length;) {
        enum status status = wait_for(server, fd, POLLIN, wait, why);
        if (status != ST_OK) {
            return status;
        }
        ssize_t now = recv(fd, data + got, length - got, 0);
        if (now == 0) {
            return why_set(why, ST_INVALID, "server %s closed the TCP connection early",
                           server->text);
        }
        if (now < 0 && errno != EAGAIN && errno != EINTR) {
            return network_error(server, why);
        }
        got += now > 0 ? (size_t)now : 0;
    }
    return ST_OK;
}

enum status
dns_transport_tcp(const struct dns_server *server, const struct dns_query *query,
                  const struct dns_wait *wait, struct dns_message *out, struct why *why)
{
    AUTO_FD int fd = -1;
    unsigned char framed[2 + DNS_QUERY_MAX] = {(unsigned char)(query->length >> 8),
                                               (unsigned char)query->length};
    memcpy(framed + 2, query->bytes, query->length);
    enum status status = dns_transport_open(server, SOCK_STREAM, &fd, why);
    if (status == ST_OK) {
        status = send_all(server, fd, framed, query->length + 2, wait, why);
    }
    unsigned char prefix[2];
    if (status == ST_OK) {
        status = receive_all(server, fd, prefix, sizeof(prefix), wait, why);
    }
    if (status != ST_OK) {
        return status;
    }
    size_t length = (size_t)prefix[0] << 8 | prefix[1];
    status = receive_all(server, fd, out->bytes, length, wait, why);
    if (status != ST_OK) {
        return status;
    }
    if (!dns_codec_is_answer(query, out->bytes, length)) {
        return why_set(why, ST_INVALID, "server %s sent no answer to the question", server->text);
    }
    out->length = length;
    return ST_OK;
}
