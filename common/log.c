// SPDX-License-Identifier: Apache-2.0
#include "common/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LINE_SIZE = 2048, VALUE_MAX = 400 };

struct line {
    char text[LINE_SIZE];
    size_t length;
};

static enum log_level threshold = LOG_LEVEL_INFO;

void
log_set_level(enum log_level level)
{
    threshold = level;
}

const char *
log_text(const char *text)
{
    return text == NULL ? "-" : text;
}

static void
put(struct line *line, const char *data, size_t length)
{
    size_t room = sizeof(line->text) - 1 - line->length; // one byte stays for the newline
    if (length > room) {
        length = room;
    }
    memcpy(line->text + line->length, data, length);
    line->length += length;
}

static bool
is_plain(const char *text)
{
    if (text[0] == '\0' || strlen(text) > VALUE_MAX) {
        return false;
    }
    for (const char *c = text; *c != '\0'; c++) {
        if (*c <= ' ' || *c >= 0x7f || *c == '"' || *c == '=' || *c == '\\') {
            return false;
        }
    }
    return true;
}

static void
put_quoted(struct line *line, const char *text)
{
    put(line, "\"", 1);
    size_t taken = 0;
    for (; text[taken] != '\0' && taken < VALUE_MAX; taken++) {
        unsigned char c = (unsigned char)text[taken];
        char escaped[8];
        if (c == '"' || c == '\\') {
            (void)snprintf(escaped, sizeof(escaped), "\\%c", c);
        } else if (c < 0x20 || c >= 0x7f) {
            (void)snprintf(escaped, sizeof(escaped), "\\x%02x", c);
        } else {
            (void)snprintf(escaped, sizeof(escaped), "%c", c);
        }
        put(line, escaped, strlen(escaped));
    }
    put(line, text[taken] == '\0' ? "\"" : "...\"", text[taken] == '\0' ? 1 : 4);
}

static void
put_field(struct line *line, const struct log_field *field)
{
    put(line, " ", 1);
    put(line, field->key, strlen(field->key));
    put(line, "=", 1);
    if (field->text == NULL) {
        char number[32];
        (void)snprintf(number, sizeof(number), "%" PRId64, field->number);
        put(line, number, strlen(number));
    } else if (is_plain(field->text)) {
        put(line, field->text, strlen(field->text));
    } else {
        put_quoted(line, field->text);
    }
}

void
log_event(enum log_level level, const char *event, const struct log_field *fields)
{
    if (level > threshold) {
        return;
    }
    int saved = errno;
    struct line line = {.length = 0};
    char prefix[8];
    (void)snprintf(prefix, sizeof(prefix), "<%d>", (int)level);
    put(&line, prefix, strlen(prefix));
    put(&line, event, strlen(event));
    for (const struct log_field *field = fields; field->key != NULL; field++) {
        put_field(&line, field);
    }
    line.text[line.length++] = '\n';
    ssize_t written = write(STDERR_FILENO, line.text, line.length);
    (void)written; // there is nowhere left to complain
    errno = saved;
}
