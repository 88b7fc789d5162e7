// SPDX-License-Identifier: Apache-2.0
// The body of a request: literal bytes, the stored message (as it is or in base64), literal bytes.
// The message is read from its source piece by piece, so a body costs the same memory at any size.
#ifndef ROUTER_DELIVERY_BODY_H
#define ROUTER_DELIVERY_BODY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/status.h"
#include "common/strbuf.h"

/** Where the bytes of the message come from. */
struct body_source {
    /** As store_body_read: up to `size` bytes from `offset`; *length_out 0 at the end. */
    enum status (*read)(void *context, uint64_t offset, void *buffer, size_t size,
                        size_t *length_out, struct why *why);
    void *context;
};

/** A part of the message. */
struct body_range {
    uint64_t offset;
    uint64_t length;
};

enum { BODY_LITERAL_MAX = 4 * 1024 * 1024 };

struct body {
    struct strbuf before;
    struct body_range *ranges; /* what is delivered of the message, in order */
    size_t range_count;
    bool base64;
    struct strbuf after;
};

#define BODY_INIT                                                                                  \
    ((struct body){.before = STRBUF_INIT(BODY_LITERAL_MAX), .after = STRBUF_INIT(BODY_LITERAL_MAX)})

/** Append a part of the message; empty ones are passed over. */
void body_add_range(struct body *body, uint64_t offset, uint64_t length);

/** Bytes of the message that are delivered, before base64. */
uint64_t body_message_length(const struct body *body);

/** Bytes of the whole body. */
uint64_t body_length(const struct body *body);

/** Release the memory; the body is empty afterwards. */
void body_done(struct body *body);

struct body_reader;

/** Start reading; body and source are borrowed. Never NULL. */
struct body_reader *body_reader_new(const struct body *body, const struct body_source *source);
void body_reader_free(struct body_reader *reader);

/**
 * The next bytes, at least one unless the body is over (*length_out 0). Blocks as its source does.
 *
 * @return ST_OK; ST_IO the message is shorter than recorded; what the source returns
 */
MUST_CHECK enum status body_reader_read(struct body_reader *reader, void *out, size_t size,
                                        size_t *length_out, struct why *why);

/** Back to the first byte. */
void body_reader_rewind(struct body_reader *reader);

#endif
