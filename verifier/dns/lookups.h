// SPDX-License-Identifier: Apache-2.0
// Many questions to the local resolver at once, past our own cache: what is in the resolver's.
#ifndef VERIFIER_DNS_LOOKUPS_H
#define VERIFIER_DNS_LOOKUPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "verifier/dns/codec.h"
#include "verifier/dns/exchange.h"
#include "verifier/dns/resolver.h"

struct dns_lookup {
    struct dns_question question; /* where its chain of CNAMEs has got to */
    struct dns_reply reply;
    bool is_servfail;       /* the resolver itself says so */
    struct dns_error error; /* with that */
    struct dns_resolver *resolver;
    struct dns_exchange_policy policy;
    size_t first;  /* of the resolver's servers */
    size_t server; /* how many servers were asked */
};

/** @resolver  must outlive the lookup, as must the budget (of dns_exchange_policy) */
void dns_lookup_init(struct dns_lookup *lookup, struct dns_resolver *resolver,
                     struct dns_budget *budget, const struct dns_name *name, enum dns_type type);
void dns_lookup_done(struct dns_lookup *lookup);

/** The exchange that takes an open lookup one step on. */
struct dns_exchange dns_lookup_exchange(struct dns_lookup *lookup);

/** Look all up, each until it is no longer open or the deadline has come. Blocks. */
void dns_lookup_all(struct dns_lookup *const *lookups, size_t count, int64_t deadline_mono_ms);

/**
 * Look up again with CD, in place, those where the resolver said SERVFAIL. Blocks.
 */
void dns_lookup_all_unchecked(struct dns_lookup *const *lookups, size_t count,
                              int64_t deadline_mono_ms);

#endif
