// SPDX-License-Identifier: Apache-2.0
// IP addresses and networks as text and bytes.
#ifndef COMMON_NETWORK_H
#define COMMON_NETWORK_H

#include <stdbool.h>
#include <stddef.h>

#include "common/status.h"

/** An address; IPv4 is kept as 4 bytes, and ::ffff:a.b.c.d is unmapped to it. */
struct network_address {
    unsigned char bytes[16];
    unsigned length; /* 4 or 16 */
};

struct network {
    struct network_address address;
    unsigned prefix; /* bits */
};

/** "192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1"; no scope, no brackets. */
MUST_CHECK enum status network_parse_address(const char *text, struct network_address *out,
                                             struct why *why);

/** "10.0.0.0/8", "2001:db8::/32", or an address alone. Host bits must be zero. */
MUST_CHECK enum status network_parse(const char *text, struct network *out, struct why *why);

/** ::ffff:a.b.c.d becomes the IPv4 address it stands for; others stay. */
void network_unmap(struct network_address *address);

bool network_contains(const struct network *network, const struct network_address *address);

/**
 * False for what is not the public Internet (RFC 6890 and its registries: private, loopback,
 * link-local, multicast, documentation ...), and for the IPv6 forms that embed an IPv4 address.
 */
bool network_is_public(const struct network_address *address);

bool network_list_contains(const struct network *list, size_t count,
                           const struct network_address *address);

#endif
