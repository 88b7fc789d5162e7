// SPDX-License-Identifier: Apache-2.0
// What was found out lately, by name: kept for a fixed time, bounded, the oldest goes first.
#ifndef VERIFIER_DNS_BRIEF_H
#define VERIFIER_DNS_BRIEF_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/** First member of a value that is one block of memory: starts at 1, freed with its last holder. */
struct brief_value {
    atomic_uint references;
};

/** Another reference to a value (its first member is a struct brief_value); returns the same. */
void *brief_ref(void *value);

/** NULL-safe. */
void brief_unref(void *value);

struct brief;

struct brief *brief_new(size_t most, int64_t keep_ms);

/** NULL-safe. */
void brief_free(struct brief *brief);

/** A reference for the caller, or NULL. Any thread. */
void *brief_get(struct brief *brief, const char *key);

/** Keep the value (borrowed: a reference is made) in place of an older one. Any thread. */
void brief_put(struct brief *brief, const char *key, void *value);

/** How many are kept. For tests. */
size_t brief_count(struct brief *brief);

#endif
