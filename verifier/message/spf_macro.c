// SPDX-License-Identifier: Apache-2.0
#include "verifier/message/spf_macro.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/strbuf.h"
#include "common/xalloc.h"

enum {
    NAME_LABELS_MAX = 127, /* keeping more right-hand parts than that keeps all that matters */
    VALUE_MAX = 640,       /* bytes of one value: local part, "@", domain is the longest */
    EXPANDED_MAX = 3 * VALUE_MAX, /* all of them escaped */
    EXPLANATION_MAX = 65535       /* bytes of text that are read */
};

_Static_assert(SPF_LOCAL_PART_SIZE + SPF_NAME_SIZE <= VALUE_MAX, "%{s} must fit");

static bool
is_letter_for(char letter, enum spf_macro_use use)
{
    static const char anywhere[] = "slodipvh";
    static const char explanation_only[] = "crt";
    return letter != '\0' && (strchr(anywhere, letter) != NULL ||
                              (use == SPF_MACRO_EXPLANATION && strchr(explanation_only, letter)));
}

// The delimiter's bit, or 0.
static uint8_t
delimiter_bit(char c)
{
    for (unsigned i = 0; SPF_DELIMITERS[i] != '\0'; i++) {
        if (SPF_DELIMITERS[i] == c) {
            return (uint8_t)(1U << i);
        }
    }
    return 0;
}

// Digits: any number but zero; a large one means the same as NAME_LABELS_MAX and one more.
static bool
take_digits(const char *text, size_t length, size_t *at, uint8_t *keeps_out)
{
    size_t start = *at;
    unsigned value = 0;
    for (; *at < length && isdigit((unsigned char)text[*at]); (*at)++) {
        value = value * 10 + (unsigned)(text[*at] - '0');
        value = value > NAME_LABELS_MAX + 1 ? NAME_LABELS_MAX + 1 : value;
    }
    *keeps_out = (uint8_t)value;
    return *at == start || value > 0;
}

// "%{...}"; returns its length, 0 if it is none.
static size_t
take_macro(const char *text, size_t length, enum spf_macro_use use, struct spf_token *out)
{
    struct spf_token token = {.literal = NULL};
    if (length < 4) {
        return 0;
    }
    token.letter = (char)tolower((unsigned char)text[2]);
    token.escapes = isupper((unsigned char)text[2]) != 0;
    size_t at = 3;
    if (!is_letter_for(token.letter, use) || !take_digits(text, length, &at, &token.keeps)) {
        return 0;
    }
    if (at < length && (text[at] == 'r' || text[at] == 'R')) {
        token.reverses = true;
        at++;
    }
    for (; at < length && delimiter_bit(text[at]) != 0; at++) {
        token.delimiters |= delimiter_bit(text[at]);
    }
    *out = token;
    return at < length && text[at] == '}' ? at + 1 : 0;
}

// "%%", "%_", "%-" or a macro; returns its length, 0 for a syntax error.
static size_t
take_percent(const char *text, size_t length, enum spf_macro_use use, struct spf_token *out)
{
    static const struct {
        char written;
        const char *means;
    } forms[] = {{'%', "%"}, {'_', " "}, {'-', "%20"}};
    if (length >= 2 && text[1] == '{') {
        return take_macro(text, length, use, out);
    }
    for (size_t i = 0; length >= 2 && i < ARRAY_LEN(forms); i++) {
        if (forms[i].written == text[1]) {
            *out = (struct spf_token){
                .literal = forms[i].means, .length = strlen(forms[i].means), .was_percent = true};
            return 2;
        }
    }
    return 0;
}

// A run of literal bytes; 0 if the first is none.
static size_t
take_literal(const char *text, size_t length, enum spf_macro_use use, struct spf_token *out)
{
    char lowest = use == SPF_MACRO_EXPLANATION ? ' ' : '!';
    size_t at = 0;
    while (at < length && text[at] != '%' && text[at] >= lowest && text[at] <= '~') {
        at++;
    }
    *out = (struct spf_token){.literal = text, .length = at};
    return at;
}

enum status
spf_string_parse(const char *text, size_t length, enum spf_macro_use use, struct spf_string *out)
{
    AUTO(spf_string_done) struct spf_string string = {.count = 0};
    size_t allocated = 0;
    if (length > EXPLANATION_MAX) {
        return ST_INVALID;
    }
    for (size_t at = 0; at < length;) {
        struct spf_token token;
        size_t taken = text[at] == '%' ? take_percent(text + at, length - at, use, &token)
                                       : take_literal(text + at, length - at, use, &token);
        if (taken == 0) {
            return ST_INVALID;
        }
        if (string.count == allocated) {
            allocated = allocated == 0 ? 2 : allocated * 2;
            string.tokens = xreallocarray(string.tokens, allocated, sizeof(*string.tokens));
        }
        string.tokens[string.count++] = token;
        at += taken;
    }
    *out = (struct spf_string){.tokens = STEAL(string.tokens), .count = string.count};
    return ST_OK;
}

