// SPDX-License-Identifier: Apache-2.0
#include "common/header.h"

#include <string.h>
#include <strings.h>

// Length of the line at `text` with its line end.
static size_t
line_length(const char *text, size_t length)
{
    const char *newline = memchr(text, '\n', length);
    return newline == NULL ? length : (size_t)(newline - text) + 1;
}

static bool
is_empty_line(const char *line, size_t length)
{
    return (length == 1 && line[0] == '\n') || (length == 2 && line[0] == '\r' && line[1] == '\n');
}

size_t
header_block_length(const char *message, size_t length)
{
    size_t offset = 0;
    while (offset < length) {
        size_t line = line_length(message + offset, length - offset);
        bool last = is_empty_line(message + offset, line);
        offset += line;
        if (last) {
            break;
        }
    }
    return offset;
}

// The first line at `offset` and the folded ones behind it.
static size_t
folded_length(const char *block, size_t length, size_t offset)
{
    size_t end = offset + line_length(block + offset, length - offset);
    while (end < length && (block[end] == ' ' || block[end] == '\t')) {
        end += line_length(block + end, length - end);
    }
    return end - offset;
}

static bool
split_field(const char *text, size_t length, struct header_field *out)
{
    const char *colon = memchr(text, ':', length);
    if (colon == NULL || colon == text) {
        return false;
    }
    size_t name_length = (size_t)(colon - text);
    while (name_length > 0 && (text[name_length - 1] == ' ' || text[name_length - 1] == '\t')) {
        name_length--; // obsolete syntax: blanks before the colon (RFC 5322, 4.5)
    }
    for (size_t i = 0; i < name_length; i++) {
        if ((unsigned char)text[i] <= ' ' || text[i] == 0x7f) {
            return false;
        }
    }
    while (length > 0 && (text[length - 1] == '\n' || text[length - 1] == '\r')) {
        length--;
    }
    const char *end = text + length;
    const char *value = colon + 1 <= end ? colon + 1 : end;
    *out = (struct header_field){text, name_length, value, (size_t)(end - value)};
    return name_length > 0;
}

bool
header_next(const char *block, size_t length, size_t *offset, struct header_field *field_out)
{
    while (*offset < length) {
        size_t line = line_length(block + *offset, length - *offset);
        if (is_empty_line(block + *offset, line)) {
            return false;
        }
        size_t start = *offset;
        size_t whole = folded_length(block, length, start);
        *offset = start + whole;
        if (split_field(block + start, whole, field_out)) {
            return true;
        }
    }
    return false;
}

bool
header_is(const struct header_field *field, const char *name)
{
    return strlen(name) == field->name_length &&
           strncasecmp(field->name, name, field->name_length) == 0;
}

bool
header_find(const char *block, size_t length, const char *name, struct header_field *field_out)
{
    struct header_field field;
    for (size_t offset = 0; header_next(block, length, &offset, &field);) {
        if (header_is(&field, name)) {
            *field_out = field;
            return true;
        }
    }
    return false;
}

size_t
header_count(const char *block, size_t length, const char *name)
{
    size_t count = 0;
    struct header_field field;
    for (size_t offset = 0; header_next(block, length, &offset, &field);) {
        count += header_is(&field, name) ? 1 : 0;
    }
    return count;
}

void
header_copy_value(const struct header_field *field, char *out, size_t size)
{
    size_t used = 0;
    for (size_t i = 0; i < field->value_length && used + 1 < size; i++) {
        char c = field->value[i];
        bool blank_at_start = used == 0 && (c == ' ' || c == '\t');
        if (c != '\r' && c != '\n' && c != '\0' && !blank_at_start) {
            out[used++] = c;
        }
    }
    while (used > 0 && (out[used - 1] == ' ' || out[used - 1] == '\t')) {
        used--;
    }
    out[used] = '\0';
}
