// SPDX-License-Identifier: Apache-2.0
// What keeps domains checked: the schedule over the registry, and the log of what changes.
#ifndef DAEMON_DOMAINS_H
#define DAEMON_DOMAINS_H

#include "router/delivery/announcer.h"
#include "router/delivery/dispatcher.h"
#include "verifier/domain/registry.h"

struct domains;

/**
 * Listen to the registry, and check each domain when it is due.
 *
 * @registry, @store, @dispatcher, @announcer  outlive it
 * @return  ST_OK; ST_AGAIN no threads to be had
 */
MUST_CHECK enum status domains_open(struct registry *registry, struct store *store,
                                    struct dispatcher *dispatcher, struct announcer *announcer,
                                    unsigned checks_at_once, struct domains **domains_out,
                                    struct why *why);

/** Nobody may change the registry any more. Checks under way end first; registry_cancel beforehand
 *  makes that soon. NULL-safe. */
void domains_close(struct domains *domains);

#endif
