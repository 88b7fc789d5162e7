// SPDX-License-Identifier: Apache-2.0
#include "verifier/dns/authority_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/xalloc.h"
#include "verifier/dns/lookups.h"
#include "verifier/dns/peers.h"
#include "verifier/dns/zones.h"

enum {
    ZONES_PERCENT = 60,               /* of a call's time, to find the zones */
    ANSWERS_PERCENT = 80,             /* of what is left, for the servers' answers; then CD */
    OUTSIDE_SEEN_MS = 10 * 60 * 1000, /* a server answered so lately: port 53 is not blocked */
    PROBE_MS = 3000
};

/** A report with what it borrows. */
struct report {
    struct authority_report view;
    struct authority_result results[AUTHORITY_QUESTIONS_MAX];
    struct dns_zone *zones[AUTHORITY_QUESTIONS_MAX];
    char *names[AUTHORITY_QUESTIONS_MAX];
    char *problems[AUTHORITY_QUESTIONS_MAX];
    struct authority_answer *answers[AUTHORITY_QUESTIONS_MAX];
};

/** One call. */
struct call {
    struct authority *authority;
    struct dns_exchange_policy policy; /* the authority's, with the call's budget */
    int64_t deadline_ms;
    size_t count;
    struct dns_zone_request *requests;
    struct dns_question *questions; /* to servers */
    struct dns_lookup *lookups;
    struct dns_lookup *unchecked[AUTHORITY_QUESTIONS_MAX]; /* NULL: not needed */
    struct report *report;
};

/** One question to one server: an exchange's context. */
struct slot {
    struct call *call;
    size_t question;
    size_t server;
};

enum status
authority_open(const struct authority_settings *settings, struct authority **authority_out,
               struct why *why)
{
    if (settings->timeout_ms <= 0 || settings->tries == 0) {
        return why_set(why, ST_INVALID, "servers need a timeout and at least one try");
    }
    struct authority *authority = xcalloc(1, sizeof(*authority));
    size_t count = settings->allow_private_count;
    authority->settings = *settings;
    authority->allow_private = xcalloc(count + 1, sizeof(*authority->allow_private));
    if (count > 0) {
        memcpy(authority->allow_private, settings->allow_private,
               count * sizeof(*authority->allow_private));
    }
    authority->settings.allow_private = authority->allow_private;
    authority->peers = dns_peers_new(settings->queries_per_second, AUTHORITY_REMEMBERED_MAX);
    authority->zones = dns_zones_new(&authority->settings);
    struct dns_resolver *resolver = dns_resolver_of(settings->dns);
    authority->policy = (struct dns_exchange_policy){
        .peers = authority->peers,
        .timeout_ms = settings->timeout_ms,
        .tries = settings->tries,
        .cancel = resolver == NULL ? NULL : &resolver->cancel,
    };
    *authority_out = authority;
    return ST_OK;
}

void
authority_close(struct authority *authority)
{
    if (authority != NULL) {
        dns_zones_free(authority->zones);
        dns_peers_free(authority->peers);
        free(authority->allow_private);
        free(authority);
    }
}

void
authority_report_free(struct authority_report *view)
{
    if (view == NULL) {
        return;
    }
    struct report *report = (struct report *)view; // its first member
    for (size_t i = 0; i < view->count; i++) {
        const struct dns_zone *zone = report->zones[i];
        for (size_t server = 0; zone != NULL && server < zone->view.server_count; server++) {
            if (report->answers[i][server].answer != NULL) {
                dns_answer_release(report->answers[i][server].answer);
            }
        }
        const struct authority_resolver *resolver = &report->results[i].resolver;
        dns_answer_release(resolver->answer);
        if (resolver->unchecked != NULL) {
            dns_answer_release(resolver->unchecked);
        }
        brief_unref(report->zones[i]);
        free(report->answers[i]);
        free(report->names[i]);
        free(report->problems[i]);
    }
    free(report);
}

/* ---- what a server says ---------------------------------------------------------------------- */

