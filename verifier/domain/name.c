// SPDX-License-Identifier: Apache-2.0
#include "verifier/domain/name.h"

#include <ctype.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <idn2.h>
#include <libpsl.h>

#include "common/network.h"
#include "verifier/domain/lookalike.h"

enum {
    TYPED_MAX = 1024, /* bytes looked at; U-labels are longer than A-labels */
    TYPED_SIZE = TYPED_MAX + 1,
    LABEL_MAX = 63
};

static psl_ctx_t *public_suffixes; // read-only once loaded

static void
load_public_suffixes(void)
{
    public_suffixes = psl_latest(NULL); // the distribution's list, newer than the built-in one
}

bool
domain_name_is_public_suffix(const char *name)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, load_public_suffixes);
    const psl_ctx_t *list = public_suffixes != NULL ? public_suffixes : psl_builtin();
    return psl_is_public_suffix(list, name) != 0;
}

static bool
copy_trimmed(const char *text, char out[TYPED_SIZE], size_t *length_out)
{
    const char *start = text + strspn(text, " \t\r\n");
    size_t length = strlen(start);
    while (length > 0 && isspace((unsigned char)start[length - 1])) {
        length--;
    }
    if (length > TYPED_MAX) {
        return false;
    }
    memcpy(out, start, length);
    out[length] = '\0';
    *length_out = length;
    return true;
}

// ---- what is shown and offered

enum { SHOWN_MAX = 60 };

/** The beginning of what was typed, never cut inside a character. */
struct shown {
    char text[SHOWN_MAX + 1];
};

static const char *
show(const char *text, struct shown *out)
{
    size_t length = strlen(text);
    if (length > SHOWN_MAX) {
        length = SHOWN_MAX;
        while (length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80) {
            length--;
        }
    }
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)text[i];
        out->text[i] = byte < ' ' || byte == 0x7f ? '?' : text[i];
    }
    out->text[length] = '\0';
    return out->text;
}
#define SHOW(typed_text) show((typed_text), &(struct shown){.text = ""})

// One character of UTF-8 that was found valid; returns its bytes.
static size_t
decode(const char *text, uint32_t *out)
{
    const unsigned char *bytes = (const unsigned char *)text;
    size_t more = bytes[0] >= 0xf0 ? 3 : bytes[0] >= 0xe0 ? 2 : bytes[0] >= 0xc0 ? 1 : 0;
    uint32_t character = more == 0 ? bytes[0] : bytes[0] & (0x3fU >> more);
    for (size_t i = 1; i <= more; i++) {
        character = character << 6 | (bytes[i] & 0x3fU);
    }
    *out = character;
    return more + 1;
}

// Well-formed in length and continuation; libidn2 judges the rest.
static bool
is_utf8(const char *text)
{
    for (const unsigned char *c = (const unsigned char *)text; *c != '\0';) {
        size_t more = *c < 0x80 ? 0 : *c >= 0xc2 && *c < 0xe0 ? 1 : *c >= 0xe0 && *c < 0xf0 ? 2 : 3;
        if ((*c >= 0x80 && *c < 0xc2) || *c > 0xf4) {
            return false;
        }
        for (c++; more > 0; more--, c++) {
            if ((*c & 0xc0) != 0x80) {
                return false;
            }
        }
    }
    return true;
}

/** A mark that tells what was typed instead of a domain name; the first that matches counts. */
struct mistake {
    const char *mark;
    const char *sentence;
    bool is_behind; /* the name that was meant stands behind the mark, otherwise at the start */
};

