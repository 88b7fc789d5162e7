// SPDX-License-Identifier: Apache-2.0
#include "verifier/message/canon.h"

#include <ctype.h>
#include <string.h>

enum { WORD = 16, BLOCK = 64 };

/* GCC's and clang's portable vectors: SSE2 or NEON where there is one, plain code elsewhere. */
typedef unsigned char word_bytes __attribute__((vector_size(WORD)));

static bool
is_blank(char c)
{
    return c == ' ' || c == '\t';
}

size_t
canon_relaxed_field(const char *field, size_t length, char *out)
{
    const char *colon = memchr(field, ':', length);
    size_t name = colon == NULL ? length : (size_t)(colon - field);
    size_t used = 0;
    for (size_t i = 0; i < name; i++) {
        out[used++] = (char)tolower((unsigned char)field[i]);
    }
    while (used > 0 && is_blank(out[used - 1])) {
        used--;
    }
    out[used++] = ':';
    bool blank = false;
    bool started = false;
    for (size_t i = name + 1; i < length; i++) {
        char c = field[i];
        bool line_end = c == '\n' || (c == '\r' && (i + 1 == length || field[i + 1] == '\n'));
        if (line_end) {
            continue;
        }
        if (is_blank(c)) {
            blank = true;
            continue;
        }
        if (blank && started) {
            out[used++] = ' ';
        }
        out[used++] = c;
        blank = false;
        started = true;
    }
    return used;
}

void
canon_body_init(struct canon_body *body, enum canon canon, canon_sink *sink, void *context)
{
    *body = (struct canon_body){.canon = canon, .sink = sink, .context = context};
}

static void
flush_stage(struct canon_body *body)
{
    if (body->staged > 0) {
        body->sink(body->context, body->stage, body->staged);
        body->staged = 0;
    }
}

static void
emit(struct canon_body *body, const char *data, size_t length)
{
    if (length > CANON_STAGE_SIZE - body->staged) {
        flush_stage(body);
    }
    if (length > CANON_STAGE_SIZE) {
        body->sink(body->context, data, length);
        return;
    }
    memcpy(body->stage + body->staged, data, length);
    body->staged += length;
}

// What was held back turns out to stand before something.
static void
emit_pending(struct canon_body *body)
{
    for (; body->empty_lines > 0; body->empty_lines--) {
        emit(body, "\r\n", 2);
    }
    if (body->pending_blank) {
        emit(body, " ", 1);
        body->pending_blank = false;
    }
    body->started = true;
    body->in_line = true;
}

static void
end_line(struct canon_body *body)
{
    body->pending_blank = false;
    if (body->in_line) {
        emit(body, "\r\n", 2);
    } else {
        body->empty_lines++;
    }
    body->in_line = false;
}

static void
feed_byte(struct canon_body *body, char c)
{
    if (body->pending_cr) {
        body->pending_cr = false;
        if (c == '\n') {
            end_line(body);
            return;
        }
        emit_pending(body);
        emit(body, "\r", 1);
    }
    if (c == '\r') {
        body->pending_cr = true;
    } else if (body->canon == CANON_RELAXED && is_blank(c)) {
        body->pending_blank = true;
    } else {
        emit_pending(body);
        emit(body, &c, 1);
    }
}

// Can the byte in front of `next` not be copied as it stands? Relaxed: any tab, a space before a
// blank or a CR; both: a line end before another line end.
static bool
is_irregular(enum canon canon, char c, char next)
{
    bool empty_line = c == '\n' && next == '\r';
    bool blank = c == '\t' || (c == ' ' && (is_blank(next) || next == '\r'));
    return empty_line || (canon == CANON_RELAXED && blank);
}

static bool
block_is_regular(enum canon canon, const char *data)
{
    word_bytes bad = {0};
    for (size_t at = 0; at < BLOCK; at += WORD) {
        word_bytes c;
        word_bytes next;
        memcpy(&c, data + at, WORD);
        memcpy(&next, data + at + 1, WORD);
        word_bytes cr = (word_bytes)(next == '\r');
        bad |= (word_bytes)(c == '\n') & cr;
        if (canon == CANON_RELAXED) {
            word_bytes blank = (word_bytes)(next == ' ') | cr;
            bad |= (word_bytes)(c == '\t') | ((word_bytes)(c == ' ') & blank);
        }
    }
    uint64_t halves[2];
    memcpy(halves, &bad, sizeof(halves));
    return (halves[0] | halves[1]) == 0;
}

// How many bytes from here are canonical as they stand. The last byte never is: what follows it is
// not known.
static size_t
regular_length(enum canon canon, const char *data, size_t length)
{
    size_t at = 0;
    while (at + BLOCK + 1 <= length && block_is_regular(canon, data + at)) {
        at += BLOCK;
    }
    while (at + 1 < length && !is_irregular(canon, data[at], data[at + 1])) {
        at++;
    }
    // A CR stays with what comes behind it; relaxed, so does a blank with a tab behind it. Simple
    // knows no blanks: to go back over a long run of them for each of them would be quadratic.
    while (at > 0 && (data[at - 1] == '\r' || (canon == CANON_RELAXED && is_blank(data[at - 1])))) {
        at--;
    }
    return at;
}

static bool
is_clean(const struct canon_body *body, char next)
{
    return !body->pending_cr && !body->pending_blank && body->empty_lines == 0 &&
           (body->in_line || (next != '\r' && !is_blank(next)));
}

void
canon_body_feed(struct canon_body *body, const char *data, size_t length)
{
    for (size_t at = 0; at < length;) {
        size_t run =
            is_clean(body, data[at]) ? regular_length(body->canon, data + at, length - at) : 0;
        if (run == 0) {
            feed_byte(body, data[at++]);
            continue;
        }
        emit(body, data + at, run);
        at += run;
        body->started = true;
        body->in_line = run < 2 || data[at - 1] != '\n' || data[at - 2] != '\r';
    }
}

void
canon_body_finish(struct canon_body *body)
{
    if (body->pending_cr) {
        body->pending_cr = false;
        emit_pending(body);
        emit(body, "\r", 1);
    }
    if (body->in_line) {
        emit(body, "\r\n", 2);
        body->in_line = false;
    } else if (body->canon == CANON_SIMPLE && !body->started) {
        emit(body, "\r\n", 2); // an empty body is one empty line (RFC 6376, 3.4.3)
    }
    flush_stage(body);
}