static const struct {
    enum authority_outcome outcome;
    enum authority_reason reason;
} STANCES[] =
    {
        [DNS_STANCE_ANSWERS] = {AUTHORITY_FOUND, AUTHORITY_NO_REASON}, // or by the reply's status
        [DNS_STANCE_REFUSED] = {AUTHORITY_LAME, AUTHORITY_REFUSED},
        [DNS_STANCE_SERVFAIL] = {AUTHORITY_LAME, AUTHORITY_SERVFAIL},
        [DNS_STANCE_OTHER_RCODE] = {AUTHORITY_LAME, AUTHORITY_OTHER_RCODE},
        [DNS_STANCE_NOT_AUTHORITATIVE] = {AUTHORITY_LAME, AUTHORITY_NOT_AUTHORITATIVE},
        [DNS_STANCE_REFERRAL] = {AUTHORITY_LAME, AUTHORITY_REFERRAL},
        [DNS_STANCE_BROKEN] = {AUTHORITY_BROKEN, AUTHORITY_NO_REASON},
},
  ENDS[] = {
      [DNS_EXCHANGE_ANSWERED] = {AUTHORITY_FOUND, AUTHORITY_NO_REASON}, // by STANCES
      [DNS_EXCHANGE_BROKEN] = {AUTHORITY_BROKEN, AUTHORITY_NO_REASON},
      [DNS_EXCHANGE_TIMEOUT] = {AUTHORITY_TIMEOUT, AUTHORITY_NO_REASON},
      [DNS_EXCHANGE_UNREACHABLE] = {AUTHORITY_UNREACHABLE, AUTHORITY_NO_REASON},
      [DNS_EXCHANGE_RATE_LIMITED] = {AUTHORITY_NOT_ASKED, AUTHORITY_RATE_LIMITED},
      [DNS_EXCHANGE_NO_ROUTE] = {AUTHORITY_NOT_ASKED, AUTHORITY_NO_ROUTE},
      [DNS_EXCHANGE_NO_TIME] = {AUTHORITY_NOT_ASKED, AUTHORITY_NO_TIME},
      [DNS_EXCHANGE_NO_QUERY] = {AUTHORITY_NOT_ASKED, AUTHORITY_NO_QUERY},
      [DNS_EXCHANGE_LOCAL_FAULT] = {AUTHORITY_NOT_ASKED, AUTHORITY_LOCAL_FAULT},
};

static enum authority_outcome
outcome_of(const struct dns_reply *reply)
{
    switch (reply->status) {
    case DNS_NXDOMAIN:
        return AUTHORITY_NXDOMAIN;
    case DNS_NODATA:
        return AUTHORITY_NODATA;
    case DNS_OK:
    case DNS_TEMPORARY:
    case DNS_BAD_NAME:
        break;
    }
    return AUTHORITY_FOUND;
}

static void
read_answer(const struct slot *slot, const struct dns_query *query, const unsigned char *message,
            size_t length, struct authority_answer *out)
{
    AUTO_REPLY reply;
    dns_reply_init(&reply, &query->question.name);
    enum dns_stance stance = dns_codec_read_authority(
        query, message, length, &slot->call->requests[slot->question].zone->name, &reply);
    out->outcome = STANCES[stance].outcome;
    out->reason = STANCES[stance].reason;
    if (stance != DNS_STANCE_ANSWERS) {
        return;
    }
    out->outcome = outcome_of(&reply);
    if (reply.unfinished) {
        out->outcome = AUTHORITY_CNAME;
        reply.status = DNS_OK; // and no records
    }
    out->answer = dns_answer_new(&reply, query->question.type, 0);
}

static void
on_server(struct dns_exchange *exchange, enum dns_exchange_end end, int64_t took_ms,
          const struct dns_query *query, const unsigned char *message, size_t length)
{
    const struct slot *slot = exchange->context;
    struct authority_answer *answer = &slot->call->report->answers[slot->question][slot->server];
    answer->outcome = ENDS[end].outcome;
    answer->reason = ENDS[end].reason;
    answer->took_ms = took_ms;
    if (end == DNS_EXCHANGE_ANSWERED) {
        atomic_store(&slot->call->authority->answered_mono_ms, clock_mono_ms());
        read_answer(slot, query, message, length, answer);
    }
}

