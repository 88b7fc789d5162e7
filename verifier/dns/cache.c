// SPDX-License-Identifier: Apache-2.0
#include "verifier/dns/cache.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/clock.h"
#include "common/map.h"
#include "common/xalloc.h"
#include "verifier/dns/reply.h"

enum {
    SHARD_COUNT = 16,
    ENTRY_OVERHEAD = 128 /* our structs and the map's slot, about */
};

struct entry {
    char *key;
    const struct dns_answer *answer;
    struct entry *newer;
    struct entry *older;
    size_t bytes;
};

/** A fetch under way. Freed by the last one who leaves it. */
struct flight {
    pthread_cond_t landed;
    unsigned waiting;
    bool is_over;
    const struct dns_answer *answer; /* NULL: nothing to share */
};

struct shard {
    pthread_mutex_t mutex; /* protects everything below */
    struct map *entries;
    struct map *flights;
    struct entry *newest;
    struct entry *oldest;
    size_t bytes;
};

struct dns_cache {
    size_t shard_bytes; /* most bytes of one shard */
    struct shard shards[SHARD_COUNT];
};

struct dns_cache *
dns_cache_new(size_t bytes)
{
    struct dns_cache *cache = xcalloc(1, sizeof(*cache));
    cache->shard_bytes = bytes / SHARD_COUNT;
    for (size_t i = 0; i < SHARD_COUNT; i++) {
        (void)pthread_mutex_init(&cache->shards[i].mutex, NULL);
        cache->shards[i].entries = map_new();
        cache->shards[i].flights = map_new();
    }
    return cache;
}

static void
free_entry(void *value)
{
    struct entry *entry = value;
    dns_answer_release(entry->answer);
    free(entry->key);
    free(entry);
}

void
dns_cache_free(struct dns_cache *cache)
{
    if (cache == NULL) {
        return;
    }
    for (size_t i = 0; i < SHARD_COUNT; i++) {
        map_free(cache->shards[i].entries, free_entry);
        map_free(cache->shards[i].flights, NULL); // empty: no call is under way
        (void)pthread_mutex_destroy(&cache->shards[i].mutex);
    }
    free(cache);
}

static struct shard *
shard_of(struct dns_cache *cache, const char *key)
{
    uint32_t hash = 2166136261U; // FNV-1a; whoever aims at one shard gains nothing but its room
    for (; *key != '\0'; key++) {
        hash = (hash ^ (unsigned char)*key) * 16777619U;
    }
    return &cache->shards[hash % SHARD_COUNT];
}

static void
unlink_entry(struct shard *shard, struct entry *entry)
{
    *(entry->newer != NULL ? &entry->newer->older : &shard->newest) = entry->older;
    *(entry->older != NULL ? &entry->older->newer : &shard->oldest) = entry->newer;
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
    (void)map_remove(shard->entries, entry->key);
    free_entry(entry);
}

static const struct dns_answer *
find_valid(struct shard *shard, const char *key)
{
    struct entry *entry = map_get(shard->entries, key);
    if (entry == NULL) {
        return NULL;
    }
    if (entry->answer->expires_mono_ms <= clock_mono_ms()) {
        drop_entry(shard, entry);
        return NULL;
    }
    unlink_entry(shard, entry);
    link_newest(shard, entry);
    return dns_answer_ref(entry->answer);
}

static void
store_answer(struct dns_cache *cache, struct shard *shard, const char *key,
             const struct dns_answer *answer)
{
    struct entry *before = map_get(shard->entries, key);
    if (before != NULL) {
        drop_entry(shard, before);
    }
    size_t bytes = dns_answer_size(answer) + 2 * strlen(key) + ENTRY_OVERHEAD;
    if (bytes > cache->shard_bytes || answer->expires_mono_ms <= clock_mono_ms()) {
        return;
    }
    for (struct entry *each = shard->oldest;
         each != NULL && shard->bytes + bytes > cache->shard_bytes;) {
        struct entry *newer = each->newer;
        drop_entry(shard, each);
        each = newer;
    }
    struct entry *entry = xcalloc(1, sizeof(*entry));
    entry->key = xstrdup(key);
    entry->answer = dns_answer_ref(answer);
    entry->bytes = bytes;
    link_newest(shard, entry);
    (void)map_put(shard->entries, key, entry);
}

