// SPDX-License-Identifier: Apache-2.0
#include "verifier/message/header_index.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "common/xalloc.h"

struct header_index {
    char *block;
    struct indexed_field *fields;
    size_t count;
    uint32_t *by_name; /* numbers of fields: by name, then from the top */
    uint32_t *taken;   /* while selecting: at the first of a name, how many are used up */
    char *arena;       /* the relaxed forms */
    size_t arena_used;
    char *scratch; /* as large as the block */
};

static bool
is_blank(char c)
{
    return c == ' ' || c == '\t';
}

// The length of a field with its folded lines and line ends.
static size_t
folded_length(const char *text, size_t length)
{
    size_t at = 0;
    do {
        const char *newline = memchr(text + at, '\n', length - at);
        at = newline == NULL ? length : (size_t)(newline - text) + 1;
    } while (at < length && is_blank(text[at]));
    return at;
}

static bool
split(const char *text, size_t length, struct indexed_field *out)
{
    const char *colon = memchr(text, ':', length);
    if (colon == NULL) {
        return false;
    }
    if (length > 0 && text[length - 1] == '\n') {
        length--;
        length -= length > 0 && text[length - 1] == '\r' ? 1 : 0;
    }
    size_t name = (size_t)(colon - text);
    size_t value = name + 1;
    while (name > 0 && is_blank(text[name - 1])) {
        name--; // obsolete syntax (RFC 5322, 4.5)
    }
    if (name == 0 || memchr(text, '\n', name) != NULL) {
        return false;
    }
    *out = (struct indexed_field){
        .text = text, .length = length, .name_length = name, .value_offset = value};
    return true;
}

static void
add_field(struct header_index *index, size_t *allocated, const struct indexed_field *field)
{
    if (index->count == *allocated) {
        *allocated = *allocated == 0 ? 32 : 2 * *allocated;
        index->fields = xreallocarray(index->fields, *allocated, sizeof(index->fields[0]));
    }
    index->fields[index->count++] = *field;
}

static void
collect(struct header_index *index, size_t length)
{
    size_t allocated = 0;
    for (size_t at = 0; at < length;) {
        const char *text = index->block + at;
        if (text[0] == '\n' || (text[0] == '\r' && length - at > 1 && text[1] == '\n')) {
            break; // the empty line
        }
        size_t whole = folded_length(text, length - at);
        struct indexed_field field;
        if (split(text, whole, &field)) {
            add_field(index, &allocated, &field);
        }
        at += whole;
    }
}

static int
compare_names(const char *a, size_t a_length, const char *b, size_t b_length)
{
    size_t shorter = a_length < b_length ? a_length : b_length;
    for (size_t i = 0; i < shorter; i++) {
        int difference = tolower((unsigned char)a[i]) - tolower((unsigned char)b[i]);
        if (difference != 0) {
            return difference;
        }
    }
    return (a_length > b_length) - (a_length < b_length);
}

static int
by_name_and_place(const void *a, const void *b, void *context)
{
    const struct header_index *index = context;
    uint32_t i = *(const uint32_t *)a;
    uint32_t j = *(const uint32_t *)b;
    const struct indexed_field *x = &index->fields[i];
    const struct indexed_field *y = &index->fields[j];
    int order = compare_names(x->text, x->name_length, y->text, y->name_length);
    return order != 0 ? order : (i > j) - (i < j);
}

struct header_index *
header_index_new(const char *header, size_t length)
{
    struct header_index *index = xcalloc(1, sizeof(*index));
    index->block = xmemdup(header, length);
    collect(index, length);
    index->by_name = xcalloc(index->count, sizeof(index->by_name[0]));
    index->taken = xcalloc(index->count, sizeof(index->taken[0]));
    index->arena = xcalloc(length + 1, 1); // a relaxed form is never longer than its field
    index->scratch = xcalloc(2 * (length + 1), 1);
    for (size_t i = 0; i < index->count; i++) {
        index->by_name[i] = (uint32_t)i;
    }
    if (index->count > 0) {
        qsort_r(index->by_name, index->count, sizeof(index->by_name[0]), by_name_and_place, index);
    }
    return index;
}