/* ---- asking ---------------------------------------------------------------------------------- */

static int64_t
share_of_time(const struct call *call, unsigned percent)
{
    int64_t now = clock_mono_ms();
    return call->deadline_ms <= now ? now : now + (call->deadline_ms - now) * percent / 100;
}

// Room for what the servers of the request's zone will say.
static void
take_zone(struct call *call, size_t question)
{
    struct report *report = call->report;
    struct dns_zone *zone = call->requests[question].zone;
    report->zones[question] = zone;
    if (zone != NULL) {
        free(report->answers[question]);
        report->answers[question] =
            xcalloc(zone->view.server_count + 1, sizeof(*report->answers[question]));
    }
}

static void
find_zones(struct call *call)
{
    dns_zones_find(call->authority->zones, &call->policy, call->requests, call->count,
                   share_of_time(call, ZONES_PERCENT));
    for (size_t i = 0; i < call->count; i++) {
        take_zone(call, i);
    }
}

static size_t
add_servers(struct call *call, size_t question, struct slot *slots, struct dns_exchange *exchanges)
{
    const struct dns_zone *zone = call->requests[question].zone;
    size_t count = 0;
    for (size_t i = 0; zone != NULL && i < zone->view.server_count; i++) {
        enum authority_reason reason = zone->view.servers[i].not_asked;
        call->report->answers[question][i] =
            (struct authority_answer){.outcome = AUTHORITY_NOT_ASKED, .reason = reason};
        if (reason != AUTHORITY_NO_REASON) {
            continue;
        }
        slots[count] = (struct slot){.call = call, .question = question, .server = i};
        exchanges[count] = (struct dns_exchange){
            .server = &zone->addresses[i],
            .question = &call->questions[question],
            .policy = &call->policy,
            .on_end = on_server,
            .context = &slots[count],
        };
        count++;
    }
    return count;
}

// The resolver and all servers at once.
static void
ask_all(struct call *call)
{
    size_t most = call->count; // one exchange with the resolver each
    for (size_t i = 0; i < call->count; i++) {
        const struct dns_zone *zone = call->requests[i].zone;
        most += zone == NULL ? 0 : zone->view.server_count;
    }
    AUTO_FREE struct slot *slots = xcalloc(most + 1, sizeof(*slots));
    AUTO_FREE struct dns_exchange *exchanges = xcalloc(most + 1, sizeof(*exchanges));
    size_t count = 0;
    for (; count < call->count; count++) {
        exchanges[count] = dns_lookup_exchange(&call->lookups[count]);
    }
    for (size_t i = 0; i < call->count; i++) {
        count += add_servers(call, i, slots + count, exchanges + count);
    }
    dns_exchange_run(exchanges, count, share_of_time(call, ANSWERS_PERCENT));
}

/* ---- a zone that is newer than what we know -------------------------------------------------- */

// Nobody answers for the name, and somebody refers to others.
static bool
is_referred(const struct call *call, size_t question)
{
    const struct dns_zone *zone = call->requests[question].zone;
    bool is_referred = false;
    for (size_t i = 0; zone != NULL && i < zone->view.server_count; i++) {
        const struct authority_answer *answer = &call->report->answers[question][i];
        if (authority_is_answer(answer->outcome)) {
            return false;
        }
        is_referred |= answer->reason == AUTHORITY_REFERRAL;
    }
    return is_referred;
}

