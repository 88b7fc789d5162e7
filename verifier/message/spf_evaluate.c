// SPDX-License-Identifier: Apache-2.0
#include "verifier/message/spf_evaluate.h"

#include <stdarg.h>
#include <string.h>

enum { TRACE_TERM_MAX = 200 /* bytes of a term or record in one line of the trace */ };

static void PRINTF_LIKE(3, 4)
    trace(struct spf_run *run, const struct spf_level *level, const char *format, ...)
{
    if (run->trace == NULL) {
        return;
    }
    char line[2 * TRACE_TERM_MAX + SPF_NAME_SIZE];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    strbuf_printf(&run->trace->text, "%*s%s\n", 2 * (int)(level->depth + 1), "", line);
}

void
spf_level_done(struct spf_level *level)
{
    spf_policy_release(level->policy);
    level->policy = NULL;
}

static struct spf_values
values_of(struct spf_run *run, const struct spf_level *level, const struct spf_string *string,
          char validated[SPF_NAME_SIZE])
{
    validated[0] = '\0';
    if (spf_string_uses(string, 'p')) {
        spf_validated_name(&run->lookups, level->domain, validated);
    }
    return (struct spf_values){.client = run->lookups.client,
                               .local_part = run->local_part,
                               .sender_domain = run->sender_domain,
                               .helo = run->helo,
                               .domain = level->domain,
                               .receiver = run->receiver,
                               .validated = validated,
                               .wall_s = run->now_s};
}

static void
expand_name(struct spf_run *run, const struct spf_level *level, const struct spf_string *string,
            char out[SPF_NAME_SIZE])
{
    char validated[SPF_NAME_SIZE];
    struct spf_values values = values_of(run, level, string, validated);
    spf_string_expand_name(string, &values, out);
}

// target-name: the domain-spec, or the current domain (RFC 7208, 4.8).
static void
find_target(struct spf_run *run, const struct spf_level *level, const struct spf_term *term,
            char out[SPF_NAME_SIZE])
{
    if (term->has_target) {
        expand_name(run, level, &term->target, out);
    } else {
        memcpy(out, level->domain, SPF_NAME_SIZE);
    }
}

static enum spf_outcome
count_term(struct spf_run *run)
{
    if (++run->terms <= SPF_TERMS_MAX) {
        return SPF_YES;
    }
    return spf_fail(&run->lookups, SPF_PERMERROR, "more than %d terms that need the DNS",
                    SPF_TERMS_MAX);
}

// Each of these evaluates one mechanism.

static enum spf_outcome
match_all(struct spf_run *run, const struct spf_level *level, const struct spf_term *term)
{
    (void)run;
    (void)level;
    (void)term;
    return SPF_YES;
}

static enum spf_outcome
match_network(struct spf_run *run, const struct spf_level *level, const struct spf_term *term)
{
    (void)level;
    return network_contains(&term->network, run->lookups.client) ? SPF_YES : SPF_NO;
}

static unsigned
prefix_for(const struct spf_run *run, const struct spf_term *term)
{
    return run->lookups.client->length == 4 ? term->prefix4 : term->prefix6;
}

static enum spf_outcome
match_a(struct spf_run *run, const struct spf_level *level, const struct spf_term *term)
{
    char name[SPF_NAME_SIZE];
    find_target(run, level, term, name);
    return spf_ask_address(&run->lookups, name, prefix_for(run, term));
}

static enum spf_outcome
match_mx(struct spf_run *run, const struct spf_level *level, const struct spf_term *term)
{
    char name[SPF_NAME_SIZE];
    AUTO_ANSWER *answer = NULL;
    find_target(run, level, term, name);
    enum spf_outcome outcome = spf_ask(&run->lookups, name, DNS_MX, &answer);
    if (answer == NULL) {
        return outcome;
    }
    if (answer->count > SPF_MX_HOSTS_MAX) {
        return spf_fail(&run->lookups, SPF_PERMERROR, "more than %d MX hosts", SPF_MX_HOSTS_MAX);
    }
    outcome = SPF_NO;
    for (size_t i = 0; i < answer->count && outcome == SPF_NO; i++) {
        const char *host = answer->records[i].data;
        if (strcmp(host, ".") != 0) { // RFC 7505: no mail here
            outcome = spf_ask_host(&run->lookups, host, prefix_for(run, term));
        }
    }
    return outcome;
}

