// SPDX-License-Identifier: Apache-2.0
// What has to be done now and then: forget delivered messages and old evidence, end holds. In small
// steps, so that the main thread keeps answering its signals.
#ifndef DAEMON_MAINTENANCE_H
#define DAEMON_MAINTENANCE_H

#include "common/clock_guard.h"
#include "config/config.h"
#include "store/store.h"

enum {
    MAINTENANCE_EVERY_MS = 60 * 1000,
    MAINTENANCE_PAUSE_MS = 50,       /* between the steps of one round */
    MAINTENANCE_STEP_MESSAGES = 100, /* purged in one step */
    MAINTENANCE_STEP_EVIDENCE = 1000 /* the same, of evidence */
};

struct maintenance {
    int64_t due_mono_ms;
    struct clock_guard *clock;
    bool told; /* that the clock jumped */
};

/** @clock  borrowed */
void maintenance_init(struct maintenance *maintenance, struct clock_guard *clock);

/** Do one step if one is due. Returns the milliseconds until the next. Blocks for one step. */
int maintenance_step(struct maintenance *maintenance, struct store *store,
                     const struct config_store *settings);

#endif
