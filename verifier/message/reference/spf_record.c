// SPDX-License-Identifier: Apache-2.0
#include "verifier/message/reference/spf_record.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum {
    TERM_MAX = 255,     /* bytes of one term that goes to libspf2 */
    TERM_OVERHEAD = 8,  /* what libspf2 adds to a term when it compiles it, at most */
    MACRO_OVERHEAD = 8, /* and to each macro */
    IP_TEXT_MAX = 64
};

struct rewriter {
    const struct network_address *client;
    char *out;
    size_t used;      /* of out */
    size_t estimated; /* compiled size, from above */
    size_t dns_terms;
    bool ended; /* an "all", or an address that matches: later terms are only checked */
    bool has_all;
    bool has_exp;
    const char *redirect; /* term, NULL: none */
    size_t redirect_length;
    bool overflow;
};

bool
spf_record_is_spf1(const char *text, size_t length)
{
    return length >= 6 && strncasecmp(text, "v=spf1", 6) == 0 && (length == 6 || text[6] == ' ');
}

// The length of one "%x" or "%{...}" at `text`, 0 if it is none (RFC 7208, 7.1).
static size_t
macro_length(const char *text, size_t length)
{
    if (length < 2) {
        return 0;
    }
    if (text[1] == '%' || text[1] == '_' || text[1] == '-') {
        return 2;
    }
    if (text[1] != '{' || length < 4 || text[2] == '\0' ||
        strchr("slodiphvSLODIPHV", text[2]) == NULL) {
        return 0;
    }
    size_t at = 3;
    unsigned number = 0;
    size_t digits = at;
    while (at < length && isdigit((unsigned char)text[at]) && at - digits < 3) {
        number = number * 10 + (unsigned)(text[at++] - '0');
    }
    if ((at > digits && number == 0) || number > 128) {
        return 0;
    }
    if (at < length && (text[at] == 'r' || text[at] == 'R')) {
        at++;
    }
    while (at < length && text[at] != '\0' && strchr(".-+,/_=", text[at]) != NULL) {
        at++;
    }
    return at < length && text[at] == '}' ? at + 1 : 0;
}

// Macro-string; `macros_out` counts the macros, `last_out` is where the last one ends (0: none).
static bool
is_macro_string(const char *text, size_t length, size_t *macros_out, size_t *last_out)
{
    size_t at = 0;
    *macros_out = 0;
    *last_out = 0;
    while (at < length) {
        if (text[at] == '%') {
            size_t macro = macro_length(text + at, length - at);
            if (macro == 0) {
                return false;
            }
            at += macro;
            (*macros_out)++;
            *last_out = at;
        } else if (text[at] < 0x21 || text[at] > 0x7e) {
            return false;
        } else {
            at++;
        }
    }
    return true;
}

// Labels of a top level are letters, digits and inner hyphens, and not digits only.
static bool
is_top_label(const char *text, size_t length)
{
    bool only_digits = true;
    for (size_t i = 0; i < length; i++) {
        if (!isalnum((unsigned char)text[i]) && text[i] != '-') {
            return false;
        }
        only_digits = only_digits && isdigit((unsigned char)text[i]);
    }
    return length > 0 && text[0] != '-' && text[length - 1] != '-' && !only_digits;
}

static bool
is_domain_spec(const char *text, size_t length, size_t *macros_out)
{
    size_t last;
    if (length == 0 || !is_macro_string(text, length, macros_out, &last)) {
        return false;
    }
    if (last == length && text[length - 1] == '}') {
        return true;
    }
    if (text[length - 1] == '.') {
        length--;
    }
    const char *dot = memrchr(text, '.', length);
    if (dot == NULL || (size_t)(dot - text) < last - (last > 0 ? 1 : 0)) {
        return false;
    }
    return is_top_label(dot + 1, length - (size_t)(dot + 1 - text));
}

static bool
parse_prefix(const char *text, size_t length, unsigned max, unsigned *out)
{
    unsigned value = 0;
    if (length == 0 || length > 3 || (length > 1 && text[0] == '0')) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        if (!isdigit((unsigned char)text[i])) {
            return false;
        }
        value = value * 10 + (unsigned)(text[i] - '0');
    }
    *out = value;
    return value <= max;
}

static void
emit(struct rewriter *writer, const char *text, size_t length, size_t macros)
{
    writer->estimated += length + TERM_OVERHEAD + macros * MACRO_OVERHEAD;
    if (length > TERM_MAX || writer->estimated >= SPF_RECORD_SAFE_SIZE ||
        writer->used + length + 2 > SPF_RECORD_SAFE_SIZE) {
        writer->overflow = true;
        return;
    }
    writer->out[writer->used++] = ' ';
    memcpy(writer->out + writer->used, text, length);
    writer->used += length;
    writer->out[writer->used] = '\0';
}

static void
emit_all(struct rewriter *writer, char qualifier)
{
    char text[5] = {qualifier, 'a', 'l', 'l', '\0'};
    emit(writer, text, 4, 0);
    writer->ended = true;
}