static const struct mistake MISTAKES[] = {
    {.mark = "://",
     .sentence = "write only the domain, without http:// or the like",
     .is_behind = true},
    {.mark = "mailto:", .sentence = "write only what stands behind the @", .is_behind = true},
    {.mark = "http:", .sentence = "write only the domain, without http:", .is_behind = true},
    {.mark = "https:", .sentence = "write only the domain, without https:", .is_behind = true},
    {.mark = "@", .sentence = "write only what stands behind the @", .is_behind = true},
    {.mark = "[", .sentence = "write only the domain, without brackets"},
    {.mark = "]", .sentence = "write only the domain, without brackets"},
    {.mark = "\"", .sentence = "write only the domain, without quotes"},
    {.mark = "'", .sentence = "write only the domain, without quotes"},
    {.mark = "`", .sentence = "write only the domain, without quotes"},
    {.mark = "<", .sentence = "write only the domain, without brackets"},
    {.mark = ">", .sentence = "write only the domain, without brackets"},
    {.mark = "(", .sentence = "write only the domain, without brackets"},
    {.mark = ")", .sentence = "write only the domain, without brackets"},
    {.mark = "/", .sentence = "write only the domain, without a path"},
    {.mark = "?", .sentence = "write only the domain, without a query"},
    {.mark = "#", .sentence = "write only the domain, without a fragment"},
    {.mark = ":", .sentence = "write only the domain, without a port"},
    {.mark = "*",
     .sentence = "wildcards are not possible; add each domain by its name",
     .is_behind = true},
    {.mark = ",", .sentence = "add one domain at a time"},
    {.mark = ";", .sentence = "add one domain at a time"},
    {.mark = " ", .sentence = "a domain name has no spaces"},
    {.mark = "\t", .sentence = "a domain name has no spaces"},
    {.mark = "_", .sentence = "a name with an underscore is the place of a record, not a domain"},
};

static const struct mistake *
find_mistake(const char *text)
{
    for (size_t i = 0; i < ARRAY_LEN(MISTAKES); i++) {
        if (strstr(text, MISTAKES[i].mark) != NULL) {
            return &MISTAKES[i];
        }
    }
    return NULL;
}

static bool
is_address(const char *text)
{
    struct network_address address;
    return network_parse_address(text, &address, NULL) == ST_OK ||
           text[strspn(text, "0123456789.")] == '\0';
}

static enum status
tell_address(const char *text, struct why *why)
{
    return why_set(why, ST_INVALID, "'%s': this is an address, not a domain", SHOW(text));
}

static enum status check_plain(const char *text, const char *hostname, char out[DOMAIN_NAME_SIZE],
                               struct why *why);

// Tells the mistake, and offers what was meant if that would pass.
static enum status
tell(const char *text, const char *sentence, const char *meant, struct why *why)
{
    char name[DOMAIN_NAME_SIZE];
    if (meant[0] != '\0' && find_mistake(meant) == NULL &&
        check_plain(meant, NULL, name, NULL) == ST_OK) {
        return why_set(why, ST_INVALID, "'%s': %s; did you mean %.100s?", SHOW(text), sentence,
                       name);
    }
    return why_set(why, ST_INVALID, "'%s': %s", SHOW(text), sentence);
}

// The part of the text that was probably meant.
static void
find_meant(const struct mistake *mistake, const char *text, char out[TYPED_SIZE])
{
    static const char opening[] = "[<(\"'`";
    const char *start =
        mistake->is_behind ? strstr(text, mistake->mark) + strlen(mistake->mark) : text;
    start += strspn(start, "/"); // //example.com
    size_t length = strcspn(start, "/?#");
    const char *at = memrchr(start, '@', length); // user:password@host
    start = at != NULL ? at + 1 : start;
    start += strspn(start, opening);
    while (*start == '_' && strchr(start, '.') != NULL) { // _dmarc.example.com
        start = strchr(start, '.') + 1;
    }
    start += *start == '.' ? 1 : 0; // *.example.com
    length = strcspn(start, "/?#:,; \t]>)\"'`");
    memcpy(out, start, length);
    out[length] = '\0';
}

