// SPDX-License-Identifier: Apache-2.0
// The HTTP transfers under way: libcurl's multi interface on an epoll loop. Destinations that may
// be in private networks have connections of their own, so that no pooled one serves the others.
#ifndef ROUTER_DELIVERY_TRANSFERS_H
#define ROUTER_DELIVERY_TRANSFERS_H

#include <stdbool.h>

#include <curl/curl.h>

#include "common/status.h"

struct transfers;

/** Starts libcurl too. Only transfers_wake() may be called from another thread than the one that
 *  waits. */
MUST_CHECK enum status transfers_open(struct transfers **transfers_out, struct why *why);
void transfers_close(struct transfers *transfers);

/** Start. The handle stays the caller's; `owner` comes back when the transfer is over. */
MUST_CHECK enum status transfers_add(struct transfers *transfers, CURL *easy, bool is_private,
                                     void *owner, struct why *why);

/** Stop and forget a handle, also one that is over. */
void transfers_remove(struct transfers *transfers, CURL *easy, bool is_private);

/** Move data until something happened, or for `timeout_ms`. */
void transfers_wait(struct transfers *transfers, int timeout_ms);

/** End a transfers_wait, or the next one. Any thread. */
void transfers_wake(struct transfers *transfers);

/** The owner of the next transfer that is over; NULL when there is none. */
void *transfers_next_over(struct transfers *transfers, CURLcode *code_out);

#endif
