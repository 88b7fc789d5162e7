// SPDX-License-Identifier: Apache-2.0
#include "config/schema.h"

#include <string.h>

#include "config/suggest.h"
#include "config/value.h"

const struct field *
section_find(const struct section *section, const char *key)
{
    for (size_t i = 0; i < section->count; i++) {
        if (strcmp(section->fields[i].key, key) == 0) {
            return &section->fields[i];
        }
    }
    return NULL;
}

static void
tell_unknown_keys(const struct source *source, const struct section *section,
                  const struct node *node)
{
    for (size_t i = 0; i < node->count; i++) {
        const struct node *child = node->children[i];
        if (child->is_repeat || section_find(section, child->key) != NULL) {
            continue;
        }
        struct suggestion suggestion = {.typed = child->key};
        for (size_t f = 0; f < section->count; f++) {
            suggest_offer(&suggestion, section->fields[f].key);
        }
        char hint[SUGGEST_TEXT_SIZE];
        KEY_ERROR(source, child, "unknown key '%.60s' in %s%s", child->key, section->name,
                  suggest_format(&suggestion, hint));
    }
}

static void
read_field(const struct source *source, const struct section *section, const struct field *field,
           const struct node *node, const struct node *at, enum section_mode mode, void *target)
{
    const struct node *value = node_get(node, field->key);
    if (field->type == FIELD_SECTION) {
        section_read(source, field->section, value, value == NULL ? at : value, mode,
                     (char *)target + field->offset);
        return;
    }
    if (value != NULL) {
        value_read(source, field, value, target);
        return;
    }
    if (field->required) {
        KEY_ERROR(source, at, "'%s' is missing in %s", field->key, section->name);
    } else if (mode == SECTION_WITH_DEFAULTS && field->fallback != NULL) {
        value_set_default(source, field, target);
    }
}

void
section_read(const struct source *source, const struct section *section, const struct node *node,
             const struct node *at, enum section_mode mode, void *target)
{
    if (node != NULL && node_is_empty(node)) {
        node = NULL; // as in `limits:` with all its keys commented out
    }
    if (node != NULL && node->kind != NODE_MAPPING) {
        SOURCE_ERROR(source, node, "%s must be a section (key: value), not %s", section->name,
                     node_kind_name(node));
        return;
    }
    if (node != NULL) {
        tell_unknown_keys(source, section, node);
    }
    for (size_t i = 0; i < section->count; i++) {
        read_field(source, section, &section->fields[i], node, at, mode, target);
    }
}
