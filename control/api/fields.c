// SPDX-License-Identifier: Apache-2.0
#include "control/api/fields.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include <jansson.h>

#include "common/id.h"
#include "common/parse.h"

// What a field's kind wants, for the sentence when it got something else.
static const char *const WANTED[] = {
    [FIELD_TEXT] = "a text",
    [FIELD_BOOL] = "true or false",
    [FIELD_NUMBER] = "a number",
    [FIELD_ID] = "an id (36 characters)",
    [FIELD_STATE] = "a state: queued, leased, held, blocked, unknown, done or dead",
};

static const struct field *
find_field(const struct field *fields, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(fields[i].name, name) == 0) {
            return &fields[i];
        }
    }
    return NULL;
}

static enum status
unknown_field(const char *name, struct why *why)
{
    return why_set(why, ST_INVALID, "'%.60s' is not known here", name);
}

static enum status
wrong_value(const struct field *field, struct why *why)
{
    return why_set(why, ST_INVALID, "'%s' must be %s", field->name, WANTED[field->type]);
}

static enum status
set_text(const struct field *field, const char *text, void *member, struct why *why)
{
    size_t most = field->max == 0 ? REQUEST_TEXT_SIZE - 1 : (size_t)field->max;
    if (text[0] == '\0' || strlen(text) > most) {
        return why_set(why, ST_INVALID, "'%s' must have 1 to %zu bytes", field->name, most);
    }
    *(const char **)member = text;
    return ST_OK;
}

static enum status
set_number(const struct field *field, uint64_t number, void *member, struct why *why)
{
    if (number == 0 || number > field->max) {
        return why_set(why, ST_INVALID, "'%s' must be 1 to %" PRIu64, field->name, field->max);
    }
    *(uint64_t *)member = number;
    return ST_OK;
}

// The kinds that are text in a body too.
static enum status
set_from_text(const struct field *field, const char *text, void *member, struct why *why)
{
    if (field->type == FIELD_ID && !id_is_valid(text)) {
        return wrong_value(field, why);
    }
    if (field->type == FIELD_STATE) {
        struct field_state *state = member;
        if (delivery_state_from_name(text, &state->value) != ST_OK) {
            return wrong_value(field, why);
        }
        state->given = true;
        return ST_OK;
    }
    return set_text(field, text, member, why);
}

static enum status
set_from_json(const struct field *field, const json_t *value, void *member, struct why *why)
{
    switch (field->type) {
    case FIELD_BOOL:
        if (!json_is_boolean(value)) {
            return wrong_value(field, why);
        }
        *(bool *)member = json_is_true(value);
        return ST_OK;
    case FIELD_NUMBER:
        if (!json_is_integer(value) || json_integer_value(value) < 0) {
            return wrong_value(field, why);
        }
        return set_number(field, (uint64_t)json_integer_value(value), member, why);
    case FIELD_TEXT:
    case FIELD_ID:
    case FIELD_STATE:
        break;
    }
    if (!json_is_string(value)) {
        return wrong_value(field, why);
    }
    return set_from_text(field, json_string_value(value), member, why);
}

static enum status
set_from_query(const struct field *field, const char *text, void *member, struct why *why)
{
    uint64_t number;
    switch (field->type) {
    case FIELD_BOOL:
        return parse_bool(text, member, NULL) == ST_OK ? ST_OK : wrong_value(field, why);
    case FIELD_NUMBER:
        if (parse_uint(text, field->max, &number, NULL) != ST_OK) {
            number = 0; // out of range is the same mistake as no number
        }
        return set_number(field, number, member, why);
    case FIELD_TEXT:
    case FIELD_ID:
    case FIELD_STATE:
        break;
    }
    return set_from_text(field, text, member, why);
}

static void *
member_of(void *target, const struct field *field)
{
    return (char *)target + field->offset;
}

enum status
fields_read_body(json_t *object, const struct field *fields, size_t count, void *target,
                 struct why *why)
{
    for (size_t i = 0; i < count; i++) {
        if (fields[i].required && json_object_get(object, fields[i].name) == NULL) {
            return why_set(why, ST_INVALID, "'%s' is missing", fields[i].name);
        }
    }
    const char *name;
    json_t *value;
    json_object_foreach(object, name, value)
    {
        const struct field *field = find_field(fields, count, name);
        enum status status = field == NULL
                                 ? unknown_field(name, why)
                                 : set_from_json(field, value, member_of(target, field), why);
        if (status != ST_OK) {
            return status;
        }
    }
    return ST_OK;
}

static bool
is_repeated(const struct request *request, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (strcmp(request->parameters[i].name, request->parameters[index].name) == 0) {
            return true;
        }
    }
    return false;
}

enum status
fields_read_query(const struct request *request, const struct field *fields, size_t count,
                  void *target, struct why *why)
{
    for (size_t i = 0; i < request->parameter_count; i++) {
        const struct parameter *parameter = &request->parameters[i];
        const struct field *field = find_field(fields, count, parameter->name);
        if (field == NULL) {
            return unknown_field(parameter->name, why);
        }
        if (is_repeated(request, i)) {
            return why_set(why, ST_INVALID, "'%s' stands there twice", parameter->name);
        }
        enum status status = set_from_query(field, parameter->value, member_of(target, field), why);
        if (status != ST_OK) {
            return status;
        }
    }
    return ST_OK;
}
