// SPDX-License-Identifier: Apache-2.0
// Matching never goes back: between two wildcards the first place where the literal fits is as good
// as any other, because the wildcard behind it takes whatever is left. Only the last literal is
// tied to the end.
#include "config/pattern.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/cleanup.h"
#include "common/xalloc.h"

enum part_kind { PART_LITERAL, PART_ANY, PART_CAPTURE };

struct part {
    enum part_kind kind;
    const char *text; /* literal: its bytes, inside the pattern's text */
    size_t length;    /* literal: of `text`; others: the least they take */
    char name[CAPTURE_NAME_SIZE];
};

struct pattern {
    char text[PATTERN_LENGTH_MAX + 1];
    struct part parts[PATTERN_PARTS_MAX];
    size_t count;
};

static void
pattern_cleanup(struct pattern **pattern)
{
    pattern_free(*pattern);
}

static bool
is_literal_byte(char c)
{
    unsigned char byte = (unsigned char)c;
    return byte > ' ' && byte != 0x7f && strchr("()<>[]:;@\\,\"{}*", c) == NULL;
}

static enum status
check_new_name(const struct pattern *pattern, const char *name, size_t length, struct why *why)
{
    bool good = length > 0 && length < CAPTURE_NAME_SIZE && islower((unsigned char)name[0]);
    for (size_t i = 0; good && i < length; i++) {
        unsigned char c = (unsigned char)name[i];
        good = islower(c) || isdigit(c) || c == '_';
    }
    if (!good) {
        return why_set(why, ST_INVALID,
                       "'{%.*s}' is not a capture: a name is a-z, then a-z, 0-9 or _, at most %d",
                       (int)length, name, CAPTURE_NAME_SIZE - 1);
    }
    for (size_t i = 0; i < pattern->count; i++) {
        const char *other = pattern->parts[i].name;
        if (strlen(other) == length && memcmp(other, name, length) == 0) {
            return why_set(why, ST_INVALID, "'{%s}' stands twice in '%s'", other, pattern->text);
        }
    }
    return ST_OK;
}

// Read one part at `at`; *next_out is where the next one starts.
static enum status
take_part(const struct pattern *pattern, const char *at, struct part *part_out,
          const char **next_out, struct why *why)
{
    struct part part = {.text = at};
    if (*at == '*') {
        part.kind = PART_ANY;
        *next_out = at + 1;
    } else if (*at == '{') {
        size_t length = strcspn(at + 1, "{}");
        if (at[1 + length] != '}') {
            return why_set(why, ST_INVALID, "a '{' is not closed in '%s'", pattern->text);
        }
        if (check_new_name(pattern, at + 1, length, why) != ST_OK) {
            return ST_INVALID;
        }
        part.kind = PART_CAPTURE;
        part.length = 1;
        memcpy(part.name, at + 1, length);
        *next_out = at + length + 2;
    } else {
        part.kind = PART_LITERAL;
        while (is_literal_byte(at[part.length])) {
            part.length++;
        }
        if (part.length == 0) {
            return why_set(why, ST_INVALID, "a pattern cannot hold '%c' as in '%s'",
                           isprint((unsigned char)*at) ? *at : '?', pattern->text);
        }
        *next_out = at + part.length;
    }
    *part_out = part;
    return ST_OK;
}

static enum status
check_length(const struct pattern *pattern, struct why *why)
{
    size_t least = 0;
    for (size_t i = 0; i < pattern->count; i++) {
        least += pattern->parts[i].length;
    }
    if (least == 0 && pattern->count == 0) {
        return why_set(why, ST_INVALID, "the pattern is empty; '*' takes every recipient");
    }
    if (least >= LOCAL_PART_SIZE) {
        return why_set(why, ST_INVALID, "'%s' asks for more than the %d bytes of a local part",
                       pattern->text, LOCAL_PART_SIZE - 1);
    }
    return ST_OK;
}

enum status
pattern_compile(const char *text, struct pattern **pattern_out, struct why *why)
{
    size_t length = strlen(text);
    if (length > PATTERN_LENGTH_MAX) {
        return why_set(why, ST_INVALID, "'%.40s...' is longer than %d bytes", text,
                       PATTERN_LENGTH_MAX);
    }
    AUTO(pattern_cleanup) struct pattern *pattern = xcalloc(1, sizeof(*pattern));
    memcpy(pattern->text, text, length + 1);
    const char *at = pattern->text;
    while (*at != '\0') {
        if (pattern->count == PATTERN_PARTS_MAX) {
            return why_set(why, ST_INVALID, "'%s' has more than %d parts", text, PATTERN_PARTS_MAX);
        }
        struct part *part = &pattern->parts[pattern->count];
        if (take_part(pattern, at, part, &at, why) != ST_OK) {
            return ST_INVALID;
        }
        if (pattern->count > 0 && part->kind != PART_LITERAL && part[-1].kind != PART_LITERAL) {
            return why_set(why, ST_INVALID,
                           "'%s' has two wildcards side by side; put text between them", text);
        }
        pattern->count++;
    }
    if (check_length(pattern, why) != ST_OK) {
        return ST_INVALID;
    }
    *pattern_out = STEAL(pattern);
    return ST_OK;
}

void
pattern_free(struct pattern *pattern)
{
    free(pattern);
}

static bool
starts_with(const char *text, size_t length, const struct part *literal)
{
    // strncasecmp folds ASCII only: the process stays in the C locale.
    return length >= literal->length && strncasecmp(text, literal->text, literal->length) == 0;
}

// How many bytes the wildcard takes before the literal that follows it; false if it never comes.
static bool
find_literal(const char *text, size_t length, size_t least, const struct part *literal,
             bool at_the_end, size_t *taken_out)
{
    if (length < least + literal->length) {
        return false;
    }
    size_t last = length - literal->length;
    for (size_t taken = at_the_end ? last : least; taken <= last; taken++) {
        if (starts_with(text + taken, length - taken, literal)) {
            *taken_out = taken;
            return true;
        }
    }
    return false;
}

static void
keep_capture(struct captures *captures, const struct part *part, const char *text, size_t length)
{
    if (part->kind == PART_CAPTURE) {
        struct capture *capture = &captures->items[captures->count++];
        capture->name = part->name;
        memcpy(capture->value, text, length);
        capture->value[length] = '\0';
    }
}

bool
pattern_match(const struct pattern *pattern, const char *local_part, struct captures *out)
{
    size_t left = strlen(local_part);
    if (left >= LOCAL_PART_SIZE) {
        return false;
    }
    struct captures captures = {.count = 0};
    const char *at = local_part;
    for (size_t i = 0; i < pattern->count; i++) {
        const struct part *part = &pattern->parts[i];
        size_t taken = left;
        if (part->kind == PART_LITERAL) {
            if (!starts_with(at, left, part)) {
                return false;
            }
            taken = part->length;
        } else if (i + 1 < pattern->count) {
            if (!find_literal(at, left, part->length, part + 1, i + 2 == pattern->count, &taken)) {
                return false;
            }
        } else if (left < part->length) {
            return false;
        }
        keep_capture(&captures, part, at, taken);
        at += taken;
        left -= taken;
    }
    if (left > 0) {
        return false;
    }
    *out = captures;
    return true;
}

const char *
pattern_text(const struct pattern *pattern)
{
    return pattern->text;
}

bool
pattern_is_catch_all(const struct pattern *pattern)
{
    return pattern->count == 1 && pattern->parts[0].kind != PART_LITERAL;
}
