// SPDX-License-Identifier: Apache-2.0
#include "verifier/message/signed_field.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "common/base64.h"
#include "common/xalloc.h"
#include "verifier/message/body_hash.h"
#include "verifier/message/tag_list.h"

enum { TIME_DIGITS_MAX = 12, LENGTH_DIGITS_MAX = 76, INSTANCE_DIGITS_MAX = 2 };

/* A field being read. */
struct reading {
    enum signed_field_kind kind;
    struct tag_list list;
    int64_t now;
    struct signed_field *out;
    const char *problem; /* NULL: none so far */
};

static bool
is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool
has_space(const struct tag *tag)
{
    for (size_t i = 0; i < tag->value_length; i++) {
        if (is_space(tag->value[i])) {
            return true;
        }
    }
    return false;
}

// Digits only; what is larger than 64 bits is UINT64_MAX - 1, more than any body.
static bool
read_number(const struct tag *tag, size_t digits_max, uint64_t *out)
{
    uint64_t number = 0;
    if (tag->value_length == 0 || tag->value_length > digits_max) {
        return false;
    }
    for (size_t i = 0; i < tag->value_length; i++) {
        unsigned digit = (unsigned)(unsigned char)tag->value[i] - '0';
        if (digit > 9) {
            return false;
        }
        bool fits = number <= (UINT64_MAX - 1 - digit) / 10;
        number = fits ? number * 10 + digit : UINT64_MAX - 1;
    }
    *out = number;
    return true;
}

static bool
read_domain(const struct tag *tag, char out[DOMAIN_NAME_SIZE])
{
    char name[4 * DOMAIN_NAME_SIZE]; // a U-label may be longer than its A-label
    return tag != NULL && !has_space(tag) && tag_copy(tag, name, sizeof(name)) && name[0] != '\0' &&
           name[strlen(name) - 1] != '.' && address_normalize_domain(name, out, NULL) == ST_OK;
}

static const char *
take_names(struct reading *reading)
{
    bool has_domain = read_domain(tag_list_find(&reading->list, "d"), reading->out->domain);
    bool has_selector = read_domain(tag_list_find(&reading->list, "s"), reading->out->selector);
    return has_domain && has_selector ? NULL : "d= or s= is not a domain name";
}

struct algorithm {
    const char *name;
    enum key_kind kind;
};

static const struct algorithm ALGORITHMS[] = {
    {"rsa-sha256", KEY_RSA},
    {"ed25519-sha256", KEY_ED25519},
};

static const char SHA1_NAME[] = "rsa-sha1";
static const char SHA1_PROBLEM[] = "algorithm rsa-sha1 proves nothing"; // RFC 8301, 3.1

static const char *
take_algorithm(struct reading *reading)
{
    const struct tag *tag = tag_list_find(&reading->list, "a");
    struct signed_field *out = reading->out;
    for (size_t i = 0; tag != NULL && i < ARRAY_LEN(ALGORITHMS); i++) {
        if (tag_is_word(tag, ALGORITHMS[i].name)) {
            (void)snprintf(out->algorithm, sizeof(out->algorithm), "%s", ALGORITHMS[i].name);
            out->kind = ALGORITHMS[i].kind;
            return NULL;
        }
    }
    if (tag != NULL && tag_is_word(tag, SHA1_NAME)) {
        (void)snprintf(out->algorithm, sizeof(out->algorithm), "%s", SHA1_NAME);
        return SHA1_PROBLEM;
    }
    return "a= is missing or unknown";
}

static const char *
take_version(struct reading *reading)
{
    bool good = reading->kind != SIGNED_DKIM || tag_is(tag_list_find(&reading->list, "v"), "1");
    return good ? NULL : "v= is not 1";
}

struct canon_pair {
    const char *name;
    enum canon header;
    enum canon body;
};

static const struct canon_pair CANON_PAIRS[] = {
    {"simple/simple", CANON_SIMPLE, CANON_SIMPLE},
    {"simple/relaxed", CANON_SIMPLE, CANON_RELAXED},
    {"relaxed/simple", CANON_RELAXED, CANON_SIMPLE},
    {"relaxed/relaxed", CANON_RELAXED, CANON_RELAXED},
    {"simple", CANON_SIMPLE, CANON_SIMPLE},
    {"relaxed", CANON_RELAXED, CANON_SIMPLE},
};

static const char *
take_canon(struct reading *reading)
{
    const struct tag *tag = tag_list_find(&reading->list, "c");
    if (tag == NULL) { // RFC 8617 says nothing of a default; the field's own examples are relaxed
        enum canon canon = reading->kind == SIGNED_DKIM ? CANON_SIMPLE : CANON_RELAXED;
        reading->out->header = canon;
        reading->out->body = canon;
        return NULL;
    }
    for (size_t i = 0; i < ARRAY_LEN(CANON_PAIRS); i++) {
        if (tag_is_word(tag, CANON_PAIRS[i].name)) {
            reading->out->header = CANON_PAIRS[i].header;
            reading->out->body = CANON_PAIRS[i].body;
            return NULL;
        }
    }
    return "c= is not known";
}

