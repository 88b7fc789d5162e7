// SPDX-License-Identifier: Apache-2.0
#include "verifier/domain/dmarc_mend.h"

#include <string.h>
#include <strings.h>

#include "common/attrs.h"
#include "common/strbuf.h"
#include "verifier/message/dmarc_record.h"

/* In the order of RFC 9989; v and p are written first. */
static const char *const TAGS[] = {"v",    "p",   "sp",  "np", "psd", "t",  "adkim",
                                   "aspf", "rua", "ruf", "fo", "rf",  "ri", "pct"};
enum { TAG_VERSION, TAG_POLICY, TAG_SUBDOMAINS, TAG_NONEXISTENT, TAG_PSD, TAG_TESTING };
static const char SEPARATORS[] = "; ,\t";

/** A tag's value, with nothing of what separates it around. */
struct part {
    const char *start; /* NULL: not there */
    size_t length;
};

// Which tag begins here, and where its value does; -1: none.
static int
tag_at(const char *text, const char *end, const char **value_out)
{
    for (size_t i = 0; i < ARRAY_LEN(TAGS); i++) {
        size_t length = strlen(TAGS[i]);
        if ((size_t)(end - text) <= length || strncasecmp(text, TAGS[i], length) != 0) {
            continue;
        }
        const char *at = text + length;
        while (at < end && *at == ' ') {
            at++;
        }
        if (at < end && *at == '=') {
            *value_out = at + 1;
            return (int)i;
        }
    }
    return -1;
}

static void
end_part(struct part *part, const char *end)
{
    while (part->start < end && strchr(SEPARATORS, *part->start) != NULL) {
        part->start++;
    }
    const char *last = part->start;
    while (last < end && *last != ';') { // behind it stands what is no tag of DMARC
        last++;
    }
    while (part->start < last && strchr(SEPARATORS, last[-1]) != NULL) {
        last--;
    }
    part->length = (size_t)(last - part->start);
}

// A comma may stand inside a value, as in rua=: what begins a tag is its name and "=".
static bool
split(const char *text, size_t length, struct part parts[ARRAY_LEN(TAGS)])
{
    const char *end = text + length;
    struct part other = {.start = NULL}; // of a tag that was there before
    struct part *open = NULL;
    for (const char *at = text; at < end; at++) {
        const char *value = NULL;
        bool may_begin = at == text || strchr(SEPARATORS, at[-1]) != NULL;
        int tag = may_begin ? tag_at(at, end, &value) : -1;
        if (tag < 0) {
            continue;
        }
        if (open != NULL) {
            end_part(open, at);
        }
        open = parts[tag].start == NULL ? &parts[tag] : &other;
        open->start = value;
        at = value - 1;
    }
    if (open != NULL) {
        end_part(open, end);
    }
    return open != NULL;
}

static bool
is_plain(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (text[i] < ' ' || text[i] > '~' || text[i] == '"' || text[i] == '\\') {
            return false;
        }
    }
    return true;
}

// How strict; -1: no policy.
static int
strictness_of(const struct part *part)
{
    static const char *const ACTIONS[] = {"none", "quarantine", "reject"};
    for (size_t i = 0; i < ARRAY_LEN(ACTIONS); i++) {
        if (part->start != NULL && part->length == strlen(ACTIONS[i]) &&
            strncasecmp(part->start, ACTIONS[i], part->length) == 0) {
            return (int)i;
        }
    }
    return -1;
}

// Testing is one level less (RFC 9989).
static bool
is_too_weak_in_testing(const struct part *policy, const struct part *least)
{
    int strict = strictness_of(policy);
    return (strict > 0 ? strict - 1 : strict) < strictness_of(least);
}

bool
dmarc_mend(const char *text, size_t length, const char *wanted, char out[RECORD_VALUE_SIZE])
{
    struct part parts[ARRAY_LEN(TAGS)] = {{.start = NULL}};
    struct part asked[ARRAY_LEN(TAGS)] = {{.start = NULL}};
    struct dmarc_record parsed;
    if (!is_plain(text, length) || !split(text, length, parts) ||
        !split(wanted, strlen(wanted), asked)) {
        return false;
    }
    const struct part *least = &asked[TAG_POLICY];
    struct part *policy = &parts[TAG_POLICY];
    if (strictness_of(policy) < strictness_of(least)) {
        *policy = *least;
    }
    for (size_t i = TAG_SUBDOMAINS; i < ARRAY_LEN(TAGS); i++) {
        parts[i] = parts[i].length == 0 ? asked[i] : parts[i];
    }
    AUTO_STRBUF record = STRBUF_INIT(RECORD_VALUE_SIZE - 1);
    strbuf_printf(&record, "v=DMARC1; p=%.*s", (int)policy->length, policy->start);
    for (size_t i = TAG_SUBDOMAINS; i < ARRAY_LEN(TAGS); i++) {
        bool is_policy = i == TAG_SUBDOMAINS || i == TAG_NONEXISTENT;
        bool is_left_out = parts[i].length == 0 || (is_policy && strictness_of(&parts[i]) < 0) ||
                           (i == TAG_TESTING && is_too_weak_in_testing(policy, least));
        if (!is_left_out) {
            strbuf_printf(&record, "; %s=%.*s", TAGS[i], (int)parts[i].length, parts[i].start);
        }
    }
    const char *mended = strbuf_text(&record);
    if (record.overflow || dmarc_record_parse(mended, record.length, &parsed) != ST_OK) {
        return false;
    }
    memcpy(out, mended, record.length + 1);
    return true;
}
