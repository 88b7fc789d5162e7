// SPDX-License-Identifier: Apache-2.0
// When domains are checked: a few threads work through an agenda. Thousands of domains come without
// bursts, and dead or slow servers delay nobody else (agenda.h).
#ifndef VERIFIER_DOMAIN_SCHEDULE_H
#define VERIFIER_DOMAIN_SCHEDULE_H

#include <stddef.h>
#include <stdint.h>

#include "common/id.h"
#include "common/status.h"
#include "store/store.h"

struct schedule;

enum { SCHEDULE_PROVIDER_SIZE = 256 };

/** Both block, on a thread of the schedule. */
struct schedule_settings {
    unsigned checks_at_once; /* threads, each with one check */
    /** Who runs the name servers of a domain: a name, AGENDA_DEAD, or "" when that is not known.
     *  Soon done, however slow they are; only then it is decided whether the check may begin. */
    void (*find_provider)(void *context, const struct id *id,
                          char provider_out[SCHEDULE_PROVIDER_SIZE]);
    /** Check one domain. Returns in how many ms it is due again; 0: not by itself. */
    int64_t (*check)(void *context, const struct id *id);
    void *context;
};

/** Start the threads. ST_AGAIN: none to be had. */
MUST_CHECK enum status schedule_open(const struct schedule_settings *settings,
                                     struct schedule **schedule_out, struct why *why);

/** Checks under way end first, those that wait do not begin. NULL-safe. */
void schedule_close(struct schedule *schedule);

/** Check this one in so many ms; replaces what was said of it before. 0: not any more. Any thread.
 */
void schedule_put(struct schedule *schedule, const struct id *id, int64_t in_ms);

/** How many are scheduled. For tests. Any thread. */
size_t schedule_count(struct schedule *schedule);

enum {
    SCHEDULE_SPREAD_MS = 60 * 1000,          /* what is overdue at the start begins within this, */
    SCHEDULE_SPREAD_CALM_MS = 60 * 60 * 1000 /* or within this where nothing is in doubt */
};

/**
 * In how many ms a row that was just read is checked: when it says so, never later than its status
 * allows; what is overdue is spread over some time, each in its own moment.
 *
 * @return  0: not by itself
 */
int64_t schedule_first_in_ms(const struct store_domain *domain, int64_t now);

#endif
