// SPDX-License-Identifier: Apache-2.0
#include "common/forged.h"

#include <string.h>
#include <strings.h>

struct cursor {
    const char *at;
    const char *end;
};

static bool
is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

// Comments nest and may hold quoted pairs (RFC 5322, 3.2.2).
static void
skip_comment(struct cursor *cursor)
{
    size_t depth = 0;
    for (; cursor->at < cursor->end; cursor->at++) {
        if (*cursor->at == '\\' && cursor->at + 1 < cursor->end) {
            cursor->at++;
        } else if (*cursor->at == '(') {
            depth++;
        } else if (*cursor->at == ')' && --depth == 0) {
            cursor->at++;
            return;
        }
    }
}

static void
skip_blanks_and_comments(struct cursor *cursor)
{
    while (cursor->at < cursor->end && (is_blank(*cursor->at) || *cursor->at == '(')) {
        if (*cursor->at == '(') {
            skip_comment(cursor);
        } else {
            cursor->at++;
        }
    }
}

// Reads a token or a quoted string (RFC 2045, 5.1) and compares as it goes.
static bool
next_word_is(struct cursor *cursor, const char *wanted)
{
    bool quoted = cursor->at < cursor->end && *cursor->at == '"';
    cursor->at += quoted ? 1 : 0;
    size_t length = 0;
    bool equal = true;
    for (; cursor->at < cursor->end; cursor->at++) {
        char c = *cursor->at;
        if (quoted && c == '\\' && cursor->at + 1 < cursor->end) {
            c = *++cursor->at;
        } else if (quoted ? c == '"' : is_blank(c) || strchr("()<>@,;:\\\"/[]?=", c) != NULL) {
            break;
        }
        equal = equal && wanted[length] != '\0' && strncasecmp(&c, &wanted[length], 1) == 0;
        length++;
    }
    return equal && wanted[length] == '\0';
}

bool
forged_is(const struct header_field *field, const char *authserv_id)
{
    if (!header_is(field, "Authentication-Results")) {
        return false;
    }
    struct cursor cursor = {.at = field->value, .end = field->value + field->value_length};
    skip_blanks_and_comments(&cursor);
    return next_word_is(&cursor, authserv_id);
}
