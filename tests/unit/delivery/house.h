// SPDX-License-Identifier: Apache-2.0
// A real store, a real configuration and a dispatcher in a temporary folder.
#ifndef TESTS_UNIT_DELIVERY_HOUSE_H
#define TESTS_UNIT_DELIVERY_HOUSE_H

#include "config/config.h"
#include "router/delivery/dispatcher.h"
#include "store/store.h"
#include "tests/unit/config/support.h"

struct house {
    struct folder folder;
    const char *endpoint_host; /* of the destination's URL; 127.0.0.1 unless set */
    struct store *store;
    struct config_holder *holder;
    struct dispatcher *dispatcher; /* NULL: not running */
};

/** The secret in the folder's file `secret`. */
extern const struct config_secret HOUSE_SECRET;

/** cmocka setup and teardown: *state is a house without dispatcher and destinations. */
int house_setup(void **state);
int house_teardown(void **state);

/**
 * Write mailspur.yaml with one destination "psa" at endpoint_host and take it into force.
 *
 * @port    0: without the destination
 * @extra   more lines of it, such as "    format: raw\n"; may repeat none of those it has
 */
void house_configure(struct house *house, uint16_t port, const char *extra);

/** Lines for `extra`. */
#define LOCAL "    allow_private: [127.0.0.0/8]\n"
#define SOON "    retry: {first: 100ms, most: 100ms, for: 1h}\n"
#define LATE "    retry: {first: 1h, most: 1h, for: 10h}\n"

void house_start(struct house *house);

/** house_configure and house_start. */
void house_begin(struct house *house, uint16_t port, const char *extra);

void house_stop(struct house *house, int64_t grace_ms);

/** Store a message of `size` bytes with one delivery to "psa", and kick. Returns its id. */
struct id house_submit(struct house *house, size_t size);

/**
 * Store such a message as leased and hand it over with these bytes in memory, which the store does
 * not have. The place was taken.
 */
struct id house_hand_over(struct house *house, const char *bytes);

/** Take a place of "psa" as soon as there is one; fails the test after a while. */
void house_take_place(struct house *house);

/** Wait until the delivery is in that state; fails the test after a while. */
void house_await(struct house *house, const struct id *delivery, enum delivery_state state);

struct house_delivery {
    enum delivery_state state;
    char reason[STORE_REASON_SIZE];
    uint64_t attempts;
    uint64_t last_http_status;
    int64_t due_at;
};
struct house_delivery house_delivery(struct house *house, const struct id *delivery);

struct house_attempt {
    size_t count;
    char outcome[16]; /* of the last */
    char detail[256];
};
struct house_attempt house_attempt(struct house *house, const struct id *delivery);

struct dispatcher_destination house_status(struct house *house);

#endif
