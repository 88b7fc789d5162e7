// SPDX-License-Identifier: Apache-2.0
// From libyaml's events and not from its document loader: events name anchors, aliases and tags
// with their place, the loader has resolved them already.
#include "config/document.h"

#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#include "common/map.h"
#include "common/strbuf.h"
#include "common/xalloc.h"
#include "config/array.h"
#include "config/text.h"

static const char NO_REFERENCES[] = "anchors (&), aliases (*) and tags (!) are not taken; quote a "
                                    "text that begins with one of these, such as \"*\"";

// A list or mapping that is not closed yet.
struct level {
    struct node *node;
    struct map *keys; /* of a mapping: key → its node */
    struct node key;  /* read, but its value is not; .key is NULL otherwise */
};

struct builder {
    const char *file;
    struct diagnostics *diagnostics;
    struct node *root;
    struct level levels[DOCUMENT_DEPTH_MAX];
    size_t depth;
    bool failed; /* the tree is not to be used */
};

static unsigned
line_of(yaml_mark_t mark)
{
    return (unsigned)mark.line + 1;
}

static unsigned
column_of(yaml_mark_t mark)
{
    return (unsigned)mark.column + 1;
}

static void
refuse(struct builder *builder, yaml_mark_t mark, const char *what)
{
    diagnostics_error(builder->diagnostics, builder->file, line_of(mark), column_of(mark), "%s",
                      what);
    builder->failed = true;
}

static struct node *
new_node(enum node_kind kind, yaml_mark_t mark)
{
    struct node *node = xcalloc(1, sizeof(*node));
    node->kind = kind;
    node->line = node->key_line = line_of(mark);
    node->column = node->key_column = column_of(mark);
    return node;
}

static void
check_duplicate(struct builder *builder, struct level *level, struct node *node)
{
    const struct node *first = map_get(level->keys, node->key);
    if (first != NULL) {
        diagnostics_error(builder->diagnostics, builder->file, node->key_line, node->key_column,
                          "'%.60s' stands twice; the first is in line %u", node->key,
                          first->key_line);
        node->is_repeat = true;
        return;
    }
    (void)map_put(level->keys, node->key, node);
}

// Hang the node where the builder stands; takes it.
static void
attach(struct builder *builder, struct node *node)
{
    if (builder->depth == 0) {
        builder->root = node;
        return;
    }
    struct level *level = &builder->levels[builder->depth - 1];
    if (level->keys != NULL) {
        node->key = STEAL(level->key.key);
        node->key_line = level->key.key_line;
        node->key_column = level->key.key_column;
        check_duplicate(builder, level, node);
    }
    struct node *parent = level->node;
    parent->children = array_grow(parent->children, parent->count, sizeof(struct node *));
    parent->children[parent->count++] = node;
}

static bool
is_waiting_for_key(const struct builder *builder)
{
    const struct level *level = builder->depth == 0 ? NULL : &builder->levels[builder->depth - 1];
    return level != NULL && level->keys != NULL && level->key.key == NULL;
}

static void
on_scalar(struct builder *builder, const yaml_event_t *event)
{
    const char *value = (const char *)event->data.scalar.value;
    size_t length = event->data.scalar.length;
    if (memchr(value, '\0', length) != NULL) {
        refuse(builder, event->start_mark, "a value cannot hold a NUL byte");
        return;
    }
    if (is_waiting_for_key(builder)) {
        struct level *level = &builder->levels[builder->depth - 1];
        level->key = (struct node){
            .key = xmemdup(value, length),
            .key_line = line_of(event->start_mark),
            .key_column = column_of(event->start_mark),
        };
        return;
    }
    struct node *node = new_node(NODE_SCALAR, event->start_mark);
    node->text = xmemdup(value, length);
    node->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    attach(builder, node);
}

static void
on_start(struct builder *builder, enum node_kind kind, yaml_mark_t mark)
{
    if (is_waiting_for_key(builder)) {
        refuse(builder, mark, "a key must be a plain word");
        return;
    }
    if (builder->depth == DOCUMENT_DEPTH_MAX) {
        refuse(builder, mark, "too many lists and sections inside each other");
        return;
    }
    struct node *node = new_node(kind, mark);
    attach(builder, node);
    builder->levels[builder->depth++] = (struct level){
        .node = node,
        .keys = kind == NODE_MAPPING ? map_new() : NULL,
    };
}

static void
close_level(struct builder *builder)
{
    struct level *level = &builder->levels[--builder->depth];
    map_free(level->keys, NULL);
    free(level->key.key);
}

static bool
has_anchor_or_tag(const yaml_event_t *event)
{
    if (event->type == YAML_SCALAR_EVENT) {
        return event->data.scalar.anchor != NULL || event->data.scalar.tag != NULL;
    }
    if (event->type == YAML_SEQUENCE_START_EVENT) {
        return event->data.sequence_start.anchor != NULL || event->data.sequence_start.tag != NULL;
    }
    return event->type == YAML_MAPPING_START_EVENT &&
           (event->data.mapping_start.anchor != NULL || event->data.mapping_start.tag != NULL);
}

