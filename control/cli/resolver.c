// SPDX-License-Identifier: Apache-2.0
#include "control/cli/resolver.h"

#include <stdio.h>
#include <string.h>

#include "common/network.h"

enum { CACHE_BYTES = 16 * 1024 * 1024 };

static const char RESOLVERS[] = "/etc/resolv.conf";
static const char LOOPBACK[] = "127.0.0.1";

struct servers {
    char texts[DNS_SERVERS_MAX][80];
    const char *list[DNS_SERVERS_MAX];
    size_t count;
};

static void
add_server(struct servers *servers, const char *address)
{
    struct network_address parsed;
    if (servers->count == DNS_SERVERS_MAX ||
        network_parse_address(address, &parsed, NULL) != ST_OK) {
        return; // scoped addresses and more servers than resolvers use
    }
    char *text = servers->texts[servers->count];
    (void)snprintf(text, sizeof(servers->texts[0]),
                   strchr(address, ':') == NULL ? "%.60s" : "[%.60s]:53", address);
    servers->list[servers->count++] = text;
}

// The host's own resolvers, as its other programs use them.
static void
find_servers(struct servers *servers)
{
    AUTO_FILE FILE *file = fopen(RESOLVERS, "re");
    char line[256];
    char address[64];
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        if (sscanf(line, "nameserver %63s", address) == 1) {
            add_server(servers, address);
        }
    }
    if (servers->count == 0) {
        add_server(servers, LOOPBACK);
    }
}

enum status
resolver_open(const char *server, struct dns **dns_out, struct why *why)
{
    struct servers servers = {.count = 0};
    if (server != NULL) {
        servers.list[servers.count++] = server;
    } else {
        find_servers(&servers);
    }
    const struct dns_settings settings = {.servers = servers.list,
                                          .server_count = servers.count,
                                          .timeout_ms = RESOLVER_TRY_MS,
                                          .tries = RESOLVER_TRIES,
                                          .cache_bytes = CACHE_BYTES};
    return dns_open(&settings, dns_out, why);
}
