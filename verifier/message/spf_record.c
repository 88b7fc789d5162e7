// SPDX-License-Identifier: Apache-2.0
#include "verifier/message/spf_record.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/xalloc.h"

enum { ADDRESS_TEXT_SIZE = INET6_ADDRSTRLEN, IP4_BITS = 32, IP6_BITS = 128 };

/* A piece of the record. */
struct span {
    const char *text;
    size_t length;
};

static const char VERSION[] = "v=spf1";
enum { VERSION_LENGTH = sizeof(VERSION) - 1 };

bool
spf_record_is_spf1(const char *text, size_t length)
{
    return length >= VERSION_LENGTH && strncasecmp(text, VERSION, VERSION_LENGTH) == 0 &&
           (length == VERSION_LENGTH || text[VERSION_LENGTH] == ' ');
}

static bool
span_is(struct span span, const char *word)
{
    return strlen(word) == span.length && strncasecmp(span.text, word, span.length) == 0;
}

static struct span
span_from(struct span span, size_t at)
{
    return (struct span){span.text + at, span.length - at};
}

// A prefix length: no leading zero, at most `max`.
static bool
parse_prefix(struct span digits, unsigned max, unsigned *out)
{
    unsigned value = 0;
    if (digits.length == 0 || digits.length > 3 || (digits.length > 1 && digits.text[0] == '0')) {
        return false;
    }
    for (size_t i = 0; i < digits.length; i++) {
        if (!isdigit((unsigned char)digits.text[i])) {
            return false;
        }
        value = value * 10 + (unsigned)(digits.text[i] - '0');
    }
    *out = value;
    return value <= max;
}

// Where the digits at the end of the span start.
static size_t
trailing_digits(struct span span)
{
    size_t at = span.length;
    while (at > 0 && isdigit((unsigned char)span.text[at - 1])) {
        at--;
    }
    return at;
}

// Cuts dual-cidr-length ("/24//64", either part alone) off the end.
static bool
cut_dual_prefix(struct span *span, unsigned *prefix4, unsigned *prefix6)
{
    size_t at = trailing_digits(*span);
    if (at >= 2 && at < span->length && span->text[at - 1] == '/' && span->text[at - 2] == '/') {
        if (!parse_prefix(span_from(*span, at), IP6_BITS, prefix6)) {
            return false;
        }
        span->length = at - 2;
        at = trailing_digits(*span);
    }
    if (at >= 1 && at < span->length && span->text[at - 1] == '/') {
        if (!parse_prefix(span_from(*span, at), IP4_BITS, prefix4)) {
            return false;
        }
        span->length = at - 1;
    }
    return true;
}

static bool
parse_target(struct span text, struct spf_term *term)
{
    term->has_target = true;
    return spf_domain_spec_parse(text.text, text.length, &term->target) == ST_OK;
}

// Each of these reads what stands behind a mechanism's name.

static bool
parse_all(struct span rest, struct spf_term *term)
{
    (void)term;
    return rest.length == 0;
}

static bool
parse_required_target(struct span rest, struct spf_term *term)
{
    return rest.length > 0 && rest.text[0] == ':' && parse_target(span_from(rest, 1), term);
}

static bool
parse_optional_target(struct span rest, struct spf_term *term)
{
    return rest.length == 0 || parse_required_target(rest, term);
}

static bool
parse_host(struct span rest, struct spf_term *term)
{
    term->prefix4 = IP4_BITS;
    term->prefix6 = IP6_BITS;
    return cut_dual_prefix(&rest, &term->prefix4, &term->prefix6) &&
           parse_optional_target(rest, term);
}

static bool
parse_network(struct span rest, unsigned bytes, struct network *out)
{
    char text[ADDRESS_TEXT_SIZE];
    struct network network = {.address.length = bytes, .prefix = bytes * 8};
    if (rest.length == 0 || rest.text[0] != ':') {
        return false;
    }
    struct span address = span_from(rest, 1);
    const char *slash = memchr(address.text, '/', address.length);
    if (slash != NULL) {
        size_t at = (size_t)(slash - address.text);
        if (!parse_prefix(span_from(address, at + 1), bytes * 8, &network.prefix)) {
            return false;
        }
        address.length = at;
    }
    if (address.length >= sizeof(text)) {
        return false;
    }
    memcpy(text, address.text, address.length);
    text[address.length] = '\0';
    if (inet_pton(bytes == 4 ? AF_INET : AF_INET6, text, network.address.bytes) != 1) {
        return false;
    }
    *out = network;
    return true;
}

static bool
parse_ip4(struct span rest, struct spf_term *term)
{
    return parse_network(rest, 4, &term->network);
}

static bool
parse_ip6(struct span rest, struct spf_term *term)
{
    return parse_network(rest, 16, &term->network);
}

static const struct {
    const char *name;
    bool (*parse)(struct span rest, struct spf_term *term);
} MECHANISMS[] = {
    [SPF_ALL] = {"all", parse_all},
    [SPF_INCLUDE] = {"include", parse_required_target},
    [SPF_A] = {"a", parse_host},
    [SPF_MX] = {"mx", parse_host},
    [SPF_PTR] = {"ptr", parse_optional_target},
    [SPF_IP4] = {"ip4", parse_ip4},
    [SPF_IP6] = {"ip6", parse_ip6},
    [SPF_EXISTS] = {"exists", parse_required_target},
};

