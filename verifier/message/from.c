// SPDX-License-Identifier: Apache-2.0
#include "verifier/message/from.h"

#include <stdbool.h>
#include <string.h>

#include "common/attrs.h"
#include "common/header.h"

enum token_kind { TOKEN_END, TOKEN_WORD, TOKEN_QUOTED, TOKEN_LITERAL, TOKEN_SIGN, TOKEN_BROKEN };

struct token {
    enum token_kind kind;
    char sign; /* TOKEN_SIGN: one of < > , ; : @ . */
    const char *text;
    size_t length;
};

struct parser {
    const char *at;
    const char *end;
    struct token token; /* the current one */
    unsigned mailboxes;
    bool several;
    char domain[DOMAIN_NAME_SIZE]; /* of the first mailbox */
};

static const char SIGNS[] = "<>,;:@.";

// Past one comment, which may nest; NULL if it does not end.
static const char *
skip_comment(const char *at, const char *end)
{
    unsigned depth = 0;
    for (; at < end; at++) {
        if (*at == '\\') {
            at++;
        } else if (*at == '(' && ++depth > FROM_COMMENT_DEPTH_MAX) {
            return NULL;
        } else if (*at == ')' && --depth == 0) {
            return at + 1;
        }
    }
    return NULL;
}

// Past a quoted string or a domain literal that begins at `at`; NULL if it does not end.
static const char *
skip_delimited(const char *at, const char *end, char last)
{
    for (at++; at < end; at++) {
        if (*at == '\\') {
            at++;
        } else if (*at == last) {
            return at + 1;
        }
    }
    return NULL;
}

static bool
is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool
is_word_byte(char c)
{
    unsigned char byte = (unsigned char)c;
    return byte > ' ' && byte != 0x7f && strchr("<>,;:@.()[]\"\\", c) == NULL;
}

static struct token
delimited_token(struct parser *parser, enum token_kind kind, char last)
{
    const char *start = parser->at;
    const char *next = skip_delimited(start, parser->end, last);
    if (next == NULL) {
        return (struct token){.kind = TOKEN_BROKEN};
    }
    parser->at = next;
    return (struct token){.kind = kind, .text = start, .length = (size_t)(next - start)};
}

static struct token
next_token(struct parser *parser)
{
    while (parser->at < parser->end && (is_blank(*parser->at) || *parser->at == '(')) {
        const char *next =
            *parser->at == '(' ? skip_comment(parser->at, parser->end) : parser->at + 1;
        if (next == NULL) {
            return (struct token){.kind = TOKEN_BROKEN};
        }
        parser->at = next;
    }
    if (parser->at == parser->end) {
        return (struct token){.kind = TOKEN_END};
    }
    char c = *parser->at;
    if (c == '"') {
        return delimited_token(parser, TOKEN_QUOTED, '"');
    }
    if (c == '[') {
        return delimited_token(parser, TOKEN_LITERAL, ']');
    }
    if (c != '\0' && strchr(SIGNS, c) != NULL) {
        return (struct token){.kind = TOKEN_SIGN, .sign = c, .text = parser->at++, .length = 1};
    }
    const char *start = parser->at;
    while (parser->at < parser->end && is_word_byte(*parser->at)) {
        parser->at++;
    }
    size_t length = (size_t)(parser->at - start);
    return (struct token){
        .kind = length > 0 ? TOKEN_WORD : TOKEN_BROKEN, .text = start, .length = length};
}

static void
advance(struct parser *parser)
{
    parser->token = next_token(parser);
}

static bool
at_sign(const struct parser *parser, char sign)
{
    return parser->token.kind == TOKEN_SIGN && parser->token.sign == sign;
}

// word *("." word), blanks and comments between them allowed.
static bool
parse_local_part(struct parser *parser)
{
    for (;;) {
        if (parser->token.kind != TOKEN_WORD && parser->token.kind != TOKEN_QUOTED) {
            return false;
        }
        advance(parser);
        if (!at_sign(parser, '.')) {
            return true;
        }
        while (at_sign(parser, '.')) {
            advance(parser); // repeated and final dots are wrong, but seen in real mail
        }
        if (at_sign(parser, '@')) {
            return true;
        }
    }
}