static void
ask_again(struct call *call, const size_t *questions, size_t count)
{
    size_t most = 0;
    for (size_t i = 0; i < count; i++) {
        most += call->requests[questions[i]].zone->view.server_count;
    }
    AUTO_FREE struct slot *slots = xcalloc(most + 1, sizeof(*slots));
    AUTO_FREE struct dns_exchange *exchanges = xcalloc(most + 1, sizeof(*exchanges));
    size_t sent = 0;
    for (size_t i = 0; i < count; i++) {
        sent += add_servers(call, questions[i], slots + sent, exchanges + sent);
    }
    dns_exchange_run(exchanges, sent, share_of_time(call, ANSWERS_PERCENT));
}

// The resolver, or what we remember, may be of the time before a zone was delegated.
static void
follow_referrals(struct call *call)
{
    struct dns_zone_request *requests[AUTHORITY_QUESTIONS_MAX];
    const struct dns_zone *before[AUTHORITY_QUESTIONS_MAX];
    size_t questions[AUTHORITY_QUESTIONS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < call->count; i++) {
        if (is_referred(call, i)) {
            before[count] = call->requests[i].zone;
            requests[count] = &call->requests[i];
            questions[count++] = i;
        }
    }
    if (count == 0) {
        return;
    }
    dns_zones_descend(call->authority->zones, &call->policy, requests, count,
                      share_of_time(call, ZONES_PERCENT));
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        if (requests[i]->zone != before[i]) {
            take_zone(call, questions[i]);
            questions[found++] = questions[i];
        }
    }
    ask_again(call, questions, found);
}

/* ---- the resolver ---------------------------------------------------------------------------- */

// The resolver did not find this one.
static bool
is_from_parent(const struct call *call, size_t index)
{
    const struct dns_zone *zone = call->requests[index].zone;
    return zone != NULL && zone->view.is_from_parent;
}

// What did not find a zone will not soon find what is in it: it gets one short try. Nothing depends
// on it: the zone above has just told, so port 53 is not blocked.
static void
shorten_lookup(struct dns_lookup *lookup)
{
    struct dns_exchange_policy *policy = &lookup->policy;
    policy->tries = 1;
    policy->timeout_ms =
        policy->timeout_ms < AUTHORITY_SHORT_TRY_MS ? policy->timeout_ms : AUTHORITY_SHORT_TRY_MS;
}

static void
start_lookups(struct call *call)
{
    struct dns_resolver *resolver = dns_resolver_of(call->authority->settings.dns);
    call->lookups = xcalloc(call->count + 1, sizeof(*call->lookups));
    for (size_t i = 0; i < call->count; i++) {
        dns_lookup_init(&call->lookups[i], resolver, call->policy.budget, &call->questions[i].name,
                        call->questions[i].type);
        if (is_from_parent(call, i)) {
            shorten_lookup(&call->lookups[i]);
        }
    }
}

// But what a living server says is held against the resolver's word: then it gets its time.
static void
renew_lookup(struct call *call, size_t index)
{
    const struct authority_answer *answers = call->report->answers[index];
    struct dns_lookup *lookup = &call->lookups[index];
    if (!is_from_parent(call, index) || lookup->reply.status != DNS_TEMPORARY ||
        lookup->is_servfail) {
        return;
    }
    for (size_t i = 0; i < call->requests[index].zone->view.server_count; i++) {
        if (authority_is_answer(answers[i].outcome)) {
            dns_lookup_done(lookup);
            dns_lookup_init(lookup, lookup->resolver, call->policy.budget,
                            &call->questions[index].name, call->questions[index].type);
            return;
        }
    }
}

// The resolver's other servers, the rest of CNAME chains, and what it holds back for DNSSEC.
static void
finish_lookups(struct call *call)
{
    struct dns_lookup *lookups[AUTHORITY_QUESTIONS_MAX];
    struct dns_lookup *unchecked[AUTHORITY_QUESTIONS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < call->count; i++) {
        lookups[i] = &call->lookups[i];
        renew_lookup(call, i);
    }
    dns_lookup_all(lookups, call->count, call->deadline_ms);
    for (size_t i = 0; i < call->count; i++) {
        if (lookups[i]->is_servfail && lookups[i]->reply.status == DNS_TEMPORARY) {
            call->unchecked[i] = xcalloc(1, sizeof(*call->unchecked[i]));
            dns_lookup_init(call->unchecked[i], lookups[i]->resolver, call->policy.budget,
                            &call->questions[i].name, call->questions[i].type);
            call->unchecked[i]->question.is_unchecked = true;
            call->unchecked[i]->policy = lookups[i]->policy;
            unchecked[count++] = call->unchecked[i];
        }
    }
    dns_lookup_all(unchecked, count, call->deadline_ms);
}

