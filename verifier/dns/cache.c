// SPDX-License-Identifier: Apache-2.0
#include "verifier/dns/cache.h"

#include <pthread.h>
#include <stdlib.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/condition.h"
#include "common/lru.h"
#include "common/map.h"
#include "common/xalloc.h"
#include "verifier/dns/reply.h"

/** A fetch under way. Freed by the last one who leaves it. */
struct flight {
    pthread_cond_t landed;
    unsigned waiting;
    bool is_over;
    const struct dns_answer *answer; /* NULL: nothing to share */
};

struct dns_cache {
    struct lru *answers;
    pthread_mutex_t mutex; /* of the flights; held over a look at the answers, never inside one */
    struct map *flights;
};

static void
take_answer(const void *answer)
{
    (void)dns_answer_ref(answer);
}

static void
release_answer(const void *answer)
{
    dns_answer_release(answer);
}

static const struct lru_references ANSWER_REFERENCES = {.take = take_answer,
                                                        .release = release_answer};

struct dns_cache *
dns_cache_new(size_t bytes)
{
    struct dns_cache *cache = xcalloc(1, sizeof(*cache));
    cache->answers = lru_new(bytes, &ANSWER_REFERENCES);
    cache->flights = map_new();
    (void)pthread_mutex_init(&cache->mutex, NULL);
    return cache;
}

void
dns_cache_free(struct dns_cache *cache)
{
    if (cache == NULL) {
        return;
    }
    lru_free(cache->answers);
    map_free(cache->flights, NULL); // empty: no call is under way
    (void)pthread_mutex_destroy(&cache->mutex);
    free(cache);
}

static struct flight *
new_flight(void)
{
    struct flight *flight = xcalloc(1, sizeof(*flight));
    condition_init(&flight->landed);
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

// True once the flight is over; its answer, if any, is a reference for the caller.
static bool
wait_for_flight(struct dns_cache *cache, struct flight *flight, int64_t deadline_mono_ms,
                const struct dns_answer **answer_out)
{
    flight->waiting++;
    while (!flight->is_over) {
        int64_t left = deadline_mono_ms - clock_mono_ms();
        if (left <= 0) {
            break;
        }
        struct timespec until = condition_deadline(left);
        (void)pthread_cond_timedwait(&flight->landed, &cache->mutex, &until);
    }
    bool is_over = flight->is_over;
    *answer_out = is_over && flight->answer != NULL ? dns_answer_ref(flight->answer) : NULL;
    flight->waiting--;
    leave_flight(flight);
    return is_over;
}

// The flight of this question, joined, or else led by the caller.
static enum dns_cache_outcome
join_or_lead(struct dns_cache *cache, const char *key, int64_t deadline_mono_ms, bool fresh,
             const struct dns_answer **answer_out)
{
    AUTO_LOCK(lock, &cache->mutex);
    for (;;) {
        // A flight that landed since the first look has left its answer there.
        const struct dns_answer *answer = fresh ? NULL : lru_find(cache->answers, key);
        if (answer == NULL) {
            struct flight *flight = map_get(cache->flights, key);
            if (flight == NULL) {
                (void)map_put(cache->flights, key, new_flight());
                return DNS_CACHE_LEAD;
            }
            if (!wait_for_flight(cache, flight, deadline_mono_ms, &answer)) {
                return DNS_CACHE_LATE;
            }
        }
        if (answer != NULL) {
            *answer_out = answer;
            return DNS_CACHE_HIT;
        }
    }
}

enum dns_cache_outcome
dns_cache_find(struct dns_cache *cache, const char *key, int64_t deadline_mono_ms, bool fresh,
               const struct dns_answer **answer_out)
{
    const struct dns_answer *answer = fresh ? NULL : lru_find(cache->answers, key);
    if (answer != NULL) {
        *answer_out = answer;
        return DNS_CACHE_HIT;
    }
    return join_or_lead(cache, key, deadline_mono_ms, fresh, answer_out);
}

void
dns_cache_publish(struct dns_cache *cache, const char *key, const struct dns_answer *answer)
{
    AUTO_LOCK(lock, &cache->mutex);
    if (answer != NULL) {
        lru_put(cache->answers, key, answer, dns_answer_size(answer), answer->expires_mono_ms);
    }
    struct flight *flight = map_remove(cache->flights, key);
    flight->is_over = true;
    flight->answer = answer == NULL ? NULL : dns_answer_ref(answer);
    (void)pthread_cond_broadcast(&flight->landed);
    leave_flight(flight);
}

size_t
dns_cache_bytes(struct dns_cache *cache)
{
    return lru_bytes(cache->answers);
}
