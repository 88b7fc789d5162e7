// SPDX-License-Identifier: Apache-2.0
// Which domain is checked next? Those that are due, the longest due first; but one provider's name
// servers take up only part of the workers, and slow ones together only a quarter, in turns. No
// clock and no lock of its own: time is an argument.
#ifndef VERIFIER_DOMAIN_AGENDA_H
#define VERIFIER_DOMAIN_AGENDA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/id.h"

struct agenda;

enum {
    /* A check of longer makes its provider slow, until a faster one. Ten times what one takes that
       is answered, and no more than one try at a server that says nothing. */
    AGENDA_SLOW_MS = 1000,
    AGENDA_SLOW_PERCENT = 25,    /* of the workers, for all slow providers */
    AGENDA_PROVIDER_PERCENT = 75 /* for one provider, and for those whose provider is not known */
};

/** The provider of all domains whose servers are found to be dead, or not found: always slow. No
 *  name in the DNS. */
#define AGENDA_DEAD "dead servers"

struct agenda *agenda_new(unsigned workers);
void agenda_free(struct agenda *agenda); /* NULL-safe */

/** Add an entry, or move it; while it is being checked, what is said last counts after that.
 *  due_mono_ms 0: take it out. */
void agenda_put(struct agenda *agenda, const struct id *id, int64_t due_mono_ms);

/** The next to check, which then is under way until agenda_done, or until agenda_meet says no.
 * False: none is due, or those that are have to wait for others of their kind. */
bool agenda_take(struct agenda *agenda, int64_t now_mono_ms, struct id *id_out);

/**
 * Who runs the name servers of what was taken is known now, before the check itself. Any domain's
 * may have changed since the last one.
 *
 * @provider  a name; "": not known
 * @return    true: go on. False: it is no longer under way; it has to wait for others of this
 *            provider, or was moved or taken out meanwhile
 */
bool agenda_meet(struct agenda *agenda, const struct id *id, const char *provider);

/** A check has ended, after so long; the entry is due again at due_mono_ms (0: taken out), unless
 *  agenda_put said otherwise meanwhile. */
void agenda_done(struct agenda *agenda, const struct id *id, int64_t due_mono_ms, int64_t took_ms);

/** When agenda_take may have something: an entry's time; INT64_MAX when nothing waits. */
int64_t agenda_next_due(const struct agenda *agenda);

/** How many are in it, and how many of them are being checked. For tests. */
size_t agenda_count(const struct agenda *agenda);
size_t agenda_under_way(const struct agenda *agenda);

#endif
