// SPDX-License-Identifier: Apache-2.0
#include "config/template.h"

#include <string.h>

#include "config/suggest.h"

static const char *const PLACES[PLACE_COUNT] = {
    [PLACE_DOMAIN] = "domain",
    [PLACE_TOKEN] = "token",
    [PLACE_REGION] = "region",
    [PLACE_MAIL_FROM] = "mail_from",
    [PLACE_DKIM1] = "dkim1",
    [PLACE_DKIM2] = "dkim2",
    [PLACE_DKIM3] = "dkim3",
    [PLACE_DKIM_ZONE] = "dkim_zone",
    [PLACE_SPF_INCLUDE] = "spf_include",
    [PLACE_DMARC_REPORT] = "dmarc_report",
    [PLACE_INBOUND_MX] = "inbound_mx",
};

// Which placeholder has this name; PLACE_COUNT: none.
static enum placeholder
find_place(const char *name, size_t length)
{
    enum placeholder place = PLACE_DOMAIN;
    while (place < PLACE_COUNT &&
           (strlen(PLACES[place]) != length || memcmp(PLACES[place], name, length) != 0)) {
        place++;
    }
    return place;
}

static enum status
tell_unknown(const char *name, size_t length, struct why *why)
{
    char typed[SUGGEST_LENGTH_MAX + 1];
    size_t kept = length < sizeof(typed) - 1 ? length : sizeof(typed) - 1;
    memcpy(typed, name, kept);
    typed[kept] = '\0';
    struct suggestion suggestion = {.typed = typed};
    for (size_t i = 0; i < PLACE_COUNT; i++) {
        suggest_offer(&suggestion, PLACES[i]);
    }
    char hint[SUGGEST_TEXT_SIZE];
    return why_set(why, ST_INVALID, "there is no placeholder {%s}%s", typed,
                   suggest_format(&suggestion, hint));
}

enum status
template_check(const char *text, struct why *why)
{
    if (text[0] == '\0' || strlen(text) > TEMPLATE_MAX) {
        return why_set(why, ST_INVALID, "a text of 1 to %d bytes stands here", TEMPLATE_MAX);
    }
    for (const char *c = text; *c != '\0'; c++) {
        if (*c < ' ' || *c > '~') {
            return why_set(why, ST_INVALID, "only printable ASCII characters can stand here");
        }
        if (*c == '}') {
            return why_set(why, ST_INVALID, "a } without its {");
        }
        if (*c == '{') {
            size_t length = strcspn(c + 1, "{}");
            if (c[1 + length] != '}') {
                return why_set(why, ST_INVALID, "a { without its }");
            }
            if (find_place(c + 1, length) == PLACE_COUNT) {
                return tell_unknown(c + 1, length, why);
            }
            c += length + 1;
        }
    }
    return ST_OK;
}

bool
template_has(const char *text, enum placeholder place)
{
    for (const char *open = strchr(text, '{'); open != NULL; open = strchr(open + 1, '{')) {
        if (find_place(open + 1, strcspn(open + 1, "}")) == place) {
            return true;
        }
    }
    return false;
}

enum status
template_expand(const char *text, const struct template_values *values, struct strbuf *out,
                struct why *why)
{
    for (const char *c = text; *c != '\0';) {
        size_t plain = strcspn(c, "{");
        strbuf_append(out, c, plain);
        c += plain;
        if (*c == '\0') {
            break;
        }
        size_t length = strcspn(c + 1, "}");
        enum placeholder place = find_place(c + 1, length);
        if (place == PLACE_COUNT || values->text[place] == NULL) {
            return why_set(why, ST_NOT_FOUND, "{%.*s} has no value", (int)length, c + 1);
        }
        strbuf_puts(out, values->text[place]);
        c += length + 2;
    }
    return out->overflow ? why_set(why, ST_TOO_LARGE, "'%.60s' gets too long", text) : ST_OK;
}