// toplabel: letters, digits and inner hyphens, and not digits only.
static bool
is_top_label(const char *text, size_t length)
{
    bool is_number = true;
    for (size_t i = 0; i < length; i++) {
        if (!isalnum((unsigned char)text[i]) && text[i] != '-') {
            return false;
        }
        is_number = is_number && isdigit((unsigned char)text[i]);
    }
    return length > 0 && text[0] != '-' && text[length - 1] != '-' && !is_number;
}

// domain-end: "." toplabel [ "." ], or a macro.
static bool
ends_as_domain(const struct spf_string *string)
{
    if (string->count == 0) {
        return false;
    }
    const struct spf_token *last = &string->tokens[string->count - 1];
    if (last->literal == NULL || last->was_percent) {
        return true;
    }
    size_t length = last->length;
    if (last->literal[length - 1] == '.') {
        length--;
    }
    const char *dot = memrchr(last->literal, '.', length);
    if (dot == NULL) {
        return false;
    }
    return is_top_label(dot + 1, length - (size_t)(dot + 1 - last->literal));
}

enum status
spf_domain_spec_parse(const char *text, size_t length, struct spf_string *out)
{
    AUTO(spf_string_done) struct spf_string string = {.count = 0};
    if (spf_string_parse(text, length, SPF_MACRO_TERM, &string) != ST_OK ||
        !ends_as_domain(&string)) {
        return ST_INVALID;
    }
    *out = (struct spf_string){.tokens = STEAL(string.tokens), .count = string.count};
    return ST_OK;
}

void
spf_string_done(struct spf_string *string)
{
    if (string != NULL) {
        free(string->tokens);
        *string = (struct spf_string){.count = 0};
    }
}

bool
spf_string_uses(const struct spf_string *string, char letter)
{
    for (size_t i = 0; i < string->count; i++) {
        if (string->tokens[i].literal == NULL && string->tokens[i].letter == letter) {
            return true;
        }
    }
    return false;
}

// "192.0.2.1", or the 32 nibbles of an IPv6 address with dots between them.
static void
format_dotted(const struct network_address *client, char *out, size_t size)
{
    static const char digits[] = "0123456789ABCDEF";
    if (client->length == 4) {
        (void)inet_ntop(AF_INET, client->bytes, out, (socklen_t)size);
        return;
    }
    size_t used = 0;
    for (size_t i = 0; i < 16 && used + 5 < size; i++) {
        out[used++] = digits[client->bytes[i] >> 4];
        out[used++] = '.';
        out[used++] = digits[client->bytes[i] & 15];
        out[used++] = '.';
    }
    out[used - 1] = '\0';
}

static void
find_value(char letter, const struct spf_values *values, char out[VALUE_MAX])
{
    bool is_ip4 = values->client->length == 4;
    switch (letter) {
    case 's':
        (void)snprintf(out, VALUE_MAX, "%s@%s", values->local_part, values->sender_domain);
        return;
    case 'l':
        (void)snprintf(out, VALUE_MAX, "%s", values->local_part);
        return;
    case 'o':
        (void)snprintf(out, VALUE_MAX, "%s", values->sender_domain);
        return;
    case 'd':
        (void)snprintf(out, VALUE_MAX, "%s", values->domain);
        return;
    case 'i':
        format_dotted(values->client, out, VALUE_MAX);
        return;
    case 'p':
        (void)snprintf(out, VALUE_MAX, "%s", values->validated);
        return;
    case 'v':
        (void)snprintf(out, VALUE_MAX, "%s", is_ip4 ? "in-addr" : "ip6");
        return;
    case 'h':
        (void)snprintf(out, VALUE_MAX, "%s", values->helo);
        return;
    case 'c':
        (void)inet_ntop(is_ip4 ? AF_INET : AF_INET6, values->client->bytes, out, VALUE_MAX);
        return;
    case 'r':
        (void)snprintf(out, VALUE_MAX, "%s", values->receiver);
        return;
    case 't':
        (void)snprintf(out, VALUE_MAX, "%" PRId64, values->wall_s);
        return;
    default:
        out[0] = '\0'; // the parser lets no other letter pass
        return;
    }
}

