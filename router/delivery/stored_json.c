// SPDX-License-Identifier: Apache-2.0
#include "router/delivery/stored_json.h"

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "common/xalloc.h"

const char *
stored_json_object(const char *text, const char *otherwise)
{
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    bool good = json_is_object(root);
    json_decref(root);
    return good ? text : otherwise;
}

char *
stored_json_text(const char *text, const char *member)
{
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    char *value = xstrdup(json_string_value(json_object_get(root, member)));
    json_decref(root);
    return value;
}
