// SPDX-License-Identifier: Apache-2.0
// One HTTP request and its response as plain data: what stands between server.c, which knows HTTP,
// and the handlers, which know the product.
#ifndef CONTROL_API_REQUEST_H
#define CONTROL_API_REQUEST_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/status.h"

enum {
    REQUEST_BODY_MAX = 1024 * 1024,
    REQUEST_PARAMETERS_MAX = 16, /* in the query */
    REQUEST_TEXT_SIZE = 512      /* one parameter, one path segment; decoded, with NUL */
};

struct parameter {
    char *name; /* decoded */
    char *value;
};

struct request {
    char *method; /* owned, as all of it */
    char *path;   /* not decoded, without the query */
    char *content_type;
    struct parameter parameters[REQUEST_PARAMETERS_MAX];
    size_t parameter_count;
    char *body; /* NUL-terminated; NULL when empty */
    size_t body_length;
};

void api_request_done(struct request *request);

/** A body that is read piece by piece while it is sent. */
struct response_stream {
    /** Up to `size` bytes from `offset`: how many, 0 at the end, -1 when it cannot go on. */
    ssize_t (*read)(void *context, uint64_t offset, char *buffer, size_t size);
    void (*close)(void *context);
    void *context;
    uint64_t size;
};

struct response {
    unsigned http_status;
    const char *content_type; /* static */
    char *body;               /* owned; NULL with a stream */
    size_t body_length;
    struct response_stream stream; /* `read` NULL: none */
    char allow[64];                /* with 405: the methods there are */
};

void response_done(struct response *response);

/** The HTTP status of a failure: the one table that tells them (docs/api.md). */
unsigned response_http_status(enum status status);

/** Replace whatever the response held by {"error":{"code":...,"message":...}}. */
void response_error(struct response *response, unsigned http_status, const char *code,
                    const char *message);

#endif
