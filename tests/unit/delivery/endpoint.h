// SPDX-License-Identifier: Apache-2.0
// An HTTP endpoint for tests that can misbehave: plain sockets, a thread a connection, so that it
// may answer late, never, or cut the connection. It checks signatures and Base64 as it reads.
#ifndef TESTS_UNIT_DELIVERY_ENDPOINT_H
#define TESTS_UNIT_DELIVERY_ENDPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"

struct endpoint;

/** How a request is answered. */
struct endpoint_reply {
    int status;          /* 0: cut the connection once the request is read */
    const char *headers; /* "Retry-After: 1\r\n", or NULL */
    const char *body;    /* NULL: "ok" */
    bool wait;           /* only after endpoint_release() */
    bool hang_up;        /* close the connection behind the answer, without saying so in it */
    bool cut_early;      /* cut the connection after the request's header */
};

enum { ENDPOINT_START_SIZE = 16 * 1024, ENDPOINT_SEEN_MAX = 4096 };

struct endpoint_seen {
    char id[64];
    char key[64]; /* Idempotency-Key */
    int64_t timestamp;
    char content_type[64];
    char authorization[64];
    char agent[64];
    char recipient[128]; /* X-Mailspur-Recipient */
    bool signature_good;
    bool whole;
    uint64_t length;
    char *start;              /* of the body, NUL-terminated */
    unsigned char sha256[32]; /* of the body */
};

/** Listen on a free port of 127.0.0.1. The first `count` requests get their own replies, later ones
 *  the last. Replies are copied; their texts are borrowed. */
struct endpoint *endpoint_open(const struct config_secret *secret,
                               const struct endpoint_reply *replies, size_t count);
void endpoint_close(struct endpoint *endpoint);

uint16_t endpoint_port(const struct endpoint *endpoint);

/** Wait until that many requests were read (whole or not); fails the test after a while. */
void endpoint_await(struct endpoint *endpoint, size_t count);

/** Requests so far; the n-th, borrowed until close. */
size_t endpoint_count(struct endpoint *endpoint);
const struct endpoint_seen *endpoint_seen(struct endpoint *endpoint, size_t index);

/** Most requests that were being read or answered at the same time. */
size_t endpoint_most_at_once(struct endpoint *endpoint);
size_t endpoint_connections(struct endpoint *endpoint);

/** Let waiting replies go, now and later. */
void endpoint_release(struct endpoint *endpoint);

#endif
