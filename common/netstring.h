// SPDX-License-Identifier: Apache-2.0
// Netstrings: "<length>:<bytes>,", as socketmap_table(5) frames its requests and answers.
#ifndef COMMON_NETSTRING_H
#define COMMON_NETSTRING_H

#include <stddef.h>

#include "common/strbuf.h"

enum netstring_state {
    NETSTRING_COMPLETE,
    NETSTRING_PARTIAL, /* read on */
    NETSTRING_BAD      /* no netstring, or longer than allowed: the stream is lost */
};

struct netstring {
    const char *bytes; /* borrowed from the input */
    size_t length;
    size_t consumed; /* of the input, framing included */
};

/** Take the first netstring of the input, of at most `max` bytes. `out` is set when complete. */
enum netstring_state netstring_next(const char *input, size_t length, size_t max,
                                    struct netstring *out);

void netstring_append(struct strbuf *out, const char *bytes, size_t length);

#endif
