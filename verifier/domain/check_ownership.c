// SPDX-License-Identifier: Apache-2.0
// The TXT record that proves ownership. It must stand in the zone itself: not behind a CNAME that
// leads elsewhere, and not under a wildcard, which whoever once set it may have forgotten.
#include <string.h>
#include <strings.h>

#include "verifier/domain/check_run.h"

static bool
is_text(const struct dns_record *seen, const char *text)
{
    return seen->length == strlen(text) && memcmp(seen->data, text, seen->length) == 0;
}

bool
check_ownership_resembles(const struct domain_record *record, const struct dns_answer *answer)
{
    for (size_t i = 0; answer->status == DNS_OK && i < answer->count; i++) {
        if (is_text(&answer->records[i], record->wanted)) {
            return true;
        }
    }
    return false;
}

// How far a value is from the wanted one, and what to say. The nearest comes first.
struct likeness {
    const char *problem;
    bool (*is_like)(const struct dns_record *seen, const char *text);
};

static bool
is_spaced(const struct dns_record *seen, const char *text)
{
    const char *data = seen->data;
    size_t length = seen->length;
    for (; length > 0 && (*data == ' ' || *data == '\t'); length--) {
        data++;
    }
    while (length > 0 && (data[length - 1] == ' ' || data[length - 1] == '\t')) {
        length--;
    }
    return length == strlen(text) && memcmp(data, text, length) == 0;
}

static bool
is_other_case(const struct dns_record *seen, const char *text)
{
    return seen->length == strlen(text) && strncasecmp(seen->data, text, seen->length) == 0;
}

static bool
is_longer(const struct dns_record *seen, const char *text)
{
    return memmem(seen->data, seen->length, text, strlen(text)) != NULL;
}

static bool
is_bare_token(const struct dns_record *seen, const char *text)
{
    const char *equals = strchr(text, '=');
    return equals != NULL && is_text(seen, equals + 1);
}

static bool
is_other_token(const struct dns_record *seen, const char *text)
{
    size_t prefix = strcspn(text, "=") + 1;
    return seen->length >= prefix && strncasecmp(seen->data, text, prefix) == 0;
}

static bool
is_anything(const struct dns_record *seen, const char *text)
{
    (void)seen;
    (void)text;
    return true;
}

static const struct likeness LIKENESSES[] = {
    {"has blanks in front of it or behind it", is_spaced},
    {"differs from the wanted one in upper and lower case", is_other_case},
    {"has more in it than what was asked for", is_longer},
    {"lacks its beginning, up to the equals sign", is_bare_token},
    {"belongs to another entry: each time a domain is added it gets a new one", is_other_token},
    {"is not the wanted one", is_anything},
};

static void
say_wrong(const struct check_view *view, const struct domain_record *record,
          const struct dns_record *seen, const char *problem, struct check_judgement *out)
{
    check_text_format(seen->data, seen->length, out->observed, sizeof(out->observed));
    if (check_mangled(view, record, seen->data, seen->length, out)) {
        return;
    }
    struct finding_draft *finding = check_find(out, FINDING_WRONG_VALUE, false);
    CHECK_SAY(finding->problem, "The value \"%.100s\" at %s %s.", out->observed, record->name,
              problem);
    check_put_publish(view, record, record->value, finding->cure, sizeof(finding->cure));
}

static void
explain_value(const struct check_view *view, const struct domain_record *record,
              const struct dns_answer *answer, struct check_judgement *out)
{
    out->status = RECORD_WRONG;
    for (size_t i = 0; i < ARRAY_LEN(LIKENESSES); i++) {
        for (size_t k = 0; k < answer->count; k++) {
            const struct dns_record *seen = &answer->records[k];
            if (LIKENESSES[i].is_like(seen, record->wanted)) {
                say_wrong(view, record, seen, LIKENESSES[i].problem, out);
                return;
            }
        }
    }
}

static void
say_leaves_zone(const struct check_view *view, const struct domain_record *record,
                const char *target, struct check_judgement *out)
{
    out->status = RECORD_WRONG;
    CHECK_SAY(out->observed, "CNAME %s", target);
    struct finding_draft *finding = check_find(out, FINDING_CNAME_LEAVES_ZONE, false);
    CHECK_SAY(finding->problem,
              "%s is a CNAME to %s, outside the zone: what stands there proves nothing about %s.",
              record->name, target, view->run->subject->domain);
    CHECK_SAY(finding->cure, "Remove the CNAME %s and publish there a TXT with this value: %s",
              record->name, record->value);
}

// A name nobody can have published: if it has the value too, a wildcard gives it.
static void
rule_out_wildcard(const struct check_view *view, const struct domain_record *record,
                  struct check_judgement *out)
{
    struct check_word sibling = check_look(view, view->run->sibling, DNS_TXT);
    if (sibling.answer == NULL) {
        out->status = RECORD_UNKNOWN; // a wildcard cannot be ruled out
        return;
    }
    if (sibling.outcome != AUTHORITY_FOUND || !check_ownership_resembles(record, sibling.answer)) {
        out->status = RECORD_FOUND;
        return;
    }
    out->status = RECORD_WRONG;
    struct finding_draft *finding = check_find(out, FINDING_WILDCARD, false);
    CHECK_SAY(finding->problem,
              "The value comes from the wildcard *.%s, which answers for any name; it has to stand "
              "at %s itself.",
              view->run->subject->domain, record->name);
    check_put_publish(view, record, record->value, finding->cure, sizeof(finding->cure));
}

static bool
leaves_zone(const struct check_view *view, const struct check_word *word)
{
    if (word->outcome == AUTHORITY_CNAME) {
        return true;
    }
    const char *zone = view->zone == NULL ? view->run->subject->domain : view->zone->name;
    return word->outcome == AUTHORITY_FOUND && !check_is_within(word->answer->canonical, zone);
}

void
check_ownership(const struct check_view *view, const struct domain_record *record,
                const struct check_word *word, struct check_judgement *out)
{
    if (leaves_zone(view, word) && !check_is_value_as_cname(record, word->answer->canonical)) {
        say_leaves_zone(view, record, word->answer->canonical, out);
    } else if (word->outcome != AUTHORITY_FOUND || leaves_zone(view, word)) {
        check_missing(view, record, out);
    } else if (check_ownership_resembles(record, word->answer)) {
        CHECK_SAY(out->observed, "%s", record->wanted);
        rule_out_wildcard(view, record, out);
    } else {
        explain_value(view, record, word->answer, out);
    }
}