struct part {
    uint16_t start;
    uint16_t length;
};

static size_t
split(const char *value, uint8_t delimiters, struct part parts[VALUE_MAX])
{
    size_t count = 0;
    size_t start = 0;
    for (size_t at = 0;; at++) {
        if (value[at] == '\0' || (delimiter_bit(value[at]) & delimiters) != 0) {
            parts[count++] = (struct part){(uint16_t)start, (uint16_t)(at - start)};
            start = at + 1;
        }
        if (value[at] == '\0') {
            return count;
        }
    }
}

static void
reverse(struct part *parts, size_t count)
{
    for (size_t i = 0; i < count / 2; i++) {
        struct part kept = parts[i];
        parts[i] = parts[count - 1 - i];
        parts[count - 1 - i] = kept;
    }
}

// Split, reverse, keep the right-hand parts, join with dots (RFC 7208, 7.3).
static void
transform(const struct spf_token *token, char value[VALUE_MAX])
{
    char from[VALUE_MAX];
    struct part parts[VALUE_MAX];
    if (token->keeps == 0 && !token->reverses && token->delimiters == 0) {
        return;
    }
    size_t length = strlen(value);
    memcpy(from, value, length + 1);
    size_t count =
        split(from, token->delimiters == 0 ? delimiter_bit('.') : token->delimiters, parts);
    if (token->reverses) {
        reverse(parts, count);
    }
    size_t first = token->keeps == 0 || token->keeps > count ? 0 : count - token->keeps;
    size_t used = 0;
    for (size_t i = first; i < count; i++) {
        if (i > first) {
            value[used++] = '.';
        }
        memcpy(value + used, from + parts[i].start, parts[i].length);
        used += parts[i].length;
    }
    value[used] = '\0';
}

// All but the unreserved characters of URLs as %XX. Returns the length.
static size_t
escape(const char *value, char out[EXPANDED_MAX])
{
    static const char digits[] = "0123456789ABCDEF";
    size_t used = 0;
    for (const char *c = value; *c != '\0'; c++) {
        unsigned char byte = (unsigned char)*c;
        if (byte < 0x80 && (isalnum(byte) || strchr("-._~", byte) != NULL)) {
            out[used++] = *c;
        } else {
            out[used++] = '%';
            out[used++] = digits[byte >> 4];
            out[used++] = digits[byte & 15];
        }
    }
    return used;
}

// One token's text: in the record, or in `scratch`.
static const char *
expand_token(const struct spf_token *token, const struct spf_values *values,
             char scratch[EXPANDED_MAX], size_t *length_out)
{
    if (token->literal != NULL) {
        *length_out = token->length;
        return token->literal;
    }
    char value[VALUE_MAX];
    find_value(token->letter, values, value);
    transform(token, value);
    if (token->escapes) {
        *length_out = escape(value, scratch);
        return scratch;
    }
    *length_out = strlen(value);
    memcpy(scratch, value, *length_out);
    return scratch;
}

// Only the right-hand end of a name matters, so it is written from there: what a record repeats
// beyond that costs nothing.
void
spf_string_expand_name(const struct spf_string *string, const struct spf_values *values,
                       char out[SPF_NAME_SIZE])
{
    enum { ROOM = SPF_NAME_SIZE + 1 }; // the name, a dot behind it, and one byte more
    char name[ROOM];
    char scratch[EXPANDED_MAX];
    size_t start = ROOM;
    for (size_t i = string->count; i > 0 && start > 0; i--) {
        size_t length;
        const char *text = expand_token(&string->tokens[i - 1], values, scratch, &length);
        size_t taken = length < start ? length : start;
        start -= taken;
        memcpy(name + start, text + length - taken, taken);
    }
    size_t end = ROOM;
    if (start < end && name[end - 1] == '.') {
        end--;
    }
    while (end - start > DOMAIN_NAME_MAX) {
        const char *dot = memchr(name + start, '.', end - start);
        start = dot == NULL ? end : (size_t)(dot + 1 - name);
    }
    memcpy(out, name + start, end - start);
    out[end - start] = '\0';
}

void
spf_string_expand_text(const struct spf_string *string, const struct spf_values *values, char *out,
                       size_t size)
{
    char scratch[EXPANDED_MAX];
    size_t used = 0;
    for (size_t i = 0; i < string->count && used + 1 < size; i++) {
        size_t length;
        const char *text = expand_token(&string->tokens[i], values, scratch, &length);
        size_t taken = length < size - 1 - used ? length : size - 1 - used;
        memcpy(out + used, text, taken);
        used += taken;
    }
    out[used] = '\0';
}
