// SPDX-License-Identifier: Apache-2.0
// The canonical forms of header fields and bodies (RFC 6376, 3.4), which DKIM and ARC share.
// CRLF ends a line; a CR or LF alone is a byte like any other.
#ifndef VERIFIER_MESSAGE_CANON_H
#define VERIFIER_MESSAGE_CANON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum canon { CANON_SIMPLE, CANON_RELAXED };

/**
 * The relaxed form of a field, without CRLF at the end.
 *
 * @field  name, colon, value; folding inside and a line end behind it may be there
 * @out    as many bytes as `field` has
 * @return how many were written
 */
size_t canon_relaxed_field(const char *field, size_t length, char *out);

/** Takes canonical bytes. */
typedef void canon_sink(void *context, const void *data, size_t length);

enum { CANON_STAGE_SIZE = 512 };

/** A running body. Copies nothing but what it must change. */
struct canon_body {
    enum canon canon;
    canon_sink *sink;
    void *context;
    uint64_t empty_lines; /* held back: they count only if something follows */
    bool started;         /* something was written */
    bool in_line;         /* something of this line was written */
    bool pending_blank;   /* relaxed: white space that may be the end of the line */
    bool pending_cr;      /* the last byte; LF makes it a line end */
    size_t staged;
    char stage[CANON_STAGE_SIZE]; /* short pieces on their way to the sink */
};

void canon_body_init(struct canon_body *body, enum canon canon, canon_sink *sink, void *context);

/** The next piece; any split gives the same result. */
void canon_body_feed(struct canon_body *body, const char *data, size_t length);

/** The end: completes the last line, drops empty lines; the sink has everything afterwards. */
void canon_body_finish(struct canon_body *body);

#endif
