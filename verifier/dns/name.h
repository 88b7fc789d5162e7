// SPDX-License-Identifier: Apache-2.0
// DNS names between text and wire form (RFC 1035, 3.1 and 5.1). The wire form is the one that is
// compared: it knows a dot inside a label from one between labels.
#ifndef VERIFIER_DNS_NAME_H
#define VERIFIER_DNS_NAME_H

#include <stdbool.h>
#include <stddef.h>

enum {
    DNS_WIRE_NAME_MAX = 255,
    DNS_NAME_TEXT_SIZE = 1025 /* every byte escaped, dots, NUL */
};

/** A name in uncompressed wire form, lower case. */
struct dns_name {
    unsigned char wire[DNS_WIRE_NAME_MAX];
    size_t length;
};

/**
 * Text to wire. One final dot is dropped; "\DDD" is a byte, "\x" is x.
 *
 * @return false for an empty name, an empty label, one over 63, a name over 253, a broken escape;
 *         `out` is untouched then
 */
bool dns_name_parse(const char *text, struct dns_name *out);

/** Wire (well-formed, uncompressed) to lower-case text, as dns.h describes; the root is ".". */
void dns_name_format(const unsigned char *wire, size_t length, char out[DNS_NAME_TEXT_SIZE]);

/** True if two wire names are equal without regard to case. */
bool dns_name_equal(const unsigned char *a, size_t a_length, const unsigned char *b,
                    size_t b_length);

/** True if `name` is `parent` or stands below it. */
bool dns_name_is_within(const unsigned char *name, size_t name_length, const unsigned char *parent,
                        size_t parent_length);

/** Labels without the root's: 3 of "www.example.com". */
size_t dns_name_labels(const struct dns_name *name);

#endif
