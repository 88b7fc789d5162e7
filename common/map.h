// SPDX-License-Identifier: Apache-2.0
// A hash map from text to pointer. Keys are copied; values belong to the caller. One lock's worth:
// not safe for threads by itself.
#ifndef COMMON_MAP_H
#define COMMON_MAP_H

#include <stddef.h>

struct map;

struct map *map_new(void);

/** Frees the map and its keys; `free_value` (may be NULL) is called with each value. */
void map_free(struct map *map, void (*free_value)(void *value));

/** The value, or NULL. */
void *map_get(const struct map *map, const char *key);

/** Store `value` (not NULL); returns the value that stood there before, or NULL. */
void *map_put(struct map *map, const char *key, void *value);

/** Take the entry out; returns its value, or NULL. */
void *map_remove(struct map *map, const char *key);

size_t map_count(const struct map *map);

/** Walk in no particular order: start with *cursor = 0; NULL at the end. No changes meanwhile. */
void *map_next(const struct map *map, size_t *cursor, const char **key_out);

#endif
