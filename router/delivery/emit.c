// SPDX-License-Identifier: Apache-2.0
#include "router/delivery/emit.h"

#include <inttypes.h>
#include <string.h>

static const char REPLACEMENT[] = "\xef\xbf\xbd"; // U+FFFD

static void
before_value(struct emitter *emitter)
{
    if (emitter->comma) {
        strbuf_putc(emitter->out, ',');
    }
    emitter->comma = true;
}

void
emit_open(struct emitter *emitter, char bracket)
{
    before_value(emitter);
    strbuf_putc(emitter->out, bracket);
    emitter->comma = false;
}

void
emit_close(struct emitter *emitter, char bracket)
{
    strbuf_putc(emitter->out, bracket);
    emitter->comma = true;
}

void
emit_key(struct emitter *emitter, const char *key)
{
    before_value(emitter);
    strbuf_putc(emitter->out, '"');
    strbuf_puts(emitter->out, key);
    strbuf_puts(emitter->out, "\":");
    emitter->comma = false;
}

// Lead bytes with what may follow at once (RFC 3629, 4): overlong forms, surrogates and values
// above U+10FFFF are shut out by the range of the second byte.
static const struct {
    unsigned char first, last;
    unsigned char second_first, second_last;
    size_t length;
} SEQUENCES[] = {
    {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
    {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3}, {0xf0, 0xf0, 0x90, 0xbf, 4},
    {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
};

// How many bytes belong to the sequence at `text` (not ASCII); *valid_out says whether it is one.
// A broken one is as long as its valid start, at least one byte.
static size_t
sequence_length(const unsigned char *text, size_t length, bool *valid_out)
{
    *valid_out = false;
    for (size_t i = 0; i < ARRAY_LEN(SEQUENCES); i++) {
        if (text[0] < SEQUENCES[i].first || text[0] > SEQUENCES[i].last) {
            continue;
        }
        if (length < 2 || text[1] < SEQUENCES[i].second_first ||
            text[1] > SEQUENCES[i].second_last) {
            return 1;
        }
        size_t have = 2;
        while (have < SEQUENCES[i].length && have < length && (text[have] & 0xc0) == 0x80) {
            have++;
        }
        *valid_out = have == SEQUENCES[i].length;
        return have;
    }
    return 1;
}

static void
escape(struct strbuf *out, unsigned char c)
{
    static const char SHORT[] = {['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f',
                                 ['\r'] = 'r', ['"'] = '"',  ['\\'] = '\\'};
    if (c == '\0') {
        strbuf_puts(out, REPLACEMENT); // \u0000 is valid, but many databases refuse it
    } else if (c < sizeof(SHORT) && SHORT[c] != '\0') {
        strbuf_putc(out, '\\');
        strbuf_putc(out, SHORT[c]);
    } else {
        strbuf_printf(out, "\\u%04x", c);
    }
}

static bool
is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

void
emit_bytes(struct emitter *emitter, const char *bytes, size_t length)
{
    before_value(emitter);
    strbuf_putc(emitter->out, '"');
    const unsigned char *text = (const unsigned char *)bytes;
    size_t at = 0;
    while (at < length) {
        size_t end = at;
        while (end < length && is_plain(text[end])) {
            end++;
        }
        strbuf_append(emitter->out, text + at, end - at);
        at = end;
        if (at < length && text[at] < 0x80) {
            escape(emitter->out, text[at++]);
        } else if (at < length) {
            bool valid;
            size_t taken = sequence_length(text + at, length - at, &valid);
            strbuf_append(emitter->out, valid ? (const void *)(text + at) : REPLACEMENT,
                          valid ? taken : strlen(REPLACEMENT));
            at += taken;
        }
    }
    strbuf_putc(emitter->out, '"');
}

void
emit_text(struct emitter *emitter, const char *text)
{
    emit_bytes(emitter, text, strlen(text));
}

void
emit_number(struct emitter *emitter, uint64_t number)
{
    before_value(emitter);
    strbuf_printf(emitter->out, "%" PRIu64, number);
}

void
emit_bool(struct emitter *emitter, bool value)
{
    before_value(emitter);
    strbuf_puts(emitter->out, value ? "true" : "false");
}

void
emit_json(struct emitter *emitter, const char *json)
{
    before_value(emitter);
    strbuf_puts(emitter->out, json);
}

void
emit_member(struct emitter *emitter, const char *key, const char *text)
{
    emit_key(emitter, key);
    emit_text(emitter, text);
}
