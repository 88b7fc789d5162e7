// SPDX-License-Identifier: Apache-2.0
// DKIM keys by name, ready to verify with: reading a key out of its record costs seven times what
// using it does, so what was read is kept as long as the DNS allows.
#ifndef VERIFIER_MESSAGE_KEY_CACHE_H
#define VERIFIER_MESSAGE_KEY_CACHE_H

#include "common/cleanup.h"
#include "common/verdict.h"
#include "verifier/dns/dns.h"
#include "verifier/message/key_record.h"

struct key_cache;

/** A cache of at most `bytes` (estimated; the least recently used go first). */
struct key_cache *key_cache_new(size_t bytes);

/** No call may be under way. Keys out there stay good. NULL-safe. */
void key_cache_free(struct key_cache *cache);

/** What stands at one name. Shared: read only. */
struct dkim_key {
    enum auth_result result;          /* AUTH_NONE: `record` is a key; AUTH_TEMPERROR: not known;
                                         AUTH_PERMERROR: there is none */
    char reason[VERDICT_REASON_SIZE]; /* unless AUTH_NONE */
    struct key_record record;
};

/**
 * The key at this name (selector._domainkey.domain). Several TXT records are permerror unless
 * exactly one of them is a key (RFC 6376, 3.6.2.2 leaves it open).
 *
 * @cache   NULL: nothing is kept
 * @return  never NULL; release with dkim_key_release
 * @thread  any; blocks on the DNS up to the budget's deadline
 */
const struct dkim_key *dkim_key_get(struct key_cache *cache, struct dns *dns,
                                    struct dns_budget *budget, const char *name);

/** NULL-safe. */
void dkim_key_release(const struct dkim_key *key);

static inline void
dkim_key_cleanup(const struct dkim_key **key)
{
    dkim_key_release(*key);
}
#define AUTO_DKIM_KEY AUTO(dkim_key_cleanup) const struct dkim_key

/** Bytes kept. For tests. */
size_t key_cache_bytes(struct key_cache *cache);

#endif
