// SPDX-License-Identifier: Apache-2.0
// The right name and the right value, but the wrong type was chosen in the panel. The other types
// are asked for only where the record itself is missing.
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "verifier/domain/check_run.h"

void
check_plan_types(struct check_run *run, const struct domain_record *record)
{
    switch (record->type) {
    case DNS_CNAME:
        check_want(run, DNS_TXT, "%s", record->name);
        check_want(run, DNS_MX, "%s", record->name);
        check_want(run, DNS_A, "%s", record->name);
        check_want(run, DNS_AAAA, "%s", record->name);
        check_want(run, DNS_A, "%s", run->sibling); // a wildcard's addresses tell nothing
        check_want(run, DNS_AAAA, "%s", run->sibling);
        return;
    case DNS_MX:
        check_want(run, DNS_TXT, "%s", record->name);
        return;
    case DNS_TXT:
        if (record->purpose == PURPOSE_SPF || record->purpose == PURPOSE_MAIL_FROM_SPF) {
            check_want(run, DNS_SPF, "%s", record->name);
        }
        return;
    case DNS_A:
    case DNS_NS:
    case DNS_SOA:
    case DNS_PTR:
    case DNS_AAAA:
    case DNS_SPF:
        return;
    }
}

static void
say_type(const struct check_view *view, const struct domain_record *record, const char *article,
         const char *type, struct check_judgement *out)
{
    out->status = RECORD_WRONG;
    struct finding_draft *finding = check_find(out, FINDING_WRONG_TYPE, false);
    CHECK_SAY(finding->problem, "There is %s %s with this value at %s; the type has to be %s.",
              article, type, record->name, dns_type_name(record->type));
    CHECK_SAY(finding->cure, "Remove the %s. ", type);
    size_t used = strlen(finding->cure);
    check_put_publish(view, record, check_value(record, out), finding->cure + used,
                      sizeof(finding->cure) - used);
}

/* ---- a CNAME --------------------------------------------------------------------------------- */

bool
check_is_value_as_cname(const struct domain_record *record, const char *target)
{
    const char *value = record->type == DNS_MX ? record->wanted : record->value;
    size_t length = strcspn(value, " "); // a blank is \032 in a name; the first word will do
    char next = strncasecmp(target, value, length) == 0 ? target[length] : 'x';
    return length > 0 && (next == '\0' || next == '.' || next == '\\');
}

// Also where the panel appended the domain to it.
static bool
is_cname(const struct check_view *view, const struct domain_record *record,
         struct check_judgement *out)
{
    struct check_word word = check_look(view, record->name, record->type);
    if (word.answer == NULL || record->type == DNS_CNAME ||
        strcasecmp(word.answer->canonical, record->name) == 0 ||
        !check_is_value_as_cname(record, word.answer->canonical)) {
        return false;
    }
    CHECK_SAY(out->observed, "CNAME %s", word.answer->canonical);
    say_type(view, record, "a", "CNAME", out);
    return true;
}

/* ---- a TXT in place of an MX ----------------------------------------------------------------- */

// "10 mx.example.com." and "IN MX 10 mx.example.com", but not "v=spf1 a:mx.example.com -all".
static bool
is_mx_as_text(const struct dns_record *seen, const char *host)
{
    char text[2 * DOMAIN_NAME_SIZE];
    check_put(text, sizeof(text), "%.*s", (int)seen->length, seen->data);
    const char *at = strcasestr(text, host);
    if (seen->length >= sizeof(text) || at == NULL) {
        return false;
    }
    size_t before = strspn(text, " \t\"0123456789INMXinmx");
    size_t behind = strspn(at + strlen(host), " \t\".");
    return before >= (size_t)(at - text) && at[strlen(host) + behind] == '\0';
}

static bool
is_text(const struct check_view *view, const struct domain_record *record,
        struct check_judgement *out)
{
    struct check_word word = check_look(view, record->name, DNS_TXT);
    bool has_text =
        record->type == DNS_MX && word.answer != NULL && word.outcome == AUTHORITY_FOUND;
    for (size_t i = 0; has_text && i < word.answer->count; i++) {
        const struct dns_record *seen = &word.answer->records[i];
        if (is_mx_as_text(seen, record->wanted)) {
            char shown[RECORD_NAME_SIZE];
            check_text_format(seen->data, seen->length, shown, sizeof(shown));
            CHECK_SAY(out->observed, "TXT \"%s\"", shown);
            say_type(view, record, "a", "TXT", out);
            return true;
        }
    }
    return false;
}

/* ---- an MX in place of a CNAME --------------------------------------------------------------- */

static bool
is_mx(const struct check_view *view, const struct domain_record *record,
      struct check_judgement *out)
{
    struct check_word word = check_look(view, record->name, DNS_MX);
    if (record->type != DNS_CNAME || word.answer == NULL || word.outcome != AUTHORITY_FOUND ||
        !check_mx_resembles(record, word.answer)) {
        return false;
    }
    CHECK_SAY(out->observed, "MX %s", record->wanted);
    say_type(view, record, "an", "MX", out);
    return true;
}

/* ---- the type that SPF had of old ------------------------------------------------------------ */

static bool
is_old_type(const struct check_view *view, const struct domain_record *record,
            struct check_judgement *out)
{
    struct check_word word = check_look(view, record->name, DNS_SPF);
    if (word.answer == NULL || word.outcome != AUTHORITY_FOUND ||
        !check_spf_resembles(record, word.answer)) {
        return false;
    }
    out->status = RECORD_WRONG;
    CHECK_SAY(out->observed, "type SPF");
    struct finding_draft *finding = check_find(out, FINDING_SPF_TYPE99, false);
    CHECK_SAY(finding->problem,
              "The SPF record of %s has the record type SPF; receivers look for the type TXT only "
              "(RFC 7208, 3.1).",
              record->name);
    check_put_publish(view, record, check_value(record, out), finding->cure, sizeof(finding->cure));
    return true;
}

bool
check_types(const struct check_view *view, const struct domain_record *record,
            struct check_judgement *out)
{
    return is_cname(view, record, out) || is_text(view, record, out) || is_mx(view, record, out) ||
           is_old_type(view, record, out);
}
