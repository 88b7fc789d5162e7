// SPDX-License-Identifier: Apache-2.0
// A daemon's parts for tests: a temporary folder, a real store, registry and configuration.
//
// Domains registered: "ours.example" and "sister.example" (tenant acme), "other.example" (tenant
// zenith), all verified with inbound on and the same routes; "bare.example" likewise, without
// routes; and one for each state that a domain can be in (house.c).
#ifndef TESTS_UNIT_ROUTER_HOUSE_H
#define TESTS_UNIT_ROUTER_HOUSE_H

#include "config/config.h"
#include "router/delivery/dispatcher.h"
#include "router/limits.h"
#include "store/store.h"
#include "tests/unit/config/support.h"
#include "verifier/domain/registry.h"

struct house {
    struct folder folder;
    char config_path[FOLDER_PATH_SIZE];
    char database[FOLDER_PATH_SIZE];
    char socket_path[FOLDER_PATH_SIZE]; /* for the test's own server */
    struct config_socket socket;        /* at socket_path */
    struct store *store;
    struct dns *dns;
    struct clock_guard clock;
    struct registry *registry;
    struct config_holder *holder;
    struct limits *limits;
    struct store *idle_store;      /* the dispatcher's: it delivers nothing of the intake's */
    struct dispatcher *dispatcher; /* NULL until house_open_dispatcher */
};

/** Routes of the domains: "ticket+{id}" → psa; "both" → psa and crm; "copy" → psa and on; "copy" →
 *  psa again and crm; "closed" rejects. */
void house_open(struct house *house);

/** Open DNS and registry again, after a test closed them. */
void house_open_registry(struct house *house);

/** The policy that all domains of the house begin with. */
extern char house_policy_key[65];
/** A dispatcher that can be kicked, over an empty store: deliveries stay as the intake made them.
 */
void house_open_dispatcher(struct house *house);
void house_close(struct house *house);

/** Write a file of the folder. */
void house_write(const struct house *house, const char *name, const char *text);

/** Load the configuration anew; the caller may change its limits and puts it in force. */
struct config *house_load(const struct house *house);

/** Let this program have so many descriptors: both ends of its connections are its own. */
void house_allow_descriptors(size_t count);

/** The number of messages in the store. */
uint64_t house_messages(const struct house *house);

#endif
