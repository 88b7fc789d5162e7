// SPDX-License-Identifier: Apache-2.0
// A growing byte buffer that cannot be made without a cap. Overflow sticks: appends past the cap do
// nothing, and the writer asks once, at the end.
#ifndef COMMON_STRBUF_H
#define COMMON_STRBUF_H

#include <stdbool.h>
#include <stddef.h>

#include "common/attrs.h"
#include "common/cleanup.h"

struct strbuf {
    char *data;    /* always NUL-terminated after the first append; NULL before */
    size_t length; /* bytes, without the NUL */
    size_t allocated;
    size_t cap;    /* most bytes it may hold */
    bool overflow; /* an append did not fit; the content is not to be used */
};

#define STRBUF_INIT(cap_bytes) ((struct strbuf){.cap = (cap_bytes)})

/** Release the memory; the buffer may be used again with the same cap. NULL-safe. */
void strbuf_done(struct strbuf *buffer);

#define AUTO_STRBUF AUTO(strbuf_done) struct strbuf

/** Forget the content and the overflow, keep the memory. */
void strbuf_reset(struct strbuf *buffer);

void strbuf_append(struct strbuf *buffer, const void *data, size_t length);
void strbuf_puts(struct strbuf *buffer, const char *text);
void strbuf_putc(struct strbuf *buffer, char c);
void strbuf_printf(struct strbuf *buffer, const char *format, ...) PRINTF_LIKE(2, 3);

/** The content as text; "" while nothing was appended. Borrowed until the next append. */
const char *strbuf_text(const struct strbuf *buffer);

/** The text, owned by the caller (free()); the buffer is empty afterwards. */
char *strbuf_steal(struct strbuf *buffer);

#endif
