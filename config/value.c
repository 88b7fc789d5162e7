// SPDX-License-Identifier: Apache-2.0
// A table of setters, one a type. Each gets text and stores only what is good.
#include "config/value.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/address.h"
#include "common/parse.h"
#include "common/xalloc.h"
#include "config/array.h"
#include "config/config.h"
#include "config/suggest.h"
#include "config/text.h"

enum { MODE_DIGITS_MAX = 4, MODE_MOST = 0777 };

typedef enum status value_setter(const struct source *source, const struct field *field,
                                 const char *text, void *member, struct why *why);

static void
replace_text(void *member, char *text)
{
    char **place = member;
    free(*place);
    *place = text;
}

static enum status
check_text(const struct field *field, const char *text, struct why *why)
{
    return (field->check == NULL ? text_check_printable : field->check)(text, why);
}

static enum status
set_text(const struct source *source, const struct field *field, const char *text, void *member,
         struct why *why)
{
    (void)source;
    if (check_text(field, text, why) != ST_OK) {
        return ST_INVALID;
    }
    replace_text(member, xstrdup(text));
    return ST_OK;
}

static enum status
set_path(const struct source *source, const struct field *field, const char *text, void *member,
         struct why *why)
{
    if (text[0] == '\0') {
        return why_set(why, ST_INVALID, "an empty path");
    }
    AUTO_FREE char *path = text_resolve(source->folder, text);
    if (field->check != NULL && field->check(path, why) != ST_OK) {
        return ST_INVALID;
    }
    replace_text(member, STEAL(path));
    return ST_OK;
}

static enum status
set_host(const struct source *source, const struct field *field, const char *text, void *member,
         struct why *why)
{
    (void)source;
    (void)field;
    char name[DOMAIN_NAME_SIZE];
    if (address_normalize_domain(text, name, why) != ST_OK) {
        return ST_INVALID;
    }
    replace_text(member, xstrdup(name));
    return ST_OK;
}

typedef enum status quantity_parser(const char *text, uint64_t *value_out, struct why *why);

static enum status
parse_duration(const char *text, uint64_t *ms_out, struct why *why)
{
    int64_t ms = 0;
    enum status status = parse_duration_ms(text, &ms, why);
    if (status == ST_OK) {
        *ms_out = (uint64_t)ms; // never negative
    }
    return status;
}

static enum status
parse_number(const char *text, uint64_t *value_out, struct why *why)
{
    return parse_uint(text, UINT64_MAX, value_out, why);
}

// The limits are of the same kind as the value.
static enum status
read_in_range(const struct field *field, quantity_parser *parse, const char *text,
              uint64_t *value_out, struct why *why)
{
    uint64_t value = 0;
    uint64_t least = 0;
    uint64_t most = 0;
    if (parse(text, &value, why) != ST_OK || parse(field->least, &least, why) != ST_OK ||
        parse(field->most, &most, why) != ST_OK) {
        return ST_INVALID;
    }
    if (value < least || value > most) {
        return why_set(why, ST_INVALID, "%.60s is not from %s to %s", text, field->least,
                       field->most);
    }
    *value_out = value;
    return ST_OK;
}

static enum status
set_duration(const struct source *source, const struct field *field, const char *text, void *member,
             struct why *why)
{
    (void)source;
    uint64_t ms = 0;
    enum status status = read_in_range(field, parse_duration, text, &ms, why);
    if (status == ST_OK) {
        *(int64_t *)member = (int64_t)ms;
    }
    return status;
}

static enum status
set_size(const struct source *source, const struct field *field, const char *text, void *member,
         struct why *why)
{
    (void)source;
    return read_in_range(field, parse_size, text, member, why);
}

static enum status
set_number(const struct source *source, const struct field *field, const char *text, void *member,
           struct why *why)
{
    (void)source;
    if (read_in_range(field, parse_number, text, member, NULL) != ST_OK) {
        return why_set(why, ST_INVALID, "'%.60s' is not a whole number from %s to %s", text,
                       field->least, field->most);
    }
    return ST_OK;
}

static enum status
set_switch(const struct source *source, const struct field *field, const char *text, void *member,
           struct why *why)
{
    (void)source;
    (void)field;
    return parse_bool(text, member, why);
}

static enum status
set_mode(const struct source *source, const struct field *field, const char *text, void *member,
         struct why *why)
{
    (void)source;
    (void)field;
    size_t length = strlen(text);
    if (length < 3 || length > MODE_DIGITS_MAX || strspn(text, "01234567") != length) {
        return why_set(why, ST_INVALID, "'%.60s' is not a mode in octal such as \"0660\"", text);
    }
    mode_t mode = 0;
    for (const char *c = text; *c != '\0'; c++) {
        mode = mode * 8 + (mode_t)(*c - '0');
    }
    if (mode > MODE_MOST) {
        return why_set(why, ST_INVALID, "mode %s has bits beyond 0777", text);
    }
    *(mode_t *)member = mode;
    return ST_OK;
}

