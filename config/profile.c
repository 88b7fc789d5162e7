// SPDX-License-Identifier: Apache-2.0
// The files of profiles: what a table cannot judge, so that making records of them cannot fail on
// anything an operator wrote.
#include "config/profile.h"

#include <stdlib.h>
#include <string.h>

#include "common/address.h"
#include "common/xalloc.h"
#include "config/array.h"
#include "config/builtin.h"
#include "config/folder.h"
#include "config/loader.h"
#include "config/template.h"
#include "config/text.h"

enum { SECOND_MS = 1000, MADE_MAX = 4 * TEMPLATE_MAX };

void
profile_done(struct config_profile *profile)
{
    for (size_t i = 0; i < profile->record_count; i++) {
        free(profile->records[i].name);
        free(profile->records[i].value);
    }
    free(profile->records);
    free(profile->name);
    free(profile->file);
    free(profile->description);
}

// ---- one record

/** What a purpose asks of its record. */
struct purpose_rule {
    const char *name;  /* it must stand there; NULL: anywhere below the domain */
    const char *begin; /* of the value */
    const char *hold;  /* stands in the value too */
    bool only_once;    /* in a profile */
};

static const struct purpose_rule RULES[] = {
    [PURPOSE_OWNERSHIP] = {.begin = "", .hold = "{token}", .only_once = true},
    [PURPOSE_SPF] = {"{domain}", "v=spf1 ", " include:", true},
    [PURPOSE_DKIM] = {.begin = "", .hold = ""},
    [PURPOSE_DMARC] = {"_dmarc.{domain}", "v=DMARC1; ", " p=", true},
    [PURPOSE_MAIL_FROM_MX] = {"{mail_from}.{domain}", "", "", false},
    [PURPOSE_MAIL_FROM_SPF] = {"{mail_from}.{domain}", "v=spf1 ", " include:", true},
    [PURPOSE_INBOUND_MX] = {"{domain}", "", "", false},
};

static const struct template_values SAMPLE = {
    .text = {
        [PLACE_DOMAIN] = "example.com",
        [PLACE_TOKEN] = "abcdefghijklmnopqrstuvwxyz234567",
        [PLACE_REGION] = "us-east-1",
        [PLACE_MAIL_FROM] = "mail",
        [PLACE_DKIM1] = "abcdefghijklmnopqrstuvwxyz234567",
        [PLACE_DKIM2] = "bbcdefghijklmnopqrstuvwxyz234567",
        [PLACE_DKIM3] = "cbcdefghijklmnopqrstuvwxyz234567",
        [PLACE_DKIM_ZONE] = "dkim.example.net",
        [PLACE_SPF_INCLUDE] = "spf.example.net",
        [PLACE_DMARC_REPORT] = "dmarc@example.net",
        [PLACE_INBOUND_MX] = "mx.example.net",
    }};

// True if an example of the template is a domain name.
static bool
makes_name(const char *text, struct why *why)
{
    AUTO_STRBUF made = STRBUF_INIT(MADE_MAX);
    char name[DOMAIN_NAME_SIZE];
    return template_expand(text, &SAMPLE, &made, why) == ST_OK &&
           address_normalize_domain(strbuf_text(&made), name, why) == ST_OK;
}

static bool
is_below_domain(const char *name)
{
    static const char place[] = "{domain}";
    size_t length = strlen(name);
    size_t end = sizeof(place) - 1;
    return length >= end && strcmp(name + length - end, place) == 0 &&
           (length == end || name[length - end - 1] == '.');
}

static void
check_name(const struct source *source, const struct node *node, const struct config_record *record)
{
    struct why why;
    const char *wanted = RULES[record->purpose].name;
    if (wanted != NULL && strcmp(record->name, wanted) != 0) {
        SOURCE_ERROR(source, node, "'name': a record for %s stands at %s",
                     RECORD_PURPOSE_WORDS[record->purpose], wanted);
    } else if (!is_below_domain(record->name)) {
        SOURCE_ERROR(source, node, "'name': '%.60s' is not {domain} or a name below it",
                     record->name);
    } else if (!makes_name(record->name, &why)) {
        SOURCE_ERROR(source, node, "'name': %s", why.text);
    }
}

static void
check_value(const struct source *source, const struct node *node,
            const struct config_record *record)
{
    struct why why;
    const struct purpose_rule *rule = &RULES[record->purpose];
    if (strncmp(record->value, rule->begin, strlen(rule->begin)) != 0 ||
        strstr(record->value, rule->hold) == NULL) {
        SOURCE_ERROR(source, node, "'value': that of a record for %s must hold '%s%s%s'",
                     RECORD_PURPOSE_WORDS[record->purpose], rule->begin,
                     rule->begin[0] != '\0' ? "..." : "", rule->hold);
    } else if (record->type != RECORD_TYPE_TXT && !makes_name(record->value, &why)) {
        SOURCE_ERROR(source, node, "'value': %s", why.text);
    }
}

