// SPDX-License-Identifier: Apache-2.0
#include "verifier/message/signature_check.h"

#include <stdio.h>
#include <string.h>

#include "common/base64.h"
#include "verifier/message/tag_list.h"

enum { KEY_NAME_SIZE = 2 * DOMAIN_NAME_SIZE + 16 };

static void
decide(struct check_result *out, enum auth_result result, const char *reason)
{
    out->result = result;
    (void)snprintf(out->reason, sizeof(out->reason), "%.*s", VERDICT_REASON_SIZE - 1, reason);
}

static const struct dkim_key *
fetch_key(const struct check_context *context, const struct signed_field *field)
{
    char name[KEY_NAME_SIZE];
    (void)snprintf(name, sizeof(name), "%s._domainkey.%s", field->selector, field->domain);
    return dkim_key_get(context->cache, context->dns, context->budget, name);
}

// May the key be used for this signature? NULL: yes.
static const char *
compare_key(const struct signed_field *field, const struct key_record *record)
{
    if (record->kind != field->kind) {
        return "k= of the key does not go with a=";
    }
    if (!record->allows_sha256) {
        return "the key does not allow sha256";
    }
    if (!record->allows_mail) {
        return "the key is not for mail";
    }
    if (record->key == NULL) {
        return "the key is revoked";
    }
    bool narrow = record->is_strict && field->identity[0] != '\0' &&
                  strcmp(field->identity, field->domain) != 0;
    return narrow ? "the key does not allow subdomains in i=" : NULL;
}

static bool
key_is_usable(const struct signed_field *field, const struct dkim_key *key,
              struct check_result *out)
{
    if (key->result != AUTH_NONE) {
        decide(out, key->result, key->reason);
        return false;
    }
    const char *problem = compare_key(field, &key->record);
    if (problem != NULL) {
        decide(out, AUTH_PERMERROR, problem);
        return false;
    }
    out->bits = public_key_bits(key->record.key);
    if (field->kind == KEY_RSA && out->bits < KEY_RSA_BITS_MIN) {
        decide(out, AUTH_POLICY, "the key is too short");
        return false;
    }
    return true;
}

static bool
body_is_right(const struct check_context *context, const struct signed_field *field,
              struct check_result *out)
{
    unsigned char hash[SHA256_SIZE];
    if (body_hash_get(context->bodies, field->body, field->length, hash) != ST_OK) {
        decide(out, AUTH_PERMERROR, "l= is larger than the body");
        return false;
    }
    if (memcmp(hash, field->body_hash, SHA256_SIZE) != 0) {
        decide(out, AUTH_FAIL, "the body has been changed");
        return false;
    }
    return true;
}

// b= as bytes; 0: it is no base64 or longer than any signature.
static size_t
decode_signature(const struct signed_field *field, unsigned char out[KEY_SIGNATURE_MAX])
{
    enum { TEXT_SIZE = KEY_SIGNATURE_MAX / 3 * 4 };
    char text[TEXT_SIZE];
    size_t length = 0;
    struct tag tag = {.value = field->signature, .value_length = field->signature_length};
    return tag_copy(&tag, text, sizeof(text)) && base64_decode(text, out, &length) == ST_OK ? length
                                                                                            : 0;
}

static void
verify(const struct signed_field *field, const struct key_record *record,
       const unsigned char hash[SHA256_SIZE], struct check_result *out)
{
    unsigned char signature[KEY_SIGNATURE_MAX];
    size_t length = decode_signature(field, signature);
    if (length == 0) {
        decide(out, AUTH_PERMERROR, "b= is no base64");
    } else if (!public_key_verify(record->key, hash, signature, length)) {
        decide(out, AUTH_FAIL, "the signature does not match");
    } else {
        decide(out, AUTH_PASS, record->is_testing ? "the key is for tests only (t=y)" : "");
    }
}

static void
hash_fields(const struct check_context *context, const struct signed_field *field, size_t own,
            unsigned char out[SHA256_SIZE])
{
    size_t value = header_index_field(context->header, own)->value_offset;
    header_index_hash_selected(context->header, field->names, field->names_length, own,
                               field->header, context->hasher);
    header_index_hash_own(context->header, own, field->header, value + field->cut_offset,
                          field->cut_length, context->hasher);
    hasher_finish(context->hasher, out);
}

void
signature_check(const struct check_context *context, const struct signed_field *field, size_t own,
                struct check_result *out)
{
    unsigned char hash[SHA256_SIZE];
    *out = (struct check_result){.result = AUTH_NONE};
    AUTO_DKIM_KEY *key = fetch_key(context, field);
    if (!key_is_usable(field, key, out) || !body_is_right(context, field, out)) {
        return;
    }
    hash_fields(context, field, own, hash);
    verify(field, &key->record, hash, out);
    if (out->result == AUTH_PASS &&
        field->length < body_hash_length(context->bodies, field->body)) {
        out->unsigned_tail = true;
        decide(out, AUTH_PASS, "the end of the body is not signed (l=)");
    }
}

void
signature_check_hash(const struct check_context *context, const struct signed_field *field,
                     const unsigned char hash[SHA256_SIZE], struct check_result *out)
{
    *out = (struct check_result){.result = AUTH_NONE};
    AUTO_DKIM_KEY *key = fetch_key(context, field);
    if (key_is_usable(field, key, out)) {
        verify(field, &key->record, hash, out);
    }
}
