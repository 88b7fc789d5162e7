// SPDX-License-Identifier: Apache-2.0
#include "config/policy.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/digest.h"
#include "common/xalloc.h"
#include "config/forwarders.h"

static int
compare_networks(const void *a, const void *b)
{
    const struct network *left = a;
    const struct network *right = b;
    if (left->address.length != right->address.length) {
        return left->address.length < right->address.length ? -1 : 1;
    }
    int order = memcmp(left->address.bytes, right->address.bytes, left->address.length);
    if (order != 0) {
        return order;
    }
    return (left->prefix > right->prefix) - (left->prefix < right->prefix);
}

// Both lists, sorted and each network once, so that their order in the files does not matter.
static struct config_networks
join_networks(const struct config_networks *first, const struct config_networks *second)
{
    size_t total = first->count + second->count;
    struct config_networks all = {.items = NULL};
    if (total == 0) {
        return all;
    }
    all.items = xcalloc(total, sizeof(*all.items));
    for (size_t i = 0; i < total; i++) {
        all.items[i] = i < first->count ? first->items[i] : second->items[i - first->count];
    }
    qsort(all.items, total, sizeof(*all.items), compare_networks);
    for (size_t i = 0; i < total; i++) {
        if (i == 0 || compare_networks(&all.items[all.count - 1], &all.items[i]) != 0) {
            all.items[all.count++] = all.items[i];
        }
    }
    return all;
}

static void
hash_number(struct digest *digest, uint64_t number)
{
    unsigned char bytes[8];
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (unsigned char)(number >> (56 - 8 * i));
    }
    digest_update(digest, bytes, sizeof(bytes));
}

// Hex SHA-256 over everything that changes what happens to a message: equal key, equal policy.
// `forwarders` as common/forwarder.h writes them.
static void
policy_make_key(const struct policy *policy, const struct config_networks *trusted,
                const char *forwarders, char out[65])
{
    AUTO_DIGEST *digest = digest_new_sha256();
    hash_number(digest, policy->dmarc);
    hash_number(digest, policy->on_temperror);
    // Without defer its time changes nothing.
    bool defers = policy->on_temperror == TEMPERROR_DEFER;
    hash_number(digest, defers ? (uint64_t)policy->defer_for_ms : 0);
    for (size_t i = 0; i < trusted->count; i++) {
        const struct network *network = &trusted->items[i];
        hash_number(digest, network->address.length);
        digest_update(digest, network->address.bytes, network->address.length);
        hash_number(digest, network->prefix);
    }
    hash_number(digest, strlen(forwarders));
    digest_update(digest, forwarders, strlen(forwarders));
    unsigned char hash[SHA256_SIZE];
    digest_finish(digest, hash);
    digest_hex(hash, out);
}
_Static_assert(SHA256_HEX_SIZE == sizeof((struct config_domain){0}.policy_key), "the key fits");

void
policy_read(const struct source *source, const struct host_keys *host, const struct node *node,
            struct config_domain *domain)
{
    struct policy_keys own = {.policy = host->policy.policy};
    if (node != NULL) {
        section_read(source, keys_of_policy(), node, node, SECTION_ONLY_GIVEN, &own);
    }
    domain->policy = own.policy;
    domain->trusted_networks = join_networks(&host->policy.trusted_networks, &own.trusted_networks);
    domain->forwarders = own.forwarders == NULL ? xstrdup(host->forwarders)
                                                : forwarders_read(source, own.forwarders);
    policy_make_key(&domain->policy, &domain->trusted_networks, domain->forwarders,
                    domain->policy_key);
    free(own.trusted_networks.items);
}
