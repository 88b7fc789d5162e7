// SPDX-License-Identifier: Apache-2.0
#include "milter/defer_memory.h"

#include <pthread.h>
#include <stddef.h>
#include <stdio.h>

#include "common/address.h"
#include "common/cleanup.h"
#include "common/map.h"
#include "common/xalloc.h"

struct defer_memory {
    pthread_mutex_t mutex; /* of all below */
    struct map *entries;   /* "sender recipient" → struct entry */
};

struct entry {
    int64_t first_ms;
    int64_t last_ms;
};

struct defer_memory *
defer_memory_new(void)
{
    struct defer_memory *memory = xcalloc(1, sizeof(*memory));
    (void)pthread_mutex_init(&memory->mutex, NULL);
    memory->entries = map_new();
    return memory;
}

void
defer_memory_free(struct defer_memory *memory)
{
    if (memory == NULL) {
        return;
    }
    map_free(memory->entries, free);
    (void)pthread_mutex_destroy(&memory->mutex);
    free(memory);
}

static void
drop_oldest(struct map *entries)
{
    const char *oldest_key = NULL;
    const struct entry *oldest = NULL;
    size_t cursor = 0;
    const char *key;
    const struct entry *entry;
    while ((entry = map_next(entries, &cursor, &key)) != NULL) {
        if (oldest == NULL || entry->last_ms < oldest->last_ms) {
            oldest = entry;
            oldest_key = key;
        }
    }
    if (oldest_key != NULL) {
        AUTO_FREE char *copy = xstrdup(oldest_key); // the map frees its own while removing
        free(map_remove(entries, copy));
    }
}

int64_t
defer_memory_age(struct defer_memory *memory, const char *sender_domain,
                 const char *recipient_domain, int64_t now_ms)
{
    char key[2 * DOMAIN_NAME_SIZE];
    (void)snprintf(key, sizeof(key), "%s %s", sender_domain, recipient_domain);
    AUTO_LOCK(lock, &memory->mutex);
    struct entry *entry = map_get(memory->entries, key);
    if (entry == NULL) {
        if (map_count(memory->entries) >= DEFER_MEMORY_ENTRIES) {
            drop_oldest(memory->entries);
        }
        entry = xcalloc(1, sizeof(*entry));
        entry->first_ms = now_ms;
        (void)map_put(memory->entries, key, entry); // nothing stood there
    } else if (now_ms - entry->last_ms > DEFER_MEMORY_FORGET_MS) {
        entry->first_ms = now_ms;
    }
    entry->last_ms = now_ms;
    return now_ms - entry->first_ms;
}