static void
emit_dns_term(struct rewriter *writer, const char *text, size_t length, size_t macros)
{
    if (!writer->ended && writer->dns_terms++ < SPF_RECORD_TERMS_MAX) {
        emit(writer, text, length, macros);
    }
}

/* One mechanism taken apart: [qualifier] name [":" or "/" ...]. */
struct mechanism {
    char qualifier;
    const char *whole; /* from the name on */
    size_t whole_length;
    const char *argument; /* behind the colon; NULL: no colon */
    size_t argument_length;
    const char *prefix; /* from the first slash behind the name, if there is no colon */
    size_t prefix_length;
};

static bool
take_all(struct rewriter *writer, const struct mechanism *mechanism)
{
    if (mechanism->argument != NULL || mechanism->prefix_length > 0) {
        return false;
    }
    writer->has_all = true;
    if (!writer->ended) {
        emit_all(writer, mechanism->qualifier);
    }
    return true;
}

static bool
take_ip(struct rewriter *writer, const struct mechanism *mechanism, unsigned bytes)
{
    char text[IP_TEXT_MAX];
    struct network network = {.address.length = bytes, .prefix = bytes * 8};
    if (mechanism->argument == NULL || mechanism->argument_length >= sizeof(text)) {
        return false;
    }
    memcpy(text, mechanism->argument, mechanism->argument_length);
    text[mechanism->argument_length] = '\0';
    char *slash = strchr(text, '/');
    if (slash != NULL) {
        if (!parse_prefix(slash + 1, strlen(slash + 1), bytes * 8, &network.prefix)) {
            return false;
        }
        *slash = '\0';
    }
    if (inet_pton(bytes == 4 ? AF_INET : AF_INET6, text, network.address.bytes) != 1) {
        return false;
    }
    if (!writer->ended && network_contains(&network, writer->client)) {
        emit_all(writer, mechanism->qualifier);
    }
    return true;
}

static bool
take_ip4(struct rewriter *writer, const struct mechanism *mechanism)
{
    return take_ip(writer, mechanism, 4);
}

static bool
take_ip6(struct rewriter *writer, const struct mechanism *mechanism)
{
    return take_ip(writer, mechanism, 16);
}

// Splits "/24//64" off the end of `text`; the lengths that are not there stay as they are.
static bool
split_dual_prefix(const char *text, size_t *length, unsigned *ip4, unsigned *ip6)
{
    size_t end = *length;
    size_t digits = end;
    while (digits > 0 && isdigit((unsigned char)text[digits - 1])) {
        digits--;
    }
    if (digits >= 2 && digits < end && text[digits - 1] == '/' && text[digits - 2] == '/') {
        if (!parse_prefix(text + digits, end - digits, 128, ip6)) {
            return false;
        }
        end = digits - 2;
        digits = end;
        while (digits > 0 && isdigit((unsigned char)text[digits - 1])) {
            digits--;
        }
    }
    if (digits >= 1 && digits < end && text[digits - 1] == '/') {
        if (!parse_prefix(text + digits, end - digits, 32, ip4)) {
            return false;
        }
        end = digits - 1;
    }
    *length = end;
    return true;
}

// "a" and "mx": only the prefix length of the client's family is kept, so that libspf2's trouble
// with the other one does not matter.
static bool
take_address(struct rewriter *writer, const struct mechanism *mechanism)
{
    const char *rest = mechanism->argument != NULL ? mechanism->argument : mechanism->prefix;
    size_t length =
        mechanism->argument != NULL ? mechanism->argument_length : mechanism->prefix_length;
    unsigned ip4 = 32;
    unsigned ip6 = 128;
    size_t macros = 0;
    if (!split_dual_prefix(rest, &length, &ip4, &ip6)) {
        return false;
    }
    if (mechanism->argument == NULL ? length != 0 : !is_domain_spec(rest, length, &macros)) {
        return false;
    }
    char text[TERM_MAX + IP_TEXT_MAX];
    bool is_ip4 = writer->client->length == 4;
    int printed = snprintf(text, sizeof(text), "%c%s%s%.*s%s%u", mechanism->qualifier,
                           tolower((unsigned char)mechanism->whole[0]) == 'a' ? "a" : "mx",
                           mechanism->argument != NULL ? ":" : "", (int)length, rest,
                           is_ip4 ? "/" : "//", is_ip4 ? ip4 : ip6);
    if (printed < 0 || (size_t)printed >= sizeof(text)) {
        writer->overflow = true;
        return true;
    }
    emit_dns_term(writer, text, (size_t)printed, macros);
    return true;
}

static bool
take_domain_term(struct rewriter *writer, const struct mechanism *mechanism)
{
    size_t macros = 0;
    if (mechanism->argument == NULL ||
        !is_domain_spec(mechanism->argument, mechanism->argument_length, &macros)) {
        return false;
    }
    char text[TERM_MAX + 1];
    int printed = snprintf(text, sizeof(text), "%c%.*s", mechanism->qualifier,
                           (int)mechanism->whole_length, mechanism->whole);
    if (printed < 0 || (size_t)printed >= sizeof(text)) {
        writer->overflow = true;
        return true;
    }
    emit_dns_term(writer, text, (size_t)printed, macros);
    return true;
}