static const struct dns_answer *
answer_of(struct dns_lookup *lookup)
{
    if (lookup->reply.unfinished) {
        dns_reply_fail(&lookup->reply, "the time allowed for the DNS is used up");
    }
    return dns_answer_new(&lookup->reply, lookup->question.type, 0);
}

static void
read_lookup(const struct call *call, size_t index, struct authority_resolver *out)
{
    struct dns_lookup *lookup = &call->lookups[index];
    out->answer = answer_of(lookup);
    out->error_code = -1;
    if (out->answer->status != DNS_TEMPORARY) {
        out->gone_at_wall_ms =
            out->answer->ttl == 0 ? 0 : clock_wall_ms() + 1000 * (int64_t)out->answer->ttl;
        return;
    }
    out->error_code = lookup->error.code;
    (void)snprintf(out->error_text, sizeof(out->error_text), "%s", lookup->error.text);
    struct dns_lookup *unchecked = call->unchecked[index];
    if (unchecked != NULL && unchecked->reply.status != DNS_TEMPORARY) {
        out->is_bogus = true;
        out->unchecked = answer_of(unchecked);
    }
}

static void
end_lookups(struct call *call)
{
    for (size_t i = 0; i < call->count; i++) {
        dns_lookup_done(&call->lookups[i]);
        if (call->unchecked[i] != NULL) {
            dns_lookup_done(call->unchecked[i]);
            free(call->unchecked[i]);
        }
    }
    free(call->lookups);
}

/* ---- is the way to the outside closed? ------------------------------------------------------- */

static bool
has_server_answered(const struct report *report)
{
    for (size_t i = 0; i < report->view.count; i++) {
        const struct dns_zone *zone = report->zones[i];
        for (size_t server = 0; zone != NULL && server < zone->view.server_count; server++) {
            enum authority_outcome outcome = report->answers[i][server].outcome;
            if (authority_is_answer(outcome) || outcome == AUTHORITY_LAME ||
                outcome == AUTHORITY_BROKEN) {
                return true;
            }
        }
    }
    return false;
}

static bool
has_resolver_answered(const struct report *report)
{
    for (size_t i = 0; i < report->view.count; i++) {
        if (report->results[i].resolver.answer->status != DNS_TEMPORARY) {
            return true;
        }
    }
    return false;
}

// The servers of one dead zone prove nothing: those of the zone above are asked too.
static bool
is_port_blocked(const struct call *call)
{
    struct authority *authority = call->authority;
    if (dns_cancel_is_thrown(authority->policy.cancel) || call->policy.budget->refused > 0) {
        return false; // what was not waited for, or not asked, proves nothing
    }
    int64_t now = clock_mono_ms();
    int64_t seen = atomic_load(&authority->answered_mono_ms);
    if (seen != 0 && now - seen < OUTSIDE_SEEN_MS) {
        return false;
    }
    int64_t deadline = now + PROBE_MS < call->deadline_ms ? now + PROBE_MS : call->deadline_ms;
    for (size_t i = 0; i < call->count; i++) {
        if (call->requests[i].zone != NULL) {
            return dns_zones_is_parent_silent(authority->zones, &call->policy,
                                              call->requests[i].zone, deadline);
        }
    }
    return false;
}

/* ---- the call -------------------------------------------------------------------------------- */

static void
free_call(struct call **call)
{
    free((*call)->requests);
    free((*call)->questions);
    free(*call);
}

