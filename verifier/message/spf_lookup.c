// SPDX-License-Identifier: Apache-2.0
#include "verifier/message/spf_lookup.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "verifier/dns/recorder.h"

enum {
    ADDRESS_BITS4 = 32,
    ADDRESS_BITS6 = 128,
    CLIENT_PERCENT = 50 /* of the budget that is left, for the zones of the client */
};

enum spf_outcome
spf_fail(struct spf_lookups *lookups, enum spf_outcome outcome, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(lookups->problem, sizeof(lookups->problem), format, args);
    va_end(args);
    return outcome;
}

// Raw bytes to the text form of verifier/dns, lower case: dots separate labels, the rest is a byte.
static void
to_dns_text(const char *name, char out[DNS_NAME_TEXT_SIZE])
{
    size_t used = 0;
    for (const char *c = name; *c != '\0' && used + 5 < DNS_NAME_TEXT_SIZE; c++) {
        unsigned char byte = (unsigned char)*c;
        if (byte > ' ' && byte <= '~' && byte != '\\') {
            out[used++] = byte >= 'A' && byte <= 'Z' ? (char)(byte + ('a' - 'A')) : *c;
        } else {
            used += (size_t)snprintf(out + used, DNS_NAME_TEXT_SIZE - used, "\\%03u", byte);
        }
    }
    out[used] = '\0';
}

static bool
count_lookup(struct spf_lookups *lookups)
{
    return lookups->count++ < SPF_LOOKUPS_MAX;
}

static enum spf_outcome
ask_text(struct spf_lookups *lookups, const char *text, enum dns_type type,
         const struct dns_answer **answer_out)
{
    *answer_out = NULL;
    if (!count_lookup(lookups)) {
        return spf_fail(lookups, SPF_PERMERROR, "more than %d DNS lookups", SPF_LOOKUPS_MAX);
    }
    AUTO_ANSWER *answer = dns_get(lookups->dns, lookups->budget, text, type);
    switch (answer->status) {
    case DNS_OK:
        *answer_out = STEAL(answer);
        return SPF_YES;
    case DNS_NXDOMAIN:
    case DNS_NODATA:
        lookups->met_void = true;
        return SPF_NO;
    case DNS_BAD_NAME:
        return SPF_NO;
    case DNS_TEMPORARY:
        break;
    }
    return spf_fail(lookups, SPF_TEMPERROR, "%s of %.60s: %.80s", dns_type_name(type), text,
                    answer->problem);
}

enum spf_outcome
spf_ask(struct spf_lookups *lookups, const char *name, enum dns_type type,
        const struct dns_answer **answer_out)
{
    char text[DNS_NAME_TEXT_SIZE];
    to_dns_text(name, text);
    return ask_text(lookups, text, type, answer_out);
}

static bool
holds_client(const struct spf_lookups *lookups, const struct dns_answer *answer, unsigned prefix)
{
    const struct network_address *client = lookups->client;
    for (size_t i = 0; i < answer->count; i++) {
        struct network network = {.address.length = client->length, .prefix = prefix};
        if (answer->records[i].length != client->length) {
            continue;
        }
        memcpy(network.address.bytes, answer->records[i].data, client->length);
        if (network_contains(&network, client)) {
            return true;
        }
    }
    return false;
}

enum spf_outcome
spf_ask_host(struct spf_lookups *lookups, const char *host, unsigned prefix)
{
    AUTO_ANSWER *answer = NULL;
    enum dns_type type = lookups->client->length == 4 ? DNS_A : DNS_AAAA;
    enum spf_outcome outcome = ask_text(lookups, host, type, &answer);
    if (answer == NULL) {
        return outcome;
    }
    return holds_client(lookups, answer, prefix) ? SPF_YES : SPF_NO;
}

enum spf_outcome
spf_ask_address(struct spf_lookups *lookups, const char *name, unsigned prefix)
{
    char text[DNS_NAME_TEXT_SIZE];
    to_dns_text(name, text);
    return spf_ask_host(lookups, text, prefix);
}

