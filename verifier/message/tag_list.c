// SPDX-License-Identifier: Apache-2.0
#include "verifier/message/tag_list.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

static bool
is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void
trim(const char **text, size_t *length)
{
    while (*length > 0 && is_blank((*text)[0])) {
        (*text)++;
        (*length)--;
    }
    while (*length > 0 && is_blank((*text)[*length - 1])) {
        (*length)--;
    }
}

static bool
name_is_valid(const char *name, size_t length)
{
    if (length == 0 || !isalpha((unsigned char)name[0])) {
        return false;
    }
    for (size_t i = 1; i < length; i++) {
        if (!isalnum((unsigned char)name[i]) && name[i] != '_') {
            return false;
        }
    }
    return true;
}

static bool
value_is_valid(const char *value, size_t length, enum tag_list_mode mode)
{
    unsigned char last = mode == TAG_LIST_STRICT ? 0x7e : 0xff;
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)value[i];
        if (!is_blank(value[i]) && (c < 0x21 || c == 0x7f || c > last)) {
            return false;
        }
    }
    return true;
}

static bool
split_tag(const char *part, size_t length, struct tag *out)
{
    const char *equals = memchr(part, '=', length);
    if (equals == NULL) {
        return false;
    }
    struct tag tag = {.name = part,
                      .name_length = (size_t)(equals - part),
                      .value = equals + 1,
                      .value_length = length - (size_t)(equals + 1 - part)};
    trim(&tag.name, &tag.name_length);
    trim(&tag.value, &tag.value_length);
    if (!name_is_valid(tag.name, tag.name_length)) {
        return false;
    }
    *out = tag;
    return true;
}

static bool
has_tag(const struct tag_list *list, const struct tag *tag)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->tags[i].name_length == tag->name_length &&
            memcmp(list->tags[i].name, tag->name, tag->name_length) == 0) {
            return true;
        }
    }
    return false;
}

static enum status
add_part(const char *part, size_t length, enum tag_list_mode mode, struct tag_list *list,
         struct why *why)
{
    struct tag tag;
    bool valid = split_tag(part, length, &tag) &&
                 (mode == TAG_LIST_LENIENT || value_is_valid(tag.value, tag.value_length, mode));
    if (!valid) {
        return mode == TAG_LIST_LENIENT ? ST_OK
                                        : why_set(why, ST_INVALID, "a part is not name=value");
    }
    if (has_tag(list, &tag)) {
        return why_set(why, ST_INVALID, "tag %.*s= stands twice",
                       (int)(tag.name_length < 16 ? tag.name_length : 16), tag.name);
    }
    if (list->count == TAG_LIST_MAX) {
        return why_set(why, ST_TOO_LARGE, "more than %d tags", TAG_LIST_MAX);
    }
    list->tags[list->count++] = tag;
    return ST_OK;
}

enum status
tag_list_parse(const char *text, size_t length, enum tag_list_mode mode, struct tag_list *list_out,
               struct why *why)
{
    if (length > TAG_LIST_TEXT_MAX) {
        return why_set(why, ST_TOO_LARGE, "more than %d bytes", TAG_LIST_TEXT_MAX);
    }
    struct tag_list list = {.count = 0};
    const char *end = text + length;
    while (text < end) {
        const char *semicolon = memchr(text, ';', (size_t)(end - text));
        const char *part = text;
        size_t part_length = (size_t)((semicolon == NULL ? end : semicolon) - text);
        trim(&part, &part_length);
        text = semicolon == NULL ? end : semicolon + 1;
        if (part_length == 0 && (text == end || mode == TAG_LIST_LENIENT)) {
            continue; // the last semicolon is optional
        }
        enum status status = add_part(part, part_length, mode, &list, why);
        if (status != ST_OK) {
            return status;
        }
    }
    *list_out = list;
    return ST_OK;
}

const struct tag *
tag_list_find(const struct tag_list *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->tags[i].name_length == strlen(name) &&
            memcmp(list->tags[i].name, name, list->tags[i].name_length) == 0) {
            return &list->tags[i];
        }
    }
    return NULL;
}

bool
tag_is(const struct tag *tag, const char *text)
{
    return tag != NULL && tag->value_length == strlen(text) &&
           memcmp(tag->value, text, tag->value_length) == 0;
}

bool
tag_is_word(const struct tag *tag, const char *word)
{
    return tag != NULL && tag->value_length == strlen(word) &&
           strncasecmp(tag->value, word, tag->value_length) == 0;
}

bool
tag_has_word(const struct tag *tag, char separator, const char *word)
{
    const char *text = tag->value;
    const char *end = text + tag->value_length;
    while (text < end) {
        const char *stop = memchr(text, separator, (size_t)(end - text));
        const char *part = text;
        size_t length = (size_t)((stop == NULL ? end : stop) - text);
        trim(&part, &length);
        if (length == strlen(word) && strncasecmp(part, word, length) == 0) {
            return true;
        }
        text = stop == NULL ? end : stop + 1;
    }
    return false;
}

bool
tag_copy(const struct tag *tag, char *out, size_t size)
{
    size_t used = 0;
    for (size_t i = 0; i < tag->value_length; i++) {
        if (is_blank(tag->value[i])) {
            continue;
        }
        if (used + 1 >= size) {
            return false;
        }
        out[used++] = tag->value[i];
    }
    out[used] = '\0';
    return true;
}
