// SPDX-License-Identifier: Apache-2.0
// The check as a whole: two rounds of questions, one judgement a server, and what they come to
// together.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/clock.h"
#include "common/id.h"
#include "common/xalloc.h"
#include "verifier/domain/check_run.h"

enum {
    FIRST_ROUND_MS = 7000, /* of CHECK_TIME_MS; dead servers use it up */
    SECOND_ROUND_MS = 11000
};

static const struct {
    check_judge *judge;
    bool by_answer_alone; /* equal answers of two servers mean the same */
} PURPOSES[] = {
    [PURPOSE_OWNERSHIP] = {check_ownership, false},
    [PURPOSE_SPF] = {check_spf, true},
    [PURPOSE_DKIM] = {check_dkim, false},
    [PURPOSE_DMARC] = {check_dmarc, true},
    [PURPOSE_MAIL_FROM_MX] = {check_mail_from_mx, true},
    [PURPOSE_MAIL_FROM_SPF] = {check_spf, true},
    [PURPOSE_INBOUND_MX] = {check_inbound_mx, true},
};

// ---- what to ask

static void
plan_records(struct check_run *run)
{
    const char *domain = run->subject->domain;
    check_want(run, DNS_TXT, "%s", domain);
    for (size_t i = 0; i < run->records->count; i++) {
        const struct domain_record *record = &run->records->items[i];
        check_want(run, record->type, "%s", record->name);
        if (record->purpose == PURPOSE_OWNERSHIP) {
            check_want(run, DNS_TXT, "%s", run->sibling);
        }
    }
}

// Below the domain a name of eight random characters: as short as "_mailspur", so that it fits.
static void
make_sibling(struct check_run *run)
{
    char token[TOKEN_SIZE];
    id_new_token(token);
    check_put(run->sibling, sizeof(run->sibling), "_%.8s.%s", token, run->subject->domain);
}

// ---- one record

static int
severity(enum record_status status)
{
    static const int ranks[] = {
        [RECORD_UNCHECKED] = 0,   [RECORD_UNKNOWN] = 0, [RECORD_FOUND] = 1,
        [RECORD_PROPAGATING] = 1, [RECORD_MISSING] = 2, [RECORD_WRONG] = 3,
        [RECORD_CONFLICT] = 4,
    };
    return ranks[status];
}

static bool
is_equal_answer(const struct check_word *a, const struct check_word *b)
{
    if (a->outcome != b->outcome || a->answer == NULL || b->answer == NULL ||
        a->answer->count != b->answer->count ||
        strcmp(a->answer->canonical, b->answer->canonical) != 0) {
        return false;
    }
    for (size_t i = 0; i < a->answer->count; i++) {
        const struct dns_record *one = &a->answer->records[i];
        const struct dns_record *two = &b->answer->records[i];
        if (one->length != two->length || one->preference != two->preference ||
            memcmp(one->data, two->data, one->length) != 0) {
            return false;
        }
    }
    return true;
}

/* The servers' judgements on one record, as they come in. */
struct tally {
    struct check_judgement *latest; /* room for the next */
    struct check_judgement *found;  /* the first of these two kinds; status UNCHECKED: none */
    struct check_judgement *bad;
    size_t found_count;
    size_t answered;
    size_t uncertain; /* answered, but what it comes to is not known */
};

static void
swap(struct check_judgement **a, struct check_judgement **b)
{
    struct check_judgement *kept = *a;
    *a = *b;
    *b = kept;
}

static void
reset(struct check_judgement *judgement)
{
    judgement->status = RECORD_UNCHECKED;
    judgement->observed[0] = '\0';
    judgement->value[0] = '\0';
    judgement->finding_count = 0;
    judgement->ttl = 0;
}

