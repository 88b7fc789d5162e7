// SPDX-License-Identifier: Apache-2.0
// Which domain is checked next? Those that are due, the longest due first; but one provider's name
// servers take up only part of the workers, and slow ones together only a quarter. No clock and no
// lock of its own: time is an argument.
#ifndef VERIFIER_DOMAIN_AGENDA_H
#define VERIFIER_DOMAIN_AGENDA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/id.h"

struct agenda;

enum {
    AGENDA_SLOW_MS = 3000,       /* a check of longer makes its provider slow, until a faster one */
    AGENDA_SLOW_PERCENT = 25,    /* of the workers, for all slow providers */
    AGENDA_NEW_PERCENT = 50,     /* for domains whose provider is not known */
    AGENDA_PROVIDER_PERCENT = 75 /* for one provider */
};

/** What a check taught. */
struct agenda_lesson {
    uint64_t provider; /* a number for its name servers; 0: not known */
    int64_t took_ms;
};

struct agenda *agenda_new(unsigned workers);
void agenda_free(struct agenda *agenda); /* NULL-safe */

/** Add an entry, or move it; while it is being checked, what is said last counts after that.
 *  due_mono_ms 0: take it out. */
void agenda_put(struct agenda *agenda, const struct id *id, int64_t due_mono_ms);

/** The next to check, which then is under way until agenda_done. False: none is due, or those that
 *  are have to wait for others of their kind. */
bool agenda_take(struct agenda *agenda, int64_t now_mono_ms, struct id *id_out);

/** A check has ended; the entry is due again at due_mono_ms (0: taken out), unless agenda_put said
 *  otherwise meanwhile. */
void agenda_done(struct agenda *agenda, const struct id *id, int64_t due_mono_ms,
                 const struct agenda_lesson *lesson);

/** When agenda_take may have something: an entry's time; INT64_MAX when nothing waits. */
int64_t agenda_next_due(const struct agenda *agenda);

size_t agenda_count(const struct agenda *agenda);
size_t agenda_under_way(const struct agenda *agenda);

#endif
