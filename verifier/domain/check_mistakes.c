// SPDX-License-Identifier: Apache-2.0
// What people and DNS panels do to a record: put it elsewhere, or change its value on the way. The
// places are asked only where the record itself is missing.
#include <string.h>
#include <strings.h>

#include "verifier/domain/check_run.h"

static check_resembles *const RESEMBLES[] = {
    [PURPOSE_OWNERSHIP] = check_ownership_resembles, [PURPOSE_SPF] = check_spf_resembles,
    [PURPOSE_DKIM] = check_dkim_resembles,           [PURPOSE_DMARC] = check_dmarc_resembles,
    [PURPOSE_MAIL_FROM_MX] = check_mx_resembles,     [PURPOSE_MAIL_FROM_SPF] = check_spf_resembles,
    [PURPOSE_INBOUND_MX] = check_mx_resembles,
};

// ---- where else it may stand

/* What a place is made of. */
struct place_parts {
    const struct domain_record *record;
    const char *domain;
    const char *zone; /* the domain's own name if the zone is not known */
    char labels[RECORD_NAME_SIZE];
};

/** The name of the place; false: this record has no such place. */
typedef bool place_name(const struct place_parts *parts, char *out, size_t size);

static bool
doubled_domain(const struct place_parts *parts, char *out, size_t size)
{
    check_put(out, size, "%s.%s", parts->record->name, parts->domain);
    return true;
}

static bool
doubled_zone(const struct place_parts *parts, char *out, size_t size)
{
    check_put(out, size, "%s.%s", parts->record->name, parts->zone);
    return strcasecmp(parts->zone, parts->domain) != 0;
}

// "_dmarc" entered in a panel of example.com for the domain sub.example.com.
static bool
in_zone_itself(const struct place_parts *parts, char *out, size_t size)
{
    check_put(out, size, "%s%s%s", parts->labels, parts->labels[0] == '\0' ? "" : ".", parts->zone);
    return strcasecmp(parts->zone, parts->domain) != 0 && parts->labels[0] != '\0';
}

static bool
at_domain_itself(const struct place_parts *parts, char *out, size_t size)
{
    check_put(out, size, "%s", parts->domain);
    enum record_purpose purpose = parts->record->purpose;
    bool is_text = parts->record->type == DNS_TXT && purpose != PURPOSE_MAIL_FROM_SPF;
    return parts->labels[0] != '\0' && (is_text || purpose == PURPOSE_MAIL_FROM_MX);
}

static bool
without_underscores(const struct place_parts *parts, char *out, size_t size)
{
    char labels[RECORD_NAME_SIZE];
    size_t used = 0;
    for (const char *c = parts->labels; *c != '\0'; c++) {
        if (*c != '_') {
            labels[used++] = *c;
        }
    }
    labels[used] = '\0';
    check_put(out, size, "%s.%s", labels, parts->domain);
    return used > 0 && used < strlen(parts->labels);
}

// "selector1" for "selector1._domainkey".
static bool
without_domainkey(const struct place_parts *parts, char *out, size_t size)
{
    size_t selector = strcspn(parts->labels, ".");
    check_put(out, size, "%.*s.%s", (int)selector, parts->labels, parts->domain);
    return parts->record->purpose == PURPOSE_DKIM && parts->labels[selector] == '.';
}

// The "@" that stands for the domain itself, taken as a label.
static bool
at_sign(const struct place_parts *parts, char *out, size_t size)
{
    check_put(out, size, "@.%s", parts->domain);
    return parts->labels[0] == '\0';
}

static const struct place {
    place_name *name;
    enum finding_code code;
    const char *problem; /* behind "the record stands at X" */
} PLACES[] = {
    {doubled_domain, FINDING_NAME_DOUBLED,
     "the domain is twice in the name, because your DNS host appends it itself"},
    {doubled_zone, FINDING_NAME_DOUBLED,
     "the zone is twice in the name, because your DNS host appends it itself"},
    {without_underscores, FINDING_UNDERSCORE_MISSING, "the underscore is missing"},
    {without_domainkey, FINDING_WRONG_LEVEL, "\"._domainkey\" is missing behind the selector"},
    {in_zone_itself, FINDING_WRONG_LEVEL, "that is the name for the parent domain"},
    {at_domain_itself, FINDING_WRONG_LEVEL, "that is the domain itself, one level too high"},
    {at_sign, FINDING_WRONG_LEVEL, "your DNS host took the @ as a part of the name"},
};

static struct place_parts
parts_of(const struct check_run *run, const struct domain_record *record,
         const struct authority_zone *zone)
{
    const char *domain = run->subject->domain;
    bool is_of_domain = zone != NULL && check_is_within(domain, zone->name) &&
                        strchr(zone->name, '.') != NULL; // not a top-level domain's
    struct place_parts parts = {
        .record = record, .domain = domain, .zone = is_of_domain ? zone->name : domain};
    check_labels(record, domain, parts.labels);
    return parts;
}

void
check_plan_mistakes(struct check_run *run, const struct domain_record *record)
{
    char name[3 * RECORD_NAME_SIZE];
    const struct authority_result *result = check_result(run, record->name, record->type);
    struct place_parts parts = parts_of(run, record, result == NULL ? NULL : result->zone);
    for (size_t i = 0; i < ARRAY_LEN(PLACES); i++) {
        if (PLACES[i].name(&parts, name, sizeof(name))) {
            check_want(run, record->type, "%s", name);
        }
    }
    check_plan_types(run, record);
}

