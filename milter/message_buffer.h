// SPDX-License-Identifier: Apache-2.0
// Collects one message as the milter protocol brings it, field by field and chunk by chunk, and
// gives it out as one descriptor: in memory up to 256 KB, then in an unlinked file.
#ifndef MILTER_MESSAGE_BUFFER_H
#define MILTER_MESSAGE_BUFFER_H

#include <stddef.h>
#include <stdint.h>

#include "common/status.h"

enum {
    MESSAGE_BUFFER_MEMORY_MAX = 256 * 1024,  /* above it, the file */
    MESSAGE_BUFFER_HEADER_MAX = 1024 * 1024, /* header block; no honest sender comes near */
};

struct message_buffer;

/** What a whole message is wanted as. */
enum message_form {
    MESSAGE_FORM_ANY, /* to be read here: in memory, or, when it is large, a descriptor */
    MESSAGE_FORM_FILE /* to be passed on: a descriptor */
};

/** A whole message; all of it is borrowed from the buffer. */
struct message_bytes {
    const char *data; /* NULL: only in the file */
    int fd;           /* the bytes start at offset 0; -1: only in memory */
    uint64_t size;
    uint64_t header_length; /* empty line included */
};

/**
 * An empty buffer.
 *
 * @spool     folder for the file; borrowed
 * @max_size  bytes of the whole message
 */
struct message_buffer *message_buffer_new(const char *spool, uint64_t max_size);
void message_buffer_free(struct message_buffer *buffer); /* NULL-safe */

/** The three below never fail at once: the first failure stays, later bytes are dropped, and
 *  message_buffer_finish tells. They block on disk when the message is large. */

/** One field. Bare LF of folding becomes CRLF; `value` begins with what followed the colon. */
void message_buffer_add_field(struct message_buffer *buffer, const char *name, const char *value);

/** The header block is complete. */
void message_buffer_end_fields(struct message_buffer *buffer);

void message_buffer_add_body(struct message_buffer *buffer, const void *data, size_t length);

/**
 * The message. As a file, what was in memory becomes a sealed memfd too. Call once.
 *
 * @return ST_OK; ST_TOO_LARGE: max_size or the header cap; ST_NO_SPACE; ST_IO
 */
MUST_CHECK enum status message_buffer_finish(struct message_buffer *buffer, enum message_form form,
                                             struct message_bytes *bytes_out, struct why *why);

#endif