static enum status
set_choice(const struct source *source, const struct field *field, const char *text, void *member,
           struct why *why)
{
    (void)source;
    AUTO_STRBUF all = STRBUF_INIT(256);
    struct suggestion suggestion = {.typed = text};
    for (unsigned i = 0; field->words[i] != NULL; i++) {
        if (strcmp(text, field->words[i]) == 0) {
            memcpy(member, &i, sizeof(i)); // our enums have no negative values: unsigned int
            return ST_OK;
        }
        suggest_offer(&suggestion, field->words[i]);
        strbuf_printf(&all, "%s%s", i == 0 ? "" : ", ", field->words[i]);
    }
    char hint[SUGGEST_TEXT_SIZE];
    return why_set(why, ST_INVALID, "'%.60s' is none of: %s%s", text, strbuf_text(&all),
                   suggest_format(&suggestion, hint));
}
_Static_assert(sizeof(enum destination_kind) == sizeof(unsigned), "see set_choice");
_Static_assert(sizeof(enum dmarc_mode) == sizeof(unsigned), "see set_choice");

static void
append_text(struct config_texts *list, const char *text)
{
    list->items = array_grow(list->items, list->count, sizeof(*list->items));
    list->items[list->count++] = xstrdup(text);
}

static enum status
add_text(const struct source *source, const struct field *field, const char *text, void *member,
         struct why *why)
{
    (void)source;
    if (check_text(field, text, why) != ST_OK) {
        return ST_INVALID;
    }
    append_text(member, text);
    return ST_OK;
}

static enum status
add_host(const struct source *source, const struct field *field, const char *text, void *member,
         struct why *why)
{
    (void)source;
    (void)field;
    char name[DOMAIN_NAME_SIZE];
    if (address_normalize_domain(text, name, why) != ST_OK) {
        return ST_INVALID;
    }
    append_text(member, name);
    return ST_OK;
}

static enum status
add_network(const struct source *source, const struct field *field, const char *text, void *member,
            struct why *why)
{
    (void)source;
    (void)field;
    struct config_networks *list = member;
    struct network network;
    if (network_parse(text, &network, why) != ST_OK) {
        return ST_INVALID;
    }
    list->items = array_grow(list->items, list->count, sizeof(*list->items));
    list->items[list->count++] = network;
    return ST_OK;
}

// Of a list: adds one item.
static value_setter *const SETTERS[] = {
    [FIELD_TEXT] = set_text,         [FIELD_PATH] = set_path,  [FIELD_HOST] = set_host,
    [FIELD_DURATION] = set_duration, [FIELD_SIZE] = set_size,  [FIELD_NUMBER] = set_number,
    [FIELD_SWITCH] = set_switch,     [FIELD_MODE] = set_mode,  [FIELD_CHOICE] = set_choice,
    [FIELD_TEXTS] = add_text,        [FIELD_HOSTS] = add_host, [FIELD_NETWORKS] = add_network,
};

static bool
is_list(const struct field *field)
{
    return field->type == FIELD_TEXTS || field->type == FIELD_HOSTS ||
           field->type == FIELD_NETWORKS;
}

static void
set_from_node(const struct source *source, const struct field *field, const struct node *node,
              void *member)
{
    struct why why;
    if (node->kind != NODE_SCALAR) {
        SOURCE_ERROR(source, node,
                     "'%s' takes a value, not %s; quote a text that begins with { or [", field->key,
                     node_kind_name(node));
    } else if (node_is_empty(node)) {
        SOURCE_ERROR(source, node, "'%s' has no value", field->key);
    } else if (SETTERS[field->type](source, field, node->text, member, &why) != ST_OK) {
        SOURCE_ERROR(source, node, "'%s': %s", field->key, why.text);
    }
}

static void
read_list(const struct source *source, const struct field *field, const struct node *node,
          void *member)
{
    if (node->kind != NODE_LIST && !node_is_empty(node)) {
        SOURCE_ERROR(source, node, "'%s' takes a list such as [a, b], not %s", field->key,
                     node_kind_name(node));
        return;
    }
    if (node->count == 0 && field->items_needed) {
        SOURCE_ERROR(source, node, "'%s' needs at least one item", field->key);
    }
    if (node->count > field->items_max) {
        SOURCE_ERROR(source, node, "'%s' has %zu items; at most %zu are taken", field->key,
                     node->count, field->items_max);
        return;
    }
    for (size_t i = 0; i < node->count; i++) {
        set_from_node(source, field, node->children[i], member);
    }
}

void
value_read(const struct source *source, const struct field *field, const struct node *node,
           void *target)
{
    void *member = (char *)target + field->offset;
    if (field->type == FIELD_NODE) {
        *(const struct node **)member = node;
    } else if (is_list(field)) {
        read_list(source, field, node, member);
    } else {
        set_from_node(source, field, node, member);
    }
}

void
value_set_default(const struct source *source, const struct field *field, void *target)
{
    if (is_list(field) && field->fallback[0] == '\0') {
        return;
    }
    void *member = (char *)target + field->offset;
    enum status status = SETTERS[field->type](source, field, field->fallback, member, NULL);
    assert(status == ST_OK); // a mistake in the table, which any test would find
}
