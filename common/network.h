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

bool network_contains(const struct network *network, const struct network_address *address);

bool network_list_contains(const struct network *list, size_t count,
                           const struct network_address *address);

#endif
