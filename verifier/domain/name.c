// SPDX-License-Identifier: Apache-2.0
#include "verifier/domain/name.h"

#include <ctype.h>
#include <pthread.h>
#include <string.h>

#include <idn2.h>
#include <libpsl.h>

#include "common/network.h"

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

static bool
is_public_suffix(const char *name)
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
    {.mark = "@", .sentence = "write only what stands behind the @", .is_behind = true},
    {.mark = "[", .sentence = "this is an address, not a domain"},
    {.mark = "]", .sentence = "this is an address, not a domain"},
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

static enum status check_plain(const char *text, const char *hostname, char out[DOMAIN_NAME_SIZE],
                               struct why *why);

// The name that was probably meant, if it would pass.
static bool
find_meant(const struct mistake *mistake, const char *text, char out[DOMAIN_NAME_SIZE])
{
    const char *start =
        mistake->is_behind ? strstr(text, mistake->mark) + strlen(mistake->mark) : text;
    size_t length = strcspn(start, "/?#");
    const char *at = memrchr(start, '@', length); // user:password@host
    start = at != NULL ? at + 1 : start;
    while (*start == '_' && strchr(start, '.') != NULL) { // _dmarc.example.com
        start = strchr(start, '.') + 1;
    }
    start += *start == '.' ? 1 : 0; // *.example.com
    length = strcspn(start, "/?#:,; \t");
    char part[TYPED_SIZE];
    memcpy(part, start, length);
    part[length] = '\0';
    return length > 0 && find_mistake(part) == NULL && check_plain(part, NULL, out, NULL) == ST_OK;
}

static enum status
explain(const struct mistake *mistake, const char *text, struct why *why)
{
    char meant[DOMAIN_NAME_SIZE];
    if (find_meant(mistake, text, meant)) {
        return why_set(why, ST_INVALID, "'%.60s': %s; did you mean %.100s?", text,
                       mistake->sentence, meant);
    }
    return why_set(why, ST_INVALID, "'%.60s': %s", text, mistake->sentence);
}

static bool
is_address(const char *text)
{
    struct network_address address;
    return network_parse_address(text, &address, NULL) == ST_OK ||
           text[strspn(text, "0123456789.")] == '\0';
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
            return why_set(why, ST_INVALID, "'%.60s': '%c' cannot stand in a domain name", text,
                           byte);
        }
    }
    return ST_OK;
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
            return why_set(why, ST_INVALID, "'%.60s' has a dot too many: a part of it is empty",
                           text);
        }
        if (label[0] == '-' || label[length - 1] == '-') {
            return why_set(why, ST_INVALID,
                           "'%.60s': no part of a name begins or ends with a hyphen", text);
        }
        if (length > LABEL_MAX && is_ascii(label, length)) { // others: once they are A-labels
            return why_set(why, ST_INVALID,
                           "'%.60s...': no part of a name is longer than %d characters", label,
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
        return why_set(why, ST_INVALID, "'%.60s' is too long, or a part of it is", text);
    }
    if (rc != IDN2_OK) {
        return why_set(why, ST_INVALID, "'%.60s' is no internationalised name: %s", text,
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
                       "'%.60s' is too long: %d characters leave room for the records below it",
                       text, DOMAIN_CHECKED_MAX);
    }
    return address_normalize_domain(name, out, why);
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
    if (is_public_suffix(name)) {
        return why_set(why, ST_INVALID,
                       "%.100s is a public suffix, under which anybody can have names; add the "
                       "name you registered below it",
                       name);
    }
    char own[DOMAIN_NAME_SIZE];
    if (hostname != NULL && address_normalize_domain(hostname, own, NULL) == ST_OK &&
        strcmp(own, name) == 0) {
        return why_set(why, ST_INVALID, "%.100s is the name of this mail server itself", name);
    }
    return ST_OK;
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
    if (is_address(typed)) {
        return why_set(why, ST_INVALID, "'%.60s': this is an address, not a domain", typed);
    }
    const struct mistake *mistake = find_mistake(typed);
    if (mistake != NULL) {
        return explain(mistake, typed, why);
    }
    if (length > 1 && typed[length - 1] == '.') {
        typed[length - 1] = '\0';
    }
    return check_plain(typed, hostname, out, why);
}
