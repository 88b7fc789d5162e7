// SPDX-License-Identifier: Apache-2.0
#include "verifier/dns/brief.h"

#include <pthread.h>
#include <stdlib.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/map.h"
#include "common/xalloc.h"

struct entry {
    char *key;
    void *value;
    int64_t expires_mono_ms;
    struct entry *newer;
    struct entry *older;
};

struct brief {
    pthread_mutex_t mutex; /* protects everything below */
    size_t most;
    int64_t keep_ms;
    struct map *entries;
    struct entry *newest;
    struct entry *oldest; /* the first to expire */
};

void *
brief_ref(void *value)
{
    struct brief_value *counted = value;
    atomic_fetch_add(&counted->references, 1);
    return value;
}

void
brief_unref(void *value)
{
    struct brief_value *counted = value;
    if (value != NULL && atomic_fetch_sub(&counted->references, 1) == 1) {
        free(value);
    }
}

struct brief *
brief_new(size_t most, int64_t keep_ms)
{
    struct brief *brief = xcalloc(1, sizeof(*brief));
    (void)pthread_mutex_init(&brief->mutex, NULL);
    brief->most = most;
    brief->keep_ms = keep_ms;
    brief->entries = map_new();
    return brief;
}

static void
free_entry(void *value)
{
    struct entry *entry = value;
    brief_unref(entry->value);
    free(entry->key);
    free(entry);
}

void
brief_free(struct brief *brief)
{
    if (brief != NULL) {
        map_free(brief->entries, free_entry);
        (void)pthread_mutex_destroy(&brief->mutex);
        free(brief);
    }
}

static void
drop(struct brief *brief, struct entry *entry)
{
    *(entry->newer != NULL ? &entry->newer->older : &brief->newest) = entry->older;
    *(entry->older != NULL ? &entry->older->newer : &brief->oldest) = entry->newer;
    (void)map_remove(brief->entries, entry->key);
    free_entry(entry);
}

static void
drop_expired(struct brief *brief)
{
    int64_t now = clock_mono_ms();
    for (struct entry *entry = brief->oldest; entry != NULL && entry->expires_mono_ms <= now;) {
        struct entry *newer = entry->newer;
        drop(brief, entry);
        entry = newer;
    }
}

void *
brief_get(struct brief *brief, const char *key)
{
    AUTO_LOCK(lock, &brief->mutex);
    drop_expired(brief);
    const struct entry *entry = map_get(brief->entries, key);
    return entry == NULL ? NULL : brief_ref(entry->value);
}

void
brief_put(struct brief *brief, const char *key, void *value)
{
    AUTO_LOCK(lock, &brief->mutex);
    struct entry *before = map_get(brief->entries, key);
    if (before != NULL) {
        drop(brief, before);
    } else if (map_count(brief->entries) >= brief->most) {
        drop(brief, brief->oldest);
    }
    struct entry *entry = xcalloc(1, sizeof(*entry));
    entry->key = xstrdup(key);
    entry->value = brief_ref(value);
    entry->expires_mono_ms = clock_mono_ms() + brief->keep_ms;
    entry->older = brief->newest;
    *(brief->newest != NULL ? &brief->newest->newer : &brief->oldest) = entry;
    brief->newest = entry;
    (void)map_put(brief->entries, key, entry);
}

size_t
brief_count(struct brief *brief)
{
    AUTO_LOCK(lock, &brief->mutex);
    return map_count(brief->entries);
}
