// SPDX-License-Identifier: Apache-2.0
#include "verifier/domain/ses/identity.h"

#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "verifier/domain/ses/names.h"

static void
decref(json_t **value)
{
    json_decref(*value);
}
#define AUTO_JSON AUTO(decref) json_t

// NULL, with `fault_out` set when it is there and of another type.
static const char *
text_of(const json_t *object, const char *member, const char **fault_out)
{
    const json_t *value = json_object_get(object, member);
    if (value == NULL || json_is_null(value)) {
        return NULL;
    }
    // jansson refuses \u0000 in texts, so strlen is right.
    if (!json_is_string(value)) {
        *fault_out = member;
    }
    return json_string_value(value);
}

static const json_t *
object_of(const json_t *object, const char *member, const char **fault_out)
{
    const json_t *value = json_object_get(object, member);
    if (value == NULL || json_is_null(value)) {
        return NULL;
    }
    if (!json_is_object(value)) {
        *fault_out = member;
        return NULL;
    }
    return value;
}

static enum ses_progress
progress_of(const json_t *object, const char *member, const char **fault_out)
{
    static const struct {
        const char *word;
        enum ses_progress progress;
    } WORDS[] = {
        {"NOT_STARTED", SES_PROGRESS_NONE},
        {"PENDING", SES_PROGRESS_PENDING},
        {"SUCCESS", SES_PROGRESS_SUCCESS},
        {"FAILED", SES_PROGRESS_FAILED},
        {"TEMPORARY_FAILURE", SES_PROGRESS_TEMPORARY_FAILURE},
    };
    const char *word = text_of(object, member, fault_out);
    if (word == NULL) {
        return SES_PROGRESS_NONE;
    }
    for (size_t i = 0; i < ARRAY_LEN(WORDS); i++) {
        if (strcmp(word, WORDS[i].word) == 0) {
            return WORDS[i].progress;
        }
    }
    return SES_PROGRESS_OTHER;
}

/* ---- parts; each returns the member that is wrong, or NULL ----------------------------------- */

static const char *
read_tokens(const json_t *tokens, struct ses_identity *out)
{
    if (!json_is_array(tokens) || json_array_size(tokens) != SES_TOKENS) {
        return "DkimAttributes.Tokens";
    }
    for (size_t i = 0; i < SES_TOKENS; i++) {
        const char *token = json_string_value(json_array_get(tokens, i));
        if (token == NULL || !ses_name_is_token(token)) {
            return "DkimAttributes.Tokens";
        }
        for (size_t before = 0; before < i; before++) {
            if (strcmp(out->tokens[before], token) == 0) {
                return "DkimAttributes.Tokens";
            }
        }
        (void)snprintf(out->tokens[i], sizeof(out->tokens[i]), "%s", token);
    }
    return NULL;
}

static const char *
read_dkim(const json_t *root, struct ses_identity *out)
{
    const char *fault = NULL;
    const json_t *dkim = object_of(root, "DkimAttributes", &fault);
    if (dkim == NULL) {
        return "DkimAttributes";
    }
    out->report.dkim = progress_of(dkim, "Status", &fault);
    const char *origin = text_of(dkim, "SigningAttributesOrigin", &fault);
    const char *zone = text_of(dkim, "SigningHostedZone", &fault);
    if (fault != NULL) {
        return fault;
    }
    out->own_keys = origin != NULL && strcmp(origin, "EXTERNAL") == 0;
    if (out->own_keys) {
        return NULL;
    }
    // A token and a dot in front must fit too.
    if (zone == NULL || !ses_name_is_domain(zone) ||
        strlen(zone) > DOMAIN_NAME_MAX - SES_TOKEN_SIZE) {
        return "DkimAttributes.SigningHostedZone";
    }
    (void)snprintf(out->zone, sizeof(out->zone), "%s", zone);
    return read_tokens(json_object_get(dkim, "Tokens"), out);
}

