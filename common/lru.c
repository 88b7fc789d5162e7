// SPDX-License-Identifier: Apache-2.0
#include "common/lru.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/map.h"
#include "common/xalloc.h"

struct entry {
    const void *value;
    int64_t expires_mono_ms;
    size_t bytes;
    struct entry *newer;
    struct entry *older;
    char key[];
};

struct shard {
    pthread_mutex_t mutex; /* protects everything below */
    struct map *entries;
    struct entry *newest;
    struct entry *oldest;
    size_t bytes;
};

struct lru {
    const struct lru_references *references;
    size_t shard_bytes; /* most bytes of one shard */
    struct shard shards[LRU_SHARDS];
};

struct lru *
lru_new(size_t bytes, const struct lru_references *references)
{
    struct lru *lru = xcalloc(1, sizeof(*lru));
    lru->references = references;
    lru->shard_bytes = bytes / LRU_SHARDS;
    for (size_t i = 0; i < LRU_SHARDS; i++) {
        (void)pthread_mutex_init(&lru->shards[i].mutex, NULL);
        lru->shards[i].entries = map_new();
    }
    return lru;
}

static struct shard *
shard_of(struct lru *lru, const char *key)
{
    uint32_t hash = 2166136261U; // FNV-1a; whoever aims at one shard gains nothing but its room
    for (; *key != '\0'; key++) {
        hash = (hash ^ (unsigned char)*key) * 16777619U;
    }
    return &lru->shards[hash % LRU_SHARDS];
}

static void
unlink_entry(struct shard *shard, struct entry *entry)
{
    *(entry->newer != NULL ? &entry->newer->older : &shard->newest) = entry->older;
    *(entry->older != NULL ? &entry->older->newer : &shard->oldest) = entry->newer;
    entry->newer = NULL;
    entry->older = NULL;
}

static void
link_newest(struct shard *shard, struct entry *entry)
{
    entry->older = shard->newest;
    *(shard->newest != NULL ? &shard->newest->newer : &shard->oldest) = entry;
    shard->newest = entry;
}

static void
drop_entry(const struct lru *lru, struct shard *shard, struct entry *entry)
{
    unlink_entry(shard, entry);
    shard->bytes -= entry->bytes;
    (void)map_remove(shard->entries, entry->key);
    lru->references->release(entry->value);
    free(entry);
}

// Drop the oldest until no more than `most` bytes are left.
static void
make_room(const struct lru *lru, struct shard *shard, size_t most)
{
    for (struct entry *each = shard->oldest; each != NULL && shard->bytes > most;) {
        struct entry *newer = each->newer;
        drop_entry(lru, shard, each);
        each = newer;
    }
}

static struct entry *
new_entry(const char *key, const void *value, size_t bytes, int64_t expires_mono_ms)
{
    size_t key_size = strlen(key) + 1;
    struct entry *entry = xcalloc(1, sizeof(*entry) + key_size);
    entry->value = value;
    entry->bytes = bytes;
    entry->expires_mono_ms = expires_mono_ms;
    memcpy(entry->key, key, key_size);
    return entry;
}

static void
add_entry(const struct lru *lru, struct shard *shard, struct entry *entry)
{
    lru->references->take(entry->value);
    link_newest(shard, entry);
    shard->bytes += entry->bytes;
    (void)map_put(shard->entries, entry->key, entry);
}

void
lru_free(struct lru *lru)
{
    if (lru == NULL) {
        return;
    }
    for (size_t i = 0; i < LRU_SHARDS; i++) {
        make_room(lru, &lru->shards[i], 0);
        map_free(lru->shards[i].entries, NULL);
        (void)pthread_mutex_destroy(&lru->shards[i].mutex);
    }
    free(lru);
}

const void *
lru_find(struct lru *lru, const char *key)
{
    struct shard *shard = shard_of(lru, key);
    AUTO_LOCK(lock, &shard->mutex);
    struct entry *entry = map_get(shard->entries, key);
    if (entry == NULL) {
        return NULL;
    }
    if (entry->expires_mono_ms <= clock_mono_ms()) {
        drop_entry(lru, shard, entry);
        return NULL;
    }
    unlink_entry(shard, entry);
    link_newest(shard, entry);
    lru->references->take(entry->value);
    return entry->value;
}

size_t
lru_entry_bytes(const char *key, size_t value_bytes)
{
    return value_bytes + 2 * strlen(key) + LRU_ENTRY_OVERHEAD;
}

void
lru_put(struct lru *lru, const char *key, const void *value, size_t value_bytes,
        int64_t expires_mono_ms)
{
    struct shard *shard = shard_of(lru, key);
    size_t bytes = lru_entry_bytes(key, value_bytes);
    AUTO_LOCK(lock, &shard->mutex);
    struct entry *before = map_get(shard->entries, key);
    if (before != NULL) {
        drop_entry(lru, shard, before);
    }
    if (bytes > lru->shard_bytes || expires_mono_ms <= clock_mono_ms()) {
        return;
    }
    make_room(lru, shard, lru->shard_bytes - bytes);
    add_entry(lru, shard, new_entry(key, value, bytes, expires_mono_ms));
}

size_t
lru_bytes(struct lru *lru)
{
    size_t bytes = 0;
    for (size_t i = 0; i < LRU_SHARDS; i++) {
        AUTO_LOCK(lock, &lru->shards[i].mutex);
        bytes += lru->shards[i].bytes;
    }
    return bytes;
}
