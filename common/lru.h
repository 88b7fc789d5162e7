// SPDX-License-Identifier: Apache-2.0
// Shared values by text: bounded by bytes, the least recently used go first, none outlives its
// time. In shards with a lock each, so that threads seldom wait for one another.
#ifndef COMMON_LRU_H
#define COMMON_LRU_H

#include <stddef.h>
#include <stdint.h>

struct lru;

/** How a value's references are counted. Called by any thread, with a shard locked. */
struct lru_references {
    void (*take)(const void *value);
    void (*release)(const void *value);
};

enum {
    LRU_SHARDS = 16,         /* each has its share of the bytes */
    LRU_ENTRY_OVERHEAD = 160 /* our structs, the map's slot, the allocator's own, about */
};

/** What an entry is counted as: the value's bytes, twice its key, and LRU_ENTRY_OVERHEAD. */
size_t lru_entry_bytes(const char *key, size_t value_bytes);

/** A cache of at most `bytes`. 0: nothing is kept. `references` must outlive it. */
struct lru *lru_new(size_t bytes, const struct lru_references *references);

/** No call may be under way. References out there stay good. NULL-safe. */
void lru_free(struct lru *lru);

/**
 * The value of a key, if it is there and its time has not come.
 *
 * @return  a reference for the caller, or NULL
 * @thread  any
 */
const void *lru_find(struct lru *lru, const char *key);

/**
 * Keep the value (borrowed) instead of what stood there, until it expires or room is needed. One
 * that has expired or is larger than a shard is not kept.
 *
 * @value_bytes      what it occupies
 * @expires_mono_ms  of clock_mono_ms
 * @thread           any
 */
void lru_put(struct lru *lru, const char *key, const void *value, size_t value_bytes,
             int64_t expires_mono_ms);

/** Bytes kept. For tests. */
size_t lru_bytes(struct lru *lru);

#endif
