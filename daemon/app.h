// SPDX-License-Identifier: Apache-2.0
// The daemon's parts: opened in the order of their dependencies, closed in its reverse.
#ifndef DAEMON_APP_H
#define DAEMON_APP_H

#include "common/clock_guard.h"
#include "config/config.h"
#include "store/store.h"
#include "verifier/domain/registry.h"

struct announcer;
struct api;
struct authority;
struct dispatcher;
struct dns;
struct domains;
struct intake;
struct limits;
struct socketmap;

struct app {
    struct config *started_with; /* what cannot change without a restart is compared with it */
    struct config_holder *holder;
    struct store *store;
    struct clock_guard clock; /* one for everything that runs out */
    struct dns *dns;
    struct authority *authority;
    struct registry *registry;
    struct dispatcher *dispatcher;
    struct announcer *announcer;
    struct domains *domains;
    struct limits *limits;
    struct intake *intake;
    struct socketmap *socketmap;
    struct api *api;
};

enum { APP_GRACE_MS = 10 * 1000 }; /* requests under way may end when the daemon stops */

/**
 * Open every part. Logs what failed.
 *
 * @config  takes the reference, also on failure
 * @app     zeroed by the caller; app_close releases it whatever this returned
 * @thread  main, before any other
 */
MUST_CHECK enum status app_open(struct app *app, struct config *config);

/** Stop taking mail, let deliveries end, close the store. What is not open is passed over. */
void app_close(struct app *app);

#endif