// What stands in brackets as in [2001:db8::1], or in front of a port or prefix length.
static bool
holds_address(const char *text)
{
    char part[TYPED_SIZE];
    const char *start = text + strspn(text, "[(<");
    start += strncasecmp(start, "IPv6:", strlen("IPv6:")) == 0 ? strlen("IPv6:") : 0;
    size_t length = strcspn(start, "])>/");
    memcpy(part, start, length);
    part[length] = '\0';
    if (length > 0 && is_address(part)) {
        return true;
    }
    char *colon = strchr(part, ':');
    if (colon == NULL || strchr(part, '.') == NULL) {
        return false;
    }
    *colon = '\0';
    return part[0] != '\0' && is_address(part);
}

static enum status
explain(const struct mistake *mistake, const char *text, struct why *why)
{
    char meant[TYPED_SIZE];
    find_meant(mistake, text, meant);
    if (holds_address(text) || (meant[0] != '\0' && is_address(meant) && strchr(meant, '.'))) {
        return tell_address(text, why);
    }
    return tell(text, mistake->sentence, meant, why);
}

// "example,com", but not "example.com,example.org": a name on each side.
static enum status
check_comma(const char *text, struct why *why)
{
    char meant[TYPED_SIZE];
    char name[DOMAIN_NAME_SIZE];
    const char *comma = strchr(text, ',');
    if (comma == NULL ||
        (memchr(text, '.', (size_t)(comma - text)) != NULL && strchr(comma, '.') != NULL)) {
        return ST_OK;
    }
    memcpy(meant, text, strlen(text) + 1);
    meant[comma - text] = '.';
    if (find_mistake(meant) != NULL || check_plain(meant, NULL, name, NULL) != ST_OK) {
        return ST_OK;
    }
    return tell(text, "there is a comma where a dot should be", meant, why);
}

// Signs that come with text copied from web pages and documents.
static enum status
check_punctuation(const char *text, struct why *why)
{
    char meant[TYPED_SIZE];
    size_t length = 0;
    uint32_t found = 0;
    for (const char *c = text; *c != '\0';) {
        uint32_t character = 0;
        size_t bytes = decode(c, &character);
        int sign = lookalike_punctuation(character);
        if (sign < 0) {
            memcpy(meant + length, c, bytes);
            length += bytes;
        } else {
            found = character;
            meant[length] = (char)sign;
            length += sign == '\0' ? 0 : 1;
        }
        c += bytes;
    }
    meant[length] = '\0';
    if (found == 0) {
        return ST_OK;
    }
    char sentence[64];
    (void)snprintf(sentence, sizeof(sentence), "it holds a sign that is not of a name (U+%04X)",
                   (unsigned)found);
    return tell(meant, sentence, meant, why);
}

static enum status
check_characters(const char *text, struct why *why)
{
    for (const char *c = text; *c != '\0'; c++) {
        unsigned char byte = (unsigned char)*c;
        if (byte <= ' ' || byte == 0x7f) {
            return why_set(why, ST_INVALID, "the name holds a control character");
        }
        if (byte < 0x80 && !isalnum(byte) && byte != '-' && byte != '.') {
            return why_set(why, ST_INVALID, "'%s': '%c' cannot stand in a domain name", SHOW(text),
                           byte);
        }
    }
    return ST_OK;
}

// Without the dots at both ends and behind other dots.
static enum status
tell_dots(const char *text, struct why *why)
{
    char meant[TYPED_SIZE];
    size_t length = 0;
    for (const char *c = text; *c != '\0'; c++) {
        if (*c != '.' || (length > 0 && c[1] != '.' && c[1] != '\0')) {
            meant[length++] = *c;
        }
    }
    meant[length] = '\0';
    return tell(text, "there is a dot too many: a part of the name is empty", meant, why);
}

static bool
is_ascii(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)text[i] >= 0x80) {
            return false;
        }
    }
    return true;
}

