// SPDX-License-Identifier: Apache-2.0
// What is wrong with a zone rather than with a record: it does not exist, its servers are dead or
// lame, its signatures are broken, nobody but our resolver can be asked. Told once a zone.
#include <string.h>
#include <strings.h>

#include "verifier/domain/check_run.h"
#include "verifier/domain/name.h"

enum { SERVERS_TOLD_MAX = 4 }; /* bad servers of one zone that get a finding each */

/* What the servers of a zone said to all questions together. */
struct health {
    const struct authority_zone *zone;
    bool answered[AUTHORITY_SERVERS_MAX];
    const struct authority_answer *last[AUTHORITY_SERVERS_MAX];
    bool is_bogus;
    const char *bogus_text;
};

static void
add_result(const struct authority_result *result, struct health *health)
{
    for (size_t i = 0; i < health->zone->server_count && i < AUTHORITY_SERVERS_MAX; i++) {
        const struct authority_answer *answer = &result->answers[i];
        health->answered[i] |= authority_is_answer(answer->outcome);
        bool is_left_out = answer->reason == AUTHORITY_NO_QUERY; // says nothing about the server
        if (!authority_is_answer(answer->outcome) && (health->last[i] == NULL || !is_left_out)) {
            health->last[i] = answer;
        }
    }
    if (result->resolver.is_bogus) {
        health->is_bogus = true;
        health->bogus_text = result->resolver.error_text;
    }
}

static struct health
health_of(const struct check_run *run, const struct authority_zone *zone)
{
    struct health health = {.zone = zone, .bogus_text = ""};
    for (size_t i = 0; i < run->report_count; i++) {
        for (size_t k = 0; k < run->reports[i]->count; k++) {
            const struct authority_result *result = &run->reports[i]->results[k];
            if (result->zone != NULL && strcasecmp(result->zone->name, zone->name) == 0 &&
                result->zone->server_count == zone->server_count) {
                add_result(result, &health);
            }
        }
    }
    return health;
}

// ---- servers

static void
say_lame(const struct health *health, size_t at, struct finding_draft *finding)
{
    const struct authority_server *server = &health->zone->servers[at];
    enum authority_reason reason = health->last[at]->reason;
    finding->code = FINDING_LAME_SERVER;
    CHECK_SAY(finding->problem, "%s (%s) is named as a server of %s, but does not serve it (%s).",
              server->name, server->address, health->zone->name, authority_reason_name(reason));
    CHECK_SAY(finding->cure,
              "Have the DNS host set up %s on %s, or remove %s from the NS records and from the "
              "delegation at the registrar.",
              health->zone->name, server->name, server->name);
}

static void
say_dead(const struct health *health, size_t at, struct finding_draft *finding)
{
    const struct authority_server *server = &health->zone->servers[at];
    finding->code = FINDING_DEAD_SERVER;
    CHECK_SAY(finding->problem, "%s (%s), a server of %s, does not answer (%s).", server->name,
              server->address, health->zone->name,
              authority_outcome_name(health->last[at]->outcome));
    CHECK_SAY(finding->cure,
              "Have the DNS host start it again, or remove %s from the NS records and from the "
              "delegation at the registrar.",
              server->name);
}

static bool
say_not_asked(const struct health *health, size_t at, struct finding_draft *finding)
{
    const struct authority_server *server = &health->zone->servers[at];
    switch (health->last[at]->reason) {
    case AUTHORITY_PRIVATE_ADDRESS:
        finding->code = FINDING_PRIVATE_SERVER;
        CHECK_SAY(finding->problem,
                  "%s, a server of %s, has the address %s, which is not public; it is not asked.",
                  server->name, health->zone->name, server->address);
        CHECK_SAY(finding->cure, "Give %s a public address, or remove it from the NS records.",
                  server->name);
        return true;
    case AUTHORITY_NO_ADDRESS:
    case AUTHORITY_NAME_IS_CNAME:
        finding->code = FINDING_DEAD_SERVER;
        CHECK_SAY(finding->problem, "%s is named as a server of %s, but %s.", server->name,
                  health->zone->name,
                  health->last[at]->reason == AUTHORITY_NO_ADDRESS ? "has no address"
                                                                   : "is a CNAME");
        CHECK_SAY(finding->cure,
                  "Mend or remove %s in the NS records and in the delegation at the "
                  "registrar.",
                  server->name);
        return true;
    case AUTHORITY_NO_REASON:
    case AUTHORITY_REFUSED:
    case AUTHORITY_SERVFAIL:
    case AUTHORITY_OTHER_RCODE:
    case AUTHORITY_NOT_AUTHORITATIVE:
    case AUTHORITY_REFERRAL:
    case AUTHORITY_ADDRESS_UNKNOWN:
    case AUTHORITY_RATE_LIMITED:
    case AUTHORITY_NO_ROUTE:
    case AUTHORITY_NO_TIME:
    case AUTHORITY_NO_QUERY:
    case AUTHORITY_LOCAL_FAULT:
        break;
    }
    return false; // says nothing about the server
}