// The one SPF record among the TXT records (RFC 7208, 4.5).
static void
read_policy(const struct dns_answer *answer, struct spf_policy *policy)
{
    const struct dns_record *found = NULL;
    for (size_t i = 0; i < answer->count; i++) {
        const struct dns_record *record = &answer->records[i];
        if (!spf_record_is_spf1(record->data, record->length)) {
            continue;
        }
        if (found != NULL) {
            policy->state = SPF_POLICY_INVALID;
            (void)snprintf(policy->problem, sizeof(policy->problem), "there are two SPF records");
            return;
        }
        found = record;
    }
    if (found == NULL) {
        return;
    }
    struct why why;
    policy->state = SPF_POLICY_RECORD;
    if (spf_record_parse(found->data, found->length, &policy->record, &why) != ST_OK) {
        policy->state = SPF_POLICY_INVALID;
        (void)snprintf(policy->problem, sizeof(policy->problem), "%.150s", why.text);
    }
}

static const struct spf_policy *
find_cached(struct spf_lookups *lookups, const char *text)
{
    struct dns_budget *budget = lookups->budget;
    if (lookups->cache == NULL || (budget != NULL && budget->fresh)) {
        return NULL;
    }
    const struct spf_policy *policy = spf_cache_find(lookups->cache, text);
    if (policy != NULL && budget != NULL) {
        budget->hits++;
        dns_recorder_note(budget->recorder, text, DNS_TXT, policy->answer);
    }
    return policy;
}

static enum spf_outcome
fetch_policy(struct spf_lookups *lookups, const char *text, const struct spf_policy **policy_out)
{
    if (!count_lookup(lookups)) {
        return spf_fail(lookups, SPF_PERMERROR, "more than %d DNS lookups", SPF_LOOKUPS_MAX);
    }
    AUTO_ANSWER *answer = dns_get(lookups->dns, lookups->budget, text, DNS_TXT);
    if (answer->status == DNS_TEMPORARY) {
        return spf_fail(lookups, SPF_TEMPERROR, "TXT of %.60s: %.80s", text, answer->problem);
    }
    struct spf_policy *policy = spf_policy_new();
    policy->expires_mono_ms = answer->expires_mono_ms;
    policy->answer = dns_answer_ref(answer);
    read_policy(answer, policy);
    if (lookups->cache != NULL) {
        spf_cache_put(lookups->cache, text, policy);
    }
    *policy_out = policy;
    return SPF_YES;
}

enum spf_outcome
spf_load_policy(struct spf_lookups *lookups, const char *name, const struct spf_policy **policy_out)
{
    char text[DNS_NAME_TEXT_SIZE];
    to_dns_text(name, text);
    const struct spf_policy *policy = find_cached(lookups, text);
    if (policy == NULL) {
        return fetch_policy(lookups, text, policy_out);
    }
    if (!count_lookup(lookups)) { // a warm cache changes no result
        spf_policy_release(policy);
        return spf_fail(lookups, SPF_PERMERROR, "more than %d DNS lookups", SPF_LOOKUPS_MAX);
    }
    *policy_out = policy;
    return SPF_YES;
}

// The client's name in the reverse tree (RFC 1035, 3.5; RFC 3596, 2.5).
static void
format_reverse(const struct network_address *client, char *out, size_t size)
{
    bool is_ip4 = client->length == 4;
    size_t used = 0;
    for (size_t i = client->length; i > 0; i--) {
        unsigned byte = client->bytes[i - 1];
        int printed = is_ip4 ? snprintf(out + used, size - used, "%u.", byte)
                             : snprintf(out + used, size - used, "%x.%x.", byte & 15, byte >> 4);
        used += (size_t)printed;
    }
    (void)snprintf(out + used, size - used, "%s.arpa", is_ip4 ? "in-addr" : "ip6");
}