static bool
take_ptr(struct rewriter *writer, const struct mechanism *mechanism)
{
    if (mechanism->argument != NULL) {
        return take_domain_term(writer, mechanism);
    }
    char text[5] = {mechanism->qualifier, 'p', 't', 'r', '\0'};
    if (mechanism->prefix_length > 0) {
        return false;
    }
    emit_dns_term(writer, text, 4, 0);
    return true;
}

struct mechanism_kind {
    const char *name;
    bool (*take)(struct rewriter *writer, const struct mechanism *mechanism);
};

static const struct mechanism_kind MECHANISMS[] = {
    {"all", take_all},    {"ip4", take_ip4},
    {"ip6", take_ip6},    {"a", take_address},
    {"mx", take_address}, {"include", take_domain_term},
    {"ptr", take_ptr},    {"exists", take_domain_term},
};

static bool
take_mechanism(struct rewriter *writer, const char *term, size_t length)
{
    struct mechanism mechanism = {.qualifier = '+'};
    if (length > 0 && strchr("+-~?", term[0]) != NULL && term[0] != '\0') {
        mechanism.qualifier = term[0];
        term++;
        length--;
    }
    size_t name = strcspn(term, ":/ ");
    name = name < length ? name : length;
    mechanism.whole = term;
    mechanism.whole_length = length;
    mechanism.prefix = term + name;
    if (name < length && term[name] == ':') {
        mechanism.argument = term + name + 1;
        mechanism.argument_length = length - name - 1;
    } else {
        mechanism.prefix_length = length - name;
    }
    for (size_t i = 0; i < ARRAY_LEN(MECHANISMS); i++) {
        if (strlen(MECHANISMS[i].name) == name &&
            strncasecmp(MECHANISMS[i].name, term, name) == 0) {
            return MECHANISMS[i].take(writer, &mechanism);
        }
    }
    return false;
}

// The length of "name" if the term is "name=...", else 0.
static size_t
modifier_name_length(const char *term, size_t length)
{
    if (length == 0 || !isalpha((unsigned char)term[0])) {
        return 0;
    }
    size_t at = 1;
    while (at < length && term[at] != '\0' &&
           (isalnum((unsigned char)term[at]) || strchr("-_.", term[at]) != NULL)) {
        at++;
    }
    return at < length && term[at] == '=' ? at : 0;
}

static bool
take_modifier(struct rewriter *writer, const char *term, size_t length, size_t name)
{
    size_t macros;
    size_t last;
    const char *value = term + name + 1;
    size_t value_length = length - name - 1;
    if (name == 8 && strncasecmp(term, "redirect", name) == 0) {
        bool first = writer->redirect == NULL;
        writer->redirect = term;
        writer->redirect_length = length;
        return first && is_domain_spec(value, value_length, &macros);
    }
    if (name == 3 && strncasecmp(term, "exp", name) == 0) {
        bool first = !writer->has_exp;
        writer->has_exp = true; // dropped: explanations are a stranger's text behind unsafe code
        return first && is_domain_spec(value, value_length, &macros);
    }
    return is_macro_string(value, value_length, &macros, &last);
}

static bool
take_terms(struct rewriter *writer, const char *text, size_t length)
{
    size_t at = 0;
    while (at < length) {
        if (text[at] == ' ') {
            at++;
            continue;
        }
        const char *space = memchr(text + at, ' ', length - at);
        size_t term = space == NULL ? length - at : (size_t)(space - text) - at;
        size_t name = modifier_name_length(text + at, term);
        bool valid = name > 0 ? take_modifier(writer, text + at, term, name)
                              : take_mechanism(writer, text + at, term);
        if (!valid) {
            return false;
        }
        at += term;
    }
    return true;
}

enum status
spf_record_rewrite(const char *text, size_t length, const struct network_address *client,
                   char out[SPF_RECORD_SAFE_SIZE])
{
    for (size_t i = 0; i < length; i++) {
        if (text[i] < 0x20 || text[i] > 0x7e) {
            return ST_INVALID;
        }
    }
    struct rewriter writer = {.client = client, .out = out, .used = 6};
    memcpy(out, "v=spf1", 7);
    if (!spf_record_is_spf1(text, length) || !take_terms(&writer, text + 6, length - 6)) {
        return ST_INVALID;
    }
    if (writer.redirect != NULL && !writer.has_all && !writer.ended) {
        size_t macros;
        size_t last;
        (void)is_macro_string(writer.redirect, writer.redirect_length, &macros, &last);
        emit_dns_term(&writer, writer.redirect, writer.redirect_length, macros);
    }
    return writer.overflow ? ST_TOO_LARGE : ST_OK;
}
