// SPDX-License-Identifier: Apache-2.0
// mailspur config schema: JSON Schema for editors, made from the very tables that the files are
// read by.
#include <string.h>

#include "config/keys.h"
#include "control/cli/call.h"
#include "control/cli/handlers.h"

static const char DIALECT[] = "https://json-schema.org/draft/2020-12/schema";
static const char DURATION_PATTERN[] = "^[0-9]+(ms|s|m|h|d)$";
static const char SIZE_PATTERN[] = "^[0-9]+[KMG]?$";
static const char MODE_PATTERN[] = "^0?[0-7]{3}$";
static const char NUMBER_PATTERN[] = "^[0-9]+$";
static const char NAME_PATTERN[] = "^[-A-Za-z0-9_.]{1,64}$";

static json_t *section_schema(const struct section *section);

static json_t *
text_like(const char *pattern)
{
    return json_pack("{s:s, s:s}", "type", "string", "pattern", pattern);
}

static json_t *
list_of(json_t *item)
{
    return json_pack("{s:s, s:o}", "type", "array", "items", item);
}

// YAML reads 30 and on as a number and a truth, unless they are quoted: both are taken.
static json_t *
either(json_t *one, json_t *other)
{
    return json_pack("{s:[o,o]}", "anyOf", one, other);
}

static json_t *
words_schema(const char *const *words)
{
    json_t *list = json_array();
    for (; *words != NULL; words++) {
        (void)json_array_append_new(list, json_string(*words));
    }
    return json_pack("{s:o}", "enum", list);
}

static json_t *
switch_schema(void)
{
    static const char *const words[] = {"on", "off", "true", "false", "yes", "no", NULL};
    return either(json_pack("{s:s}", "type", "boolean"), words_schema(words));
}

static json_t *
node_schema(const struct field *field)
{
    switch (field->shape) {
    case SHAPE_SECTION:
        return section_schema(field->section);
    case SHAPE_LIST:
        return list_of(section_schema(field->section));
    case SHAPE_LIST_OR_NAMES:
        return list_of(either(text_like(NAME_PATTERN), section_schema(field->section)));
    case SHAPE_MAP:
        return json_pack("{s:s, s:{s:s}, s:o}", "type", "object", "propertyNames", "pattern",
                         NAME_PATTERN, "additionalProperties", section_schema(field->section));
    case SHAPE_NAMES:
        return list_of(text_like(NAME_PATTERN));
    }
    return json_object();
}

static json_t *
value_schema(const struct field *field)
{
    switch (field->type) {
    case FIELD_TEXT:
    case FIELD_PATH:
    case FIELD_HOST:
        return json_pack("{s:s}", "type", "string");
    case FIELD_DURATION:
        return text_like(DURATION_PATTERN);
    case FIELD_SIZE:
        return either(json_pack("{s:s}", "type", "integer"), text_like(SIZE_PATTERN));
    case FIELD_NUMBER:
        return either(json_pack("{s:s}", "type", "integer"), text_like(NUMBER_PATTERN));
    case FIELD_SWITCH:
        return switch_schema();
    case FIELD_MODE:
        return text_like(MODE_PATTERN);
    case FIELD_CHOICE:
        return words_schema(field->words);
    case FIELD_TEXTS:
    case FIELD_HOSTS:
    case FIELD_NETWORKS:
        return list_of(json_pack("{s:s}", "type", "string"));
    case FIELD_SECTION:
        return section_schema(field->section);
    case FIELD_NODE:
        return node_schema(field);
    }
    return json_object();
}

// What editors show beside the key.
static void
describe(json_t *schema, const struct field *field)
{
    AUTO_STRBUF text = STRBUF_INIT(512);
    if (field->least != NULL) {
        strbuf_printf(&text, "%s to %s", field->least, field->most);
    }
    if (field->fallback != NULL && field->fallback[0] != '\0') {
        strbuf_printf(&text, "%sdefault %s", text.length == 0 ? "" : "; ", field->fallback);
    }
    if (text.length > 0) {
        json_object_set_new(schema, "description", json_string(strbuf_text(&text)));
    }
}

static json_t *
section_schema(const struct section *section)
{
    json_t *properties = json_object();
    json_t *required = json_array();
    for (size_t i = 0; i < section->count; i++) {
        const struct field *field = &section->fields[i];
        json_t *schema = value_schema(field);
        describe(schema, field);
        json_object_set_new(properties, field->key, schema);
        if (field->required) {
            (void)json_array_append_new(required, json_string(field->key));
        }
    }
    return json_pack("{s:s, s:s, s:o, s:o, s:b}", "title", section->name, "type", "object",
                     "properties", properties, "required", required, "additionalProperties", 0);
}

static const struct {
    const char *word;
    const struct section *(*section)(void);
} FILES[] = {
    {"host", keys_of_host},
    {"domain", keys_of_domain},
    {"profile", keys_of_profile},
};

enum cli_exit
run_config_schema(struct cli *cli, const struct args *args)
{
    for (size_t i = 0; i < ARRAY_LEN(FILES); i++) {
        if (strcmp(args->operands[0], FILES[i].word) == 0) {
            AUTO_JSON *schema = section_schema(FILES[i].section());
            json_object_set_new(schema, "$schema", json_string(DIALECT));
            (void)json_dumpf(schema, cli->screen.out, JSON_INDENT(1));
            (void)fputc('\n', cli->screen.out);
            return CLI_OK;
        }
    }
    return cli_complain(cli, CLI_USAGE, "'%s' is no kind of file: host, domain or profile",
                        args->operands[0]);
}
