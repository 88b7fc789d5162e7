// SPDX-License-Identifier: Apache-2.0
#include "control/api/json.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/strbuf.h"

#define REPLACEMENT "\xef\xbf\xbd" // U+FFFD

// One row a lead-byte range: the smallest code point of that length guards against overlong forms.
struct utf8_form {
    unsigned char mask, lead;
    size_t length;
    uint32_t smallest;
};
static const struct utf8_form UTF8_FORMS[] = {
    {.mask = 0x80, .lead = 0x00, .length = 1, .smallest = 0},
    {.mask = 0xe0, .lead = 0xc0, .length = 2, .smallest = 0x80},
    {.mask = 0xf0, .lead = 0xe0, .length = 3, .smallest = 0x800},
    {.mask = 0xf8, .lead = 0xf0, .length = 4, .smallest = 0x10000},
};

// Bytes of the valid sequence (RFC 3629) at `text`, or 0.
static size_t
utf8_sequence_length(const char *text)
{
    unsigned char first = (unsigned char)text[0];
    for (size_t i = 0; i < ARRAY_LEN(UTF8_FORMS); i++) {
        const struct utf8_form *form = &UTF8_FORMS[i];
        if ((first & form->mask) != form->lead) {
            continue;
        }
        uint32_t point = (uint32_t)(first & (unsigned char)~form->mask);
        for (size_t k = 1; k < form->length; k++) {
            unsigned char next = (unsigned char)text[k]; // NUL is no continuation: ends the loop
            if ((next & 0xc0) != 0x80) {
                return 0;
            }
            point = (point << 6) | (next & 0x3f);
        }
        bool valid =
            point >= form->smallest && point <= 0x10ffff && !(point >= 0xd800 && point <= 0xdfff);
        return valid ? form->length : 0;
    }
    return 0;
}

json_t *
api_json_text(const char *text)
{
    if (text == NULL) {
        return json_null();
    }
    json_t *direct = json_string(text);
    if (direct != NULL) {
        return direct;
    }
    AUTO_STRBUF clean = STRBUF_INIT(strlen(text) * (sizeof(REPLACEMENT) - 1));
    for (const char *c = text; *c != '\0';) {
        size_t length = utf8_sequence_length(c);
        if (length == 0) {
            strbuf_puts(&clean, REPLACEMENT);
            c++;
        } else {
            strbuf_append(&clean, c, length);
            c += length;
        }
    }
    return json_string(strbuf_text(&clean));
}

json_t *
api_json_text_or_null(const char *text)
{
    return text == NULL || text[0] == '\0' ? json_null() : api_json_text(text);
}

json_t *
api_json_time(int64_t wall_ms)
{
    char iso[CLOCK_ISO_SIZE];
    return wall_ms == 0 ? json_null() : json_string(clock_format_iso(wall_ms, iso));
}

json_t *
api_json_number(uint64_t number)
{
    return json_integer(number > INT64_MAX ? INT64_MAX : (json_int_t)number);
}

char *
api_json_dump(const json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_ENCODE_ANY);
    if (text == NULL) {
        abort(); // only without memory: all we put into a tree is valid
    }
    return text;
}

void
api_respond_json(struct response *response, unsigned http_status, json_t *root)
{
    char *text = api_json_dump(root);
    json_decref(root);
    response->http_status = http_status;
    response->content_type = "application/json";
    response->body = text;
    response->body_length = strlen(text);
}

enum status
api_json_parse(const char *text, size_t length, json_t **root_out, struct why *why)
{
    json_error_t error;
    AUTO_JSON *root = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error);
    if (root == NULL) {
        return why_set(why, ST_INVALID, "body, line %d column %d: %s", error.line, error.column,
                       error.text);
    }
    if (!json_is_object(root)) {
        return why_set(why, ST_INVALID, "the body is not a JSON object");
    }
    *root_out = STEAL(root);
    return ST_OK;
}
