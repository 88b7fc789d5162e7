// SPDX-License-Identifier: Apache-2.0
#include "router/delivery/payload.h"

#include <string.h>

#include "common/cleanup.h"
#include "common/forged.h"
#include "common/header.h"
#include "common/xalloc.h"

static enum status
read_exactly(const struct body_source *source, char *buffer, size_t size, struct why *why)
{
    size_t filled = 0;
    while (filled < size) {
        size_t length = 0;
        enum status status =
            source->read(source->context, filled, buffer + filled, size - filled, &length, why);
        if (status != ST_OK) {
            return status;
        }
        if (length == 0) {
            return why_set(why, ST_IO, "the stored message is shorter than recorded");
        }
        filled += length;
    }
    return ST_OK;
}

// The start of the last field: what is cut off inside a field is not one.
static size_t
last_field_offset(const char *block, size_t length)
{
    size_t last = 0;
    struct header_field field;
    for (size_t offset = 0; header_next(block, length, &offset, &field);) {
        last = (size_t)(field.name - block);
    }
    return last;
}

// The length of the empty line that ends a header block which was read only in part.
enum { EMPTY_LINE = 2 };

// The ranges of the message that are delivered: all but forged fields and those behind the cap.
static void
select_ranges(const struct payload_input *input, const struct payload_header *header,
              struct body *body)
{
    uint64_t start = 0;
    struct header_field field;
    for (size_t offset = 0; header_next(header->block, header->length, &offset, &field);) {
        if (forged_is(&field, input->authserv_id)) {
            uint64_t field_start = (uint64_t)(field.name - header->block);
            body_add_range(body, start, field_start - start);
            start = offset;
        }
    }
    uint64_t size = input->message->size;
    if (header->cut) {
        body_add_range(body, start, header->length - start);
        start = input->message->header_length - EMPTY_LINE;
    }
    body_add_range(body, start, size - start);
}

enum status
payload_build(const struct payload_input *input, const struct body_source *source,
              struct body *body_out, struct why *why)
{
    uint64_t header_length = input->message->header_length;
    if (header_length > input->message->size) {
        return why_set(why, ST_IO, "the stored header length passes the message");
    }
    bool cut = header_length > PAYLOAD_HEADER_MAX;
    size_t length = cut ? PAYLOAD_HEADER_MAX : (size_t)header_length;
    AUTO_FREE char *block = xreallocarray(NULL, length + 1, 1);
    enum status status = read_exactly(source, block, length, why);
    if (status != ST_OK) {
        return status;
    }
    struct payload_header header = {
        .block = block, .length = cut ? last_field_offset(block, length) : length, .cut = cut};
    select_ranges(input, &header, body_out);
    if (input->destination->format == FORMAT_JSON) {
        payload_format_json(input, &header, body_out);
    } else {
        payload_format_raw(input, &body_out->before);
    }
    if (body_out->before.overflow || body_out->after.overflow) {
        return why_set(why, ST_TOO_LARGE, "the payload's own part passes %d bytes",
                       (int)BODY_LITERAL_MAX);
    }
    return ST_OK;
}

const char *
payload_content_type(enum destination_format format)
{
    return format == FORMAT_JSON ? "application/json" : "message/rfc822";
}
