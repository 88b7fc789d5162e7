// SPDX-License-Identifier: Apache-2.0
// Sections of the configuration as tables: key → type → member of a struct → default → limits. One
// reader fills any struct from its table and tells everything that is wrong with its place.
#ifndef CONFIG_SCHEMA_H
#define CONFIG_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>

#include "common/status.h"
#include "config/document.h"

/** A file being read: where it is, and where its faults go (SOURCE_: at the value, KEY_: at its
 *  key). */
struct source {
    const char *file;   /* as it stands in messages */
    const char *folder; /* relative paths in it start here */
    struct diagnostics *diagnostics;
};

#define SOURCE_ERROR(source, node, ...)                                                            \
    diagnostics_error((source)->diagnostics, (source)->file, (node)->line, (node)->column,         \
                      __VA_ARGS__)
#define KEY_ERROR(source, node, ...)                                                               \
    diagnostics_error((source)->diagnostics, (source)->file, (node)->key_line, (node)->key_column, \
                      __VA_ARGS__)
#define KEY_WARNING(source, node, ...)                                                             \
    diagnostics_warning((source)->diagnostics, (source)->file, (node)->key_line,                   \
                        (node)->key_column, __VA_ARGS__)
#define SOURCE_WARNING(source, node, ...)                                                          \
    diagnostics_warning((source)->diagnostics, (source)->file, (node)->line, (node)->column,       \
                        __VA_ARGS__)

/** The type of a value, and in brackets that of its member. */
enum field_type {
    FIELD_TEXT,     /* (char *) */
    FIELD_PATH,     /* relative to the file it stands in (char *) */
    FIELD_HOST,     /* a domain name (char *, A-labels) */
    FIELD_DURATION, /* (int64_t, milliseconds) */
    FIELD_SIZE,     /* (uint64_t, bytes) */
    FIELD_NUMBER,   /* (uint64_t) */
    FIELD_SWITCH,   /* on or off (bool) */
    FIELD_MODE,     /* octal permission bits (mode_t) */
    FIELD_CHOICE,   /* one of `words` (an enum that counts as they do) */
    FIELD_TEXTS,    /* a list (struct config_texts) */
    FIELD_HOSTS,    /* a list of domain names (struct config_texts, A-labels) */
    FIELD_NETWORKS, /* a list (struct config_networks) */
    FIELD_SECTION,  /* another table (a struct inside, at `offset`) */
    FIELD_NODE      /* read by code of its own (const struct node *; NULL when left out) */
};

/** What a FIELD_NODE holds; with `section`, of each entry. */
enum node_shape {
    SHAPE_SECTION,       /* one such section */
    SHAPE_LIST,          /* a list of them */
    SHAPE_LIST_OR_NAMES, /* a list of them, or of names */
    SHAPE_MAP,           /* name → section */
    SHAPE_NAMES          /* a list of names (of destinations) */
};

typedef enum status field_check(const char *text, struct why *why);

struct field {
    const char *key;
    enum field_type type;
    bool required;
    size_t offset;
    const char *fallback; /* the default as it would be written; NULL: the member stays as it is.
                             Of a list: its one item, "" for none */
    const char *least;    /* DURATION, SIZE, NUMBER: as they would be written */
    const char *most;
    field_check *check;       /* TEXT, PATH, each of TEXTS; NULL: anything printable */
    const char *const *words; /* CHOICE: NULL-terminated */
    size_t items_max;         /* of a list */
    bool items_needed;        /* the list must not be empty */
    const struct section *section;
    enum node_shape shape; /* NODE */
};

struct section {
    const char *name; /* for messages, such as "destination" */
    const struct field *fields;
    size_t count;
};

enum section_mode {
    SECTION_WITH_DEFAULTS, /* members that are not given get their defaults */
    SECTION_ONLY_GIVEN     /* they stay as they are */
};

/**
 * Fill `target` from a mapping. Members that hold pointers must be NULL or owned: they are replaced
 * and freed. What is wrong is left as it was.
 *
 * @node  NULL or empty: nothing is given
 * @at    the place for what is missing; not NULL
 */
void section_read(const struct source *source, const struct section *section,
                  const struct node *node, const struct node *at, enum section_mode mode,
                  void *target);

/** The field with this key, or NULL. */
const struct field *section_find(const struct section *section, const char *key);

#endif
