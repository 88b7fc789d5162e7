// SPDX-License-Identifier: Apache-2.0
// The TXT record that proves ownership. It must stand in the domain itself: not behind a CNAME that
// leads elsewhere, and not under a wildcard, which whoever once set it may have forgotten.
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/id.h"
#include "verifier/domain/records.h"

enum { PROBE_NAME_SIZE = 2 * DOMAIN_NAME_SIZE + 16 };

static void
set_wrong(struct registry_record *record, const char *problem)
{
    record_put(record->status, sizeof(record->status), "wrong");
    record_put(record->problem, sizeof(record->problem), "%s", problem);
    record_put(record->cure, sizeof(record->cure), "Publish TXT %s with exactly this value: %s",
               record->name, record->value);
}

static bool
is_value(const struct dns_record *record, const char *value)
{
    return record->length == strlen(value) && memcmp(record->data, value, record->length) == 0;
}

static bool
holds(const struct dns_answer *answer, const char *value)
{
    for (size_t i = 0; answer->status == DNS_OK && i < answer->count; i++) {
        if (is_value(&answer->records[i], value)) {
            return true;
        }
    }
    return false;
}

static bool
is_in_domain(const char *name, const char *domain)
{
    size_t name_length = strlen(name);
    size_t domain_length = strlen(domain);
    if (name_length < domain_length || strcmp(name + name_length - domain_length, domain) != 0) {
        return false;
    }
    return name_length == domain_length || name[name_length - domain_length - 1] == '.';
}

// How far a value is from the wanted one, and what to say. The nearest comes first.
struct likeness {
    const char *problem;
    bool (*is_like)(const struct dns_record *record, const char *value);
};

static bool
is_quoted(const struct dns_record *record, const char *value)
{
    return memchr(record->data, '"', record->length) != NULL &&
           memmem(record->data, record->length, value, strlen(value)) != NULL;
}

static bool
is_other_case(const struct dns_record *record, const char *value)
{
    return record->length == strlen(value) && strncasecmp(record->data, value, record->length) == 0;
}

static bool
is_longer(const struct dns_record *record, const char *value)
{
    return memmem(record->data, record->length, value, strlen(value)) != NULL;
}

static bool
is_bare_token(const struct dns_record *record, const char *value)
{
    return is_value(record, strchr(value, '=') + 1);
}

static bool
is_other_token(const struct dns_record *record, const char *value)
{
    size_t prefix = strcspn(value, "=") + 1;
    return record->length >= prefix && memcmp(record->data, value, prefix) == 0;
}

static bool
is_anything(const struct dns_record *record, const char *value)
{
    (void)record;
    (void)value;
    return true;
}

static const struct likeness LIKENESSES[] = {
    {"the value has quotation marks inside it; enter it without them", is_quoted},
    {"the value differs in upper and lower case", is_other_case},
    {"there is more in the value than what was asked for", is_longer},
    {"the value lacks its beginning, mailspur-verify=", is_bare_token},
    {"the value is of another entry: each time a domain is added it gets a new one",
     is_other_token},
    {"there is another value", is_anything},
};

static void
explain_value(const struct dns_answer *answer, struct registry_record *record)
{
    for (size_t i = 0; i < ARRAY_LEN(LIKENESSES); i++) {
        for (size_t k = 0; k < answer->count; k++) {
            const struct dns_record *seen = &answer->records[k];
            if (LIKENESSES[i].is_like(seen, record->value)) {
                record_put_observed(record, seen->data, seen->length);
                set_wrong(record, LIKENESSES[i].problem);
                return;
            }
        }
    }
}

// A name nobody can have published: if it has the value too, a wildcard gives it.
static void
rule_out_wildcard(const struct store_domain *domain, struct dns *dns, struct dns_budget *budget,
                  struct registry_record *record)
{
    char token[TOKEN_SIZE];
    char sibling[PROBE_NAME_SIZE];
    id_new_token(token);
    // As long as "_mailspur", so that it fits wherever that does.
    record_put(sibling, sizeof(sibling), "_%.8s.%s", token, domain->name);
    AUTO_ANSWER *answer = dns_get(dns, budget, sibling, DNS_TXT);
    if (answer->status == DNS_TEMPORARY || answer->status == DNS_BAD_NAME) {
        char problem[sizeof(record->problem)];
        record_put(problem, sizeof(problem), "whether a wildcard gives it: %s", answer->problem);
        record_set_unknown(record, problem);
        return;
    }
    if (holds(answer, record->value)) {
        record_put(record->observed, sizeof(record->observed), "*.%s TXT", domain->name);
        set_wrong(record, "the value comes from a wildcard; it has to stand at the name itself");
        return;
    }
    record_set_found(record);
}

static bool
stands_at(const char *name, struct dns *dns, struct dns_budget *budget, const char *value)
{
    AUTO_ANSWER *answer = dns_get(dns, budget, name, DNS_TXT);
    return holds(answer, value);
}

static void
explain_absence(const struct store_domain *domain, struct dns *dns, struct dns_budget *budget,
                struct registry_record *record)
{
    char doubled[PROBE_NAME_SIZE];
    record_put(doubled, sizeof(doubled), "%s.%s", record->name, domain->name);
    if (stands_at(doubled, dns, budget, record->value)) {
        record_put(record->observed, sizeof(record->observed), "TXT %s", doubled);
        set_wrong(record, "the domain stands twice in the name: your DNS host appends it itself");
        record_put(record->cure, sizeof(record->cure), "Enter only _mailspur as the name.");
        return;
    }
    if (stands_at(domain->name, dns, budget, record->value)) {
        record_put(record->observed, sizeof(record->observed), "TXT %s", domain->name);
        set_wrong(record, "the value stands at the domain itself, one level too high");
        return;
    }
    record_put(record->status, sizeof(record->status), "missing");
    record_put(record->problem, sizeof(record->problem), "there is no such record yet");
    record_put(record->cure, sizeof(record->cure), "Publish TXT %s with exactly this value: %s",
               record->name, record->value);
}

void
domain_check_ownership(const struct store_domain *domain, struct dns *dns,
                       struct dns_budget *budget, struct registry_record *record)
{
    AUTO_ANSWER *answer = dns_get(dns, budget, record->name, DNS_TXT);
    if (answer->status == DNS_TEMPORARY || answer->status == DNS_BAD_NAME) {
        record_set_unknown(record, answer->problem);
        return;
    }
    if (!is_in_domain(answer->canonical, domain->name)) {
        record_put(record->observed, sizeof(record->observed), "CNAME to %s", answer->canonical);
        set_wrong(record, "the name is a CNAME that leads out of the domain");
        return;
    }
    if (answer->status != DNS_OK) {
        explain_absence(domain, dns, budget, record);
    } else if (!holds(answer, record->value)) {
        explain_value(answer, record);
    } else {
        rule_out_wildcard(domain, dns, budget, record);
    }
}
