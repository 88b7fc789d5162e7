// SPDX-License-Identifier: Apache-2.0
// The control API: HTTP/JSON on control.sock (docs/api.md). Access is by the socket's file rights.
#ifndef CONTROL_API_API_H
#define CONTROL_API_API_H

#include "config/config.h"
#include "router/delivery/dispatcher.h"
#include "router/limits.h"
#include "store/store.h"
#include "verifier/domain/registry.h"

struct api;

/** What the handlers work on; all of it outlives the API. */
struct api_context {
    struct store *store;
    struct registry *registry;
    struct config_holder *holder;
    struct dispatcher *dispatcher;
    struct limits *limits;
};

/** Listen on the socket and serve with a few threads. */
MUST_CHECK enum status api_open(const struct api_context *context,
                                const struct config_socket *socket, struct api **api_out,
                                struct why *why);

/** Finish running requests, stop. NULL-safe. */
void api_close(struct api *api);

#endif