// The names of the client and their addresses.
static enum spf_outcome
ask_names(struct spf_lookups *lookups, struct spf_validated *validated)
{
    enum { REVERSE_SIZE = 80 };
    char reverse[REVERSE_SIZE];
    format_reverse(lookups->client, reverse, sizeof(reverse));
    AUTO_ANSWER *answer = NULL;
    enum spf_outcome outcome = ask_text(lookups, reverse, DNS_PTR, &answer);
    size_t count = answer == NULL ? 0 : answer->count;
    unsigned bits = lookups->client->length == 4 ? ADDRESS_BITS4 : ADDRESS_BITS6;
    for (size_t i = 0; i < count && i < SPF_PTR_NAMES_MAX; i++) {
        struct dns_name name;
        outcome = spf_ask_host(lookups, answer->records[i].data, bits);
        if (outcome == SPF_YES && dns_name_parse(answer->records[i].data, &name)) {
            validated->names[validated->count++] = name;
        }
    }
    return outcome;
}

// Once for both identities, since it depends on the client alone. With a share of the budget only:
// the client's own slow zone must not make a temperror of what the domain's next terms say.
static enum spf_outcome
validate_names(struct spf_lookups *lookups)
{
    struct spf_validated *validated = lookups->validated;
    struct dns_budget *whole = lookups->budget;
    struct dns_budget share;
    if (validated->is_known) {
        return SPF_YES;
    }
    if (whole != NULL) {
        share = dns_budget_share(whole, CLIENT_PERCENT, clock_mono_ms());
        lookups->budget = &share;
    }
    enum spf_outcome outcome = ask_names(lookups, validated);
    if (whole != NULL) {
        dns_budget_settle(whole, &share);
        lookups->budget = whole;
    }
    validated->is_known = true;
    return outcome;
}

enum spf_outcome
spf_client_is_within(struct spf_lookups *lookups, const char *domain)
{
    char text[DNS_NAME_TEXT_SIZE];
    struct dns_name target;
    enum spf_outcome outcome = validate_names(lookups);
    lookups->met_void = false; // the client's owner publishes these, not the domain's
    if (outcome == SPF_PERMERROR) {
        return outcome;
    }
    to_dns_text(domain, text);
    if (!dns_name_parse(text, &target)) {
        return SPF_NO;
    }
    for (size_t i = 0; i < lookups->validated->count; i++) {
        const struct dns_name *name = &lookups->validated->names[i];
        if (dns_name_is_within(name->wire, name->length, target.wire, target.length)) {
            return SPF_YES;
        }
    }
    return SPF_NO;
}

// How well a name fits for the letter p: the domain itself, one below it, any other.
static unsigned
rank_of(const struct dns_name *name, const struct dns_name *domain)
{
    if (domain->length == 0 ||
        !dns_name_is_within(name->wire, name->length, domain->wire, domain->length)) {
        return 1;
    }
    return name->length == domain->length ? 3 : 2;
}

void
spf_validated_name(struct spf_lookups *lookups, const char *domain, char out[SPF_NAME_SIZE])
{
    bool met_void = lookups->met_void;
    (void)validate_names(lookups);
    lookups->met_void = met_void;
    char text[DNS_NAME_TEXT_SIZE];
    struct dns_name target = {.length = 0};
    to_dns_text(domain, text);
    (void)dns_name_parse(text, &target);
    unsigned best = 0;
    memcpy(out, "unknown", sizeof("unknown"));
    for (size_t i = 0; i < lookups->validated->count; i++) {
        const struct dns_name *name = &lookups->validated->names[i];
        unsigned rank = rank_of(name, &target);
        dns_name_format(name->wire, name->length, text);
        if (rank > best && strlen(text) < SPF_NAME_SIZE) {
            best = rank;
            memcpy(out, text, strlen(text) + 1);
        }
    }
}
