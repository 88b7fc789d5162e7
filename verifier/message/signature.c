// SPDX-License-Identifier: Apache-2.0
#include "verifier/message/signature.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "verifier/message/tag_list.h"

static enum auth_result
refuse(char reason[VERDICT_REASON_SIZE], enum auth_result result, const char *text)
{
    (void)snprintf(reason, VERDICT_REASON_SIZE, "%.*s", VERDICT_REASON_SIZE - 1, text);
    return result;
}

static bool
copy_domain(const struct tag *tag, char out[DOMAIN_NAME_SIZE])
{
    char name[DOMAIN_NAME_SIZE];
    return tag != NULL && tag_copy(tag, name, sizeof(name)) &&
           address_normalize_domain(name, out, NULL) == ST_OK;
}

struct algorithm {
    const char *name;
    bool is_ed25519;
    bool is_allowed;
};

static const struct algorithm ALGORITHMS[] = {
    {"rsa-sha256", false, true},
    {"ed25519-sha256", true, true},
    {"rsa-sha1", false, false}, // RFC 8301, 3.1
};

static enum auth_result
take_algorithm(const struct tag *tag, struct signature *out, char reason[VERDICT_REASON_SIZE])
{
    for (size_t i = 0; tag != NULL && i < ARRAY_LEN(ALGORITHMS); i++) {
        if (!tag_is_word(tag, ALGORITHMS[i].name)) {
            continue;
        }
        (void)snprintf(out->algorithm, sizeof(out->algorithm), "%s", ALGORITHMS[i].name);
        out->is_ed25519 = ALGORITHMS[i].is_ed25519;
        return ALGORITHMS[i].is_allowed
                   ? AUTH_NONE
                   : refuse(reason, AUTH_POLICY, "algorithm rsa-sha1 proves nothing");
    }
    return refuse(reason, AUTH_PERMERROR, "a= is missing or unknown");
}

// i= must be in or below d= (RFC 6376, 3.5); long and encoded ones, which nobody writes, are
// refused.
static bool
identity_is_valid(const struct tag *tag, const char *domain)
{
    char identity[SIGNATURE_IDENTITY_MAX + 1];
    char host[DOMAIN_NAME_SIZE];
    if (tag == NULL) {
        return true;
    }
    if (!tag_copy(tag, identity, sizeof(identity)) || strchr(identity, '=') != NULL) {
        return false;
    }
    const char *at = strrchr(identity, '@');
    if (at == NULL || address_normalize_domain(at + 1, host, NULL) != ST_OK) {
        return false;
    }
    size_t host_length = strlen(host);
    size_t length = strlen(domain);
    return host_length >= length && strcmp(host + host_length - length, domain) == 0 &&
           (host_length == length || host[host_length - length - 1] == '.');
}

struct required {
    const char *name;
    const char *problem;
};

static const struct required REQUIRED[] = {
    {"b", "b= is missing"},
    {"bh", "bh= is missing"},
    {"h", "h= is missing"},
};

static enum auth_result
check_tags(const struct tag_list *list, const struct signature *signature,
           char reason[VERDICT_REASON_SIZE])
{
    for (size_t i = 0; i < ARRAY_LEN(REQUIRED); i++) {
        const struct tag *tag = tag_list_find(list, REQUIRED[i].name);
        if (tag == NULL || tag->value_length == 0) {
            return refuse(reason, AUTH_PERMERROR, REQUIRED[i].problem);
        }
    }
    if (!tag_has_word(tag_list_find(list, "h"), ':', "from")) {
        return refuse(reason, AUTH_PERMERROR, "h= does not name From");
    }
    const struct tag *query = tag_list_find(list, "q");
    if (query != NULL && !tag_has_word(query, ':', "dns/txt")) {
        return refuse(reason, AUTH_PERMERROR, "q= does not offer dns/txt");
    }
    if (!identity_is_valid(tag_list_find(list, "i"), signature->domain)) {
        return refuse(reason, AUTH_PERMERROR, "i= is not an address in d=");
    }
    return AUTH_NONE;
}

enum auth_result
signature_parse(const char *value, size_t length, struct signature *out,
                char reason[VERDICT_REASON_SIZE])
{
    struct tag_list list;
    struct why why;
    *out = (struct signature){.domain = ""};
    if (tag_list_parse(value, length, TAG_LIST_STRICT, &list, &why) != ST_OK) {
        return refuse(reason, AUTH_PERMERROR, why.text);
    }
    bool has_domain = copy_domain(tag_list_find(&list, "d"), out->domain);
    bool has_selector = copy_domain(tag_list_find(&list, "s"), out->selector);
    enum auth_result result = take_algorithm(tag_list_find(&list, "a"), out, reason);
    if (result != AUTH_NONE) {
        return result;
    }
    if (!has_domain || !has_selector) {
        return refuse(reason, AUTH_PERMERROR, "d= or s= is not a domain name");
    }
    if (!tag_is(tag_list_find(&list, "v"), "1")) {
        return refuse(reason, AUTH_PERMERROR, "v= is not 1");
    }
    out->has_length = tag_list_find(&list, "l") != NULL;
    return check_tags(&list, out, reason);
}

static enum auth_result
check_key_tags(const struct tag_list *list, const struct signature *signature,
               char reason[VERDICT_REASON_SIZE])
{
    const struct tag *type = tag_list_find(list, "k");
    bool type_fits = signature->is_ed25519 ? tag_is_word(type, "ed25519")
                                           : type == NULL || tag_is_word(type, "rsa");
    if (!type_fits) {
        return refuse(reason, AUTH_PERMERROR, "k= of the key does not go with a=");
    }
    const struct tag *hashes = tag_list_find(list, "h");
    if (hashes != NULL && !tag_has_word(hashes, ':', "sha256")) {
        return refuse(reason, AUTH_PERMERROR, "the key does not allow sha256");
    }
    const struct tag *services = tag_list_find(list, "s");
    if (services != NULL && !tag_has_word(services, ':', "email") &&
        !tag_has_word(services, ':', "*")) {
        return refuse(reason, AUTH_PERMERROR, "the key is not for mail");
    }
    const struct tag *key = tag_list_find(list, "p");
    if (key == NULL) {
        return refuse(reason, AUTH_PERMERROR, "the key record has no p=");
    }
    return key->value_length > 0 ? AUTH_NONE : refuse(reason, AUTH_PERMERROR, "the key is revoked");
}

enum auth_result
signature_check_key(const struct signature *signature, const char *record, size_t length,
                    char reason[VERDICT_REASON_SIZE])
{
    struct tag_list list;
    if (tag_list_parse(record, length, TAG_LIST_STRICT, &list, NULL) != ST_OK) {
        return refuse(reason, AUTH_PERMERROR, "the key record is not a list of tags");
    }
    const struct tag *version = tag_list_find(&list, "v");
    if (version != NULL && (version != &list.tags[0] || !tag_is(version, "DKIM1"))) {
        return refuse(reason, AUTH_PERMERROR, "v= of the key record is not DKIM1, or not first");
    }
    return check_key_tags(&list, signature, reason);
}
