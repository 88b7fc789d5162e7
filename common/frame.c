// SPDX-License-Identifier: Apache-2.0
#include "common/frame.h"

#include <string.h>

enum { FIELD_HEAD = 5, NUMBER_SIZE = 8 };

static void
put_head(struct strbuf *out, uint8_t tag, size_t length)
{
    unsigned char head[FIELD_HEAD] = {tag, (unsigned char)(length >> 24),
                                      (unsigned char)(length >> 16), (unsigned char)(length >> 8),
                                      (unsigned char)length};
    strbuf_append(out, head, sizeof(head));
}

static void
put_number(struct strbuf *out, uint8_t tag, uint64_t value)
{
    unsigned char bytes[NUMBER_SIZE];
    for (size_t i = 0; i < NUMBER_SIZE; i++) {
        bytes[i] = (unsigned char)(value >> (8 * (NUMBER_SIZE - 1 - i)));
    }
    put_head(out, tag, sizeof(bytes));
    strbuf_append(out, bytes, sizeof(bytes));
}

enum status
frame_encode(const struct frame_layout *layout, const void *source, struct strbuf *out,
             struct why *why)
{
    size_t start = out->length;
    strbuf_putc(out, (char)layout->kind);
    for (size_t i = 0; i < layout->field_count; i++) {
        const struct frame_field *field = &layout->fields[i];
        const char *member = (const char *)source + field->offset;
        if (field->type == FRAME_NUMBER) {
            uint64_t value;
            memcpy(&value, member, sizeof(value));
            put_number(out, field->tag, value);
            continue;
        }
        const char *text = *(const char *const *)(const void *)member;
        size_t length = text == NULL ? 0 : strlen(text);
        if (length > field->max) {
            return why_set(why, ST_TOO_LARGE, "%s has %zu bytes, more than %zu", field->name,
                           length, field->max);
        }
        put_head(out, field->tag, length + 1);
        strbuf_append(out, text == NULL ? "" : text, length + 1);
    }
    if (out->overflow || out->length - start > FRAME_MAX) {
        return why_set(why, ST_TOO_LARGE, "a packet of more than %d bytes", FRAME_MAX);
    }
    return ST_OK;
}

static void
clear(const struct frame_layout *layout, void *target)
{
    static const uint64_t zero = 0;
    for (size_t i = 0; i < layout->field_count; i++) {
        char *member = (char *)target + layout->fields[i].offset;
        if (layout->fields[i].type == FRAME_NUMBER) {
            memcpy(member, &zero, sizeof(zero));
        } else {
            *(const char **)(void *)member = "";
        }
    }
}

static const struct frame_field *
find_field(const struct frame_layout *layout, uint8_t tag)
{
    for (size_t i = 0; i < layout->field_count; i++) {
        if (layout->fields[i].tag == tag) {
            return &layout->fields[i];
        }
    }
    return NULL;
}

static enum status
take_field(const struct frame_field *field, const char *data, size_t length, void *target,
           struct why *why)
{
    char *member = (char *)target + field->offset;
    if (field->type == FRAME_TEXT) {
        bool terminated = length > 0 && memchr(data, '\0', length) == data + length - 1;
        if (!terminated || length - 1 > field->max) {
            return why_set(why, ST_INVALID, "%s is no text of at most %zu bytes", field->name,
                           field->max);
        }
        *(const char **)(void *)member = data;
        return ST_OK;
    }
    if (length != NUMBER_SIZE) {
        return why_set(why, ST_INVALID, "%s is no number", field->name);
    }
    uint64_t value = 0;
    for (size_t i = 0; i < NUMBER_SIZE; i++) {
        value = value << 8 | (unsigned char)data[i];
    }
    memcpy(member, &value, sizeof(value));
    return ST_OK;
}

enum status
frame_decode(const struct frame_layout *layout, const char *packet, size_t length, void *target,
             struct why *why)
{
    if (length == 0 || (uint8_t)packet[0] != layout->kind) {
        return why_set(why, ST_INVALID, "a packet of another kind");
    }
    bool seen[256] = {false};
    clear(layout, target);
    for (size_t at = 1; at < length;) {
        if (length - at < FIELD_HEAD) {
            return why_set(why, ST_INVALID, "a packet that ends inside a field");
        }
        const unsigned char *head = (const unsigned char *)packet + at;
        size_t size =
            (size_t)head[1] << 24 | (size_t)head[2] << 16 | (size_t)head[3] << 8 | head[4];
        const struct frame_field *field = find_field(layout, head[0]);
        at += FIELD_HEAD;
        if (field == NULL || seen[field->tag] || size > length - at) {
            return why_set(why, ST_INVALID, "a packet with an unknown, repeated or cut field");
        }
        seen[field->tag] = true;
        if (take_field(field, packet + at, size, target, why) != ST_OK) {
            return ST_INVALID;
        }
        at += size;
    }
    return ST_OK;
}
