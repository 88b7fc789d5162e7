// SPDX-License-Identifier: Apache-2.0
// Section `tenants`: limits of their own for the tenants named there.
#include <stdlib.h>
#include <string.h>

#include "common/xalloc.h"
#include "config/array.h"
#include "config/loader.h"
#include "config/text.h"

static uint64_t
percent_of(uint64_t whole, uint64_t percent)
{
    return whole / 100 * percent + whole % 100 * percent / 100;
}

static int
compare_tenants(const void *a, const void *b)
{
    const struct config_tenant *left = a;
    const struct config_tenant *right = b;
    return strcmp(left->name, right->name);
}

static int
compare_name_to_tenant(const void *key, const void *item)
{
    const struct config_tenant *tenant = item;
    return strcmp(key, tenant->name);
}

static const struct config_tenant *
find_tenant(const struct config_limits *limits, const char *name)
{
    static const struct config_tenant like_all = {.name = NULL};
    if (limits->tenant_count == 0) {
        return &like_all;
    }
    const struct config_tenant *found =
        bsearch(name, limits->tenants, limits->tenant_count, sizeof(struct config_tenant),
                compare_name_to_tenant);
    return found == NULL ? &like_all : found;
}

void
config_tenant_limits(const struct config_limits *limits, const char *tenant,
                     struct config_tenant_limits *out)
{
    const struct config_tenant *own = find_tenant(limits, tenant);
    uint64_t percent = own->percent == 0 ? limits->tenant_percent : own->percent;
    *out = (struct config_tenant_limits){
        .store_bytes =
            own->store_bytes == 0 ? percent_of(limits->store_bytes, percent) : own->store_bytes,
        .store_messages = own->store_messages == 0 ? percent_of(limits->store_messages, percent)
                                                   : own->store_messages,
        .messages_per_minute = own->sets_messages_per_minute ? own->messages_per_minute
                                                             : limits->tenant_messages_per_minute,
        .recipients_per_minute = own->sets_recipients_per_minute
                                     ? own->recipients_per_minute
                                     : limits->tenant_recipients_per_minute,
        .checks_per_minute =
            own->sets_checks_per_minute ? own->checks_per_minute : limits->tenant_checks_per_minute,
    };
}

static void
check_room(const struct source *source, const struct node *node, const struct config_limits *limits,
           const char *name)
{
    struct config_tenant_limits room;
    config_tenant_limits(limits, name, &room);
    if (room.store_bytes > 0 && limits->message_bytes > room.store_bytes) {
        KEY_ERROR(source, node,
                  "a message of 'message_size' does not fit the room of tenant '%.60s'; give it a "
                  "larger 'share' or 'store_size'",
                  name);
    }
}

static void
add_tenant(struct config_limits *limits, const struct source *source, const struct node *node)
{
    struct why why;
    if (text_check_name(node->key, &why) != ST_OK) {
        KEY_ERROR(source, node, "%s", why.text);
        return;
    }
    struct tenant_keys keys = {.tenant = {.name = xstrdup(node->key)}};
    section_read(source, keys_of_tenant(), node, node, SECTION_WITH_DEFAULTS, &keys);
    keys.tenant.sets_messages_per_minute = node_get(node, "messages_per_minute") != NULL;
    keys.tenant.sets_recipients_per_minute = node_get(node, "recipients_per_minute") != NULL;
    keys.tenant.sets_checks_per_minute = node_get(node, "checks_per_minute") != NULL;
    limits->tenants =
        array_grow(limits->tenants, limits->tenant_count, sizeof(struct config_tenant));
    limits->tenants[limits->tenant_count++] = keys.tenant;
}

void
tenant_read_all(struct loader *loader, const struct source *source, const struct node *node)
{
    struct config_limits *limits = &loader->host->config.limits;
    if (node == NULL || node_is_empty(node)) {
        return;
    }
    if (node->kind != NODE_MAPPING) {
        SOURCE_ERROR(source, node, "'tenants' must be a section (name: limits), not %s",
                     node_kind_name(node));
        return;
    }
    for (size_t i = 0; i < node->count; i++) {
        if (!node->children[i]->is_repeat) {
            add_tenant(limits, source, node->children[i]);
        }
    }
    if (limits->tenant_count > 0) {
        qsort(limits->tenants, limits->tenant_count, sizeof(struct config_tenant), compare_tenants);
    }
    for (size_t i = 0; i < node->count; i++) {
        if (!node->children[i]->is_repeat) {
            check_room(source, node->children[i], limits, node->children[i]->key);
        }
    }
}