static void
say_place(const struct check_view *view, const struct place_parts *parts, const struct place *place,
          const char *name, struct check_judgement *out)
{
    char host[RECORD_NAME_SIZE];
    const struct domain_record *record = parts->record;
    record_host_part(record, parts->domain, view->zone == NULL ? NULL : view->zone->name, host);
    out->status = RECORD_WRONG;
    CHECK_SAY(out->observed, "%s %s", dns_type_name(record->type), name);
    struct finding_draft *finding = check_find(out, place->code, false);
    CHECK_SAY(finding->problem, "The record stands at %s and not at %s: %s.", name, record->name,
              place->problem);
    CHECK_SAY(finding->cure,
              "Change its name to %s: in most panels enter only \"%s\", in some \"%s.\" with a dot "
              "at the end. The value stays: %s",
              record->name, host, record->name, record->value);
}

static bool
find_place(const struct check_view *view, const struct domain_record *record,
           struct check_judgement *out)
{
    char name[3 * RECORD_NAME_SIZE];
    struct place_parts parts = parts_of(view->run, record, view->zone);
    for (size_t i = 0; i < ARRAY_LEN(PLACES); i++) {
        if (!PLACES[i].name(&parts, name, sizeof(name))) {
            continue;
        }
        struct check_word word = check_look(view, name, record->type);
        if (word.answer != NULL && word.outcome == AUTHORITY_FOUND &&
            RESEMBLES[record->purpose](record, word.answer)) {
            say_place(view, &parts, &PLACES[i], name, out);
            return true;
        }
    }
    return false;
}

static void
put_servers(const struct check_view *view, char *out, size_t size)
{
    size_t used = 0;
    const struct authority_zone *zone = view->zone;
    out[0] = '\0';
    for (size_t i = 0; zone != NULL && i < zone->server_count && used + DOMAIN_NAME_SIZE < size;
         i++) {
        const char *name = zone->servers[i].name;
        if (i > 0 && strcmp(name, zone->servers[i - 1].name) == 0) {
            continue; // its other address
        }
        check_put(out + used, size - used, "%s%s", used == 0 ? "" : ", ", name);
        used = strlen(out);
    }
}

// Nothing may stand beside a CNAME (RFC 1034, 3.6.2): what it leads to is all there is.
static bool
find_cname(const struct check_view *view, const struct domain_record *record,
           struct check_judgement *out)
{
    struct check_word word = check_look(view, record->name, record->type);
    if (word.answer == NULL || record->type == DNS_CNAME ||
        strcasecmp(word.answer->canonical, record->name) == 0) {
        return false;
    }
    const char *type = dns_type_name(record->type);
    out->status = RECORD_CONFLICT;
    CHECK_SAY(out->observed, "CNAME %s", word.answer->canonical);
    struct finding_draft *finding = check_find(out, FINDING_CNAME_BESIDE, false);
    CHECK_SAY(finding->problem,
              "%s is a CNAME to %s, which has no such %s record; nothing else can stand beside a "
              "CNAME.",
              record->name, word.answer->canonical, type);
    CHECK_SAY(finding->cure,
              "Remove the CNAME at %s (use A and AAAA records in its place), then "
              "publish there the %s record: %s",
              record->name, type, check_value(record, out));
    return true;
}

void
check_missing(const struct check_view *view, const struct domain_record *record,
              struct check_judgement *out)
{
    char servers[2 * DOMAIN_NAME_SIZE];
    if (check_types(view, record, out) || find_cname(view, record, out) ||
        find_place(view, record, out)) {
        return;
    }
    out->status = RECORD_MISSING;
    struct finding_draft *finding = check_find(out, FINDING_MISSING, false);
    CHECK_SAY(finding->problem, "There is no %s record at %s.", dns_type_name(record->type),
              record->name);
    check_put_publish(view, record, check_value(record, out), finding->cure, sizeof(finding->cure));
    put_servers(view, servers, sizeof(servers));
    size_t used = strlen(finding->cure);
    if (servers[0] != '\0') {
        check_put(finding->cure + used, sizeof(finding->cure) - used,
                  "\nThe zone is served by %s: it has to be entered there, at no other DNS host.",
                  servers);
    }
}

// ---- what happened to the value

static bool
has_not_ascii(const char *data, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)data[i] >= 0x80) {
            return true;
        }
    }
    return false;
}

static bool
has_quotes(const char *data, size_t length)
{
    return memchr(data, '"', length) != NULL || (length > 1 && data[0] == '\'');
}

static bool
has_backslash(const char *data, size_t length)
{
    return memmem(data, length, "\\;", 2) != NULL || memmem(data, length, "\\\"", 2) != NULL;
}

static const struct mangling {
    bool (*is_so)(const char *data, size_t length);
    enum finding_code code;
    const char *problem;
    const char *cure;
} MANGLINGS[] = {
    {has_backslash, FINDING_VALUE_ESCAPED, "has backslashes inside it",
     "Enter the value without backslashes"},
    {has_not_ascii, FINDING_NOT_ASCII,
     "has characters that are not ASCII, such as typographic quotes or a special blank",
     "Type the value anew or copy it from here"},
    {has_quotes, FINDING_QUOTED_VALUE, "has quotation marks inside it",
     "Enter the value without quotation marks; the DNS host adds those it needs itself"},
};

bool
check_mangled(const struct check_view *view, const struct domain_record *record, const char *data,
              size_t length, struct check_judgement *out)
{
    char shown[200];
    (void)view;
    check_text_format(data, length, shown, sizeof(shown));
    for (size_t i = 0; i < ARRAY_LEN(MANGLINGS); i++) {
        if (MANGLINGS[i].is_so(data, length)) {
            struct finding_draft *finding = check_find(out, MANGLINGS[i].code, false);
            CHECK_SAY(finding->problem, "The value at %s %s: %s", record->name,
                      MANGLINGS[i].problem, shown);
            CHECK_SAY(finding->cure, "%s: %s", MANGLINGS[i].cure, check_value(record, out));
            return true;
        }
    }
    return false;
}
