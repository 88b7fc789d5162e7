// SPDX-License-Identifier: Apache-2.0
// HTTP requests over the daemon's Unix socket, with libcurl, whose types stay inside client.c.
#ifndef CONTROL_CLI_CLIENT_H
#define CONTROL_CLI_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

#include "common/status.h"
#include "common/strbuf.h"

enum {
    CLIENT_ANSWER_MAX =
        64 * 1024 * 1024 /* a page of a list has some 0.5 MB, a message limits.message_bytes */
};

struct client_request {
    const char *socket_path;
    const char *method;
    const char *url;  /* path and query, encoded */
    const char *body; /* JSON; NULL: none */
    /** NULL, or called with each piece of a 2xx answer's body instead of keeping it; false stops.
     */
    bool (*on_piece)(void *context, const char *data, size_t length);
    void *context;
    long patience_s; /* without a byte; 0: a minute */
};

struct client_answer {
    long http_status;
    struct strbuf body; /* STRBUF_INIT(CLIENT_ANSWER_MAX) by the caller, who releases it */
};

/**
 * Ask and wait, for at most `patience_s` unless data flows.
 *
 * @answer_out  whatever HTTP status came
 * @return      ST_OK; ST_AGAIN nobody listens, or the answer broke off; ST_REFUSED the socket's
 *              rights forbid it; ST_TOO_LARGE an answer over the cap; ST_IO on_piece said stop
 */
MUST_CHECK enum status client_ask(const struct client_request *request,
                                  struct client_answer *answer_out, struct why *why);

#endif
