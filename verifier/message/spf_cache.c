// SPDX-License-Identifier: Apache-2.0
#include "verifier/message/spf_cache.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/map.h"
#include "common/xalloc.h"

enum {
    SHARD_COUNT = 16,
    ENTRY_OVERHEAD = 160, /* our structs, the map's slot, the allocator's own, about */
    BLOCK_OVERHEAD = 16   /* of one small allocation */
};

struct shared_policy {
    struct spf_policy policy; /* first: the pointer handed out is the pointer of the whole */
    atomic_uint references;
};

struct entry {
    char *name;
    const struct spf_policy *policy;
    struct entry *newer;
    struct entry *older;
    size_t bytes;
};

struct shard {
    pthread_mutex_t mutex; /* protects everything below */
    struct map *entries;
    struct entry *newest;
    struct entry *oldest;
    size_t bytes;
};

struct spf_cache {
    size_t shard_bytes; /* most bytes of one shard */
    struct shard shards[SHARD_COUNT];
};

static struct shared_policy *
shared_of(const struct spf_policy *policy)
{
    return (struct shared_policy *)(uintptr_t)policy; // made by spf_policy_new, never const
}

struct spf_policy *
spf_policy_new(void)
{
    struct shared_policy *shared = xcalloc(1, sizeof(*shared));
    atomic_init(&shared->references, 1);
    return &shared->policy;
}

static const struct spf_policy *
take_reference(const struct spf_policy *policy)
{
    atomic_fetch_add(&shared_of(policy)->references, 1);
    return policy;
}

void
spf_policy_release(const struct spf_policy *policy)
{
    if (policy == NULL) {
        return;
    }
    struct shared_policy *shared = shared_of(policy);
    if (atomic_fetch_sub(&shared->references, 1) == 1) {
        spf_record_done(&shared->policy.record);
        if (policy->answer != NULL) {
            dns_answer_release(policy->answer);
        }
        free(shared);
    }
}

static size_t
string_size(const struct spf_string *string)
{
    return string->count == 0 ? 0 : 2 * string->count * sizeof(*string->tokens) + BLOCK_OVERHEAD;
}

// What the policy occupies, from above: arrays grow by doubling.
static size_t
policy_size(const struct spf_policy *policy)
{
    const struct spf_record *record = &policy->record;
    size_t bytes = sizeof(struct shared_policy) + 2 * record->count * sizeof(*record->terms) +
                   string_size(&record->redirect) + string_size(&record->explanation);
    for (size_t i = 0; i < record->count; i++) {
        bytes += string_size(&record->terms[i].target);
    }
    if (policy->answer != NULL) { // shared with the cache of verifier/dns, if that keeps it
        bytes += dns_answer_size(policy->answer);
    }
    return bytes + (record->text == NULL ? 0 : strlen(record->text) + BLOCK_OVERHEAD);
}

struct spf_cache *
spf_cache_new(size_t bytes)
{
    struct spf_cache *cache = xcalloc(1, sizeof(*cache));
    cache->shard_bytes = bytes / SHARD_COUNT;
    for (size_t i = 0; i < SHARD_COUNT; i++) {
        (void)pthread_mutex_init(&cache->shards[i].mutex, NULL);
        cache->shards[i].entries = map_new();
    }
    return cache;
}

static void
free_entry(void *value)
{
    struct entry *entry = value;
    spf_policy_release(entry->policy);
    free(entry->name);
    free(entry);
}

void
spf_cache_free(struct spf_cache *cache)
{
    if (cache == NULL) {
        return;
    }
    for (size_t i = 0; i < SHARD_COUNT; i++) {
        map_free(cache->shards[i].entries, free_entry);
        (void)pthread_mutex_destroy(&cache->shards[i].mutex);
    }
    free(cache);
}

static struct shard *
shard_of(struct spf_cache *cache, const char *name)
{
    uint32_t hash = 2166136261U; // FNV-1a; whoever aims at one shard gains nothing but its room
    for (; *name != '\0'; name++) {
        hash = (hash ^ (unsigned char)*name) * 16777619U;
    }
    return &cache->shards[hash % SHARD_COUNT];
}

static void
unlink_entry(struct shard *shard, struct entry *entry)
{
    if (entry->newer != NULL) {
        entry->newer->older = entry->older;
    } else {
        shard->newest = entry->older;
    }
    if (entry->older != NULL) {
        entry->older->newer = entry->newer;
    } else {
        shard->oldest = entry->newer;
    }
    entry->newer = NULL;
    entry->older = NULL;
    shard->bytes -= entry->bytes;
}

static void
link_newest(struct shard *shard, struct entry *entry)
{
    entry->older = shard->newest;
    *(shard->newest != NULL ? &shard->newest->newer : &shard->oldest) = entry;
    shard->newest = entry;
    shard->bytes += entry->bytes;
}

static void
drop_entry(struct shard *shard, struct entry *entry)
{
    unlink_entry(shard, entry);
    (void)map_remove(shard->entries, entry->name);
    free_entry(entry);
}

const struct spf_policy *
spf_cache_find(struct spf_cache *cache, const char *name)
{
    struct shard *shard = shard_of(cache, name);
    AUTO_LOCK(lock, &shard->mutex);
    struct entry *entry = map_get(shard->entries, name);
    if (entry == NULL) {
        return NULL;
    }
    if (entry->policy->expires_mono_ms <= clock_mono_ms()) {
        drop_entry(shard, entry);
        return NULL;
    }
    unlink_entry(shard, entry);
    link_newest(shard, entry);
    return take_reference(entry->policy);
}

void
spf_cache_put(struct spf_cache *cache, const char *name, const struct spf_policy *policy)
{
    struct shard *shard = shard_of(cache, name);
    AUTO_LOCK(lock, &shard->mutex);
    struct entry *before = map_get(shard->entries, name);
    if (before != NULL) {
        drop_entry(shard, before);
    }
    size_t bytes = policy_size(policy) + 2 * strlen(name) + ENTRY_OVERHEAD;
    if (bytes > cache->shard_bytes || policy->expires_mono_ms <= clock_mono_ms()) {
        return;
    }
    while (shard->bytes + bytes > cache->shard_bytes) {
        assert(shard->oldest != NULL && shard->oldest->older == NULL);
        drop_entry(shard, shard->oldest);
    }
    struct entry *entry = xcalloc(1, sizeof(*entry));
    entry->name = xstrdup(name);
    entry->policy = take_reference(policy);
    entry->bytes = bytes;
    link_newest(shard, entry);
    (void)map_put(shard->entries, name, entry);
}

size_t
spf_cache_bytes(struct spf_cache *cache)
{
    size_t bytes = 0;
    for (size_t i = 0; i < SHARD_COUNT; i++) {
        AUTO_LOCK(lock, &cache->shards[i].mutex);
        bytes += cache->shards[i].bytes;
    }
    return bytes;
}
