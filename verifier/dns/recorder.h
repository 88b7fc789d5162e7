// SPDX-License-Identifier: Apache-2.0
// Takes note of every answer that a check was given, so that the check can be repeated without the
// DNS: written as a file for dns_open_fixture, with the time to live of each answer in a comment.
#ifndef VERIFIER_DNS_RECORDER_H
#define VERIFIER_DNS_RECORDER_H

#include <stddef.h>

#include "common/strbuf.h"
#include "verifier/dns/dns.h"

enum {
    DNS_RECORDER_ENTRIES_MAX = 256,      /* questions; what comes behind them is counted only */
    DNS_RECORDER_BYTES_MAX = 256 * 1024, /* of all answers together */
    DNS_RECORDER_ENTRY_MAX = 64 * 1024   /* of one answer as text */
};

struct dns_recorder; /* one check; one thread at a time */

struct dns_recorder *dns_recorder_new(void);
void dns_recorder_free(struct dns_recorder *recorder); /* NULL-safe */

/**
 * Note an answer; dns_get does it for what is asked with a budget that names the recorder. Each
 * question is noted once; that it was answered differently later is noted with it.
 *
 * @recorder  NULL: nothing happens
 * @name      as given to dns_get; one that cannot be asked is passed over
 */
void dns_recorder_note(struct dns_recorder *recorder, const char *name, enum dns_type type,
                       const struct dns_answer *answer);

/** Questions noted, and those that found no room. For tests. */
size_t dns_recorder_count(const struct dns_recorder *recorder);
size_t dns_recorder_dropped(const struct dns_recorder *recorder);

/**
 * Append the file, which begins with "!ONLY", as far as it fits.
 *
 * @return  answers that did not fit into `out`, and those that were dropped
 */
size_t dns_recorder_format(const struct dns_recorder *recorder, struct strbuf *out);

#endif
