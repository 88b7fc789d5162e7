// SPDX-License-Identifier: Apache-2.0
// One attempt: a delivery turned into one signed HTTP request, and the answer read.
//
//   request_new → request_prepare until ready → its handle runs in transfers.h → request_result
//
// Preparing hashes the whole body for the signature, in bounded steps, so that a large message
// does not keep the other transfers waiting.
#ifndef ROUTER_DELIVERY_REQUEST_H
#define ROUTER_DELIVERY_REQUEST_H

#include <curl/curl.h>

#include "config/config.h"
#include "router/delivery/letter.h"
#include "router/delivery/outcome.h"
#include "store/store.h"

struct request;

enum {
    REQUEST_DETAIL_SIZE = 200,                /* of the answer, kept with the attempt */
    REQUEST_RESPONSE_MAX = 64 * 1024,         /* more is cut off */
    REQUEST_RETRY_AFTER_MAX_MS = 3600 * 1000, /* an endpoint may ask for an hour, not for a year */
    REQUEST_SMALL_MAX = 128 * 1024            /* a body up to this is built in memory at once */
};

struct request_result {
    enum outcome outcome;
    long http_status; /* 0: none */
    int64_t started_at;
    int64_t duration_ms;
    int64_t retry_after_ms; /* 0: not asked for */
    char detail[REQUEST_DETAIL_SIZE];
};

/** Store, config, destination and delivery are borrowed until request_free(). Never NULL. */
struct request *request_new(struct store *store, const struct config *config,
                            const struct config_destination *destination,
                            const struct store_delivery *delivery);

/** The message is at hand: nothing of it is read from the store. Both are borrowed until
 *  request_free(). Before the first request_prepare(). */
void request_give_letter(struct request *request, const struct letter *letter,
                         const char *recipients);

/**
 * A request that carries a text of ours instead of a message; no store is read.
 *
 * @id    the webhook-id; copied, as the JSON text is
 */
struct request *request_new_text(const struct config *config,
                                 const struct config_destination *destination, const struct id *id,
                                 const char *json);
void request_free(struct request *request);

/**
 * Do one step; blocks for short reads of the store.
 *
 * @ready_out  true: request_handle() may run
 * @return     ST_OK; ST_NOT_FOUND the message is gone; what the store returns
 */
MUST_CHECK enum status request_prepare(struct request *request, bool *ready_out, struct why *why);

/** The handle of a prepared request, for transfers_add(). Borrowed. */
CURL *request_handle(struct request *request);

/** True if separate connections are used, because the destination may be in private networks. */
bool request_is_private(const struct request *request);

/** Read what came of it, once the transfer ended with `code`. */
void request_result(struct request *request, CURLcode code, struct request_result *out);

/** The message's Postfix queue id; "" before it is known. */
const char *request_queue_id(const struct request *request);

#endif
