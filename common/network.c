// SPDX-License-Identifier: Apache-2.0
#include "common/network.h"

#include <arpa/inet.h>
#include <string.h>

#include "common/parse.h"

static void
unmap(struct network_address *address)
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
    unmap(&address);
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
