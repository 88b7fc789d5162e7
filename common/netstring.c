// SPDX-License-Identifier: Apache-2.0
#include "common/netstring.h"

#include <ctype.h>

enum netstring_state
netstring_next(const char *input, size_t length, size_t max, struct netstring *out)
{
    size_t value = 0;
    size_t digits = 0;
    while (digits < length && isdigit((unsigned char)input[digits])) {
        value = value * 10 + (size_t)(input[digits] - '0');
        digits++;
        if (value > max || (input[0] == '0' && digits > 1)) {
            return NETSTRING_BAD; // also ends long before the number could overflow
        }
    }
    if (digits == length) {
        return NETSTRING_PARTIAL;
    }
    if (digits == 0 || input[digits] != ':') {
        return NETSTRING_BAD;
    }
    size_t whole = digits + 1 + value + 1;
    if (length < whole) {
        return NETSTRING_PARTIAL;
    }
    if (input[whole - 1] != ',') {
        return NETSTRING_BAD;
    }
    *out = (struct netstring){.bytes = input + digits + 1, .length = value, .consumed = whole};
    return NETSTRING_COMPLETE;
}

void
netstring_append(struct strbuf *out, const char *bytes, size_t length)
{
    strbuf_printf(out, "%zu:", length);
    strbuf_append(out, bytes, length);
    strbuf_putc(out, ',');
}