static const char *
take_length(struct reading *reading)
{
    const struct tag *tag = tag_list_find(&reading->list, "l");
    return tag == NULL || read_number(tag, LENGTH_DIGITS_MAX, &reading->out->length)
               ? NULL
               : "l= is no number";
}

static const char *
take_times(struct reading *reading)
{
    const struct tag *made_tag = tag_list_find(&reading->list, "t");
    const struct tag *end_tag = tag_list_find(&reading->list, "x");
    uint64_t now = reading->now < 0 ? 0 : (uint64_t)reading->now;
    uint64_t made = 0;
    uint64_t end = UINT64_MAX;
    if ((made_tag != NULL && !read_number(made_tag, TIME_DIGITS_MAX, &made)) ||
        (end_tag != NULL && !read_number(end_tag, TIME_DIGITS_MAX, &end))) {
        return "t= or x= is no time";
    }
    if (made_tag != NULL && end_tag != NULL && end <= made) {
        return "x= is not after t=";
    }
    if (made > now + SIGNED_CLOCK_SKEW_SECONDS) {
        return "the signature is from the future";
    }
    return end_tag != NULL && end + SIGNED_CLOCK_SKEW_SECONDS < now ? "the signature has expired"
                                                                    : NULL;
}

// hdr-name *( ":" hdr-name ); an ARC-Message-Signature may name none.
static bool
names_are_valid(const struct tag *tag)
{
    const char *text = tag->value;
    const char *end = text + tag->value_length;
    for (;;) {
        const char *start = text;
        while (text < end && !is_space(*text) && *text != ':') {
            text++;
        }
        if (text == start) {
            return false;
        }
        while (text < end && is_space(*text)) {
            text++;
        }
        if (text == end) {
            return true;
        }
        if (*text++ != ':') {
            return false;
        }
        while (text < end && is_space(*text)) {
            text++;
        }
    }
}

static const char *
take_header_names(struct reading *reading)
{
    const struct tag *tag = tag_list_find(&reading->list, "h");
    if (tag == NULL) {
        return "h= is missing";
    }
    reading->out->names = tag->value;
    reading->out->names_length = tag->value_length;
    bool may_be_empty = reading->kind == SIGNED_ARC_MESSAGE && tag->value_length == 0;
    if (!may_be_empty && !names_are_valid(tag)) {
        return "h= is not a list of names";
    }
    if (reading->kind == SIGNED_DKIM && !tag_has_word(tag, ':', "from")) {
        return "h= does not name From";
    }
    return reading->kind == SIGNED_ARC_MESSAGE && tag_has_word(tag, ':', "arc-seal")
               ? "h= names ARC-Seal"
               : NULL;
}

static const char *
take_query(struct reading *reading)
{
    const struct tag *tag = tag_list_find(&reading->list, "q");
    return tag == NULL || tag_has_word(tag, ':', "dns/txt") ? NULL : "q= does not offer dns/txt";
}

// i= must be in or below d= (RFC 6376, 3.5). Its domain is what stands behind the last "@".
static const char *
take_identity(struct reading *reading)
{
    static const char problem[] = "i= is not an address in d=";
    struct signed_field *out = reading->out;
    const struct tag *tag = tag_list_find(&reading->list, "i");
    memcpy(out->identity, out->domain, sizeof(out->identity));
    if (tag == NULL) {
        return NULL;
    }
    const char *at = memrchr(tag->value, '@', tag->value_length);
    if (at == NULL) {
        return problem;
    }
    struct tag host = {.value = at + 1,
                       .value_length = (size_t)(tag->value + tag->value_length - (at + 1))};
    if (!read_domain(&host, out->identity)) {
        return problem;
    }
    size_t identity = strlen(out->identity);
    size_t domain = strlen(out->domain);
    bool inside = identity >= domain &&
                  strcmp(out->identity + identity - domain, out->domain) == 0 &&
                  (identity == domain || out->identity[identity - domain - 1] == '.');
    return inside ? NULL : problem;
}

static const char *
take_body_hash(struct reading *reading)
{
    enum { TEXT_SIZE = 45, DECODED_MAX = 33 };
    const struct tag *tag = tag_list_find(&reading->list, "bh");
    char text[TEXT_SIZE];
    unsigned char hash[DECODED_MAX];
    size_t length = 0;
    if (tag == NULL) {
        return "bh= is missing";
    }
    if (!tag_copy(tag, text, sizeof(text)) || base64_decode(text, hash, &length) != ST_OK ||
        length != SHA256_SIZE) {
        return "bh= is no hash";
    }
    memcpy(reading->out->body_hash, hash, SHA256_SIZE);
    return NULL;
}

static const char *
take_instance(struct reading *reading)
{
    const struct tag *tag = tag_list_find(&reading->list, "i");
    uint64_t instance = 0;
    if (tag == NULL || !read_number(tag, INSTANCE_DIGITS_MAX, &instance) || instance == 0 ||
        instance > ARC_INSTANCES_MAX) {
        return "i= is no instance";
    }
    reading->out->instance = (unsigned)instance;
    return NULL;
}

