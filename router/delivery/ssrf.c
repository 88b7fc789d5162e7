// SPDX-License-Identifier: Apache-2.0
#include "router/delivery/ssrf.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

// RFC 6890 and its registries: what is not the public Internet, and the IPv6 forms that embed an
// IPv4 address (a translator on our side would reach the embedded one). ::ffff:0:0/96 is unmapped
// by network_parse_address and judged as IPv4.
static const char *const NOT_PUBLIC[] = {
    "0.0.0.0/8",       "10.0.0.0/8",      "100.64.0.0/10",  "127.0.0.0/8",    "169.254.0.0/16",
    "172.16.0.0/12",   "192.0.0.0/24",    "192.0.2.0/24",   "192.88.99.0/24", "192.168.0.0/16",
    "198.18.0.0/15",   "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3",    "::/96",
    "::ffff:0:0:0/96", "64:ff9b::/96",    "64:ff9b:1::/48", "100::/64",       "2001::/23",
    "2001:db8::/32",   "2002::/16",       "3fff::/20",      "5f00::/16",      "fc00::/7",
    "fe80::/10",       "fec0::/10",       "ff00::/8",
};

static struct network networks[ARRAY_LEN(NOT_PUBLIC)];
static pthread_once_t networks_once = PTHREAD_ONCE_INIT;

static void
parse_networks(void)
{
    for (size_t i = 0; i < ARRAY_LEN(NOT_PUBLIC); i++) {
        struct why why;
        if (network_parse(NOT_PUBLIC[i], &networks[i], &why) != ST_OK) {
            abort(); // a constant of ours is wrong
        }
    }
}

bool
ssrf_allows(const struct config_networks *allow, const struct network_address *address)
{
    (void)pthread_once(&networks_once, parse_networks);
    return !network_list_contains(networks, ARRAY_LEN(networks), address) ||
           network_list_contains(allow->items, allow->count, address);
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
