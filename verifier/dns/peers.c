// SPDX-License-Identifier: Apache-2.0
#include "verifier/dns/peers.h"

#include <pthread.h>
#include <stdlib.h>

#include "common/cleanup.h"
#include "common/map.h"
#include "common/xalloc.h"
#include "verifier/dns/authority.h"

enum { SECOND_US = 1000 * 1000, MS_US = 1000 };

struct peer {
    char *key;
    int64_t full_us; /* when a second's worth of turns is there again (GCRA) */
    unsigned silent; /* questions in a row without an answer */
    int64_t dead_until_ms;
    struct peer *newer;
    struct peer *older;
};

struct dns_peers {
    pthread_mutex_t mutex; /* protects everything below */
    unsigned per_second;
    size_t most;
    struct map *by_key;
    struct peer *newest;
    struct peer *oldest;
};

struct dns_peers *
dns_peers_new(unsigned per_second, size_t most)
{
    struct dns_peers *peers = xcalloc(1, sizeof(*peers));
    (void)pthread_mutex_init(&peers->mutex, NULL);
    peers->per_second = per_second;
    peers->most = most;
    peers->by_key = map_new();
    return peers;
}

static void
free_peer(void *value)
{
    struct peer *peer = value;
    free(peer->key);
    free(peer);
}

void
dns_peers_free(struct dns_peers *peers)
{
    if (peers != NULL) {
        map_free(peers->by_key, free_peer);
        (void)pthread_mutex_destroy(&peers->mutex);
        free(peers);
    }
}

static void
unlink_peer(struct dns_peers *peers, struct peer *peer)
{
    *(peer->newer != NULL ? &peer->newer->older : &peers->newest) = peer->older;
    *(peer->older != NULL ? &peer->older->newer : &peers->oldest) = peer->newer;
    peer->newer = NULL;
    peer->older = NULL;
}

static void
link_newest(struct dns_peers *peers, struct peer *peer)
{
    peer->older = peers->newest;
    *(peers->newest != NULL ? &peers->newest->newer : &peers->oldest) = peer;
    peers->newest = peer;
}

static void
forget_oldest(struct dns_peers *peers)
{
    struct peer *oldest = peers->oldest;
    unlink_peer(peers, oldest);
    (void)map_remove(peers->by_key, oldest->key);
    free_peer(oldest);
}

static struct peer *
use_peer(struct dns_peers *peers, const char *key)
{
    struct peer *peer = map_get(peers->by_key, key);
    if (peer != NULL) {
        unlink_peer(peers, peer);
        link_newest(peers, peer);
        return peer;
    }
    if (map_count(peers->by_key) >= peers->most) {
        forget_oldest(peers);
    }
    peer = xcalloc(1, sizeof(*peer));
    peer->key = xstrdup(key);
    (void)map_put(peers->by_key, key, peer);
    link_newest(peers, peer);
    return peer;
}

int64_t
dns_peers_reserve(struct dns_peers *peers, const char *key, int64_t now_ms, int64_t latest_ms)
{
    if (peers->per_second == 0) {
        return now_ms;
    }
    AUTO_LOCK(lock, &peers->mutex);
    struct peer *peer = use_peer(peers, key);
    int64_t now_us = now_ms * MS_US;
    int64_t turn_us = SECOND_US / peers->per_second;
    int64_t full_us = (peer->full_us > now_us ? peer->full_us : now_us) + turn_us;
    int64_t wait_us = full_us - SECOND_US - now_us;
    int64_t turn_ms = now_ms + (wait_us > 0 ? (wait_us + MS_US - 1) / MS_US : 0);
    if (turn_ms > latest_ms) {
        return -1;
    }
    peer->full_us = full_us;
    return turn_ms;
}

bool
dns_peers_is_dead(struct dns_peers *peers, const char *key, int64_t now_ms)
{
    AUTO_LOCK(lock, &peers->mutex);
    const struct peer *peer = map_get(peers->by_key, key);
    return peer != NULL && now_ms < peer->dead_until_ms;
}

void
dns_peers_note(struct dns_peers *peers, const char *key, bool was_answered, int64_t now_ms)
{
    AUTO_LOCK(lock, &peers->mutex);
    struct peer *peer = use_peer(peers, key);
    peer->silent = was_answered ? 0 : peer->silent + 1;
    if (was_answered) {
        peer->dead_until_ms = 0;
    } else if (peer->silent >= AUTHORITY_DEAD_AFTER && now_ms >= peer->dead_until_ms) {
        peer->dead_until_ms = now_ms + AUTHORITY_DEAD_MS;
    }
}

size_t
dns_peers_count(struct dns_peers *peers)
{
    AUTO_LOCK(lock, &peers->mutex);
    return map_count(peers->by_key);
}
