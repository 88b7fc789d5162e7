// SPDX-License-Identifier: Apache-2.0
// Open addressing with linear probing; deletion moves followers back, so there are no tombstones.
// The hash is keyed with random bytes, since strangers choose the keys.
#include "common/map.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/xalloc.h"

enum { FIRST_SLOTS = 16 };

struct slot {
    char *key; /* NULL: free */
    void *value;
    uint64_t hash;
};

struct map {
    struct slot *slots;
    size_t slot_count; /* a power of two */
    size_t used;
    uint64_t seed;
};

struct map *
map_new(void)
{
    struct map *map = xcalloc(1, sizeof(*map));
    map->slots = xcalloc(FIRST_SLOTS, sizeof(*map->slots));
    map->slot_count = FIRST_SLOTS;
    if (getrandom(&map->seed, sizeof(map->seed), 0) != (ssize_t)sizeof(map->seed)) {
        abort();
    }
    return map;
}

void
map_free(struct map *map, void (*free_value)(void *value))
{
    if (map == NULL) {
        return;
    }
    for (size_t i = 0; i < map->slot_count; i++) {
        if (map->slots[i].key != NULL) {
            free(map->slots[i].key);
            if (free_value != NULL) {
                free_value(map->slots[i].value);
            }
        }
    }
    free(map->slots);
    free(map);
}

static uint64_t
hash_key(const struct map *map, const char *key)
{
    uint64_t hash = map->seed;
    for (; *key != '\0'; key++) {
        hash = (hash ^ (unsigned char)*key) * 0x9e3779b97f4a7c15U;
        hash ^= hash >> 29;
    }
    return hash;
}

// The slot that holds the key, or the free one where it would go.
static struct slot *
find_slot(const struct map *map, const char *key, uint64_t hash)
{
    size_t at = (size_t)hash & (map->slot_count - 1);
    for (;; at = (at + 1) & (map->slot_count - 1)) {
        struct slot *slot = &map->slots[at];
        if (slot->key == NULL || (slot->hash == hash && strcmp(slot->key, key) == 0)) {
            return slot;
        }
    }
}

static void
grow(struct map *map)
{
    struct slot *old = map->slots;
    size_t old_count = map->slot_count;
    map->slot_count *= 2;
    map->slots = xcalloc(map->slot_count, sizeof(*map->slots));
    for (size_t i = 0; i < old_count; i++) {
        if (old[i].key != NULL) {
            *find_slot(map, old[i].key, old[i].hash) = old[i];
        }
    }
    free(old);
}

void *
map_get(const struct map *map, const char *key)
{
    return find_slot(map, key, hash_key(map, key))->value;
}

void *
map_put(struct map *map, const char *key, void *value)
{
    if ((map->used + 1) * 4 > map->slot_count * 3) {
        grow(map);
    }
    uint64_t hash = hash_key(map, key);
    struct slot *slot = find_slot(map, key, hash);
    void *before = slot->value;
    if (slot->key == NULL) {
        slot->key = xstrdup(key);
        slot->hash = hash;
        map->used++;
    }
    slot->value = value;
    return before;
}

static void
close_gap(struct map *map, size_t gap)
{
    size_t mask = map->slot_count - 1;
    for (size_t at = (gap + 1) & mask; map->slots[at].key != NULL; at = (at + 1) & mask) {
        size_t home = (size_t)map->slots[at].hash & mask;
        bool may_move = ((at - home) & mask) >= ((at - gap) & mask);
        if (may_move) {
            map->slots[gap] = map->slots[at];
            gap = at;
        }
    }
    map->slots[gap] = (struct slot){.key = NULL};
}

void *
map_remove(struct map *map, const char *key)
{
    struct slot *slot = find_slot(map, key, hash_key(map, key));
    if (slot->key == NULL) {
        return NULL;
    }
    void *value = slot->value;
    free(slot->key);
    close_gap(map, (size_t)(slot - map->slots));
    map->used--;
    return value;
}

size_t
map_count(const struct map *map)
{
    return map->used;
}

void *
map_next(const struct map *map, size_t *cursor, const char **key_out)
{
    while (*cursor < map->slot_count) {
        const struct slot *slot = &map->slots[(*cursor)++];
        if (slot->key != NULL) {
            if (key_out != NULL) {
                *key_out = slot->key;
            }
            return slot->value;
        }
    }
    return NULL;
}