static enum spf_outcome
match_ptr(struct spf_run *run, const struct spf_level *level, const struct spf_term *term)
{
    char name[SPF_NAME_SIZE];
    find_target(run, level, term, name);
    return spf_client_is_within(&run->lookups, name);
}

static enum spf_outcome
match_exists(struct spf_run *run, const struct spf_level *level, const struct spf_term *term)
{
    char name[SPF_NAME_SIZE];
    AUTO_ANSWER *answer = NULL;
    find_target(run, level, term, name);
    return spf_ask(&run->lookups, name, DNS_A, &answer);
}

// RFC 7208, 5.2. The depth is bounded, since every include is a term that counts.
static enum spf_outcome
match_include(struct spf_run *run, const struct spf_level *level, const struct spf_term *term)
{
    AUTO(spf_level_done) struct spf_level inner = {.depth = level->depth + 1};
    find_target(run, level, term, inner.domain);
    switch (spf_evaluate(run, &inner)) {
    case AUTH_PASS:
        return SPF_YES;
    case AUTH_FAIL:
    case AUTH_SOFTFAIL:
    case AUTH_NEUTRAL:
        return SPF_NO;
    case AUTH_TEMPERROR:
        return SPF_TEMPERROR;
    case AUTH_NONE:
        return spf_fail(&run->lookups, SPF_PERMERROR, "included %.100s has no SPF record",
                        inner.domain);
    case AUTH_PERMERROR:
    case AUTH_POLICY:
        break;
    }
    return SPF_PERMERROR;
}

static const struct {
    enum spf_outcome (*match)(struct spf_run *run, const struct spf_level *level,
                              const struct spf_term *term);
    bool counts; /* as a term that needs the DNS */
} MECHANISMS[] = {
    [SPF_ALL] = {match_all, false},     [SPF_INCLUDE] = {match_include, true},
    [SPF_A] = {match_a, true},          [SPF_MX] = {match_mx, true},
    [SPF_PTR] = {match_ptr, true},      [SPF_IP4] = {match_network, false},
    [SPF_IP6] = {match_network, false}, [SPF_EXISTS] = {match_exists, true},
};

// A term that did not match and for which the DNS had nothing is void (RFC 7208, 4.6.4).
static enum spf_outcome
count_void(struct spf_run *run, enum spf_outcome outcome)
{
    if (outcome != SPF_NO || !run->lookups.met_void || ++run->voids <= SPF_VOIDS_MAX) {
        return outcome;
    }
    return spf_fail(&run->lookups, SPF_PERMERROR, "more than %d terms the DNS has nothing for",
                    SPF_VOIDS_MAX);
}

static enum spf_outcome
evaluate_term(struct spf_run *run, const struct spf_level *level, const struct spf_term *term)
{
    enum spf_outcome outcome = SPF_YES;
    if (MECHANISMS[term->mechanism].counts) {
        outcome = count_term(run);
    }
    if (outcome == SPF_YES) {
        run->lookups.met_void = false;
        outcome = MECHANISMS[term->mechanism].match(run, level, term);
    }
    if (term->mechanism != SPF_INCLUDE) { // its terms were counted already
        outcome = count_void(run, outcome);
    }
    static const char *const words[] = {[SPF_YES] = "match",
                                        [SPF_NO] = "no match",
                                        [SPF_TEMPERROR] = "temperror",
                                        [SPF_PERMERROR] = "permerror"};
    int shown = term->length > TRACE_TERM_MAX ? TRACE_TERM_MAX : (int)term->length;
    trace(run, level, "%.*s: %s (lookups %u)", shown, term->text, words[outcome],
          run->lookups.count);
    return outcome;
}