// Labels before any conversion, where the user recognises them.
static enum status
check_labels(const char *text, struct why *why)
{
    for (const char *label = text;;) {
        size_t length = strcspn(label, ".");
        if (length == 0) {
            return tell_dots(text, why);
        }
        if (label[0] == '-' || label[length - 1] == '-') {
            return why_set(why, ST_INVALID, "'%s': no part of a name begins or ends with a hyphen",
                           SHOW(text));
        }
        if (length > LABEL_MAX && is_ascii(label, length)) { // others: once they are A-labels
            return why_set(why, ST_INVALID,
                           "'%s...': no part of a name is longer than %d characters", SHOW(label),
                           LABEL_MAX);
        }
        label += length;
        if (*label == '\0') {
            return ST_OK;
        }
        label++;
    }
}

// To A-labels. Names that are A-labels already pass too: a broken "xn--" is refused.
static enum status
to_ascii(const char *text, char out[DOMAIN_NAME_SIZE], struct why *why)
{
    char *converted = NULL;
    int rc = idn2_to_ascii_8z(text, &converted, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
    if (rc == IDN2_TOO_BIG_DOMAIN || rc == IDN2_TOO_BIG_LABEL) {
        return why_set(why, ST_INVALID, "'%s' is too long, or a part of it is", SHOW(text));
    }
    if (rc != IDN2_OK) {
        return why_set(why, ST_INVALID, "'%s' is no internationalised name: %s", SHOW(text),
                       idn2_strerror(rc));
    }
    char name[TYPED_SIZE];
    size_t length = strlen(converted);
    if (length <= TYPED_MAX) {
        memcpy(name, converted, length + 1);
    }
    idn2_free(converted);
    if (length > DOMAIN_CHECKED_MAX) {
        return why_set(why, ST_INVALID,
                       "'%s' is too long: %d characters leave room for the records below it",
                       SHOW(text), DOMAIN_CHECKED_MAX);
    }
    return address_normalize_domain(name, out, why);
}

// Is it the host's own name, or one below it?
static enum status
check_own(const char *name, const char *own, const char *what, struct why *why)
{
    char normal[DOMAIN_NAME_SIZE];
    if (address_normalize_domain(own, normal, NULL) != ST_OK) {
        return ST_OK;
    }
    size_t length = strlen(name);
    size_t end = strlen(normal);
    if (length < end || strcmp(name + length - end, normal) != 0) {
        return ST_OK;
    }
    if (length == end) {
        return why_set(why, ST_INVALID, "%.100s is %s itself", name, what);
    }
    return name[length - end - 1] == '.'
               ? why_set(why, ST_INVALID, "%.100s stands below %.100s, which is %s", name, normal,
                         what)
               : ST_OK;
}

static enum status
check_meaning(const char *name, const char *hostname, struct why *why)
{
    const char *tld = strrchr(name, '.');
    if (tld == NULL) {
        return why_set(why, ST_INVALID,
                       "'%.60s' has one part only; a domain has at least two, as in example.com",
                       name);
    }
    if (tld[1 + strspn(tld + 1, "0123456789")] == '\0') {
        return why_set(why, ST_INVALID, "'%.60s': no domain ends in a number", name);
    }
    if (domain_name_is_public_suffix(name)) {
        return why_set(why, ST_INVALID,
                       "%.100s is a public suffix, under which anybody can have names; add the "
                       "name you registered below it",
                       name);
    }
    return hostname == NULL ? ST_OK
                            : check_own(name, hostname, "the name of this mail server", why);
}

// Letters that look like others, in the form that the DNS gets: whatever case or width was typed.
static enum status
check_lookalikes(const char *name, struct why *why)
{
    if (strstr(name, "xn--") == NULL) {
        return ST_OK;
    }
    uint32_t *characters = NULL;
    if (idn2_to_unicode_8z4z(name, &characters, 0) != IDN2_OK) {
        return why_set(why, ST_INVALID, "'%s' is no internationalised name", SHOW(name));
    }
    char meant[DOMAIN_NAME_SIZE];
    struct why inner;
    enum status status = lookalike_check(characters, meant, &inner);
    idn2_free(characters);
    return status == ST_OK ? ST_OK : tell(name, inner.text, meant, why);
}

// What is left once the mistakes with a mark of their own are ruled out.
static enum status
check_plain(const char *text, const char *hostname, char out[DOMAIN_NAME_SIZE], struct why *why)
{
    char name[DOMAIN_NAME_SIZE];
    enum status status = check_characters(text, why);
    if (status == ST_OK) {
        status = check_labels(text, why);
    }
    if (status == ST_OK) {
        status = to_ascii(text, name, why);
    }
    if (status == ST_OK) {
        status = check_lookalikes(name, why);
    }
    if (status == ST_OK) {
        status = check_meaning(name, hostname, why);
    }
    if (status == ST_OK) {
        memcpy(out, name, strlen(name) + 1);
    }
    return status;
}

enum status
domain_name_check(const char *text, const char *hostname, char out[DOMAIN_NAME_SIZE],
                  struct why *why)
{
    char typed[TYPED_SIZE];
    size_t length;
    if (!copy_trimmed(text, typed, &length)) {
        return why_set(why, ST_INVALID, "the name is too long");
    }
    if (length == 0) {
        return why_set(why, ST_INVALID, "write a domain name, such as example.com");
    }
    if (!is_utf8(typed)) {
        return why_set(why, ST_INVALID, "the name is no text in UTF-8");
    }
    if (is_address(typed)) {
        return tell_address(typed, why);
    }
    if (check_comma(typed, why) != ST_OK) {
        return ST_INVALID;
    }
    const struct mistake *mistake = find_mistake(typed);
    if (mistake != NULL) {
        return explain(mistake, typed, why);
    }
    if (length > 1 && typed[length - 1] == '.') {
        typed[length - 1] = '\0';
    }
    if (check_punctuation(typed, why) != ST_OK) {
        return ST_INVALID;
    }
    return check_plain(typed, hostname, out, why);
}

bool
domain_name_unicode(const char *name, char out[DOMAIN_UNICODE_SIZE])
{
    char again[DOMAIN_NAME_SIZE];
    char *letters = NULL;
    if (strstr(name, "xn--") == NULL || strlen(name) > DOMAIN_CHECKED_MAX ||
        idn2_to_unicode_8z8z(name, &letters, 0) != IDN2_OK) {
        return false;
    }
    size_t length = strlen(letters);
    // Typed as it would be shown, it has to be this very name.
    bool is_good = length < DOMAIN_UNICODE_SIZE && !is_ascii(letters, length) &&
                   domain_name_check(letters, NULL, again, NULL) == ST_OK &&
                   strcmp(again, name) == 0;
    if (is_good) {
        memcpy(out, letters, length + 1);
    }
    idn2_free(letters);
    return is_good;
}

enum status
domain_name_check_free(const char *name, const struct config *config, struct why *why)
{
    const char *const hosts[] = {config->hostname, config->authserv_id, config->inbound_mx};
    enum status status = ST_OK;
    for (size_t i = 0; i < ARRAY_LEN(hosts) && status == ST_OK; i++) {
        status = check_own(name, hosts[i], "the name of this mail server", why);
    }
    const struct config_texts *backups = &config->backup_mx;
    for (size_t i = 0; i < backups->count && status == ST_OK; i++) {
        status = check_own(name, backups->items[i], "the name of our mail server", why);
    }
    const struct config_verification *settings = &config->verification;
    const char *const zones[] = {settings->spf_include, settings->dkim_zone};
    for (size_t i = 0; i < ARRAY_LEN(zones) && status == ST_OK; i++) {
        if (zones[i] != NULL) {
            status = check_own(name, zones[i], "a zone of this mail server", why);
        }
    }
    const struct config_texts *reserved = &settings->reserved_names;
    for (size_t i = 0; i < reserved->count && status == ST_OK; i++) {
        status = check_own(name, reserved->items[i], "a name of the operator", why);
    }
    return status;
}
