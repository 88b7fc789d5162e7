// SPDX-License-Identifier: Apache-2.0
// The fields of a message as signatures cover them: in order, by name from the last to the first,
// in both canonical forms, each form made once.
#ifndef VERIFIER_MESSAGE_HEADER_INDEX_H
#define VERIFIER_MESSAGE_HEADER_INDEX_H

#include <stdbool.h>
#include <stddef.h>

#include "verifier/message/canon.h"
#include "verifier/message/public_key.h"

/** A field as it stands in the message. Spans are borrowed from the index. */
struct indexed_field {
    const char *text; /* name to the end of the value; CRLF stands behind it */
    size_t length;    /* without that CRLF */
    size_t name_length;
    size_t value_offset;
    const char *relaxed; /* NULL until asked for */
    size_t relaxed_length;
};

struct header_index; /* one thread at a time */

/** Copies the block. Lines end with LF or CRLF; lines that are no field are passed over. */
struct header_index *header_index_new(const char *header, size_t length);
void header_index_free(struct header_index *index);

size_t header_index_count(const struct header_index *index);

/** Field number `i` of the message, from the top. */
const struct indexed_field *header_index_field(const struct header_index *index, size_t i);

/** True if it has this name, without regard to case. */
bool indexed_field_is(const struct indexed_field *field, const char *name);

/** Hash a field in its canonical form, with CRLF. */
void header_index_hash(struct header_index *index, size_t i, enum canon canon,
                       struct hasher *hasher);

/**
 * Hash the fields that h= names (RFC 6376, 5.4.2): each name takes the lowest field of that name
 * that is left; a name without one adds nothing.
 *
 * @names  the value of h=; white space around names is passed over
 * @own    number of the signature field itself, which is never taken
 */
void header_index_hash_selected(struct header_index *index, const char *names, size_t length,
                                size_t own, enum canon canon, struct hasher *hasher);

/** Hash a signature field with this part of it taken out (the value of b=), without CRLF. */
void header_index_hash_own(struct header_index *index, size_t i, enum canon canon,
                           size_t cut_offset, size_t cut_length, struct hasher *hasher);

#endif