struct status_name {
    const char *name;
    enum arc_status status;
};

static const struct status_name STATUSES[] = {
    {"none", ARC_STATUS_NONE},
    {"pass", ARC_STATUS_PASS},
    {"fail", ARC_STATUS_FAIL},
};

static const char *
take_status(struct reading *reading)
{
    const struct tag *tag = tag_list_find(&reading->list, "cv");
    for (size_t i = 0; i < ARRAY_LEN(STATUSES); i++) {
        if (tag_is_word(tag, STATUSES[i].name)) {
            reading->out->status = STATUSES[i].status;
            return NULL;
        }
    }
    return "cv= is missing or unknown";
}

static const char *
refuse_foreign_tags(struct reading *reading)
{
    bool foreign =
        tag_list_find(&reading->list, "h") != NULL || tag_list_find(&reading->list, "bh") != NULL;
    return foreign ? "an ARC-Seal has no h= and no bh=" : NULL;
}

// b= with everything between "=" and the next ";" (RFC 6376, 3.7).
static const char *
take_signature(struct reading *reading, const char *value, size_t length)
{
    struct signed_field *out = reading->out;
    const struct tag *tag = tag_list_find(&reading->list, "b");
    if (tag == NULL || tag->value_length == 0) {
        return "b= is missing";
    }
    const char *name_end = tag->name + tag->name_length;
    const char *start =
        (const char *)memchr(name_end, '=', (size_t)(value + length - name_end)) + 1;
    const char *stop = tag->value + tag->value_length;
    while (stop < value + length && *stop != ';') {
        stop++;
    }
    out->signature = tag->value;
    out->signature_length = tag->value_length;
    out->cut_offset = (size_t)(start - value);
    out->cut_length = (size_t)(stop - start);
    return NULL;
}

typedef const char *take_step(struct reading *reading);

static take_step *const DKIM_STEPS[] = {
    take_algorithm, take_names, take_version,  take_body_hash, take_header_names,
    take_query,     take_canon, take_identity, take_length,    take_times,
};

static take_step *const MESSAGE_STEPS[] = {
    take_instance, take_algorithm, take_names,  take_body_hash, take_header_names,
    take_query,    take_canon,     take_length, take_times,
};

static take_step *const SEAL_STEPS[] = {
    take_instance, take_algorithm, take_names, refuse_foreign_tags, take_status, take_times,
};

struct steps {
    take_step *const *list;
    size_t count;
};

static const struct steps STEPS[] = {
    [SIGNED_DKIM] = {DKIM_STEPS, ARRAY_LEN(DKIM_STEPS)},
    [SIGNED_ARC_MESSAGE] = {MESSAGE_STEPS, ARRAY_LEN(MESSAGE_STEPS)},
    [SIGNED_ARC_SEAL] = {SEAL_STEPS, ARRAY_LEN(SEAL_STEPS)},
};

// Every step is taken, so that the verdict can tell whose signature it is; the first problem
// counts.
static const char *
take_all(struct reading *reading, const char *value, size_t length)
{
    const char *problem = NULL;
    for (size_t i = 0; i < STEPS[reading->kind].count; i++) {
        const char *found = STEPS[reading->kind].list[i](reading);
        problem = problem == NULL ? found : problem;
    }
    const char *found = take_signature(reading, value, length);
    return problem == NULL ? found : problem;
}

enum auth_result
signed_field_parse(enum signed_field_kind kind, const char *value, size_t length, int64_t now,
                   struct signed_field *out, char reason[VERDICT_REASON_SIZE])
{
    struct why why;
    struct reading reading = {.kind = kind, .now = now, .out = out};
    *out = (struct signed_field){.length = BODY_HASH_WHOLE, .status = ARC_STATUS_INVALID};
    const char *problem = why.text;
    if (tag_list_parse(value, length, TAG_LIST_STRICT_UTF8, &reading.list, &why) == ST_OK) {
        problem = take_all(&reading, value, length);
    }
    if (problem == NULL) {
        return AUTH_NONE;
    }
    (void)snprintf(reason, VERDICT_REASON_SIZE, "%.*s", VERDICT_REASON_SIZE - 1, problem);
    return problem == SHA1_PROBLEM ? AUTH_POLICY : AUTH_PERMERROR;
}

unsigned
arc_results_instance(const char *value, size_t length)
{
    const char *semicolon = memchr(value, ';', length);
    struct tag_list list;
    if (semicolon == NULL ||
        tag_list_parse(value, (size_t)(semicolon - value), TAG_LIST_STRICT, &list, NULL) != ST_OK ||
        list.count != 1) {
        return 0;
    }
    struct signed_field field = {.instance = 0};
    struct reading reading = {.list = list, .out = &field};
    return take_instance(&reading) == NULL ? field.instance : 0;
}
