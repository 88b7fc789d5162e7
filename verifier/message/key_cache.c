// SPDX-License-Identifier: Apache-2.0
#include "verifier/message/key_cache.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "common/lru.h"
#include "common/xalloc.h"
#include "verifier/dns/recorder.h"

/* What OpenSSL holds for a key: measured for RSA-2048, with room. */
enum { KEY_BYTES = 4096 };

struct entry {
    struct dkim_key key; /* first: what callers hold is this */
    atomic_uint references;
    const struct dns_answer *answer; /* it was read from, for whoever takes note of answers */
};

struct key_cache {
    struct lru *entries;
};

static void
take_entry(const void *value)
{
    struct entry *entry = (struct entry *)(uintptr_t)value; // made here, never const
    atomic_fetch_add_explicit(&entry->references, 1, memory_order_relaxed);
}

static void
release_entry(const void *value)
{
    struct entry *entry = (struct entry *)(uintptr_t)value;
    if (atomic_fetch_sub_explicit(&entry->references, 1, memory_order_acq_rel) == 1) {
        key_record_done(&entry->key.record);
        dns_answer_release(entry->answer);
        free(entry);
    }
}

void
dkim_key_release(const struct dkim_key *key)
{
    if (key != NULL) {
        release_entry(key); // it is the first member
    }
}

static const struct lru_references ENTRY_REFERENCES = {.take = take_entry,
                                                       .release = release_entry};

struct key_cache *
key_cache_new(size_t bytes)
{
    struct key_cache *cache = xcalloc(1, sizeof(*cache));
    cache->entries = lru_new(bytes, &ENTRY_REFERENCES);
    return cache;
}

void
key_cache_free(struct key_cache *cache)
{
    if (cache != NULL) {
        lru_free(cache->entries);
        free(cache);
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

static struct entry *
read_entry(const struct dns_answer *answer)
{
    struct entry *entry = xcalloc(1, sizeof(*entry));
    atomic_init(&entry->references, 1);
    take_answer(answer, &entry->key);
    entry->answer = dns_answer_ref(answer);
    return entry;
}

static void
keep(struct key_cache *cache, const char *name, const struct entry *entry)
{
    size_t bytes = sizeof(*entry) + dns_answer_size(entry->answer) +
                   (entry->key.record.key == NULL ? 0 : KEY_BYTES);
    lru_put(cache->entries, name, entry, bytes, entry->answer->expires_mono_ms);
}

const struct dkim_key *
dkim_key_get(struct key_cache *cache, struct dns *dns, struct dns_budget *budget, const char *name)
{
    bool fresh = budget != NULL && budget->fresh;
    const struct entry *entry = cache == NULL || fresh ? NULL : lru_find(cache->entries, name);
    if (entry != NULL) {
        if (budget != NULL) {
            dns_recorder_note(budget->recorder, name, DNS_TXT, entry->answer);
        }
        return &entry->key;
    }
    AUTO_ANSWER *answer = dns_get(dns, budget, name, DNS_TXT);
    entry = read_entry(answer);
    if (cache != NULL && answer->status == DNS_OK) { // the DNS keeps the rest as long as is right
        keep(cache, name, entry);
    }
    return &entry->key;
}

size_t
key_cache_bytes(struct key_cache *cache)
{
    return lru_bytes(cache->entries);
}