// It is compared with that of other tenants, for whom nothing else may differ.
static void
check_ownership(const struct source *source, const struct node *node,
                const struct config_record *record)
{
    for (enum placeholder place = 0; place < PLACE_COUNT; place++) {
        if (record->purpose == PURPOSE_OWNERSHIP && place != PLACE_TOKEN &&
            template_has(record->value, place)) {
            SOURCE_ERROR(source, node,
                         "'value': that of a record for ownership holds no other "
                         "placeholder than {token}");
            return;
        }
    }
}

// The placeholders of keys need to come from somewhere.
static void
check_dkim_places(const struct source *source, const struct node *node, const char *text,
                  enum config_dkim dkim)
{
    bool has_key = template_has(text, PLACE_DKIM1) || template_has(text, PLACE_DKIM2) ||
                   template_has(text, PLACE_DKIM3);
    if (has_key && dkim == CONFIG_DKIM_NONE) {
        SOURCE_ERROR(source, node, "'%s': {dkim1} to {dkim3} need a `dkim:` made, ses or local",
                     node->key);
    }
    if (template_has(text, PLACE_DKIM_ZONE) && dkim != CONFIG_DKIM_SES &&
        dkim != CONFIG_DKIM_LOCAL) {
        SOURCE_ERROR(source, node, "'%s': {dkim_zone} needs a `dkim:` ses or local", node->key);
    }
}

static void
check_kind(const struct source *source, const struct node *node, const struct config_record *record)
{
    enum record_purpose purpose = record->purpose;
    enum record_type type = record_purpose_type(purpose);
    if (record->type != type) {
        SOURCE_ERROR(source, node_get(node, "type"), "'type': a record for %s is a %s",
                     RECORD_PURPOSE_WORDS[purpose], RECORD_TYPE_WORDS[type]);
    }
    enum record_for needed_for = record_purpose_for(purpose);
    if (record->needed_for != needed_for) {
        SOURCE_ERROR(source, node_get(node, "for"), "'for': %s is for %s",
                     RECORD_PURPOSE_WORDS[purpose], RECORD_FOR_WORDS[needed_for]);
    }
    if (purpose == PURPOSE_OWNERSHIP && !record->required) {
        SOURCE_ERROR(source, node_get(node, "required"),
                     "'required': nothing is verified without its ownership record");
    }
    const struct node *preference = node_get(node, "preference");
    if (preference != NULL && type != RECORD_TYPE_MX) {
        KEY_ERROR(source, preference, "'preference' is of MX records only");
    }
    const struct node *key = node_get(node, "key");
    if (key != NULL && purpose != PURPOSE_DKIM) {
        KEY_ERROR(source, key, "'key' is of records for dkim only");
    }
    if (record->ttl_ms % SECOND_MS != 0) {
        SOURCE_ERROR(source, node_get(node, "ttl"), "'ttl': whole seconds only");
    }
}

// True if nothing of the record is missing or not understood: then its parts can be compared.
static bool
read_keys(const struct source *source, const struct node *node, struct config_record *record)
{
    size_t before = source->diagnostics->errors;
    section_read(source, keys_of_record(), node, node, SECTION_WITH_DEFAULTS, record);
    return source->diagnostics->errors == before;
}

// ---- between records

static void
check_beside(const struct source *source, const struct node *node,
             const struct config_profile *profile, const struct config_record *record)
{
    for (size_t i = 0; i < profile->record_count; i++) {
        const struct config_record *other = &profile->records[i];
        if (RULES[record->purpose].only_once && other->purpose == record->purpose) {
            SOURCE_ERROR(source, node, "a profile has one record for %s only",
                         RECORD_PURPOSE_WORDS[record->purpose]);
        } else if (strcmp(other->name, record->name) == 0 &&
                   (other->type == RECORD_TYPE_CNAME || record->type == RECORD_TYPE_CNAME)) {
            SOURCE_ERROR(source, node, "nothing can stand beside a CNAME at %s", record->name);
        }
    }
}

