// SPDX-License-Identifier: Apache-2.0
// What the DNS says about the SPF record of a name, read once and shared while its TTL lasts.
#ifndef VERIFIER_MESSAGE_SPF_CACHE_H
#define VERIFIER_MESSAGE_SPF_CACHE_H

#include <stddef.h>
#include <stdint.h>

#include "common/status.h"
#include "verifier/dns/dns.h"
#include "verifier/message/spf_record.h"

/** How the record of a name stands. */
enum spf_policy_state {
    SPF_POLICY_NONE,   /* no such name, or no SPF record there */
    SPF_POLICY_RECORD, /* exactly one, and it is valid */
    SPF_POLICY_INVALID /* several, or one that breaks the grammar: permerror */
};

/** Immutable once made, but for its references. */
struct spf_policy {
    enum spf_policy_state state;
    struct spf_record record;        /* with SPF_POLICY_RECORD */
    char problem[160];               /* with SPF_POLICY_INVALID: one sentence */
    const struct dns_answer *answer; /* it was read from, for whoever takes note of answers */
    int64_t expires_mono_ms;
};

/** An empty policy with one reference, to be filled by its maker. */
struct spf_policy *spf_policy_new(void);

/** Give a reference back. NULL-safe. */
void spf_policy_release(const struct spf_policy *policy);

static inline void
spf_policy_cleanup(const struct spf_policy **policy)
{
    spf_policy_release(*policy);
}
#define AUTO_POLICY AUTO(spf_policy_cleanup) const struct spf_policy

struct spf_cache;

/** A cache of at most `bytes`, counted as good as can be. 0: nothing is kept. */
struct spf_cache *spf_cache_new(size_t bytes);

/** No call may be under way. References out there stay good. NULL-safe. */
void spf_cache_free(struct spf_cache *cache);

/**
 * The policy of a name, if it is there and has not expired.
 *
 * @name    as it is asked: lower case
 * @return  a reference for the caller, or NULL
 * @thread  any
 */
const struct spf_policy *spf_cache_find(struct spf_cache *cache, const char *name);

/** Keep the policy (borrowed) until it expires or room is needed. @thread any */
void spf_cache_put(struct spf_cache *cache, const char *name, const struct spf_policy *policy);

/** Bytes kept. For tests. */
size_t spf_cache_bytes(struct spf_cache *cache);

#endif