static struct flight *
new_flight(void)
{
    struct flight *flight = xcalloc(1, sizeof(*flight));
    pthread_condattr_t attributes;
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&flight->landed, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    return flight;
}

static void
leave_flight(struct flight *flight)
{
    if (!flight->is_over || flight->waiting > 0) {
        return;
    }
    if (flight->answer != NULL) {
        dns_answer_release(flight->answer);
    }
    (void)pthread_cond_destroy(&flight->landed);
    free(flight);
}

// Our deadlines are of CLOCK_BOOTTIME, which no condition variable knows.
static struct timespec
monotonic_in(int64_t ms)
{
    enum { DAY_MS = 24 * 60 * 60 * 1000 };
    int64_t wait_ms = ms > DAY_MS ? DAY_MS : ms; // then it is looked at again
    struct timespec when;
    (void)clock_gettime(CLOCK_MONOTONIC, &when);
    when.tv_sec += (time_t)(wait_ms / 1000);
    when.tv_nsec += (long)(wait_ms % 1000) * 1000000L;
    if (when.tv_nsec >= 1000000000L) {
        when.tv_nsec -= 1000000000L;
        when.tv_sec++;
    }
    return when;
}

// True once the flight is over; its answer, if any, is a reference for the caller.
static bool
wait_for_flight(struct shard *shard, struct flight *flight, int64_t deadline_mono_ms,
                const struct dns_answer **answer_out)
{
    flight->waiting++;
    while (!flight->is_over) {
        int64_t left = deadline_mono_ms - clock_mono_ms();
        if (left <= 0) {
            break;
        }
        struct timespec until = monotonic_in(left);
        (void)pthread_cond_timedwait(&flight->landed, &shard->mutex, &until);
    }
    bool is_over = flight->is_over;
    *answer_out = is_over && flight->answer != NULL ? dns_answer_ref(flight->answer) : NULL;
    flight->waiting--;
    leave_flight(flight);
    return is_over;
}

enum dns_cache_outcome
dns_cache_find(struct dns_cache *cache, const char *key, int64_t deadline_mono_ms, bool fresh,
               const struct dns_answer **answer_out)
{
    struct shard *shard = shard_of(cache, key);
    AUTO_LOCK(lock, &shard->mutex);
    for (;;) {
        const struct dns_answer *answer = fresh ? NULL : find_valid(shard, key);
        if (answer == NULL) {
            struct flight *flight = map_get(shard->flights, key);
            if (flight == NULL) {
                (void)map_put(shard->flights, key, new_flight());
                return DNS_CACHE_LEAD;
            }
            if (!wait_for_flight(shard, flight, deadline_mono_ms, &answer)) {
                return DNS_CACHE_LATE;
            }
        }
        if (answer != NULL) {
            *answer_out = answer;
            return DNS_CACHE_HIT;
        }
    }
}

void
dns_cache_publish(struct dns_cache *cache, const char *key, const struct dns_answer *answer)
{
    struct shard *shard = shard_of(cache, key);
    AUTO_LOCK(lock, &shard->mutex);
    if (answer != NULL) {
        store_answer(cache, shard, key, answer);
    }
    struct flight *flight = map_remove(shard->flights, key);
    flight->is_over = true;
    flight->answer = answer == NULL ? NULL : dns_answer_ref(answer);
    (void)pthread_cond_broadcast(&flight->landed);
    leave_flight(flight);
}

size_t
dns_cache_bytes(struct dns_cache *cache)
{
    size_t bytes = 0;
    for (size_t i = 0; i < SHARD_COUNT; i++) {
        AUTO_LOCK(lock, &cache->shards[i].mutex);
        bytes += cache->shards[i].bytes;
    }
    return bytes;
}
