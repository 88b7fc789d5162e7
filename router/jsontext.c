// SPDX-License-Identifier: Apache-2.0
#include "router/jsontext.h"

#include <stdlib.h>

#include <jansson.h>

#include "common/strbuf.h"

static json_t *
text_value(const char *text)
{
    json_t *value = json_string(text);
    if (value != NULL) {
        return value;
    }
    AUTO_STRBUF replaced = STRBUF_INIT(3 * (size_t)LOCAL_PART_SIZE);
    for (const char *c = text; *c != '\0'; c++) {
        if ((unsigned char)*c < 0x80) {
            strbuf_putc(&replaced, *c);
        } else {
            strbuf_puts(&replaced, "\xEF\xBF\xBD");
        }
    }
    return json_string(strbuf_text(&replaced));
}

char *
jsontext_from_captures(const struct captures *captures)
{
    json_t *object = json_object();
    for (size_t i = 0; i < captures->count; i++) {
        const struct capture *capture = &captures->items[i];
        (void)json_object_set_new(object, capture->name, text_value(capture->value));
    }
    char *text = json_dumps(object, JSON_COMPACT);
    if (text == NULL) {
        abort(); // only without memory: every member is valid UTF-8
    }
    json_decref(object);
    return text;
}

bool
jsontext_is_object(const char *text)
{
    json_t *value = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    bool is_object = json_is_object(value);
    json_decref(value);
    return is_object;
}
