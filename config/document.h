// SPDX-License-Identifier: Apache-2.0
// A YAML file as a tree of nodes that know their line and column. Scalars stay text: what a value
// means is the schema's business. Anchors, aliases, tags and merge keys are refused: a file reads
// the same for a human, a script and us.
#ifndef CONFIG_DOCUMENT_H
#define CONFIG_DOCUMENT_H

#include <stdbool.h>
#include <stddef.h>

#include "common/attrs.h"
#include "common/status.h"
#include "config/diagnostics.h"

enum {
    DOCUMENT_SIZE_MAX = 1024 * 1024, /* bytes of a file */
    DOCUMENT_DEPTH_MAX = 16          /* lists and mappings inside each other */
};

enum node_kind { NODE_SCALAR, NODE_LIST, NODE_MAPPING };

struct node {
    enum node_kind kind;
    unsigned line; /* from 1 */
    unsigned column;
    char *text;        /* of a scalar; no NUL inside */
    bool plain;        /* a scalar without quotes */
    char *key;         /* of a mapping's child; NULL otherwise */
    bool is_repeat;    /* the key stood there before: told already, not to be used */
    unsigned key_line; /* where the key is; without one, as line and column */
    unsigned key_column;
    struct node **children; /* in the order of the file */
    size_t count;
};

/**
 * Read and parse a file. Every fault found is added to `diagnostics` with its place: unreadable or
 * too large, syntax, repeated keys (the first one stays).
 *
 * @root_out  NULL when the file could not be parsed; else free with node_free()
 */
void document_read(const char *path, struct diagnostics *diagnostics, struct node **root_out);

/** As document_read, from memory; `file` is the name in the diagnostics. */
void document_parse(const char *text, size_t length, const char *file,
                    struct diagnostics *diagnostics, struct node **root_out);

/** NULL-safe. */
void node_free(struct node *node);

/** The child with this key; NULL when there is none, or `node` is NULL or no mapping. */
const struct node *node_get(const struct node *node, const char *key);

/** True for a value that was left out, as in `key:`. */
bool node_is_empty(const struct node *node);

/** "a list", "a section" or "a value", for messages. Static text. */
const char *node_kind_name(const struct node *node);

static inline void
node_cleanup(struct node **node)
{
    node_free(*node);
}
#define AUTO_NODE AUTO(node_cleanup) struct node

#endif
