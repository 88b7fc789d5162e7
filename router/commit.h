// SPDX-License-Identifier: Apache-2.0
// One message: from the milter's COMMIT packet to the store's answer.
#ifndef ROUTER_COMMIT_H
#define ROUTER_COMMIT_H

#include "common/intake_protocol.h"
#include "config/config.h"
#include "router/delivery/dispatcher.h"
#include "router/limits.h"
#include "store/store.h"
#include "verifier/domain/registry.h"

enum {
    COMMIT_HEADER_MAX = 1024 * 1024, /* a header block above it is refused: 552 5.3.4 */
    COMMIT_FIELD_MAX = 512,          /* bytes kept of Subject and Message-ID */
    COMMIT_SMALL_MAX = 64 * 1024,    /* a message up to this is kept in memory until it is sent */
    COMMIT_HANDED_MAX = 32           /* with more deliveries they are all claimed from the store */
};

struct commit_services {
    struct store *store;
    struct registry *registry;
    struct config_holder *holder;
    struct dispatcher *dispatcher;
    struct limits *limits;
};

/** What the milter asked for. Everything in it passes to commit_execute. */
struct commit_order {
    char *packet;                /* the packet's bytes, from malloc */
    struct intake_commit fields; /* points into them */
    int body_fd;
    struct reservation reservation; /* what RCPT reserved for it */
    /** The milter still waits. Any thread, never blocks. */
    bool (*still_wanted)(void *waiter);
    /** Called once, on any thread, as the last step. NULL: there is nothing to say to this peer,
     *  close the connection. Must not block. */
    void (*answered)(void *waiter, const struct intake_commit_answer *answer);
    void *waiter;
};

/**
 * Check the descriptor, decide every recipient again, and store the message. Its answer comes by
 * `answered`, perhaps after this has returned.
 *
 * @order   taken: freed with its descriptor
 * @thread  any: reads the whole message, and blocks while the store stages a large one; with at
 *          most COMMIT_SMALL_MAX bytes in memory it never blocks
 */
void commit_execute(const struct commit_services *services, struct commit_order *order);

/** Answer nothing: the daemon stops, and the milter asks its successor. Takes the order. */
void commit_give_back(const struct commit_services *services, struct commit_order *order);

#endif
