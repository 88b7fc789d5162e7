// SPDX-License-Identifier: Apache-2.0
#include "verifier/message/key_record.h"

#include <stdlib.h>

#include "common/base64.h"
#include "common/xalloc.h"
#include "verifier/message/tag_list.h"

struct kind_name {
    const char *name;
    enum key_kind kind;
};

static const struct kind_name KINDS[] = {
    {"rsa", KEY_RSA},
    {"ed25519", KEY_ED25519},
};

static bool
take_kind(const struct tag *tag, enum key_kind *out)
{
    if (tag == NULL) {
        *out = KEY_RSA; // the default (RFC 6376, 3.6.1)
        return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(KINDS); i++) {
        if (tag_is_word(tag, KINDS[i].name)) {
            *out = KINDS[i].kind;
            return true;
        }
    }
    return false;
}

static enum status
take_key(const struct tag *tag, enum key_kind kind, struct public_key **key_out, struct why *why)
{
    AUTO_FREE char *text = xcalloc(tag->value_length + 1, 1);
    AUTO_FREE unsigned char *data = xcalloc(tag->value_length + 1, 1);
    size_t length = 0;
    if (!tag_copy(tag, text, tag->value_length + 1) ||
        base64_decode(text, data, &length) != ST_OK) {
        return why_set(why, ST_INVALID, "p= of the key record is no base64");
    }
    return public_key_parse(kind, data, length, key_out, why) == ST_OK ? ST_OK : ST_INVALID;
}

static bool
has_flag(const struct tag *tag, const char *flag)
{
    return tag != NULL && tag_has_word(tag, ':', flag);
}

static enum status
take_tags(const struct tag_list *list, struct key_record *out, struct why *why)
{
    const struct tag *hashes = tag_list_find(list, "h");
    const struct tag *services = tag_list_find(list, "s");
    const struct tag *flags = tag_list_find(list, "t");
    const struct tag *key = tag_list_find(list, "p");
    if (!take_kind(tag_list_find(list, "k"), &out->kind)) {
        return why_set(why, ST_INVALID, "k= of the key record is not known");
    }
    if (key == NULL) {
        return why_set(why, ST_INVALID, "the key record has no p=");
    }
    out->allows_sha256 = hashes == NULL || has_flag(hashes, "sha256");
    out->allows_mail = services == NULL || has_flag(services, "email") || has_flag(services, "*");
    out->is_strict = has_flag(flags, "s");
    out->is_testing = has_flag(flags, "y");
    return key->value_length == 0 ? ST_OK : take_key(key, out->kind, &out->key, why);
}

enum status
key_record_parse(const char *text, size_t length, struct key_record *record_out, struct why *why)
{
    struct tag_list list;
    if (tag_list_parse(text, length, TAG_LIST_STRICT, &list, NULL) != ST_OK) {
        return why_set(why, ST_INVALID, "the key record is not a list of tags");
    }
    const struct tag *version = tag_list_find(&list, "v");
    if (version != NULL && (version != &list.tags[0] || !tag_is(version, "DKIM1"))) {
        return why_set(why, ST_INVALID, "v= of the key record is not DKIM1, or not first");
    }
    struct key_record record = {.key = NULL};
    enum status status = take_tags(&list, &record, why);
    if (status == ST_OK) {
        *record_out = record;
    }
    return status;
}

void
key_record_done(struct key_record *record)
{
    public_key_free(record->key);
    record->key = NULL;
}
