// SPDX-License-Identifier: Apache-2.0
#include "verifier/message/spf_cache.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "common/lru.h"
#include "common/xalloc.h"

enum { BLOCK_OVERHEAD = 16 }; /* of one small allocation */

struct shared_policy {
    struct spf_policy policy; /* first: the pointer handed out is the pointer of the whole */
    atomic_uint references;
};

struct spf_cache {
    struct lru *policies;
};

static struct shared_policy *
shared_of(const struct spf_policy *policy)
{
    return (struct shared_policy *)(uintptr_t)policy; // made by spf_policy_new, never const
}

struct spf_policy *
spf_policy_new(void)
{
    struct shared_policy *shared = xcalloc(1, sizeof(*shared));
    atomic_init(&shared->references, 1);
    return &shared->policy;
}

void
spf_policy_release(const struct spf_policy *policy)
{
    if (policy == NULL) {
        return;
    }
    struct shared_policy *shared = shared_of(policy);
    if (atomic_fetch_sub(&shared->references, 1) == 1) {
        spf_record_done(&shared->policy.record);
        if (policy->answer != NULL) {
            dns_answer_release(policy->answer);
        }
        free(shared);
    }
}

static size_t
string_size(const struct spf_string *string)
{
    return string->count == 0 ? 0 : 2 * string->count * sizeof(*string->tokens) + BLOCK_OVERHEAD;
}

// What the policy occupies, from above: arrays grow by doubling.
static size_t
policy_size(const struct spf_policy *policy)
{
    const struct spf_record *record = &policy->record;
    size_t bytes = sizeof(struct shared_policy) + 2 * record->count * sizeof(*record->terms) +
                   string_size(&record->redirect) + string_size(&record->explanation);
    for (size_t i = 0; i < record->count; i++) {
        bytes += string_size(&record->terms[i].target);
    }
    if (policy->answer != NULL) { // shared with the cache of verifier/dns, if that keeps it
        bytes += dns_answer_size(policy->answer);
    }
    return bytes + (record->text == NULL ? 0 : strlen(record->text) + BLOCK_OVERHEAD);
}

static void
take_policy(const void *policy)
{
    atomic_fetch_add(&shared_of(policy)->references, 1);
}

static void
release_policy(const void *policy)
{
    spf_policy_release(policy);
}

static const struct lru_references POLICY_REFERENCES = {.take = take_policy,
                                                        .release = release_policy};

struct spf_cache *
spf_cache_new(size_t bytes)
{
    struct spf_cache *cache = xcalloc(1, sizeof(*cache));
    cache->policies = lru_new(bytes, &POLICY_REFERENCES);
    return cache;
}

void
spf_cache_free(struct spf_cache *cache)
{
    if (cache != NULL) {
        lru_free(cache->policies);
        free(cache);
    }
}

const struct spf_policy *
spf_cache_find(struct spf_cache *cache, const char *name)
{
    return lru_find(cache->policies, name);
}

void
spf_cache_put(struct spf_cache *cache, const char *name, const struct spf_policy *policy)
{
    lru_put(cache->policies, name, policy, policy_size(policy), policy->expires_mono_ms);
}

size_t
spf_cache_bytes(struct spf_cache *cache)
{
    return lru_bytes(cache->policies);
}