static bool
parse_domain(struct parser *parser, char out[DOMAIN_NAME_SIZE])
{
    char text[4 * DOMAIN_NAME_SIZE]; // U-labels may be longer than their A-labels
    size_t used = 0;
    bool word_is_next = true;
    for (;;) {
        bool fits = parser->token.length < sizeof(text) - used;
        bool is_word = parser->token.kind == TOKEN_WORD;
        if (is_word != word_is_next || !fits || (!is_word && !at_sign(parser, '.'))) {
            break;
        }
        memcpy(text + used, parser->token.text, parser->token.length);
        used += parser->token.length;
        word_is_next = !word_is_next;
        advance(parser);
    }
    text[used] = '\0';
    return used > 0 && address_normalize_domain(text, out, NULL) == ST_OK;
}

// local-part "@" domain, at the current token.
static bool
parse_addr_spec(struct parser *parser)
{
    char domain[DOMAIN_NAME_SIZE];
    if (!parse_local_part(parser) || !at_sign(parser, '@')) {
        return false;
    }
    advance(parser);
    if (!parse_domain(parser, domain) || parser->mailboxes == FROM_MAILBOXES_MAX) {
        return false;
    }
    if (parser->mailboxes++ == 0) {
        memcpy(parser->domain, domain, sizeof(domain));
    } else if (strcmp(parser->domain, domain) != 0) {
        parser->several = true;
    }
    return true;
}

// "<" [route] addr-spec ">", behind the "<".
static bool
parse_angle(struct parser *parser)
{
    if (at_sign(parser, '@') || at_sign(parser, ',')) { // obsolete route, up to its colon
        while (!at_sign(parser, ':')) {
            if (parser->token.kind == TOKEN_END || parser->token.kind == TOKEN_BROKEN ||
                at_sign(parser, '>')) {
                return false;
            }
            advance(parser);
        }
        advance(parser);
    }
    if (!parse_addr_spec(parser) || !at_sign(parser, '>')) {
        return false;
    }
    advance(parser);
    return true;
}

/* Which kind of address begins at the current token. */
enum address_kind { ADDRESS_PLAIN, ADDRESS_ANGLE, ADDRESS_GROUP, ADDRESS_BROKEN };

// Look ahead to the sign that tells. A display name may hold anything, even "@", as real ones do.
static enum address_kind
look_ahead(const struct parser *parser)
{
    struct parser ahead = *parser;
    bool has_at = false;
    for (;;) {
        if (at_sign(&ahead, '<')) {
            return ADDRESS_ANGLE;
        }
        if (at_sign(&ahead, ':') && !has_at) {
            return ADDRESS_GROUP;
        }
        if (ahead.token.kind == TOKEN_END || at_sign(&ahead, ',') || at_sign(&ahead, ';')) {
            return ADDRESS_PLAIN;
        }
        if (ahead.token.kind == TOKEN_BROKEN || at_sign(&ahead, '>') || at_sign(&ahead, ':')) {
            return ADDRESS_BROKEN;
        }
        has_at = has_at || at_sign(&ahead, '@');
        advance(&ahead);
    }
}

static bool
parse_mailbox(struct parser *parser, enum address_kind kind)
{
    if (kind == ADDRESS_PLAIN) {
        return parse_addr_spec(parser);
    }
    while (!at_sign(parser, '<')) {
        advance(parser); // the display name; look_ahead has seen the "<"
    }
    advance(parser);
    return parse_angle(parser);
}