static bool
say_server(const struct health *health, size_t at, struct finding_draft *finding)
{
    if (health->answered[at] || health->last[at] == NULL) {
        return false;
    }
    switch (health->last[at]->outcome) {
    case AUTHORITY_LAME:
        say_lame(health, at, finding);
        return true;
    case AUTHORITY_BROKEN:
    case AUTHORITY_TIMEOUT:
    case AUTHORITY_UNREACHABLE:
        say_dead(health, at, finding);
        return true;
    case AUTHORITY_NOT_ASKED:
        return say_not_asked(health, at, finding);
    case AUTHORITY_FOUND:
    case AUTHORITY_CNAME:
    case AUTHORITY_NXDOMAIN:
    case AUTHORITY_NODATA:
        break;
    }
    return false;
}

static bool
has_answer(const struct health *health)
{
    for (size_t i = 0; i < health->zone->server_count && i < AUTHORITY_SERVERS_MAX; i++) {
        if (health->answered[i]) {
            return true;
        }
    }
    return false;
}

// Not one was asked, because the check had no query left.
static bool
was_left_out(const struct health *health)
{
    bool has_any = false;
    for (size_t i = 0; i < health->zone->server_count && i < AUTHORITY_SERVERS_MAX; i++) {
        const struct authority_answer *last = health->last[i];
        if (last == NULL || health->answered[i] || last->outcome != AUTHORITY_NOT_ASKED) {
            return false;
        }
        has_any |= last->reason == AUTHORITY_NO_QUERY;
    }
    return has_any;
}

static void
check_servers(const struct health *health, struct domain_record *record)
{
    size_t told = 0;
    bool is_dead = !has_answer(health) && !was_left_out(health);
    if (is_dead) {
        struct finding_draft finding = {.code = FINDING_NO_ANSWER};
        CHECK_SAY(finding.problem,
                  "No server of %s answered; nothing is known and nothing changed.",
                  health->zone->name);
        CHECK_SAY(finding.cure,
                  "Check again later. If it stays so, look at the name servers of "
                  "%s and at its delegation.",
                  health->zone->name);
        check_add(record, &finding);
    }
    for (size_t i = 0; i < health->zone->server_count && i < AUTHORITY_SERVERS_MAX; i++) {
        struct finding_draft finding = {.advice = !is_dead};
        if (told < SERVERS_TOLD_MAX && say_server(health, i, &finding)) {
            check_add(record, &finding);
            told++;
        }
    }
}

static void
check_dnssec(const struct health *health, struct domain_record *record)
{
    if (!health->is_bogus) {
        return;
    }
    struct finding_draft finding = {.code = FINDING_DNSSEC_BROKEN};
    CHECK_SAY(finding.problem,
              "The DNSSEC signatures of %s are not valid%s%.120s: receivers that check them see "
              "none of its records.",
              health->zone->name, health->bogus_text[0] == '\0' ? "" : ", ", health->bogus_text);
    CHECK_SAY(finding.cure,
              "Have the DNS host sign %s anew, or remove its DS record at the registrar.",
              health->zone->name);
    check_add(record, &finding);
}

// ---- the domain

// Names are registered under it: where the zone cut is there, the name below is not registered.
static bool
is_suffix(const char *zone)
{
    return strcmp(zone, ".") == 0 || domain_name_is_public_suffix(zone);
}

static bool
is_gone(const struct check_run *run, const struct authority_result *result)
{
    if (result->zone == NULL || run->resolver_only) {
        return result->resolver.answer->status == DNS_NXDOMAIN;
    }
    bool says_so = false;
    for (size_t i = 0; i < result->zone->server_count; i++) {
        says_so |= result->answers[i].outcome == AUTHORITY_NXDOMAIN;
    }
    return says_so && is_suffix(result->zone->name);
}

