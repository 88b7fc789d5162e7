// SPDX-License-Identifier: Apache-2.0
#include "common/network.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/parse.h"

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

static struct network not_public[ARRAY_LEN(NOT_PUBLIC)];
static pthread_once_t not_public_once = PTHREAD_ONCE_INIT;

void
network_unmap(struct network_address *address)
{
    static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};
    if (address->length == 16 && memcmp(address->bytes, mapped, sizeof(mapped)) == 0) {
        memmove(address->bytes, address->bytes + 12, 4);
        memset(address->bytes + 4, 0, 12);
        address->length = 4;
    }
}

enum status
network_parse_address(const char *text, struct network_address *out, struct why *why)
{
    struct network_address address = {.length = 4};
    if (inet_pton(AF_INET, text, address.bytes) != 1) {
        address.length = 16;
        if (inet_pton(AF_INET6, text, address.bytes) != 1) {
            return why_set(why, ST_INVALID, "'%.60s' is not an IP address", text);
        }
    }
    network_unmap(&address);
    *out = address;
    return ST_OK;
}

static bool
host_bits_are_zero(const struct network *network)
{
    for (unsigned bit = network->prefix; bit < network->address.length * 8; bit++) {
        if ((network->address.bytes[bit / 8] >> (7 - bit % 8) & 1) != 0) {
            return false;
        }
    }
    return true;
}

enum status
network_parse(const char *text, struct network *out, struct why *why)
{
    char address[64];
    const char *slash = strchr(text, '/');
    size_t length = slash == NULL ? strlen(text) : (size_t)(slash - text);
    struct network network = {.prefix = 0};
    if (length < sizeof(address)) {
        memcpy(address, text, length);
        address[length] = '\0';
    }
    if (length >= sizeof(address) ||
        network_parse_address(address, &network.address, NULL) != ST_OK) {
        return why_set(why, ST_INVALID, "'%.60s' is not a network such as 10.0.0.0/8", text);
    }
    unsigned bits = network.address.length * 8;
    uint64_t prefix = bits;
    if (slash != NULL && parse_uint(slash + 1, bits, &prefix, NULL) != ST_OK) {
        return why_set(why, ST_INVALID, "'%.60s' needs a prefix length from 0 to %u", text, bits);
    }
    network.prefix = (unsigned)prefix;
    if (!host_bits_are_zero(&network)) {
        return why_set(why, ST_INVALID, "'%.60s' has bits set behind its prefix length", text);
    }
    *out = network;
    return ST_OK;
}

bool
network_contains(const struct network *network, const struct network_address *address)
{
    if (network->address.length != address->length) {
        return false;
    }
    unsigned whole = network->prefix / 8;
    unsigned rest = network->prefix % 8;
    if (memcmp(network->address.bytes, address->bytes, whole) != 0) {
        return false;
    }
    return rest == 0 || (network->address.bytes[whole] ^ address->bytes[whole]) >> (8 - rest) == 0;
}

bool
network_list_contains(const struct network *list, size_t count,
                      const struct network_address *address)
{
    for (size_t i = 0; i < count; i++) {
        if (network_contains(&list[i], address)) {
            return true;
        }
    }
    return false;
}

static void
parse_not_public(void)
{
    for (size_t i = 0; i < ARRAY_LEN(NOT_PUBLIC); i++) {
        struct why why;
        if (network_parse(NOT_PUBLIC[i], &not_public[i], &why) != ST_OK) {
            abort(); // a constant of ours is wrong
        }
    }
}

bool
network_is_public(const struct network_address *address)
{
    (void)pthread_once(&not_public_once, parse_not_public);
    return !network_list_contains(not_public, ARRAY_LEN(not_public), address);
}
