// SPDX-License-Identifier: Apache-2.0
#include "config/forwarders.h"

#include <stdlib.h>
#include <string.h>

#include "common/forwarder.h"
#include "common/xalloc.h"
#include "config/suggest.h"

static void
tell_unknown(const struct source *source, const struct node *node)
{
    struct suggestion suggestion = {.typed = node->text};
    AUTO_STRBUF all = STRBUF_INIT(256);
    for (size_t i = 0; forwarder_preset_name(i) != NULL; i++) {
        suggest_offer(&suggestion, forwarder_preset_name(i));
        strbuf_printf(&all, "%s%s", i == 0 ? "" : ", ", forwarder_preset_name(i));
    }
    char hint[SUGGEST_TEXT_SIZE];
    SOURCE_ERROR(source, node,
                 "'forwarders': '%.60s' is none of: %s, nor {name: ..., arc_sealers: [...], "
                 "networks: [...]}%s",
                 node->text, strbuf_text(&all), suggest_format(&suggestion, hint));
}

static void
take_texts(const struct source *source, const struct node *node, const struct config_texts *texts,
           enum status (*add)(struct forwarder *forwarder, const char *text, struct why *why),
           struct forwarder *forwarder)
{
    struct why why;
    for (size_t i = 0; i < texts->count; i++) {
        if (add(forwarder, texts->items[i], &why) != ST_OK) {
            SOURCE_ERROR(source, node->children[i], "'%s': %s", node->key, why.text);
        }
    }
}

static void
free_texts(struct config_texts *texts)
{
    for (size_t i = 0; i < texts->count; i++) {
        free(texts->items[i]);
    }
    free(texts->items);
}

static void
read_mapping(const struct source *source, const struct node *node, struct forwarder *forwarder)
{
    struct forwarder_keys keys = {.name = NULL};
    struct why why;
    section_read(source, keys_of_forwarder(), node, node, SECTION_WITH_DEFAULTS, &keys);
    if (keys.name != NULL && forwarder_set_name(forwarder, keys.name, &why) != ST_OK) {
        SOURCE_ERROR(source, node_get(node, "name"), "'name': %s", why.text);
    }
    take_texts(source, node_get(node, "arc_sealers"), &keys.arc_sealers, forwarder_add_sealer,
               forwarder);
    take_texts(source, node_get(node, "networks"), &keys.networks, forwarder_add_network,
               forwarder);
    bool is_preset = keys.name != NULL && keys.arc_sealers.count == 0 &&
                     forwarder_apply_preset(keys.name, forwarder);
    if (!is_preset && keys.arc_sealers.count == 0 && keys.networks.count == 0) {
        SOURCE_ERROR(source, node, "a forwarder needs 'arc_sealers', 'networks' or both");
    }
    free(keys.name);
    free_texts(&keys.arc_sealers);
    free_texts(&keys.networks);
}

static void
read_one(const struct source *source, const struct node *node, struct forwarder *forwarder)
{
    if (node->kind == NODE_MAPPING) {
        read_mapping(source, node, forwarder);
    } else if (node->kind != NODE_SCALAR || node_is_empty(node)) {
        SOURCE_ERROR(source, node, "'forwarders' takes names and {name: ...}, not %s",
                     node->kind == NODE_SCALAR ? "nothing" : node_kind_name(node));
    } else if (!forwarder_apply_preset(node->text, forwarder) ||
               forwarder_set_name(forwarder, node->text, NULL) != ST_OK) {
        tell_unknown(source, node);
    }
}

char *
forwarders_read(const struct source *source, const struct node *node)
{
    if (node == NULL || node_is_empty(node)) {
        return xstrdup("");
    }
    if (node->kind != NODE_LIST || node->count > FORWARDERS_MAX) {
        SOURCE_ERROR(source, node, "'forwarders' takes a list of at most %d", FORWARDERS_MAX);
        return xstrdup("");
    }
    AUTO_FREE struct forwarders *all = xcalloc(1, sizeof(*all));
    AUTO_STRBUF text = STRBUF_INIT(FORWARDERS_TEXT_MAX);
    for (size_t i = 0; i < node->count; i++) {
        struct forwarder forwarder = {.name = ""};
        struct why why;
        read_one(source, node->children[i], &forwarder);
        // What has no name was told by read_one.
        if (forwarder.name[0] != '\0' && forwarders_add(all, &forwarder, &why) != ST_OK) {
            SOURCE_ERROR(source, node->children[i], "'forwarders': %s", why.text);
        }
    }
    forwarders_format(all, &text);
    if (text.overflow) {
        SOURCE_ERROR(source, node, "'forwarders' has more than %d bytes of names and networks",
                     FORWARDERS_TEXT_MAX);
        return xstrdup("");
    }
    return text.length == 0 ? xstrdup("") : strbuf_steal(&text);
}