static enum record_status
judge(const struct check_view *view, const struct domain_record *record,
      const struct check_word *word, struct check_judgement *out)
{
    reset(out);
    if (word->answer == NULL) {
        out->status = RECORD_UNKNOWN;
        return RECORD_UNKNOWN;
    }
    PURPOSES[record->purpose].judge(view, record, word, out);
    out->ttl = word->answer->ttl;
    return out->status;
}

static void
count_judgement(struct tally *tally, enum record_status status)
{
    tally->answered++;
    if (status == RECORD_FOUND) {
        tally->found_count++;
        if (tally->found->status == RECORD_UNCHECKED) {
            swap(&tally->found, &tally->latest);
        }
    } else if (status == RECORD_UNKNOWN) {
        tally->uncertain++;
    } else if (severity(status) > severity(tally->bad->status)) {
        swap(&tally->bad, &tally->latest);
    }
}

// As the server before, if it said the same.
static enum record_status
judge_server(const struct check_view *view, const struct domain_record *record,
             const struct check_word *word, struct tally *tally, const struct check_word *earlier,
             enum record_status earlier_status)
{
    if (earlier != NULL && PURPOSES[record->purpose].by_answer_alone &&
        is_equal_answer(word, earlier)) {
        return earlier_status;
    }
    return judge(view, record, word, tally->latest);
}

static void
put_server(const struct check_view *view, const struct authority_answer *answer,
           enum record_status status, struct domain_record *record)
{
    char detail[RECORD_DETAIL_SIZE] = "";
    if (answer != NULL && !authority_is_answer(answer->outcome)) {
        const char *reason = authority_reason_name(answer->reason);
        CHECK_SAY(detail, "%s%s%s", authority_outcome_name(answer->outcome),
                  reason[0] == '\0' ? "" : ": ", reason);
    }
    record_add_server(record, view->server == NULL ? "resolver" : view->server->name,
                      view->server == NULL ? "" : view->server->address, status, detail);
}

static void
ask_servers(struct check_view *view, const struct authority_result *result,
            struct domain_record *record, struct tally *tally)
{
    struct check_word earlier = {.is_asked = false};
    enum record_status status = RECORD_UNKNOWN;
    size_t count = view->run->resolver_only ? 1
                   : result->zone == NULL   ? 0
                                            : result->zone->server_count;
    view->zone = result->zone;
    for (size_t i = 0; i < count; i++) {
        view->server = view->run->resolver_only ? NULL : &result->zone->servers[i];
        struct check_word word = check_look(view, record->name, record->type);
        if (word.answer == NULL) {
            put_server(view, view->server == NULL ? NULL : &result->answers[i], RECORD_UNKNOWN,
                       record);
            continue;
        }
        bool is_first = earlier.answer == NULL;
        status = judge_server(view, record, &word, tally, is_first ? NULL : &earlier, status);
        put_server(view, view->server == NULL ? NULL : &result->answers[i], status, record);
        count_judgement(tally, status);
        earlier = word;
    }
}

static enum record_status
sum_up(const struct tally *tally)
{
    if (tally->answered == 0 || (tally->uncertain > 0 && tally->found_count == 0)) {
        return RECORD_UNKNOWN;
    }
    if (tally->found_count + tally->uncertain == tally->answered) {
        return tally->uncertain == 0 ? RECORD_FOUND : RECORD_UNKNOWN;
    }
    return tally->found_count > 0 ? RECORD_PROPAGATING : tally->bad->status;
}

static void
take_judgement(struct domain_record *record, const struct check_judgement *judgement)
{
    CHECK_SAY(record->observed, "%s", judgement->observed);
    record->observed_ttl = judgement->ttl;
    if (judgement->value[0] != '\0') {
        CHECK_SAY(record->value, "%s", judgement->value);
    }
    for (size_t i = 0; i < judgement->finding_count; i++) {
        check_add(record, judgement->findings[i]);
    }
}

