// SPDX-License-Identifier: Apache-2.0
// The daemon's side of intake.sock: answers RCPT from memory, makes messages durable.
#ifndef ROUTER_INTAKE_H
#define ROUTER_INTAKE_H

#include "config/config.h"
#include "router/delivery/dispatcher.h"
#include "store/store.h"
#include "verifier/domain/registry.h"

enum { INTAKE_ACKS_WAIT_MS = 500 /* of all connections together, and for those that owe one */ };

struct intake;
struct limits;

enum {
    INTAKE_CONNECTIONS_MAX = 4000, /* SMTP sessions at once, idle ones too */
    /* Messages above STORE_STAGE_ABOVE hashed and staged at once, each with memory for one slice;
     * more of them wait in line, none of them before a smaller message. */
    INTAKE_LARGE_AT_ONCE = 2
};

struct intake_context {
    struct store *store;
    struct registry *registry;
    struct config_holder *holder;
    struct dispatcher *dispatcher; /* told of new deliveries */
    struct limits *limits;
};

/** Listen and start the threads. The context's objects must outlive it. */
MUST_CHECK enum status intake_open(const struct intake_context *context,
                                   const struct config_socket *socket, struct intake **intake_out,
                                   struct why *why);

/**
 * Answer what is under way, give the rest back by closing its connection, wait for the
 * acknowledgements of what was answered, stop. NULL-safe.
 */
void intake_close(struct intake *intake);

#endif
