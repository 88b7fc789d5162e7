// SPDX-License-Identifier: Apache-2.0
#include "verifier/message/results_parse.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

enum {
    WORD_SIZE = 1024, /* a mailbox of 64 + 1 + 253 bytes, quoted, and room */
    INSTANCE_DIGITS = 2
};

struct parser {
    const char *at;
    const char *end;
    const char *problem; /* NULL: none so far */
};

/* The properties of one result, as they are met. */
struct properties {
    char domain[DOMAIN_NAME_SIZE];
    char identity[DOMAIN_NAME_SIZE]; /* header.i */
    bool is_ambiguous;
};

static const char *const METHODS[] = {
    [RESULTS_SPF] = "spf", [RESULTS_DKIM] = "dkim", [RESULTS_DMARC] = "dmarc"};

static bool
fail(struct parser *parser, const char *problem)
{
    if (parser->problem == NULL) {
        parser->problem = problem;
    }
    return false;
}

static bool
is_at(const struct parser *parser, char c)
{
    return parser->at < parser->end && *parser->at == c;
}

static bool
take(struct parser *parser, char c)
{
    bool found = is_at(parser, c);
    parser->at += found ? 1 : 0;
    return found;
}

static bool
is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool
is_control(char c)
{
    return (unsigned char)c < ' ' || c == 0x7f;
}

// RFC 5322, 3.2.2. False: it has no end, or goes too deep.
static bool
skip_comment(struct parser *parser)
{
    size_t depth = 0;
    for (; parser->at < parser->end; parser->at++) {
        char c = *parser->at;
        if (c == '\\' && parser->at + 1 < parser->end) {
            parser->at++;
        } else if (c == '(' && ++depth > RESULTS_COMMENT_DEPTH_MAX) {
            return fail(parser, "comments go too deep");
        } else if (c == ')' && --depth == 0) {
            parser->at++;
            return true;
        }
    }
    return fail(parser, "a comment has no end");
}

static bool
skip_blanks(struct parser *parser)
{
    while (parser->at < parser->end && (is_blank(*parser->at) || *parser->at == '(')) {
        if (*parser->at != '(') {
            parser->at++;
        } else if (!skip_comment(parser)) {
            return false;
        }
    }
    return true;
}

static bool
put(struct parser *parser, char c, char *out, size_t *length)
{
    if (*length + 1 >= WORD_SIZE) {
        return fail(parser, "a word is too long");
    }
    out[(*length)++] = c;
    out[*length] = '\0';
    return true;
}

// The name of a method, a result or a property.
static bool
take_key(struct parser *parser, char out[WORD_SIZE])
{
    size_t length = 0;
    out[0] = '\0';
    while (parser->at < parser->end &&
           (isalnum((unsigned char)*parser->at) || strchr("-_.", *parser->at) != NULL) &&
           *parser->at != '\0') {
        if (!put(parser, *parser->at++, out, &length)) {
            return false;
        }
    }
    return length > 0 ? true : fail(parser, "a name is missing");
}

// Behind the opening quote.
static bool
take_quoted(struct parser *parser, char out[WORD_SIZE], size_t *length)
{
    while (parser->at < parser->end) {
        char c = *parser->at++;
        if (c == '"') {
            return true;
        }
        if (c == '\\' && parser->at < parser->end) {
            c = *parser->at++;
        }
        if (c == '\r' || c == '\n') {
            continue; // folded
        }
        if (is_control(c) && c != '\t') {
            return fail(parser, "a control byte in a quoted string");
        }
        if (!put(parser, c, out, length)) {
            return false;
        }
    }
    return fail(parser, "a quoted string has no end");
}

// A value: plain bytes and quoted strings without blanks between, as in "a b"@example.org.
static bool
take_value(struct parser *parser, char out[WORD_SIZE])
{
    size_t length = 0;
    out[0] = '\0';
    while (parser->at < parser->end && !is_blank(*parser->at) && *parser->at != ';' &&
           *parser->at != '(') {
        char c = *parser->at++;
        if (c == '"') {
            if (!take_quoted(parser, out, &length)) {
                return false;
            }
        } else if (is_control(c) || c == '\\' || c == ')') {
            return fail(parser, "a byte that no value has");
        } else if (!put(parser, c, out, &length)) {
            return false;
        }
    }
    return true;
}

// [CFWS] "=" [CFWS]
static bool
take_equals(struct parser *parser)
{
    if (!skip_blanks(parser)) {
        return false;
    }
    if (!take(parser, '=')) {
        return fail(parser, "'=' is missing");
    }
    return skip_blanks(parser);
}

static bool
is_number(const char *text)
{
    return text[0] != '\0' && text[strspn(text, "0123456789")] == '\0';
}

// "i=1;" (RFC 8617, 4.1.1)
static bool
take_instance(struct parser *parser, struct results_list *out)
{
    char word[WORD_SIZE];
    if (!skip_blanks(parser) || !take_key(parser, word)) {
        return false;
    }
    if (strcmp(word, "i") != 0 || !take_equals(parser) || !take_key(parser, word) ||
        !is_number(word) || strlen(word) > INSTANCE_DIGITS || !skip_blanks(parser) ||
        !take(parser, ';')) {
        return fail(parser, "it does not begin with i=");
    }
    for (const char *c = word; *c != '\0'; c++) {
        out->instance = out->instance * 10 + (unsigned)(*c - '0');
    }
    return true;
}