static void
say_propagating(struct domain_record *record)
{
    struct finding_draft finding = {.code = FINDING_PROPAGATING};
    char without[200] = "";
    for (size_t i = 0; i < record->server_count; i++) {
        const struct record_server *server = &record->servers[i];
        size_t used = strlen(without);
        if (server->status != RECORD_FOUND && server->status != RECORD_UNKNOWN) {
            check_put(without + used, sizeof(without) - used, "%s%s", used == 0 ? "" : ", ",
                      server->name);
        }
    }
    CHECK_SAY(finding.problem, "%zu of the %zu servers that answered have %s; not yet: %s.",
              record->servers_found, record->servers_answered, record->name, without);
    CHECK_SAY(finding.cure, "Wait: the servers of a zone take a change over within minutes. If it "
                            "stays so, have the DNS host bring these servers up to date.");
    check_add(record, &finding);
}

static void
say_unknown(const struct authority_result *result, struct domain_record *record)
{
    if (result == NULL || result->zone != NULL) {
        return; // the zone's own findings say it
    }
    struct finding_draft finding = {.code = FINDING_NO_ANSWER};
    CHECK_SAY(finding.problem, "The servers of %s could not be found: %s.", record->name,
              result->problem);
    CHECK_SAY(finding.cure, "Nothing changed. Check again later; if it stays so, look at the "
                            "delegation of the domain and at the resolver of this host.");
    check_add(record, &finding);
}

static void
format_time(int64_t wall_ms, char *out, size_t size)
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm parts;
    if (gmtime_r(&seconds, &parts) == NULL ||
        strftime(out, size, "%Y-%m-%d %H:%M:%S UTC", &parts) == 0) {
        out[0] = '\0';
    }
}

// The zone has it; does our resolver still know an older answer?
static void
check_stale(struct check_view *view, const struct authority_result *result,
            struct domain_record *record, struct tally *tally)
{
    char until[40];
    if (result == NULL || view->run->resolver_only || result->resolver.gone_at_wall_ms == 0) {
        return;
    }
    view->server = NULL;
    struct check_word word = check_look(view, record->name, record->type);
    if (word.answer == NULL) {
        return;
    }
    enum record_status status = judge(view, record, &word, tally->latest);
    if (status == RECORD_FOUND || status == RECORD_UNKNOWN) {
        return;
    }
    record->stale_until = result->resolver.gone_at_wall_ms;
    format_time(record->stale_until, until, sizeof(until));
    struct finding_draft finding = {.code = FINDING_STALE_CACHE, .advice = true};
    CHECK_SAY(finding.problem,
              "The zone has %s as wanted, but resolvers may still answer with "
              "what was there before, until %s at the latest.",
              record->name, until);
    CHECK_SAY(finding.cure, "Nothing is to be done: wait until %s.", until);
    check_add(record, &finding);
}

static void
check_record(struct check_run *run, struct domain_record *record, struct tally *tally)
{
    const struct authority_result *result = check_result(run, record->name, record->type);
    struct check_view view = {.run = run};
    record_forget(record);
    reset(tally->found);
    reset(tally->bad);
    tally->found_count = tally->answered = tally->uncertain = 0;
    if (result != NULL) {
        ask_servers(&view, result, record, tally);
    }
    record->status = sum_up(tally);
    record->servers_found = tally->found_count;
    record->servers_answered = tally->answered;
    if (record->status == RECORD_PROPAGATING) {
        say_propagating(record);
    }
    if (record->status == RECORD_UNKNOWN) {
        say_unknown(result, record);
        return;
    }
    bool is_there = tally->found_count > 0;
    take_judgement(record, is_there ? tally->found : tally->bad);
    if (record->status == RECORD_FOUND) {
        check_stale(&view, result, record, tally);
    }
}

// ---- all records

static bool
needs_diagnosis(const struct domain_record *record)
{
    return record->status == RECORD_MISSING || record->status == RECORD_WRONG;
}

