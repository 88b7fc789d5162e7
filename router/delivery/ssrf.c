// SPDX-License-Identifier: Apache-2.0
#include "router/delivery/ssrf.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

bool
ssrf_allows(const struct config_networks *allow, const struct network_address *address)
{
    return network_is_public(address) || network_list_contains(allow->items, allow->count, address);
}

static bool
guard_allows(struct ssrf_guard *guard, const char *text)
{
    struct network_address address;
    if (network_parse_address(text, &address, NULL) == ST_OK &&
        ssrf_allows(guard->allow, &address)) {
        return true;
    }
    (void)snprintf(guard->refused, sizeof(guard->refused), "%s", text);
    return false;
}

static curl_socket_t
on_open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *peer)
{
    (void)purpose;
    char text[INET6_ADDRSTRLEN] = "unknown family";
    // The bytes behind `addr` are as long as the family needs (addrlen): copied, never cast.
    if (peer->family == AF_INET && peer->addrlen >= sizeof(struct sockaddr_in)) {
        struct sockaddr_in v4;
        memcpy(&v4, &peer->addr, sizeof(v4));
        (void)inet_ntop(AF_INET, &v4.sin_addr, text, sizeof(text));
    } else if (peer->family == AF_INET6 && peer->addrlen >= sizeof(struct sockaddr_in6)) {
        struct sockaddr_in6 v6;
        memcpy(&v6, (const void *)&peer->addr, sizeof(v6));
        (void)inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof(text));
    }
    if (!guard_allows(context, text)) {
        return CURL_SOCKET_BAD;
    }
    return socket(peer->family, peer->socktype | SOCK_CLOEXEC, peer->protocol);
}

static int
on_before_request(void *context, char *peer_address, char *own_address, int peer_port, int own_port)
{
    (void)own_address;
    (void)peer_port;
    (void)own_port;
    return guard_allows(context, peer_address) ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
}

void
ssrf_attach(CURL *easy, struct ssrf_guard *guard)
{
    guard->refused[0] = '\0';
    (void)curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
    (void)curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, guard);
    (void)curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_before_request);
    (void)curl_easy_setopt(easy, CURLOPT_PREREQDATA, guard);
}
