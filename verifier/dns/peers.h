// SPDX-License-Identifier: Apache-2.0
// What is known of each server address, shared by all threads: when it may be asked next, and
// whether it is dead. Bounded: the one not used for longest is forgotten.
#ifndef VERIFIER_DNS_PEERS_H
#define VERIFIER_DNS_PEERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dns_peers;

/**
 * @per_second  queries to one server; as many may go at once; 0: no limit
 * @most        servers remembered
 */
struct dns_peers *dns_peers_new(unsigned per_second, size_t most);

/** NULL-safe. */
void dns_peers_free(struct dns_peers *peers);

/**
 * Take a turn at a server.
 *
 * @key        its address as text
 * @latest_ms  a later turn is not taken
 * @return     when the query may go, `now_ms` or later; -1: none until `latest_ms`
 */
int64_t dns_peers_reserve(struct dns_peers *peers, const char *key, int64_t now_ms,
                          int64_t latest_ms);

/** It left AUTHORITY_DEAD_AFTER questions in a row without an answer, not long ago. */
bool dns_peers_is_dead(struct dns_peers *peers, const char *key, int64_t now_ms);

/** A question to it was answered (whatever the answer), or not at all. */
void dns_peers_note(struct dns_peers *peers, const char *key, bool was_answered, int64_t now_ms);

/** How many are remembered. For tests. */
size_t dns_peers_count(struct dns_peers *peers);

#endif