// With what the second round told. What was known before it stays known, whoever answers no more.
static void
check_again(struct check_run *run, struct domain_record *record, struct tally *tally)
{
    struct domain_record before = *record;
    record->servers = NULL; // now those of `before`
    record->server_count = 0;
    record->findings = NULL;
    record->finding_count = 0;
    check_record(run, record, tally);
    if (record->status == RECORD_UNKNOWN) {
        record_forget(record);
        *record = before;
    } else {
        record_forget(&before);
    }
}

static void
check_all(struct check_run *run, bool again)
{
    struct check_judgement room[3] = {{.status = RECORD_UNCHECKED}};
    struct tally tally = {.latest = &room[0], .found = &room[1], .bad = &room[2]};
    for (size_t i = 0; i < run->records->count; i++) {
        struct domain_record *record = &run->records->items[i];
        if (!again) {
            check_record(run, record, &tally);
        } else if (needs_diagnosis(record)) {
            check_again(run, record, &tally);
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(room); i++) {
        check_judgement_done(&room[i]);
    }
}

static void
put_detail(const struct domain_record *record, struct check_summary *summary)
{
    if (summary->detail[0] != '\0' || record->status == RECORD_FOUND) {
        return;
    }
    CHECK_SAY(summary->detail, "%s %s: %s", dns_type_name(record->type), record->name,
              record->finding_count > 0 ? record->findings[0].problem
                                        : record_status_name(record->status));
}

static void
summarise(const struct check_run *run, struct check_summary *out)
{
    bool has_ownership = false;
    *out = (struct check_summary){.ownership = CHECK_PASS, .required = CHECK_PASS};
    for (size_t i = 0; i < run->records->count; i++) {
        const struct domain_record *record = &run->records->items[i];
        enum check_outcome outcome = check_outcome_of(record->status);
        if (record->needed_for == RECORD_FOR_OWNERSHIP) {
            has_ownership = true;
            out->ownership = check_outcome_worse(out->ownership, outcome);
        }
        if (record->required) {
            out->required = check_outcome_worse(out->required, outcome);
            put_detail(record, out);
        }
    }
    if (!has_ownership) {
        out->ownership = CHECK_UNKNOWN;
    }
    if (run->records->count == 0) {
        out->required = CHECK_UNKNOWN;
    }
    out->resolver_only = run->resolver_only;
    const struct authority_result *apex = check_result(run, run->subject->domain, DNS_TXT);
    if (apex != NULL && apex->zone != NULL && !check_is_domain_gone(run)) {
        CHECK_SAY(out->zone, "%s", apex->zone->name);
    }
}

void
check_records(const struct check_asker *asker, struct dns *dns, const struct check_subject *subject,
              struct domain_records *records, struct check_summary *summary_out)
{
    int64_t now = clock_mono_ms();
    AUTO_FREE struct check_run *run = xcalloc(1, sizeof(*run));
    run->asker = asker;
    run->dns = dns;
    run->subject = subject;
    run->records = records;
    run->budget = (struct dns_budget){
        .deadline_mono_ms = now + CHECK_TIME_MS, .queries_left = CHECK_LOOKUPS_MAX, .fresh = true};
    run->asking = (struct dns_budget){.deadline_mono_ms = now + FIRST_ROUND_MS,
                                      .queries_left = CHECK_QUERIES_MAX - CHECK_LOOKUPS_MAX};
    make_sibling(run);
    plan_records(run);
    check_ask(run);
    check_all(run, false);
    for (size_t i = 0; i < records->count; i++) {
        if (needs_diagnosis(&records->items[i])) {
            check_plan_mistakes(run, &records->items[i]);
        }
    }
    run->asking.deadline_mono_ms = now + SECOND_ROUND_MS;
    check_ask(run);
    check_all(run, true);
    check_zone(run);
    check_roles(run);
    summarise(run, summary_out);
    for (size_t i = 0; i < run->report_count; i++) {
        run->asker->release(run->reports[i]);
    }
    free(run->questions);
}
