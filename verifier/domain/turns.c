// SPDX-License-Identifier: Apache-2.0
#include "verifier/domain/turns.h"

#include <stdlib.h>

#include "common/map.h"
#include "common/xalloc.h"

/* All turns of a key are there again at this time (GCRA). */
struct turn {
    int64_t full_mono_ms;
};

struct turns {
    size_t most;
    struct map *by_key; /* of struct turn */
};

struct turns *
turns_new(size_t most)
{
    struct turns *turns = xcalloc(1, sizeof(*turns));
    turns->most = most;
    turns->by_key = map_new();
    return turns;
}

void
turns_free(struct turns *turns)
{
    if (turns != NULL) {
        map_free(turns->by_key, free);
        free(turns);
    }
}

// Who has all its turns again is as one who never took any.
static void
forget_full(struct turns *turns, int64_t now_mono_ms)
{
    struct map *kept = map_new();
    size_t cursor = 0;
    const char *key = NULL;
    struct turn *turn = NULL;
    while ((turn = map_next(turns->by_key, &cursor, &key)) != NULL) {
        if (turn->full_mono_ms > now_mono_ms) {
            (void)map_put(kept, key, turn);
        } else {
            free(turn);
        }
    }
    map_free(turns->by_key, NULL);
    turns->by_key = kept;
}

bool
turns_take(struct turns *turns, const char *key, unsigned at_once, int64_t every_ms,
           int64_t now_mono_ms)
{
    struct turn *turn = map_get(turns->by_key, key);
    if (turn == NULL) {
        if (map_count(turns->by_key) >= turns->most) {
            forget_full(turns, now_mono_ms);
        }
        if (map_count(turns->by_key) >= turns->most) {
            return false;
        }
        turn = xcalloc(1, sizeof(*turn));
        (void)map_put(turns->by_key, key, turn);
    }
    int64_t from = turn->full_mono_ms > now_mono_ms ? turn->full_mono_ms : now_mono_ms;
    if (from + every_ms - now_mono_ms > at_once * every_ms) {
        return false;
    }
    turn->full_mono_ms = from + every_ms;
    return true;
}

size_t
turns_count(const struct turns *turns)
{
    return map_count(turns->by_key);
}
