// SPDX-License-Identifier: Apache-2.0
#include "verifier/message/body_hash.h"

#include <string.h>

#include "common/xalloc.h"
#include "verifier/message/public_key.h"

struct wish {
    uint64_t length;
    unsigned char hash[SHA256_SIZE];
};

/* One canonicalisation. */
struct stream {
    struct canon_body canon;
    struct hasher *hasher; /* NULL: nobody wants it */
    uint64_t length;
    struct wish *wishes; /* by length */
    size_t count;
    size_t reached; /* wishes that have their hash */
};

struct body_hash {
    struct stream streams[CANON_RELAXED + 1];
};

struct body_hash *
body_hash_new(void)
{
    return xcalloc(1, sizeof(struct body_hash));
}

void
body_hash_free(struct body_hash *hashes)
{
    if (hashes == NULL) {
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(hashes->streams); i++) {
        hasher_free(hashes->streams[i].hasher);
        free(hashes->streams[i].wishes);
    }
    free(hashes);
}

static void
reach(struct stream *stream)
{
    while (stream->reached < stream->count &&
           stream->wishes[stream->reached].length == stream->length) {
        hasher_peek(stream->hasher, stream->wishes[stream->reached++].hash);
    }
}

static void
take_bytes(void *context, const void *data, size_t length)
{
    struct stream *stream = context;
    const char *bytes = data;
    while (length > 0 && stream->reached < stream->count) {
        uint64_t left = stream->wishes[stream->reached].length - stream->length;
        size_t piece = left < length ? (size_t)left : length;
        hasher_update(stream->hasher, bytes, piece);
        stream->length += piece;
        bytes += piece;
        length -= piece;
        reach(stream);
    }
    stream->length += length; // past every wish only the length matters
}

void
body_hash_want(struct body_hash *hashes, enum canon canon, uint64_t length)
{
    struct stream *stream = &hashes->streams[canon];
    if (stream->hasher == NULL) {
        stream->hasher = hasher_new();
        canon_body_init(&stream->canon, canon, take_bytes, stream);
    }
    size_t at = 0;
    while (at < stream->count && stream->wishes[at].length < length) {
        at++;
    }
    if (at < stream->count && stream->wishes[at].length == length) {
        return;
    }
    stream->wishes = xreallocarray(stream->wishes, stream->count + 1, sizeof(stream->wishes[0]));
    memmove(stream->wishes + at + 1, stream->wishes + at,
            (stream->count - at) * sizeof(stream->wishes[0]));
    stream->wishes[at] = (struct wish){.length = length};
    stream->count++;
    if (length == 0) {
        reach(stream);
    }
}

void
body_hash_feed(struct body_hash *hashes, const void *data, size_t length)
{
    for (size_t i = 0; i < ARRAY_LEN(hashes->streams); i++) {
        if (hashes->streams[i].hasher != NULL) {
            canon_body_feed(&hashes->streams[i].canon, data, length);
        }
    }
}

void
body_hash_finish(struct body_hash *hashes)
{
    for (size_t i = 0; i < ARRAY_LEN(hashes->streams); i++) {
        struct stream *stream = &hashes->streams[i];
        if (stream->hasher == NULL) {
            continue;
        }
        canon_body_finish(&stream->canon);
        if (stream->reached < stream->count &&
            stream->wishes[stream->count - 1].length == BODY_HASH_WHOLE) {
            hasher_finish(stream->hasher, stream->wishes[stream->count - 1].hash);
        }
    }
}

enum status
body_hash_get(const struct body_hash *hashes, enum canon canon, uint64_t length,
              unsigned char out[SHA256_SIZE])
{
    const struct stream *stream = &hashes->streams[canon];
    if (length != BODY_HASH_WHOLE && length > stream->length) {
        return ST_TOO_LARGE;
    }
    for (size_t i = 0; i < stream->count; i++) {
        if (stream->wishes[i].length == length) {
            memcpy(out, stream->wishes[i].hash, SHA256_SIZE);
            return ST_OK;
        }
    }
    return ST_BUG;
}

uint64_t
body_hash_length(const struct body_hash *hashes, enum canon canon)
{
    return hashes->streams[canon].length;
}
