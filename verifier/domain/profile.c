// SPDX-License-Identifier: Apache-2.0
#include "verifier/domain/profile.h"

#include <stdio.h>
#include <string.h>

#include "common/digest.h"
#include "common/strbuf.h"
#include "config/template.h"
#include "verifier/domain/local_keys.h"
#include "verifier/domain/spf_merge.h"
#include "verifier/message/spf_record.h"

enum {
    MADE_TOKEN_SIZE = 33,
    SECOND_MS = 1000,
    INBOUND_TTL_MS = 3600 * SECOND_MS,
    BACKUP_STEP = 10
};

// What every profile gets for inbound, where it has none of its own.
static char inbound_txt_name[] = "_mailspur.{domain}";
static char inbound_txt_value[] = "mailspur-verify={token}";
static char inbound_mx_name[] = "{domain}";
static char inbound_mx_value[] = "{inbound_mx}";
static const struct config_record INBOUND_RECORDS[] = {
    {.purpose = PURPOSE_OWNERSHIP,
     .needed_for = RECORD_FOR_OWNERSHIP,
     .required = true,
     .type = RECORD_TYPE_TXT,
     .name = inbound_txt_name,
     .value = inbound_txt_value,
     .ttl_ms = INBOUND_TTL_MS},
    {.purpose = PURPOSE_INBOUND_MX,
     .needed_for = RECORD_FOR_INBOUND,
     .required = true,
     .type = RECORD_TYPE_MX,
     .name = inbound_mx_name,
     .value = inbound_mx_value,
     .preference = 10,
     .ttl_ms = INBOUND_TTL_MS},
};

/** The making of one domain's records. */
struct making {
    const struct config *config;
    const struct config_profile *profile;
    const struct profile_inputs *inputs;
    struct template_values values;
    char made_tokens[CONFIG_DKIM_KEYS][MADE_TOKEN_SIZE];
    char local_labels[CONFIG_DKIM_KEYS][LOCAL_KEY_LABEL_SIZE];
    char dmarc_report[RECORD_NAME_SIZE];
    struct domain_records *out;
};

// ---- values

// Looks like a token of SES, and is always the same for one entry of a domain.
static void
make_token(const struct profile_inputs *inputs, size_t index, char out[MADE_TOKEN_SIZE])
{
    AUTO_DIGEST *digest = digest_new_sha256();
    unsigned char hash[SHA256_SIZE];
    char hex[SHA256_HEX_SIZE];
    unsigned char number = (unsigned char)index;
    static const char what[] = "mailspur made token";
    digest_update(digest, what, sizeof(what));
    digest_update(digest, inputs->domain, strlen(inputs->domain) + 1);
    digest_update(digest, inputs->token, strlen(inputs->token) + 1);
    digest_update(digest, &number, 1);
    digest_finish(digest, hash);
    digest_hex(hash, hex);
    memcpy(out, hex, MADE_TOKEN_SIZE - 1);
    out[MADE_TOKEN_SIZE - 1] = '\0';
}

// The source of {dkimN}; NULL while there is none.
static const char *
dkim_value(struct making *making, size_t index)
{
    const struct profile_inputs *inputs = making->inputs;
    switch (making->profile->dkim) {
    case CONFIG_DKIM_SES:
        return inputs->ses_tokens[index];
    case CONFIG_DKIM_MADE:
        if (inputs->token == NULL) {
            return NULL;
        }
        make_token(inputs, index, making->made_tokens[index]);
        return making->made_tokens[index];
    case CONFIG_DKIM_LOCAL:
        if (inputs->token == NULL) {
            return NULL;
        }
        local_key_label(inputs->domain, inputs->token, index, making->local_labels[index]);
        return making->local_labels[index];
    case CONFIG_DKIM_NONE:
        return NULL;
    }
    return NULL;
}

static enum status
expand_into(const char *text, const struct template_values *values, char *out, size_t size,
            struct why *why)
{
    AUTO_STRBUF made = STRBUF_INIT(size - 1);
    enum status status = template_expand(text, values, &made, why);
    if (status == ST_OK) {
        memcpy(out, strbuf_text(&made), made.length + 1);
    }
    return status;
}

