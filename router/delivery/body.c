// SPDX-License-Identifier: Apache-2.0
#include "router/delivery/body.h"

#include <stdlib.h>
#include <string.h>

#include "common/base64.h"
#include "common/xalloc.h"

enum {
    INPUT_SIZE = 48 * 1024, /* a multiple of 3: base64 pieces then join without padding */
    OUTPUT_SIZE = INPUT_SIZE / 3 * 4 + 1
};

enum stage { STAGE_BEFORE, STAGE_MESSAGE, STAGE_AFTER, STAGE_END };

struct body_reader {
    const struct body *body;
    const struct body_source *source;
    enum stage stage;      /* of the piece that comes next */
    size_t range;          /* position in the message */
    uint64_t range_offset; /* in that range */
    const char *piece;     /* bytes not handed out yet */
    size_t piece_length;
    char *input;
    char *output; /* base64 of the input; NULL when the message goes out as it is */
};

void
body_add_range(struct body *body, uint64_t offset, uint64_t length)
{
    if (length == 0) {
        return;
    }
    size_t count = body->range_count;
    if ((count & (count - 1)) == 0) { // room grows at powers of two
        body->ranges =
            xreallocarray(body->ranges, count == 0 ? 1 : count * 2, sizeof(*body->ranges));
    }
    body->ranges[count] = (struct body_range){.offset = offset, .length = length};
    body->range_count++;
}

uint64_t
body_message_length(const struct body *body)
{
    uint64_t length = 0;
    for (size_t i = 0; i < body->range_count; i++) {
        length += body->ranges[i].length;
    }
    return length;
}

uint64_t
body_length(const struct body *body)
{
    uint64_t message = body_message_length(body);
    return body->before.length + (body->base64 ? base64_encoded_length(message) : message) +
           body->after.length;
}

void
body_done(struct body *body)
{
    strbuf_done(&body->before);
    strbuf_done(&body->after);
    free(body->ranges);
    *body = BODY_INIT;
}

struct body_reader *
body_reader_new(const struct body *body, const struct body_source *source)
{
    struct body_reader *reader = xcalloc(1, sizeof(*reader));
    reader->body = body;
    reader->source = source;
    reader->input = xreallocarray(NULL, INPUT_SIZE, 1);
    reader->output = body->base64 ? xreallocarray(NULL, OUTPUT_SIZE, 1) : NULL;
    return reader;
}

void
body_reader_free(struct body_reader *reader)
{
    if (reader == NULL) {
        return;
    }
    free(reader->input);
    free(reader->output);
    free(reader);
}

void
body_reader_rewind(struct body_reader *reader)
{
    reader->stage = STAGE_BEFORE;
    reader->range = 0;
    reader->range_offset = 0;
    reader->piece_length = 0;
}

// One read inside the current range.
static enum status
read_some(struct body_reader *reader, char *out, size_t size, size_t *length_out, struct why *why)
{
    const struct body_range *range = &reader->body->ranges[reader->range];
    uint64_t left = range->length - reader->range_offset;
    size_t wanted = left < size ? (size_t)left : size;
    size_t length = 0;
    enum status status = reader->source->read(
        reader->source->context, range->offset + reader->range_offset, out, wanted, &length, why);
    if (status != ST_OK) {
        return status;
    }
    if (length == 0) {
        return why_set(why, ST_IO, "the stored message is shorter than recorded");
    }
    reader->range_offset += length;
    if (reader->range_offset == range->length) {
        reader->range++;
        reader->range_offset = 0;
    }
    *length_out = length;
    return ST_OK;
}

// Fills the input whole, unless the message ends.
static enum status
read_message(struct body_reader *reader, size_t *length_out, struct why *why)
{
    size_t filled = 0;
    while (filled < INPUT_SIZE && reader->range < reader->body->range_count) {
        size_t length = 0;
        enum status status =
            read_some(reader, reader->input + filled, INPUT_SIZE - filled, &length, why);
        if (status != ST_OK) {
            return status;
        }
        filled += length;
    }
    *length_out = filled;
    return ST_OK;
}

static void
set_piece(struct body_reader *reader, const char *piece, size_t length)
{
    reader->piece = piece;
    reader->piece_length = length;
}

static enum status
next_message_piece(struct body_reader *reader, struct why *why)
{
    size_t length = 0;
    enum status status = read_message(reader, &length, why);
    if (status != ST_OK) {
        return status;
    }
    if (length == 0) {
        reader->stage = STAGE_AFTER;
    } else if (reader->output == NULL) {
        set_piece(reader, reader->input, length);
    } else {
        base64_encode(reader->input, length, reader->output);
        set_piece(reader, reader->output, base64_encoded_length(length));
    }
    return ST_OK;
}

static enum status
next_piece(struct body_reader *reader, struct why *why)
{
    switch (reader->stage) {
    case STAGE_BEFORE:
        set_piece(reader, reader->body->before.data, reader->body->before.length);
        reader->stage = STAGE_MESSAGE;
        return ST_OK;
    case STAGE_MESSAGE:
        return next_message_piece(reader, why);
    case STAGE_AFTER:
        set_piece(reader, reader->body->after.data, reader->body->after.length);
        reader->stage = STAGE_END;
        return ST_OK;
    case STAGE_END:
        return ST_OK;
    }
    return ST_BUG;
}

enum status
body_reader_read(struct body_reader *reader, void *out, size_t size, size_t *length_out,
                 struct why *why)
{
    while (reader->piece_length == 0 && reader->stage != STAGE_END) {
        enum status status = next_piece(reader, why);
        if (status != ST_OK) {
            return status;
        }
    }
    size_t length = reader->piece_length < size ? reader->piece_length : size;
    if (length > 0) {
        memcpy(out, reader->piece, length);
        set_piece(reader, reader->piece + length, reader->piece_length - length);
    }
    *length_out = length;
    return ST_OK;
}