static enum auth_result
result_of_error(enum spf_outcome outcome)
{
    return outcome == SPF_TEMPERROR ? AUTH_TEMPERROR : AUTH_PERMERROR;
}

// True if a term decided.
static bool
evaluate_terms(struct spf_run *run, const struct spf_level *level, enum auth_result *result_out)
{
    const struct spf_record *record = &level->policy->record;
    for (size_t i = 0; i < record->count; i++) {
        enum spf_outcome outcome = evaluate_term(run, level, &record->terms[i]);
        if (outcome == SPF_YES) {
            *result_out = record->terms[i].qualifier;
            return true;
        }
        if (outcome != SPF_NO) {
            *result_out = result_of_error(outcome);
            return true;
        }
    }
    return false;
}

// True if there is a valid record to evaluate; else the result is known.
static bool
load_policy(struct spf_run *run, struct spf_level *level, enum auth_result *result_out)
{
    spf_level_done(level);
    enum spf_outcome outcome = spf_load_policy(&run->lookups, level->domain, &level->policy);
    if (level->policy == NULL) {
        *result_out = result_of_error(outcome);
        return false;
    }
    switch (level->policy->state) {
    case SPF_POLICY_RECORD:
        trace(run, level, "%s has %.*s", level->domain, TRACE_TERM_MAX, level->policy->record.text);
        return true;
    case SPF_POLICY_INVALID:
        (void)spf_fail(&run->lookups, SPF_PERMERROR, "%s", level->policy->problem);
        *result_out = AUTH_PERMERROR;
        return false;
    case SPF_POLICY_NONE:
        trace(run, level, "%s has no SPF record", level->domain);
        break;
    }
    *result_out = AUTH_NONE;
    return false;
}

// redirect= (RFC 7208, 6.1): the level goes on at another domain.
static enum spf_outcome
follow_redirect(struct spf_run *run, struct spf_level *level)
{
    char name[SPF_NAME_SIZE];
    enum spf_outcome outcome = count_term(run);
    if (outcome == SPF_YES) {
        expand_name(run, level, &level->policy->record.redirect, name);
        memcpy(level->domain, name, sizeof(name));
        trace(run, level, "redirect to %s", name);
    }
    return outcome;
}

enum auth_result
spf_evaluate(struct spf_run *run, struct spf_level *level)
{
    enum auth_result result = AUTH_NEUTRAL;
    for (bool was_redirected = false;; was_redirected = true) {
        if (!load_policy(run, level, &result)) {
            if (result == AUTH_NONE && was_redirected) {
                (void)spf_fail(&run->lookups, SPF_PERMERROR, "redirect to %.100s: no SPF record",
                               level->domain);
                return AUTH_PERMERROR;
            }
            return result;
        }
        if (evaluate_terms(run, level, &result)) {
            return result;
        }
        if (!level->policy->record.has_redirect) {
            return AUTH_NEUTRAL;
        }
        if (follow_redirect(run, level) != SPF_YES) {
            return AUTH_PERMERROR;
        }
    }
}

static bool
is_printable(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text < ' ' || *text > '~') {
            return false;
        }
    }
    return true;
}

void
spf_explain(struct spf_run *run, const struct spf_level *level, char *out, size_t size)
{
    char name[SPF_NAME_SIZE];
    char validated[SPF_NAME_SIZE];
    AUTO_ANSWER *answer = NULL;
    AUTO(spf_string_done) struct spf_string string = {.count = 0};
    const struct spf_record *record = &level->policy->record;
    out[0] = '\0';
    if (!record->has_explanation) {
        return;
    }
    expand_name(run, level, &record->explanation, name);
    (void)spf_ask(&run->lookups, name, DNS_TXT, &answer);
    if (answer == NULL || answer->count != 1 ||
        spf_string_parse(answer->records[0].data, answer->records[0].length, SPF_MACRO_EXPLANATION,
                         &string) != ST_OK) {
        return;
    }
    struct spf_values values = values_of(run, level, &string, validated);
    spf_string_expand_text(&string, &values, out, size);
    if (!is_printable(out)) {
        out[0] = '\0';
    }
}