// authserv-id [CFWS authres-version]
static bool
take_server(struct parser *parser)
{
    char word[WORD_SIZE];
    if (!skip_blanks(parser) || !take_value(parser, word)) {
        return false;
    }
    if (word[0] == '\0') {
        return fail(parser, "the name of the server is missing");
    }
    if (!skip_blanks(parser)) {
        return false;
    }
    bool has_version = parser->at < parser->end && *parser->at != ';';
    if (has_version && (!take_value(parser, word) || !is_number(word))) {
        return fail(parser, "something other than a version stands behind the server's name");
    }
    return skip_blanks(parser);
}

// The domain of a mailbox or a name by itself. A second one that differs makes it ambiguous.
static void
note_domain(const char *text, char domain[DOMAIN_NAME_SIZE], bool *is_ambiguous)
{
    char name[DOMAIN_NAME_SIZE];
    const char *at = strrchr(text, '@');
    bool is_name = address_normalize_domain(at == NULL ? text : at + 1, name, NULL) == ST_OK;
    if (is_name && domain[0] == '\0') {
        memcpy(domain, name, sizeof(name));
    } else if (!is_name || strcmp(domain, name) != 0) {
        *is_ambiguous = true;
    }
}

static void
note_property(enum results_method method, const char *key, const char *value,
              struct properties *properties)
{
    static const char *const DOMAINS[] = {[RESULTS_SPF] = "smtp.mailfrom",
                                          [RESULTS_DKIM] = "header.d",
                                          [RESULTS_DMARC] = "header.from"};
    if (strcasecmp(key, DOMAINS[method]) == 0) {
        note_domain(value, properties->domain, &properties->is_ambiguous);
    } else if (method == RESULTS_DKIM && strcasecmp(key, "header.i") == 0) {
        note_domain(value, properties->identity, &properties->is_ambiguous);
    }
}

// reasonspec and propspecs, up to ";" or the end.
static bool
take_properties(struct parser *parser, enum results_method method, struct properties *properties)
{
    for (;;) {
        char key[WORD_SIZE];
        char value[WORD_SIZE];
        if (!skip_blanks(parser)) {
            return false;
        }
        if (parser->at == parser->end || take(parser, ';')) {
            return true;
        }
        if (!take_key(parser, key) || !take_equals(parser) || !take_value(parser, value)) {
            return false;
        }
        note_property(method, key, value, properties);
    }
}

static enum auth_result
find_result(const char *word)
{
    for (int result = AUTH_NONE; result <= AUTH_PERMERROR; result++) {
        if (strcasecmp(word, auth_result_name((enum auth_result)result)) == 0) {
            return (enum auth_result)result;
        }
    }
    return AUTH_NONE;
}

static bool
find_method(const char *word, enum results_method *out)
{
    for (size_t i = 0; i < ARRAY_LEN(METHODS); i++) {
        if (strcasecmp(word, METHODS[i]) == 0) {
            *out = (enum results_method)i;
            return true;
        }
    }
    return false;
}

static bool
add_entry(struct parser *parser, const struct results_entry *entry,
          const struct properties *properties, struct results_list *out)
{
    if (out->count == RESULTS_ENTRIES_MAX) {
        return fail(parser, "there are too many results");
    }
    struct results_entry *added = &out->entries[out->count++];
    *added = *entry;
    if (!properties->is_ambiguous) {
        const char *domain =
            properties->domain[0] != '\0' ? properties->domain : properties->identity;
        memcpy(added->domain, domain, sizeof(added->domain));
    }
    return true;
}

// method [ "/" version ] "=" result, and what belongs to it; "none" alone.
static bool
take_result(struct parser *parser, struct results_list *out)
{
    char word[WORD_SIZE];
    char version[WORD_SIZE];
    struct results_entry entry = {.result = AUTH_NONE};
    struct properties properties = {.domain = ""};
    if (!take_key(parser, word)) {
        return false;
    }
    bool is_wanted = find_method(word, &entry.method);
    if (!skip_blanks(parser)) {
        return false;
    }
    if (strcasecmp(word, "none") == 0 && (parser->at == parser->end || take(parser, ';'))) {
        return true;
    }
    if (take(parser, '/') &&
        (!skip_blanks(parser) || !take_key(parser, version) || !is_number(version))) {
        return fail(parser, "the version of a method is no number");
    }
    if (!take_equals(parser) || !take_key(parser, word)) {
        return false;
    }
    entry.result = find_result(word);
    if (!take_properties(parser, entry.method, &properties)) {
        return false;
    }
    return !is_wanted || add_entry(parser, &entry, &properties, out);
}

static bool
take_results(struct parser *parser, struct results_list *out)
{
    if (parser->at < parser->end && !take(parser, ';')) {
        return fail(parser, "';' is missing");
    }
    for (;;) {
        if (!skip_blanks(parser)) {
            return false;
        }
        if (parser->at == parser->end) {
            return true;
        }
        if (!take(parser, ';') && !take_result(parser, out)) {
            return false;
        }
    }
}

enum status
results_parse(const char *value, size_t length, struct results_list *out, struct why *why)
{
    if (length > RESULTS_FIELD_MAX) {
        return why_set(why, ST_TOO_LARGE, "more than %d bytes", RESULTS_FIELD_MAX);
    }
    struct parser parser = {.at = value, .end = value + length};
    struct results_list list;
    memset(&list, 0, sizeof(list));
    if (!take_instance(&parser, &list) || !take_server(&parser) || !take_results(&parser, &list)) {
        enum status status = list.count == RESULTS_ENTRIES_MAX ? ST_TOO_LARGE : ST_INVALID;
        return why_set(why, status, "%s", parser.problem);
    }
    *out = list;
    return ST_OK;
}