static enum status
collect_values(struct making *making, struct why *why)
{
    const struct config_verification *settings = &making->config->verification;
    const struct profile_inputs *inputs = making->inputs;
    const char **text = making->values.text;
    text[PLACE_DOMAIN] = inputs->domain;
    text[PLACE_TOKEN] = inputs->token;
    text[PLACE_REGION] = inputs->region != NULL ? inputs->region : settings->region;
    text[PLACE_MAIL_FROM] = settings->mail_from;
    for (size_t i = 0; i < CONFIG_DKIM_KEYS; i++) {
        text[PLACE_DKIM1 + i] = dkim_value(making, i);
    }
    text[PLACE_DKIM_ZONE] =
        making->profile->dkim == CONFIG_DKIM_SES ? inputs->ses_zone : settings->dkim_zone;
    text[PLACE_SPF_INCLUDE] = settings->spf_include;
    text[PLACE_INBOUND_MX] = making->config->inbound_mx;
    enum status status = expand_into(settings->dmarc_report, &making->values, making->dmarc_report,
                                     sizeof(making->dmarc_report), why);
    text[PLACE_DMARC_REPORT] = making->dmarc_report;
    return status;
}

// True if all settings that records for sending name are set.
static bool
is_sending_set_up(const struct making *making)
{
    const struct config_verification *settings = &making->config->verification;
    bool is_local = making->profile->dkim == CONFIG_DKIM_LOCAL;
    for (size_t i = 0; i < making->profile->record_count; i++) {
        const struct config_record *record = &making->profile->records[i];
        bool names_include = template_has(record->value, PLACE_SPF_INCLUDE) ||
                             template_has(record->name, PLACE_SPF_INCLUDE);
        bool names_zone = template_has(record->value, PLACE_DKIM_ZONE) ||
                          template_has(record->name, PLACE_DKIM_ZONE);
        if ((names_include && settings->spf_include == NULL) ||
            (names_zone && is_local && settings->dkim_zone == NULL)) {
            return false;
        }
    }
    return true;
}

// ---- one record

static enum status
copy_text(const char *text, size_t length, char *out, size_t size, struct why *why)
{
    if (length >= size) {
        return why_set(why, ST_TOO_LARGE, "'%.60s...' is too long for a record", text);
    }
    memcpy(out, text, length);
    out[length] = '\0';
    return ST_OK;
}

// The first include with a domain of its own, which the check looks for.
static enum status
find_include(const struct making *making, struct domain_record *record, struct why *why)
{
    AUTO(spf_record_done) struct spf_record spf = {.text = NULL};
    struct why inner;
    if (spf_record_parse(record->value, strlen(record->value), &spf, &inner) != ST_OK) {
        return why_set(why, ST_INVALID, "%s: '%.80s': %.120s", making->profile->file, record->value,
                       inner.text);
    }
    static const char prefix[] = "include:";
    for (size_t i = 0; i < spf.count; i++) {
        const struct spf_term *term = &spf.terms[i];
        if (term->mechanism == SPF_INCLUDE &&
            strncmp(term->text, prefix, sizeof(prefix) - 1) == 0) {
            return copy_text(term->text + sizeof(prefix) - 1, term->length - (sizeof(prefix) - 1),
                             record->wanted, sizeof(record->wanted), why);
        }
    }
    return why_set(why, ST_INVALID, "%s: '%.80s' has no include", making->profile->file,
                   record->value);
}

static void
merge_existing(const struct making *making, struct domain_record *record)
{
    const char *existing = making->inputs->existing_spf;
    struct spf_merged merged;
    if (existing != NULL && spf_merge(&existing, 1, record->wanted, &merged, NULL) == ST_OK) {
        memcpy(record->value, merged.text, sizeof(record->value));
    }
}

static enum status
set_wanted(const struct making *making, struct domain_record *record, struct why *why)
{
    const char *value = record->value;
    enum status status = ST_OK;
    switch (record->purpose) {
    case PURPOSE_OWNERSHIP:
    case PURPOSE_DKIM:
    case PURPOSE_MAIL_FROM_MX:
    case PURPOSE_INBOUND_MX:
        return copy_text(value, strlen(value), record->wanted, sizeof(record->wanted), why);
    case PURPOSE_DMARC:
        value = strstr(value, " p=") + strlen(" p="); // config/profile.c sees to it
        return copy_text(value, strcspn(value, "; "), record->wanted, sizeof(record->wanted), why);
    case PURPOSE_SPF:
        status = find_include(making, record, why);
        if (status == ST_OK) {
            merge_existing(making, record);
        }
        return status;
    case PURPOSE_MAIL_FROM_SPF:
        return find_include(making, record, why);
    }
    return ST_BUG;
}

static const enum dns_type DNS_TYPES[] = {
    [RECORD_TYPE_TXT] = DNS_TXT,
    [RECORD_TYPE_CNAME] = DNS_CNAME,
    [RECORD_TYPE_MX] = DNS_MX,
};

