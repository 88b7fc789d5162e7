// SPDX-License-Identifier: Apache-2.0
// What an endpoint receives: a body made from a stored message, its delivery and its destination.
// Everything comes from stored data, so that a repeated attempt sends the same bytes.
#ifndef ROUTER_DELIVERY_PAYLOAD_H
#define ROUTER_DELIVERY_PAYLOAD_H

#include "config/config.h"
#include "router/delivery/body.h"
#include "store/store.h"

enum {
    PAYLOAD_HEADER_MAX = 256 * 1024 /* of the message's header block; fields behind are left out */
};

struct payload_input {
    const struct store_message *message;
    const struct store_delivery *delivery;
    const char *recipients; /* of the same domain and destination, one a line */
    const struct config_destination *destination;
    const char *hostname;
    const char *authserv_id;
};

/** The header block in memory, as the two formats read it. */
struct payload_header {
    const char *block;
    size_t length; /* whole fields only */
    bool cut;      /* fields behind PAYLOAD_HEADER_MAX were left out */
};

/**
 * Build the body in the destination's format. Fields that a stranger wrote in our name are left
 * out of it. Reads the header block, blocking as `source` does.
 *
 * @body_out  as BODY_INIT; the caller's to release, also on failure
 * @return    ST_OK; ST_TOO_LARGE the literal part passes BODY_LITERAL_MAX; what the source returns
 */
MUST_CHECK enum status payload_build(const struct payload_input *input,
                                     const struct body_source *source, struct body *body_out,
                                     struct why *why);

/** The Content-Type of a format. Static text. */
const char *payload_content_type(enum destination_format format);

/** The two formats: fill the literal parts; the ranges of the message are set already. */
void payload_format_json(const struct payload_input *input, const struct payload_header *header,
                         struct body *body);
void payload_format_raw(const struct payload_input *input, struct strbuf *out);

#endif