static const char *
read_mail_from(const json_t *root, const char *domain, struct ses_identity *out)
{
    const char *fault = NULL;
    const json_t *attributes = object_of(root, "MailFromAttributes", &fault);
    const char *name = text_of(attributes, "MailFromDomain", &fault);
    out->report.mail_from = progress_of(attributes, "MailFromDomainStatus", &fault);
    if (fault != NULL || name == NULL || name[0] == '\0') {
        return fault;
    }
    if (!ses_name_is_domain(name) || !ses_name_is_below(name, domain)) {
        return "MailFromAttributes.MailFromDomain";
    }
    (void)snprintf(out->mail_from, sizeof(out->mail_from), "%s", name);
    return NULL;
}

static const char *
read_tags(const json_t *root, struct ses_identity *out)
{
    const json_t *tags = json_object_get(root, "Tags");
    if (tags == NULL || json_is_null(tags)) {
        return NULL;
    }
    if (!json_is_array(tags)) {
        return "Tags";
    }
    unsigned ours = 0;
    for (size_t i = 0; i < json_array_size(tags); i++) {
        const char *fault = NULL;
        const char *key = text_of(json_array_get(tags, i), "Key", &fault);
        const char *value = text_of(json_array_get(tags, i), "Value", &fault);
        if (fault != NULL || key == NULL) {
            return "Tags";
        }
        if (strcmp(key, SES_TAG_KEY) == 0) {
            ours++;
            if (value != NULL && ses_name_is_installation(value)) {
                (void)snprintf(out->installation, sizeof(out->installation), "%s", value);
            }
        }
    }
    return ours > 1 ? "Tags" : NULL; // which of them would count?
}

static const char *
read_report(const json_t *root, struct ses_report *out)
{
    const char *fault = NULL;
    const json_t *verified = json_object_get(root, "VerifiedForSendingStatus");
    if (!json_is_boolean(verified)) {
        return "VerifiedForSendingStatus";
    }
    out->verified = json_is_true(verified);
    out->verification = progress_of(root, "VerificationStatus", &fault);
    const json_t *info = object_of(root, "VerificationInfo", &fault);
    const char *error = text_of(info, "ErrorType", &fault);
    if (fault != NULL || error == NULL) {
        return fault;
    }
    if (strlen(error) >= SES_ERROR_SIZE ||
        strspn(error, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") != strlen(error)) {
        return "VerificationInfo.ErrorType";
    }
    (void)snprintf(out->error, sizeof(out->error), "%s", error);
    return NULL;
}

static const char *
read_identity(const json_t *root, const char *domain, struct ses_identity *out)
{
    const char *fault = NULL;
    const char *type = text_of(root, "IdentityType", &fault);
    if (type == NULL || strcmp(type, "DOMAIN") != 0) {
        return "IdentityType";
    }
    fault = read_report(root, &out->report);
    if (fault == NULL) {
        fault = read_dkim(root, out);
    }
    if (fault == NULL) {
        fault = read_mail_from(root, domain, out);
    }
    return fault == NULL ? read_tags(root, out) : fault;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static json_t *
load_object(const struct strbuf *json)
{
    AUTO_JSON *root = json_loadb(strbuf_text(json), json->length, JSON_REJECT_DUPLICATES, NULL);
    return json_is_object(root) ? STEAL(root) : NULL;
}

enum status
ses_identity_parse(const struct strbuf *json, const char *domain, struct ses_identity *out,
                   struct why *why)
{
    AUTO_JSON *root = load_object(json);
    if (root == NULL) {
        return why_set(why, ST_AGAIN, "the answer is no JSON object, or says one thing twice");
    }
    struct ses_identity identity = {.own_keys = false};
    const char *fault = read_identity(root, domain, &identity);
    if (fault != NULL) {
        return why_set(why, ST_AGAIN, "the answer's %s is missing or not what it should be", fault);
    }
    *out = identity;
    return ST_OK;
}

enum status
ses_identity_check_empty(const struct strbuf *json, struct why *why)
{
    if (json->length == 0) {
        return ST_OK;
    }
    AUTO_JSON *root = load_object(json);
    return root != NULL ? ST_OK : why_set(why, ST_AGAIN, "the answer is no JSON object");
}