// Addresses with commas between them, up to the end, or to the ";" of a group.
static bool
parse_list(struct parser *parser, bool in_group)
{
    for (;;) {
        while (at_sign(parser, ',')) {
            advance(parser); // empty elements are obsolete syntax
        }
        if (parser->token.kind == TOKEN_END || (in_group && at_sign(parser, ';'))) {
            return true;
        }
        enum address_kind kind = look_ahead(parser);
        if (kind == ADDRESS_GROUP && !in_group) {
            while (!at_sign(parser, ':')) {
                advance(parser);
            }
            advance(parser);
            if (!parse_list(parser, true) || !at_sign(parser, ';')) {
                return false;
            }
            advance(parser);
        } else if (kind == ADDRESS_GROUP || kind == ADDRESS_BROKEN ||
                   !parse_mailbox(parser, kind)) {
            return false;
        }
        bool ended = parser->token.kind == TOKEN_END || (in_group && at_sign(parser, ';'));
        if (!ended && !at_sign(parser, ',')) {
            return false;
        }
    }
}

// One reader takes it for a line end, another for a blank.
static bool
has_bare_cr(const char *value, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (value[i] == '\r' && (i + 1 == length || value[i + 1] != '\n')) {
            return true;
        }
    }
    return false;
}

enum from_status
from_parse(const char *value, size_t length, char domain_out[DOMAIN_NAME_SIZE])
{
    if (length > FROM_VALUE_MAX || memchr(value, '\0', length) != NULL ||
        has_bare_cr(value, length)) {
        return FROM_INVALID;
    }
    struct parser parser = {.at = value, .end = value + length};
    advance(&parser);
    if (!parse_list(&parser, false)) {
        return FROM_INVALID;
    }
    if (parser.mailboxes == 0) {
        return FROM_NONE;
    }
    if (parser.several) {
        return FROM_SEVERAL;
    }
    memcpy(domain_out, parser.domain, DOMAIN_NAME_SIZE);
    return FROM_OK;
}

// ---- one field, for every reader

static bool
is_invisible(char c)
{
    unsigned char byte = (unsigned char)c;
    return byte <= ' ' || byte >= 0x7f;
}

// Would a generous reader take the line at `at` for a From field? Bytes that are not seen, and a
// fold before the colon, do not count then.
static bool
looks_like_from(const char *at, const char *end)
{
    static const char WORD[] = "from";
    size_t matched = 0;
    for (; at < end && *at != ':'; at++) {
        bool is_line_end = *at == '\r' || *at == '\n';
        if (is_invisible(*at) && (!is_line_end || matched == sizeof(WORD) - 1)) {
            continue;
        }
        if (matched == sizeof(WORD) - 1 || (*at | 0x20) != WORD[matched]) {
            return false;
        }
        matched++;
    }
    return at < end && matched == sizeof(WORD) - 1;
}

// Lines as generous readers split them: a CR or LF alone ends one too.
static size_t
count_generously(const char *headers, size_t length)
{
    size_t count = 0;
    const char *end = headers + header_block_length(headers, length);
    for (const char *at = headers; at < end; at++) {
        bool starts_line = at == headers || at[-1] == '\r' || at[-1] == '\n';
        bool is_folded = at > headers && (*at == ' ' || *at == '\t');
        bool is_end = *at == '\r' || *at == '\n';
        count += starts_line && !is_folded && !is_end && looks_like_from(at, end) ? 1 : 0;
    }
    return count;
}

enum from_status
from_find_domain(const char *headers, size_t length, char domain_out[DOMAIN_NAME_SIZE])
{
    struct header_field field;
    size_t count = header_count(headers, length, "From");
    if (count_generously(headers, length) != count) {
        return FROM_INVALID; // what one reader shows is hidden from another
    }
    if (count == 0 || !header_find(headers, length, "From", &field)) {
        return FROM_NONE;
    }
    return count > 1 ? FROM_SEVERAL : from_parse(field.value, field.value_length, domain_out);
}

const char *
from_problem(enum from_status status)
{
    static const char *const PROBLEMS[] = {
        [FROM_OK] = "",
        [FROM_NONE] = "there is no author in From",
        [FROM_SEVERAL] = "there are authors of several domains, or several From fields",
        [FROM_INVALID] = "From cannot be understood",
    };
    return PROBLEMS[status];
}
