// SPDX-License-Identifier: Apache-2.0
#include "common/strbuf.h"

#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include "common/xalloc.h"

enum { FIRST_ALLOCATION = 256 };

void
strbuf_done(struct strbuf *buffer)
{
    if (buffer == NULL) {
        return;
    }
    free(buffer->data);
    *buffer = STRBUF_INIT(buffer->cap);
}

void
strbuf_reset(struct strbuf *buffer)
{
    buffer->length = 0;
    buffer->overflow = false;
    if (buffer->data != NULL) {
        buffer->data[0] = '\0';
    }
}

static bool
reserve(struct strbuf *buffer, size_t more)
{
    if (buffer->overflow || more > buffer->cap - buffer->length) {
        buffer->overflow = true;
        return false;
    }
    size_t wanted = buffer->length + more + 1;
    if (wanted > buffer->allocated) {
        size_t size = buffer->allocated == 0 ? FIRST_ALLOCATION : buffer->allocated;
        while (size < wanted) {
            size *= 2;
        }
        buffer->data = xreallocarray(buffer->data, size, 1);
        buffer->allocated = size;
    }
    return true;
}

void
strbuf_append(struct strbuf *buffer, const void *data, size_t length)
{
    if (!reserve(buffer, length)) {
        return;
    }
    if (length > 0) {
        memcpy(buffer->data + buffer->length, data, length);
    }
    buffer->length += length;
    buffer->data[buffer->length] = '\0';
}

void
strbuf_puts(struct strbuf *buffer, const char *text)
{
    strbuf_append(buffer, text, strlen(text));
}

void
strbuf_putc(struct strbuf *buffer, char c)
{
    strbuf_append(buffer, &c, 1);
}

void
strbuf_printf(struct strbuf *buffer, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (length >= 0 && reserve(buffer, (size_t)length)) {
        (void)vsnprintf(buffer->data + buffer->length, (size_t)length + 1, format, again);
        buffer->length += (size_t)length;
    }
    va_end(again);
}

const char *
strbuf_text(const struct strbuf *buffer)
{
    return buffer->data == NULL ? "" : buffer->data;
}

char *
strbuf_steal(struct strbuf *buffer)
{
    char *text = buffer->data == NULL ? xstrdup("") : buffer->data;
    *buffer = STRBUF_INIT(buffer->cap);
    return text;
}
