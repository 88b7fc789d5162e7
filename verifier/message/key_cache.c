// SPDX-License-Identifier: Apache-2.0
#include "verifier/message/key_cache.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/map.h"
#include "common/xalloc.h"
#include "verifier/dns/recorder.h"

/* What OpenSSL holds for a key: measured for RSA-2048, with room. */
enum { KEY_BYTES = 4096 };

struct entry {
    struct dkim_key key; /* first: what callers hold is this */
    atomic_uint references;
    int64_t expires_mono_ms;
    const struct dns_answer *answer; /* it was read from, for whoever takes note of answers */
    char *name;
    size_t bytes;
    struct entry *newer;
    struct entry *older;
};

struct key_cache {
    pthread_mutex_t mutex;
    struct map *entries;
    struct entry *newest;
    struct entry *oldest;
    size_t bytes;
    size_t cap;
};

struct key_cache *
key_cache_new(size_t bytes)
{
    struct key_cache *cache = xcalloc(1, sizeof(*cache));
    (void)pthread_mutex_init(&cache->mutex, NULL);
    cache->entries = map_new();
    cache->cap = bytes;
    return cache;
}

static void
release(struct entry *entry)
{
    if (atomic_fetch_sub_explicit(&entry->references, 1, memory_order_acq_rel) == 1) {
        key_record_done(&entry->key.record);
        dns_answer_release(entry->answer);
        free(entry->name);
        free(entry);
    }
}

void
dkim_key_release(const struct dkim_key *key)
{
    if (key != NULL) {
        release((struct entry *)(uintptr_t)key); // it is the first member
    }
}

static void
unlink_entry(struct key_cache *cache, struct entry *entry)
{
    *(entry->newer == NULL ? &cache->newest : &entry->newer->older) = entry->older;
    *(entry->older == NULL ? &cache->oldest : &entry->older->newer) = entry->newer;
    entry->newer = NULL;
    entry->older = NULL;
}

static void
link_newest(struct key_cache *cache, struct entry *entry)
{
    entry->older = cache->newest;
    *(cache->newest == NULL ? &cache->oldest : &cache->newest->newer) = entry;
    cache->newest = entry;
}

// Take it out of the list; the map has let go of it already.
static void
drop(struct key_cache *cache, struct entry *entry)
{
    unlink_entry(cache, entry);
    cache->bytes -= entry->bytes;
    release(entry);
}

void
key_cache_free(struct key_cache *cache)
{
    if (cache == NULL) {
        return;
    }
    for (struct entry *each = cache->oldest; each != NULL;) {
        struct entry *newer = each->newer;
        drop(cache, each);
        each = newer;
    }
    map_free(cache->entries, NULL);
    (void)pthread_mutex_destroy(&cache->mutex);
    free(cache);
}

static struct entry *
find(struct key_cache *cache, const char *name)
{
    AUTO_LOCK(lock, &cache->mutex);
    struct entry *entry = map_get(cache->entries, name);
    if (entry == NULL || entry->expires_mono_ms <= clock_mono_ms()) {
        return NULL;
    }
    unlink_entry(cache, entry);
    link_newest(cache, entry);
    atomic_fetch_add_explicit(&entry->references, 1, memory_order_relaxed);
    return entry;
}

static void
keep(struct key_cache *cache, struct entry *entry)
{
    AUTO_LOCK(lock, &cache->mutex);
    if (entry->bytes > cache->cap) {
        return;
    }
    atomic_fetch_add_explicit(&entry->references, 1, memory_order_relaxed);
    struct entry *before = map_put(cache->entries, entry->name, entry);
    link_newest(cache, entry);
    cache->bytes += entry->bytes;
    if (before != NULL) {
        drop(cache, before);
    }
    for (struct entry *each = cache->oldest; each != entry && cache->bytes > cache->cap;) {
        struct entry *newer = each->newer;
        (void)map_remove(cache->entries, each->name);
        drop(cache, each);
        each = newer;
    }
}

static void
refuse(struct dkim_key *key, enum auth_result result, const char *reason)
{
    key->result = result;
    (void)snprintf(key->reason, sizeof(key->reason), "%.*s", VERDICT_REASON_SIZE - 1, reason);
}

// One of the records must be a key, and no other.
static void
select_record(const struct dns_answer *answer, struct dkim_key *key)
{
    bool found = false;
    struct why why = {.text = "there is no key"};
    for (size_t i = 0; i < answer->count; i++) {
        struct key_record record;
        if (key_record_parse(answer->records[i].data, answer->records[i].length, &record, &why) !=
            ST_OK) {
            continue;
        }
        if (found) {
            key_record_done(&record);
            key_record_done(&key->record);
            refuse(key, AUTH_PERMERROR, "there are several keys of this name");
            return;
        }
        found = true;
        key->record = record;
    }
    if (!found) {
        refuse(key, AUTH_PERMERROR, why.text);
    }
}

static void
take_answer(const struct dns_answer *answer, struct dkim_key *key)
{
    switch (answer->status) {
    case DNS_OK:
        select_record(answer, key);
        break;
    case DNS_TEMPORARY:
        refuse(key, AUTH_TEMPERROR, "the key could not be looked up");
        break;
    case DNS_NXDOMAIN:
    case DNS_NODATA:
    case DNS_BAD_NAME:
    default:
        refuse(key, AUTH_PERMERROR, "there is no key");
        break;
    }
}

const struct dkim_key *
dkim_key_get(struct key_cache *cache, struct dns *dns, struct dns_budget *budget, const char *name)
{
    bool fresh = budget != NULL && budget->fresh;
    struct entry *entry = cache == NULL || fresh ? NULL : find(cache, name);
    if (entry != NULL) {
        if (budget != NULL) {
            dns_recorder_note(budget->recorder, name, DNS_TXT, entry->answer);
        }
        return &entry->key;
    }
    AUTO_ANSWER *answer = dns_get(dns, budget, name, DNS_TXT);
    entry = xcalloc(1, sizeof(*entry));
    atomic_init(&entry->references, 1);
    take_answer(answer, &entry->key);
    entry->expires_mono_ms = answer->expires_mono_ms;
    entry->answer = dns_answer_ref(answer);
    entry->name = xstrdup(name);
    entry->bytes = sizeof(*entry) + strlen(name) + dns_answer_size(answer) +
                   (entry->key.record.key == NULL ? 0 : KEY_BYTES);
    if (cache != NULL && answer->status == DNS_OK) { // the DNS keeps the rest as long as is right
        keep(cache, entry);
    }
    return &entry->key;
}

size_t
key_cache_bytes(struct key_cache *cache)
{
    AUTO_LOCK(lock, &cache->mutex);
    return cache->bytes;
}
