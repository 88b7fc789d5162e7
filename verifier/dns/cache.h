// SPDX-License-Identifier: Apache-2.0
// Shared answers by question: bounded by bytes, the least recently used go first. Equal questions
// asked at once have one leader, who fetches; the others wait for what it publishes.
#ifndef VERIFIER_DNS_CACHE_H
#define VERIFIER_DNS_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "verifier/dns/dns.h"

struct dns_cache;

/** A cache of at most `bytes`. 0: only questions asked at once are shared. */
struct dns_cache *dns_cache_new(size_t bytes);

/** No call may be under way. NULL-safe. */
void dns_cache_free(struct dns_cache *cache);

enum dns_cache_outcome {
    DNS_CACHE_HIT,  /* *answer_out is a reference for the caller */
    DNS_CACHE_LEAD, /* fetch, then call dns_cache_publish, always */
    DNS_CACHE_LATE  /* the leader was not ready by the deadline */
};

/**
 * @deadline_mono_ms  of the wait for a leader
 * @fresh             pass over what is stored (another one's fetch under way is joined)
 */
enum dns_cache_outcome dns_cache_find(struct dns_cache *cache, const char *key,
                                      int64_t deadline_mono_ms, bool fresh,
                                      const struct dns_answer **answer_out);

/**
 * The leader's answer (borrowed): kept until it expires, and given to those who wait.
 *
 * @answer  NULL: it failed for reasons of its own; one of those who wait leads next
 */
void dns_cache_publish(struct dns_cache *cache, const char *key, const struct dns_answer *answer);

/** Bytes kept. For tests. */
size_t dns_cache_bytes(struct dns_cache *cache);

#endif