const char *
spf_mechanism_name(enum spf_mechanism mechanism)
{
    return MECHANISMS[mechanism].name;
}

// Takes the qualifier off the front of the term.
static enum auth_result
take_qualifier(struct span *term)
{
    static const struct {
        char sign;
        enum auth_result result;
    } qualifiers[] = {
        {'+', AUTH_PASS}, {'-', AUTH_FAIL}, {'~', AUTH_SOFTFAIL}, {'?', AUTH_NEUTRAL}};
    for (size_t i = 0; i < ARRAY_LEN(qualifiers); i++) {
        if (term->length > 0 && term->text[0] == qualifiers[i].sign) {
            *term = span_from(*term, 1);
            return qualifiers[i].result;
        }
    }
    return AUTH_PASS;
}

static bool
add_mechanism(struct spf_record *record, struct span text, size_t *allocated)
{
    struct spf_term term = {.text = text.text, .length = text.length};
    term.qualifier = take_qualifier(&text);
    struct span name = text;
    for (name.length = 0; name.length < text.length && text.text[name.length] != ':' &&
                          text.text[name.length] != '/';) {
        name.length++;
    }
    for (size_t i = 0; i < ARRAY_LEN(MECHANISMS); i++) {
        if (!span_is(name, MECHANISMS[i].name)) {
            continue;
        }
        term.mechanism = (enum spf_mechanism)i;
        if (!MECHANISMS[i].parse(span_from(text, name.length), &term)) {
            return false;
        }
        if (record->count == *allocated) {
            *allocated = *allocated == 0 ? 4 : *allocated * 2;
            record->terms = xreallocarray(record->terms, *allocated, sizeof(*record->terms));
        }
        record->terms[record->count++] = term;
        return true;
    }
    return false;
}

// The length of "name" if the term is "name=...", else 0.
static size_t
modifier_name_length(struct span term)
{
    if (!isalpha((unsigned char)term.text[0])) {
        return 0;
    }
    size_t at = 1;
    while (at < term.length && (isalnum((unsigned char)term.text[at]) || term.text[at] == '-' ||
                                term.text[at] == '_' || term.text[at] == '.')) {
        at++;
    }
    return at < term.length && term.text[at] == '=' ? at : 0;
}

// redirect and exp may stand once each (RFC 7208, 6).
static bool
set_modifier(struct span value, bool *has, struct spf_string *out)
{
    if (*has || spf_domain_spec_parse(value.text, value.length, out) != ST_OK) {
        return false;
    }
    *has = true;
    return true;
}

static bool
add_modifier(struct spf_record *record, struct span term, size_t name_length)
{
    struct span name = {term.text, name_length};
    struct span value = span_from(term, name_length + 1);
    if (span_is(name, "redirect")) {
        return set_modifier(value, &record->has_redirect, &record->redirect);
    }
    if (span_is(name, "exp")) {
        return set_modifier(value, &record->has_explanation, &record->explanation);
    }
    struct spf_string ignored;
    if (spf_string_parse(value.text, value.length, SPF_MACRO_TERM, &ignored) != ST_OK) {
        return false;
    }
    spf_string_done(&ignored);
    return true;
}

static enum status
parse_terms(struct spf_record *record, struct span rest, struct why *why)
{
    size_t allocated = 0;
    for (size_t at = 0; at < rest.length;) {
        if (rest.text[at] == ' ') {
            at++;
            continue;
        }
        struct span term = span_from(rest, at);
        const char *space = memchr(term.text, ' ', term.length);
        if (space != NULL) {
            term.length = (size_t)(space - term.text);
        }
        size_t name_length = modifier_name_length(term);
        bool is_valid = name_length > 0 ? add_modifier(record, term, name_length)
                                        : add_mechanism(record, term, &allocated);
        if (!is_valid) {
            return why_set(why, ST_INVALID, "the term '%.*s' is not valid",
                           term.length > 80 ? 80 : (int)term.length, term.text);
        }
        at += term.length;
    }
    return ST_OK;
}

enum status
spf_record_parse(const char *text, size_t length, struct spf_record *out, struct why *why)
{
    if (length > SPF_RECORD_MAX) {
        return why_set(why, ST_TOO_LARGE, "the record is longer than %d bytes", SPF_RECORD_MAX);
    }
    for (size_t i = 0; i < length; i++) {
        if (text[i] < ' ' || text[i] > '~') {
            return why_set(why, ST_INVALID, "the record has a byte that is not printable ASCII");
        }
    }
    if (!spf_record_is_spf1(text, length)) {
        return why_set(why, ST_INVALID, "the record does not begin with v=spf1");
    }
    AUTO(spf_record_done) struct spf_record record = {.text = xmemdup(text, length)};
    struct span rest = {record.text + VERSION_LENGTH, length - VERSION_LENGTH};
    enum status status = parse_terms(&record, rest, why);
    if (status == ST_OK) {
        *out = record;
        record = (struct spf_record){.text = NULL};
    }
    return status;
}

void
spf_record_done(struct spf_record *record)
{
    if (record == NULL) {
        return;
    }
    for (size_t i = 0; i < record->count; i++) {
        spf_string_done(&record->terms[i].target);
    }
    spf_string_done(&record->redirect);
    spf_string_done(&record->explanation);
    free(record->terms);
    free(record->text);
    *record = (struct spf_record){.text = NULL};
}