static enum status
take_questions(struct call *call, const struct authority_question *questions, size_t count,
               struct why *why)
{
    if (count > AUTHORITY_QUESTIONS_MAX) {
        return why_set(why, ST_TOO_LARGE, "%zu questions; at most %d are asked at once", count,
                       AUTHORITY_QUESTIONS_MAX);
    }
    call->requests = xcalloc(count + 1, sizeof(*call->requests));
    call->questions = xcalloc(count + 1, sizeof(*call->questions));
    for (size_t i = 0; i < count; i++) {
        struct dns_name *name = &call->requests[i].name;
        if (!dns_name_parse(questions[i].name, name)) {
            return why_set(why, ST_INVALID, "'%.100s' is no DNS name", questions[i].name);
        }
        if (dns_name_labels(name) > AUTHORITY_LABELS_MAX) {
            return why_set(why, ST_INVALID, "'%.100s' has more than %d labels", questions[i].name,
                           AUTHORITY_LABELS_MAX);
        }
        call->questions[i] =
            (struct dns_question){.name = *name, .type = questions[i].type, .is_iterative = true};
    }
    call->count = count;
    return ST_OK;
}

static void
name_results(struct call *call)
{
    struct report *report = call->report;
    report->view.count = call->count;
    report->view.results = report->results;
    for (size_t i = 0; i < call->count; i++) {
        char text[DNS_NAME_TEXT_SIZE];
        dns_name_format(call->requests[i].name.wire, call->requests[i].name.length, text);
        report->names[i] = xstrdup(text);
        report->problems[i] = xstrdup(call->requests[i].problem);
        struct authority_result *result = &report->results[i];
        result->name = report->names[i];
        result->type = call->questions[i].type;
        result->zone = report->zones[i] == NULL ? NULL : &report->zones[i]->view;
        result->problem = report->problems[i];
        result->answers = report->answers[i];
    }
}

static void
ask_network(struct call *call)
{
    struct report *report = call->report;
    find_zones(call);
    start_lookups(call);
    ask_all(call);
    follow_referrals(call);
    finish_lookups(call);
    name_results(call);
    for (size_t i = 0; i < call->count; i++) {
        read_lookup(call, i, &report->results[i].resolver);
    }
    end_lookups(call);
    report->view.no_server_answered = !has_server_answered(report) && has_resolver_answered(report);
    report->view.is_port_blocked = report->view.no_server_answered && is_port_blocked(call);
}

static void
ask_fixture(struct call *call, const struct authority_question *questions)
{
    struct dns *dns = call->authority->settings.dns;
    for (size_t i = 0; i < call->count; i++) {
        (void)snprintf(call->requests[i].problem, sizeof(call->requests[i].problem),
                       "the DNS is a file: there are no servers");
    }
    name_results(call);
    for (size_t i = 0; i < call->count; i++) {
        struct dns_budget budget = {
            .deadline_mono_ms = call->deadline_ms, .queries_left = UINT16_MAX, .fresh = true};
        call->report->results[i].resolver = (struct authority_resolver){
            .answer = dns_get(dns, &budget, questions[i].name, questions[i].type),
            .error_code = -1,
        };
    }
    call->report->view.no_server_answered = true;
    call->report->view.is_port_blocked = true;
}

enum status
authority_ask(struct authority *authority, const struct authority_question *questions, size_t count,
              struct dns_budget *budget, struct authority_report **report_out, struct why *why)
{
    AUTO(free_call) struct call *call = xcalloc(1, sizeof(*call));
    call->authority = authority;
    call->policy = authority->policy;
    call->policy.budget = budget;
    call->deadline_ms = budget->deadline_mono_ms;
    enum status status = take_questions(call, questions, count, why);
    if (status != ST_OK) {
        return status;
    }
    call->report = xcalloc(1, sizeof(*call->report));
    if (dns_resolver_of(authority->settings.dns) == NULL) {
        ask_fixture(call, questions);
    } else {
        ask_network(call);
    }
    *report_out = &call->report->view;
    return ST_OK;
}
