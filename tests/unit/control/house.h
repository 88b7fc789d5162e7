// SPDX-License-Identifier: Apache-2.0
// The API over real parts in a temporary folder, and ways to ask it.
//
// Configured: "ours.example" (one route, to psa) and "bare.example" (no routes). Registered:
// nothing.
#ifndef TESTS_UNIT_CONTROL_HOUSE_H
#define TESTS_UNIT_CONTROL_HOUSE_H

#include <stddef.h>

#include <jansson.h>

#include "config/config.h"
#include "control/api/api.h"
#include "router/delivery/dispatcher.h"
#include "store/store.h"
#include "tests/unit/config/support.h"
#include "verifier/domain/registry.h"

struct house {
    struct folder folder;
    char config_path[FOLDER_PATH_SIZE];
    struct config_socket socket;
    char socket_path[FOLDER_PATH_SIZE];
    struct store *store;
    struct dns *dns;
    struct clock_guard clock;
    struct registry *registry;
    struct config_holder *holder;
    struct dispatcher *dispatcher;
    struct limits *limits;
    struct api *api;
};

/** cmocka setup and teardown: *state is an open house. */
int house_set_up(void **state);
int house_tear_down(void **state);
#define WITH_HOUSE(test) cmocka_unit_test_setup_teardown(test, house_set_up, house_tear_down)

/** Send these bytes to the socket as they are; everything until the API closes, owned. NULL bytes
 *  are not expected in the answer. */
char *house_send(const struct house *house, const char *bytes, size_t length);

/** One request; returns the HTTP status. *answer_out (may be NULL): the JSON, a new reference. */
int house_ask(const struct house *house, const char *method, const char *target, const char *body,
              json_t **answer_out);

/** A member of a path such as "error.code" or "records.0.value" as text; fails without it. */
const char *house_text(const json_t *answer, const char *path);

/** Add and verify this domain through the API. */
void house_verify(struct house *house, const char *domain);
void house_verify_for(struct house *house, const char *tenant, const char *domain);

/** Its proof is gone since, and it is at_risk; what the DNS had is gone for all. */
void house_lose(struct house *house, const char *domain);

/** Add so many domains, "d0000.example" and so on, each of a tenant of its own, "t0000". */
void house_fill(struct house *house, size_t count);

/** Store a message of `size` bytes to a@ours.example with one delivery in this state. */
struct id house_store(struct house *house, const char *subject, enum delivery_state state,
                      size_t size, struct id *delivery_out);

/** Store one with so many held deliveries. */
struct id house_store_many(struct house *house, size_t count);

#endif