static bool
has_record(const struct check_run *run)
{
    for (size_t i = 0; i < run->records->count; i++) {
        if (run->records->items[i].servers_found > 0) {
            return true;
        }
    }
    return false;
}

bool
check_is_domain_gone(const struct check_run *run)
{
    const struct authority_result *result = check_result(run, run->subject->domain, DNS_TXT);
    return result != NULL && is_gone(run, result) && !has_record(run);
}

// Said once, in the place of what the records themselves would ask for: nobody can publish them
// yet.
static void
tell_gone(const struct check_run *run)
{
    const char *domain = run->subject->domain;
    for (size_t i = 0; i < run->records->count; i++) {
        record_drop_findings(&run->records->items[i]);
    }
    struct finding_draft finding = {.code = FINDING_NO_DOMAIN};
    CHECK_SAY(finding.problem, "There is no domain %s: it is not registered, or not delegated.",
              domain);
    CHECK_SAY(finding.cure,
              "Look for a typing mistake in the name; see at the registrar whether "
              "%s has expired and which name servers it has. Its records come after that.",
              domain);
    check_add(&run->records->items[0], &finding);
}

static void
check_resolver_only(const struct check_run *run)
{
    if (!run->resolver_only) {
        return;
    }
    struct finding_draft finding = {.code = FINDING_RESOLVER_ONLY, .advice = true};
    CHECK_SAY(finding.problem, "No DNS server outside can be asked from here: only the resolver of "
                               "this host was, and what it says can be old.");
    CHECK_SAY(finding.cure, "Allow this host UDP and TCP to port 53 everywhere.");
    check_add(&run->records->items[0], &finding);
}

static void
check_limit(const struct check_run *run)
{
    const char *domain = run->subject->domain;
    if (run->asking.refused + run->budget.refused == 0) {
        return;
    }
    struct finding_draft finding = {.code = FINDING_TOO_MANY_QUERIES, .advice = true};
    CHECK_SAY(finding.problem,
              "The check of %s took more than %d DNS queries: the rest was not asked, and what "
              "hangs on it is not known.",
              domain, CHECK_QUERIES_MAX);
    CHECK_SAY(finding.cure,
              "Have fewer name servers for %s and fewer includes in its SPF record; put all its "
              "records into one zone.",
              domain);
    check_add(&run->records->items[0], &finding);
}

// The zone of a record, unless an earlier record stands in it.
static const struct authority_zone *
new_zone(const struct check_run *run, size_t at)
{
    const struct domain_record *record = &run->records->items[at];
    const struct authority_result *result = check_result(run, record->name, record->type);
    if (result == NULL || result->zone == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < at; i++) {
        const struct domain_record *earlier = &run->records->items[i];
        const struct authority_result *other = check_result(run, earlier->name, earlier->type);
        if (other != NULL && other->zone != NULL &&
            strcasecmp(other->zone->name, result->zone->name) == 0) {
            return NULL;
        }
    }
    return result->zone;
}

// What is left without a word: somebody it depends on did not answer.
static void
check_unknown(struct domain_record *record)
{
    if (record->status != RECORD_UNKNOWN || record->finding_count > 0) {
        return;
    }
    struct finding_draft finding = {.code = FINDING_NO_ANSWER};
    CHECK_SAY(finding.problem,
              "Whether %s is right could not be told: a server that was to be asked for it, or for "
              "what it refers to, gave no answer that can be used.",
              record->name);
    CHECK_SAY(finding.cure, "Nothing changed. Check again later.");
    check_add(record, &finding);
}

void
check_zone(struct check_run *run)
{
    if (run->records->count == 0) {
        return; // there is no record to tell it at
    }
    bool is_domain_gone = check_is_domain_gone(run);
    if (is_domain_gone) {
        tell_gone(run);
    }
    check_resolver_only(run);
    check_limit(run);
    if (is_domain_gone) {
        return; // the zone that was asked is another's
    }
    for (size_t i = 0; i < run->records->count; i++) {
        const struct authority_zone *zone = new_zone(run, i);
        if (zone == NULL) {
            continue;
        }
        struct health health = health_of(run, zone);
        check_dnssec(&health, &run->records->items[i]);
        if (!run->resolver_only) {
            check_servers(&health, &run->records->items[i]);
        }
    }
    for (size_t i = 0; i < run->records->count; i++) {
        check_unknown(&run->records->items[i]);
    }
}