void
header_index_free(struct header_index *index)
{
    if (index != NULL) {
        free(index->block);
        free(index->fields);
        free(index->by_name);
        free(index->taken);
        free(index->arena);
        free(index->scratch);
        free(index);
    }
}

size_t
header_index_count(const struct header_index *index)
{
    return index->count;
}

const struct indexed_field *
header_index_field(const struct header_index *index, size_t i)
{
    return &index->fields[i];
}

bool
indexed_field_is(const struct indexed_field *field, const char *name)
{
    return strlen(name) == field->name_length &&
           strncasecmp(field->text, name, field->name_length) == 0;
}

static void
make_relaxed(struct header_index *index, struct indexed_field *field)
{
    if (field->relaxed == NULL) {
        char *out = index->arena + index->arena_used;
        field->relaxed_length = canon_relaxed_field(field->text, field->length, out);
        field->relaxed = out;
        index->arena_used += field->relaxed_length;
    }
}

void
header_index_hash(struct header_index *index, size_t i, enum canon canon, struct hasher *hasher)
{
    struct indexed_field *field = &index->fields[i];
    if (canon == CANON_RELAXED) {
        make_relaxed(index, field);
        hasher_update(hasher, field->relaxed, field->relaxed_length);
    } else {
        hasher_update(hasher, field->text, field->length);
    }
    hasher_update(hasher, "\r\n", 2);
}

// The first place in by_name of a field with this name, or the count.
static size_t
find_name(const struct header_index *index, const char *name, size_t length, bool behind)
{
    size_t low = 0;
    size_t high = index->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct indexed_field *field = &index->fields[index->by_name[middle]];
        int order = compare_names(field->text, field->name_length, name, length);
        if (order < 0 || (behind && order == 0)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static void
hash_named(struct header_index *index, const char *name, size_t length, size_t own,
           enum canon canon, struct hasher *hasher)
{
    size_t first = find_name(index, name, length, false);
    size_t behind = find_name(index, name, length, true);
    while (first < behind && index->taken[first] < behind - first) {
        uint32_t i = index->by_name[behind - 1 - index->taken[first]++];
        if (i != own) {
            header_index_hash(index, i, canon, hasher);
            return;
        }
    }
}

static bool
is_space(char c)
{
    return is_blank(c) || c == '\r' || c == '\n';
}

void
header_index_hash_selected(struct header_index *index, const char *names, size_t length, size_t own,
                           enum canon canon, struct hasher *hasher)
{
    memset(index->taken, 0, index->count * sizeof(index->taken[0]));
    const char *end = names + length;
    while (names < end) {
        const char *colon = memchr(names, ':', (size_t)(end - names));
        const char *stop = colon == NULL ? end : colon;
        const char *next = colon == NULL ? end : colon + 1;
        while (names < stop && is_space(names[0])) {
            names++;
        }
        while (stop > names && is_space(stop[-1])) {
            stop--;
        }
        hash_named(index, names, (size_t)(stop - names), own, canon, hasher);
        names = next;
    }
}

void
header_index_hash_own(struct header_index *index, size_t i, enum canon canon, size_t cut_offset,
                      size_t cut_length, struct hasher *hasher)
{
    const struct indexed_field *field = &index->fields[i];
    size_t rest = cut_offset + cut_length;
    size_t length = field->length - cut_length;
    memcpy(index->scratch, field->text, cut_offset);
    memcpy(index->scratch + cut_offset, field->text + rest, field->length - rest);
    if (canon == CANON_RELAXED) {
        char *relaxed = index->scratch + length;
        size_t relaxed_length = canon_relaxed_field(index->scratch, length, relaxed);
        hasher_update(hasher, relaxed, relaxed_length);
    } else {
        hasher_update(hasher, index->scratch, length);
    }
}
