// SPDX-License-Identifier: Apache-2.0
// Structs over a Unix SOCK_SEQPACKET socket: one packet a struct, described by a table of fields.
// Packet: one byte `kind`, then per field: tag (1 byte), length (4 bytes, big-endian), bytes.
#ifndef COMMON_FRAME_H
#define COMMON_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "common/status.h"
#include "common/strbuf.h"

enum {
    FRAME_MAX = 256 * 1024, /* largest packet; a larger one is refused on both sides */
};

enum frame_type {
    FRAME_TEXT,  /* const char *: never NULL after decoding; no NUL inside */
    FRAME_NUMBER /* uint64_t */
};

struct frame_field {
    uint8_t tag; /* 1 to 255, unique in its table */
    enum frame_type type;
    size_t offset; /* of the member in the struct */
    size_t max;    /* FRAME_TEXT: most bytes, without NUL */
    const char *name;
};

/** A table for one packet kind. Fields that are missing when decoding are "" or 0. */
struct frame_layout {
    uint8_t kind;
    const struct frame_field *fields;
    size_t field_count;
};

#define FRAME_TEXT_FIELD(number, type_name, member, most)                                          \
    {                                                                                              \
        .tag = (number), .type = FRAME_TEXT, .offset = offsetof(type_name, member), .max = (most), \
        .name = #member                                                                            \
    }
#define FRAME_NUMBER_FIELD(number, type_name, member)                                              \
    {                                                                                              \
        .tag = (number), .type = FRAME_NUMBER, .offset = offsetof(type_name, member),              \
        .name = #member                                                                            \
    }

/** Append the packet to `out`. ST_TOO_LARGE when a text or the whole passes its cap. */
MUST_CHECK enum status frame_encode(const struct frame_layout *layout, const void *source,
                                    struct strbuf *out, struct why *why);

/**
 * Fill the struct `target` from a packet. Texts point into `packet`, which must outlive them.
 *
 * @return ST_OK; ST_INVALID: other kind, unknown or repeated tag, wrong length, NUL inside a text.
 */
MUST_CHECK enum status frame_decode(const struct frame_layout *layout, const char *packet,
                                    size_t length, void *target, struct why *why);

#endif