static void
on_event(struct builder *builder, const yaml_event_t *event)
{
    if (event->type == YAML_ALIAS_EVENT || has_anchor_or_tag(event)) {
        refuse(builder, event->start_mark, NO_REFERENCES);
        return;
    }
    // Not all events need work, so this is no switch over all of the library's enum.
    if (event->type == YAML_SCALAR_EVENT) {
        on_scalar(builder, event);
    } else if (event->type == YAML_SEQUENCE_START_EVENT) {
        on_start(builder, NODE_LIST, event->start_mark);
    } else if (event->type == YAML_MAPPING_START_EVENT) {
        on_start(builder, NODE_MAPPING, event->start_mark);
    } else if (event->type == YAML_SEQUENCE_END_EVENT || event->type == YAML_MAPPING_END_EVENT) {
        close_level(builder);
    } else if (event->type == YAML_DOCUMENT_START_EVENT && builder->root != NULL) {
        refuse(builder, event->start_mark, "a second document ('---') in one file");
    }
}

static void
on_syntax_error(struct builder *builder, const yaml_parser_t *parser)
{
    yaml_mark_t mark = parser->problem_mark;
    builder->failed = true;
    // Reader errors (bytes that are not UTF-8) come without a mark.
    if (parser->error == YAML_READER_ERROR) {
        diagnostics_error(builder->diagnostics, builder->file, 0, 0, "%s at byte %zu",
                          parser->problem, parser->problem_offset);
        return;
    }
    if (parser->context != NULL && strstr(parser->context, "scanning an a") != NULL) {
        refuse(builder, parser->context_mark, NO_REFERENCES); // "... alias", as of `recipient: *`
        return;
    }
    if (parser->context != NULL && parser->context_mark.line != mark.line) {
        diagnostics_error(builder->diagnostics, builder->file, line_of(mark), column_of(mark),
                          "not YAML: %s, %s that began in line %u", parser->problem,
                          parser->context, line_of(parser->context_mark));
        return;
    }
    diagnostics_error(builder->diagnostics, builder->file, line_of(mark), column_of(mark),
                      "not YAML: %s", parser->problem);
}

static void
parse_events(struct builder *builder, yaml_parser_t *parser)
{
    bool at_end = false;
    while (!at_end && !builder->failed) {
        yaml_event_t event;
        if (!yaml_parser_parse(parser, &event)) {
            on_syntax_error(builder, parser);
            return;
        }
        on_event(builder, &event);
        at_end = event.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
    }
}

void
document_parse(const char *text, size_t length, const char *file, struct diagnostics *diagnostics,
               struct node **root_out)
{
    struct builder builder = {.file = file, .diagnostics = diagnostics};
    *root_out = NULL;
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser)) {
        abort(); // out of memory, as xalloc
    }
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, length);
    parse_events(&builder, &parser);
    yaml_parser_delete(&parser);
    while (builder.depth > 0) {
        close_level(&builder);
    }
    if (builder.failed) {
        node_free(builder.root);
        return;
    }
    if (builder.root == NULL) { // nothing, or comments only: a file in which nothing is set
        builder.root = new_node(NODE_MAPPING, (yaml_mark_t){.line = 0});
    }
    *root_out = builder.root;
}

void
document_read(const char *path, struct diagnostics *diagnostics, struct node **root_out)
{
    *root_out = NULL;
    AUTO_STRBUF text = STRBUF_INIT(DOCUMENT_SIZE_MAX);
    struct why why;
    if (text_read_file(path, &text, NULL, &why) != ST_OK) {
        diagnostics_error(diagnostics, path, 0, 0, "%s", why.text);
        return;
    }
    document_parse(strbuf_text(&text), text.length, path, diagnostics, root_out);
}

void
node_free(struct node *node)
{
    if (node == NULL) {
        return;
    }
    for (size_t i = 0; i < node->count; i++) { // as deep as DOCUMENT_DEPTH_MAX
        node_free(node->children[i]);
    }
    free(node->children);
    free(node->key);
    free(node->text);
    free(node);
}

const struct node *
node_get(const struct node *node, const char *key)
{
    if (node == NULL || node->kind != NODE_MAPPING) {
        return NULL;
    }
    for (size_t i = 0; i < node->count; i++) {
        if (strcmp(node->children[i]->key, key) == 0) {
            return node->children[i];
        }
    }
    return NULL;
}

bool
node_is_empty(const struct node *node)
{
    return node->kind == NODE_SCALAR && node->plain && node->text[0] == '\0';
}

const char *
node_kind_name(const struct node *node)
{
    static const char *const names[] = {
        [NODE_SCALAR] = "a value",
        [NODE_LIST] = "a list",
        [NODE_MAPPING] = "a section",
    };
    return names[node->kind];
}
