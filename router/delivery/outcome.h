// SPDX-License-Identifier: Apache-2.0
// What an HTTP exchange means for its delivery: the one table from status codes to outcomes.
#ifndef ROUTER_DELIVERY_OUTCOME_H
#define ROUTER_DELIVERY_OUTCOME_H

#include <stdbool.h>

enum outcome {
    OUTCOME_DONE,    /* 2xx */
    OUTCOME_RETRY,   /* network error, or an answer that may change */
    OUTCOME_UNKNOWN, /* sent whole, not answered: repeated with the same webhook-id */
    OUTCOME_BLOCKED, /* 410: the endpoint wants nothing more */
    OUTCOME_DEAD     /* the endpoint will never take this request */
};

/** The word for logs, attempts and metrics. Static text. */
const char *outcome_name(enum outcome outcome);

/**
 * @http_status   of the final answer; 0 when there was none
 * @request_sent  the whole body was handed to the network
 */
enum outcome outcome_of(long http_status, bool request_sent);

/** True if a Retry-After of this answer speaks for the whole endpoint (RFC 6585, 4; RFC 9110,
 *  15.6.4). */
bool outcome_pauses_destination(long http_status);

#endif
