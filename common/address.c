// SPDX-License-Identifier: Apache-2.0
#include "common/address.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include <idn2.h>

#include "common/cleanup.h"

enum {
    TYPED_NAME_MAX = 4 * DOMAIN_NAME_MAX, /* bytes of a name before its conversion to A-labels */
    TYPED_ADDRESS_MAX = 2 * ADDRESS_MAX
};

// libidn2's own STD3 flag deletes forbidden characters instead of refusing them, so the characters
// are checked here: before the conversion for ASCII input, after it for everything.
static bool
has_forbidden_ascii(const char *text)
{
    for (const char *c = text; *c != '\0'; c++) {
        unsigned char byte = (unsigned char)*c;
        if (byte < 0x80 && !isalnum(byte) && byte != '-' && byte != '.' && byte != '_') {
            return true;
        }
    }
    return false;
}

static bool
is_ldh_name(const char *name)
{
    size_t label = 0;
    for (const char *c = name;; c++) {
        if (*c == '.' || *c == '\0') {
            if (label == 0 || label > 63 || c[-1] == '-') {
                return false;
            }
            if (*c == '\0') {
                return true;
            }
            label = 0;
            continue;
        }
        if (*c == '-' && label == 0) {
            return false;
        }
        // The underscore is no host name character, but sending domains do use it.
        if (!islower((unsigned char)*c) && !isdigit((unsigned char)*c) && *c != '-' && *c != '_') {
            return false;
        }
        label++;
    }
}

static bool
is_plain_ascii(const char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text >= 0x80) {
            return false;
        }
    }
    return true;
}

static enum status
to_a_labels(const char *text, char out[DOMAIN_NAME_SIZE], struct why *why)
{
    char *converted = NULL;
    int rc = idn2_to_ascii_8z(text, &converted, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
    if (rc != IDN2_OK) {
        return why_set(why, ST_INVALID, "'%.80s' is not a domain name: %s", text,
                       idn2_strerror(rc));
    }
    bool fits = strlen(converted) <= DOMAIN_NAME_MAX + 1;
    if (fits) {
        memcpy(out, converted, strlen(converted) + 1);
    }
    idn2_free(converted);
    return fits ? ST_OK
                : why_set(why, ST_INVALID, "'%.80s...' is longer than %d characters", text,
                          DOMAIN_NAME_MAX);
}

enum status
address_normalize_domain(const char *text, char out[DOMAIN_NAME_SIZE], struct why *why)
{
    char name[DOMAIN_NAME_SIZE + 1] = "";
    size_t length = strlen(text);
    if (length == 0 || length > TYPED_NAME_MAX || has_forbidden_ascii(text)) {
        return why_set(why, ST_INVALID, "'%.80s' is not a domain name", text);
    }
    if (is_plain_ascii(text)) {
        if (length > DOMAIN_NAME_MAX + 1) {
            return why_set(why, ST_INVALID, "'%.80s...' is longer than %d characters", text,
                           DOMAIN_NAME_MAX);
        }
        memcpy(name, text, length + 1);
    } else if (to_a_labels(text, name, why) != ST_OK) {
        return ST_INVALID;
    }
    length = strlen(name);
    if (length > 1 && name[length - 1] == '.') {
        name[--length] = '\0';
    }
    for (char *c = name; *c != '\0'; c++) {
        *c = (char)tolower((unsigned char)*c);
    }
    if (length > DOMAIN_NAME_MAX || !is_ldh_name(name)) {
        return why_set(why, ST_INVALID, "'%.80s' is not a domain name", text);
    }
    memcpy(out, name, length + 1);
    return ST_OK;
}

// RFC 5321 atext, dots, and UTF-8 (RFC 6531).
static bool
is_dot_string(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c <= ' ' || c == 0x7f || strchr("()<>[]:;@\\,\"", c) != NULL) {
            return false;
        }
    }
    return length > 0;
}

// Copy what stands between the quotes, without the backslashes of quoted-pairs.
static bool
unquote(const char *text, size_t length, char out[LOCAL_PART_SIZE])
{
    size_t used = 0;
    for (size_t i = 1; i + 1 < length; i++) {
        if (text[i] == '\\') {
            i++;
        } else if (text[i] == '"') {
            return false;
        }
        if (i + 1 >= length || (unsigned char)text[i] < ' ' || used + 1 >= LOCAL_PART_SIZE) {
            return false;
        }
        out[used++] = text[i];
    }
    out[used] = '\0';
    return used > 0;
}

static bool
take_local_part(const char *text, size_t length, char out[LOCAL_PART_SIZE])
{
    if (length >= 2 && text[0] == '"' && text[length - 1] == '"') {
        return unquote(text, length, out);
    }
    if (length >= LOCAL_PART_SIZE || !is_dot_string(text, length)) {
        return false;
    }
    memcpy(out, text, length);
    out[length] = '\0';
    return true;
}

enum status
address_parse(const char *text, struct address *out, struct why *why)
{
    size_t length = strlen(text);
    const char *start = text;
    if (length >= 2 && text[0] == '<' && text[length - 1] == '>') {
        start++;
        length -= 2;
    }
    struct address address = {.local_part = ""};
    if (length == 0) {
        *out = address;
        return ST_OK;
    }
    const char *at = memrchr(start, '@', length);
    if (at == NULL || length > TYPED_ADDRESS_MAX ||
        !take_local_part(start, (size_t)(at - start), address.local_part)) {
        return why_set(why, ST_INVALID, "'%.80s' is not a mail address", text);
    }
    char domain[TYPED_ADDRESS_MAX + 1];
    size_t domain_length = length - (size_t)(at + 1 - start);
    memcpy(domain, at + 1, domain_length);
    domain[domain_length] = '\0';
    if (address_normalize_domain(domain, address.domain, why) != ST_OK) {
        return ST_INVALID;
    }
    *out = address;
    return ST_OK;
}