static enum status
check_name(const char *name, struct why *why)
{
    char normal[DOMAIN_NAME_SIZE];
    struct why inner;
    if (strlen(name) > DOMAIN_NAME_MAX) {
        return why_set(why, ST_TOO_LARGE, "%.100s... is longer than the DNS allows (%d)", name,
                       DOMAIN_NAME_MAX);
    }
    return address_normalize_domain(name, normal, &inner) == ST_OK
               ? ST_OK
               : why_set(why, ST_INVALID, "%.200s cannot stand in the DNS", name);
}

static bool
counts_for_verified(const struct making *making, const struct config_record *template)
{
    return template->required && (template->purpose != PURPOSE_INBOUND_MX ||
                                  making->config->verification.mx == CONFIG_MX_REQUIRED);
}

// ST_NOT_FOUND: a value it needs is not known (yet).
static enum status
make_record(const struct making *making, const struct config_record *template,
            struct domain_record *record, struct why *why)
{
    record->purpose = template->purpose;
    record->needed_for = template->needed_for;
    record->required = counts_for_verified(making, template);
    record->type = DNS_TYPES[template->type];
    record->preference = template->type == RECORD_TYPE_MX ? (unsigned)template->preference : 0;
    record->ttl = (uint32_t)(template->ttl_ms / SECOND_MS);
    record->key_must_match = template->key != CONFIG_KEY_BY_CNAME;
    record->key_is_optional = template->key == CONFIG_KEY_OPTIONAL;
    enum status status =
        expand_into(template->name, &making->values, record->name, sizeof(record->name), why);
    if (status == ST_OK) {
        status = expand_into(template->value, &making->values, record->value, sizeof(record->value),
                             why);
    }
    if (status == ST_OK) {
        status = check_name(record->name, why);
    }
    if (status == ST_OK && template->type != RECORD_TYPE_TXT) {
        status = check_name(record->value, why);
    }
    return status == ST_OK ? set_wanted(making, record, why) : status;
}

static enum status
add_record(struct making *making, const struct config_record *template, struct why *why)
{
    struct domain_records *out = making->out;
    struct domain_record *record = domain_records_add(out);
    if (record == NULL) {
        return why_set(why, ST_TOO_LARGE, "%s makes more than %d records", making->profile->file,
                       RECORDS_MAX);
    }
    enum status status = make_record(making, template, record, why);
    if (status != ST_OK) {
        domain_records_drop(out, out->count - 1);
    }
    return status == ST_NOT_FOUND ? ST_OK : status;
}

// An MX that leads to {inbound_mx} stands once for each of our hosts.
static enum status
add_template(struct making *making, const struct config_record *template, struct why *why)
{
    enum status status = add_record(making, template, why);
    bool is_ours =
        template->purpose == PURPOSE_INBOUND_MX && strcmp(template->value, inbound_mx_value) == 0;
    const struct config_texts *backups = &making->config->backup_mx;
    for (size_t i = 0; is_ours && i < backups->count && status == ST_OK; i++) {
        struct config_record backup = *template;
        backup.value = backups->items[i];
        backup.preference += BACKUP_STEP * (i + 1);
        status = add_record(making, &backup, why);
    }
    return status;
}

static enum status
add_for_inbound(struct making *making, struct why *why)
{
    enum status status = ST_OK;
    for (size_t i = 0; i < ARRAY_LEN(INBOUND_RECORDS) && status == ST_OK; i++) {
        if (!config_profile_has(making->profile, INBOUND_RECORDS[i].purpose)) {
            status = add_template(making, &INBOUND_RECORDS[i], why);
        }
    }
    return status;
}

enum status
profile_records_make(const struct config *config, const struct config_profile *profile,
                     const struct profile_inputs *inputs, struct domain_records *out,
                     struct why *why)
{
    struct making making = {.config = config, .profile = profile, .inputs = inputs, .out = out};
    domain_records_done(out);
    enum status status = collect_values(&making, why);
    bool is_sending = is_sending_set_up(&making);
    for (size_t i = 0; i < profile->record_count && status == ST_OK; i++) {
        const struct config_record *template = &profile->records[i];
        if (template->needed_for != RECORD_FOR_SENDING || is_sending) {
            status = add_template(&making, template, why);
        }
    }
    if (status == ST_OK && inputs->token != NULL) {
        status = add_for_inbound(&making, why);
    }
    return status;
}