static void
read_record(const struct source *source, const struct node *node, struct config_profile *profile)
{
    struct config_record record = {.name = NULL};
    if (!read_keys(source, node, &record)) {
        free(record.name);
        free(record.value);
        return;
    }
    check_kind(source, node, &record);
    check_name(source, node_get(node, "name"), &record);
    check_value(source, node_get(node, "value"), &record);
    check_ownership(source, node_get(node, "value"), &record);
    check_dkim_places(source, node_get(node, "name"), record.name, profile->dkim);
    check_dkim_places(source, node_get(node, "value"), record.value, profile->dkim);
    check_beside(source, node, profile, &record);
    profile->records =
        array_grow(profile->records, profile->record_count, sizeof(*profile->records));
    profile->records[profile->record_count++] = record;
}

static void
read_records(const struct source *source, const struct node *node, struct config_profile *profile)
{
    if (node->kind != NODE_LIST) {
        SOURCE_ERROR(source, node, "'records' takes a list, not %s", node_kind_name(node));
        return;
    }
    if (node->count == 0 || node->count > CONFIG_PROFILE_RECORDS_MAX) {
        SOURCE_ERROR(source, node, "'records' has %zu items; a profile has 1 to %d", node->count,
                     CONFIG_PROFILE_RECORDS_MAX);
        return;
    }
    for (size_t i = 0; i < node->count; i++) {
        read_record(source, node->children[i], profile);
    }
}

// ---- files

static void
take(struct loader *loader, struct config_profile *profile)
{
    struct config *config = &loader->host->config;
    config->profiles =
        array_grow(config->profiles, config->profile_count, sizeof(*config->profiles));
    config->profiles[config->profile_count++] = *profile;
}

// `root` is NULL when the file could not be parsed. The profile exists with whatever is wrong
// inside, so that those who name it bring no more errors.
static void
read_profile(struct loader *loader, const char *file, const char *stem, const struct node *root)
{
    AUTO_FREE char *folder = text_folder(file);
    struct source source = {.file = file, .folder = folder, .diagnostics = loader->diagnostics};
    struct profile_keys keys = {.records = NULL};
    if (root != NULL) {
        section_read(&source, keys_of_profile(), root, root, SECTION_WITH_DEFAULTS, &keys);
    }
    keys.profile.name = xstrdup(stem);
    keys.profile.file = xstrdup(file);
    if (keys.records != NULL) {
        read_records(&source, keys.records, &keys.profile);
    }
    take(loader, &keys.profile);
}

static bool
is_taken(const struct loader *loader, const char *name)
{
    const struct config *config = &loader->host->config;
    for (size_t i = 0; i < config->profile_count; i++) {
        if (strcmp(config->profiles[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

static void
visit_file(void *context, const char *path, const char *stem)
{
    struct loader *loader = context;
    struct why why;
    if (text_check_name(stem, &why) != ST_OK) {
        diagnostics_error(loader->diagnostics, path, 0, 0, "the file's name: %s", why.text);
        return;
    }
    if (is_taken(loader, stem)) {
        diagnostics_error(loader->diagnostics, path, 0, 0, "there is a profile '%s' already", stem);
        return;
    }
    if (loader->host->config.profile_count == CONFIG_PROFILES_MAX) {
        diagnostics_error(loader->diagnostics, path, 0, 0, "more than %d profiles",
                          CONFIG_PROFILES_MAX);
        return;
    }
    AUTO_NODE *root = NULL;
    document_read(path, loader->diagnostics, &root);
    read_profile(loader, path, stem, root);
}

static void
read_builtin(struct loader *loader, const struct builtin_file *builtin)
{
    AUTO_STRBUF file = STRBUF_INIT(TEMPLATE_MAX);
    strbuf_printf(&file, "built-in/%s.yaml", builtin->stem);
    AUTO_NODE *root = NULL;
    document_parse(builtin->text, builtin->length, strbuf_text(&file), loader->diagnostics, &root);
    read_profile(loader, strbuf_text(&file), builtin->stem, root);
}

void
profile_read_all(struct loader *loader, const struct source *source, const struct node *root)
{
    const struct node *node = node_get(node_get(root, "verification"), "profiles");
    struct why why;
    enum status status =
        folder_each_yaml(loader->host->config.verification.profiles, visit_file, loader, &why);
    if (status != ST_OK && status != ST_NOT_FOUND) {
        SOURCE_ERROR(source, node == NULL ? root : node, "'profiles': %s", why.text);
    }
    for (size_t i = 0; i < BUILTIN_PROFILES_COUNT; i++) {
        if (!is_taken(loader, BUILTIN_PROFILES[i].stem)) {
            read_builtin(loader, &BUILTIN_PROFILES[i]);
        }
    }
}

bool
config_profile_has(const struct config_profile *profile, enum record_purpose purpose)
{
    for (size_t i = 0; i < profile->record_count; i++) {
        if (profile->records[i].purpose == purpose) {
            return true;
        }
    }
    return false;
}
