// SPDX-License-Identifier: Apache-2.0
// Header fields of a message (RFC 5322, 2.2) as spans of its bytes: nothing is copied or cut.
#ifndef COMMON_HEADER_H
#define COMMON_HEADER_H

#include <stdbool.h>
#include <stddef.h>

/** One field. `value` starts behind the colon (leading space kept) and ends before the final CRLF;
 *  folding inside it is kept. Spans are borrowed from the block. */
struct header_field {
    const char *name;
    size_t name_length;
    const char *value;
    size_t value_length;
};

/** The length of the header block, with the empty line that ends it if there is one. */
size_t header_block_length(const char *message, size_t length);

/**
 * The next field of a block of CRLF (or LF) lines. Start with *offset = 0. Lines that are no field
 * are passed over.
 *
 * @return false at the empty line or at the end.
 */
bool header_next(const char *block, size_t length, size_t *offset, struct header_field *field_out);

/** True if the field has this name, without regard to case. */
bool header_is(const struct header_field *field, const char *name);

/** The first field of that name; false if there is none. */
bool header_find(const char *block, size_t length, const char *name,
                 struct header_field *field_out);

/** How many fields of that name there are. */
size_t header_count(const char *block, size_t length, const char *name);

/** The value unfolded (line ends dropped) and trimmed, cut to `size` - 1 bytes, NUL-terminated. */
void header_copy_value(const struct header_field *field, char *out, size_t size);

#endif
