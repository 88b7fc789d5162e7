// SPDX-License-Identifier: Apache-2.0
// The DMARC policy of a domain: one valid record, as strict as wanted, its own or inherited
// (RFC 9989), and reports that arrive.
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/xalloc.h"
#include "verifier/domain/check_run.h"
#include "verifier/domain/dmarc_mend.h"
#include "verifier/message/dmarc_discovery.h"
#include "verifier/message/tag_list.h"

enum { REPORTS_MAX = 8 /* addresses of rua= that are looked at */ };

static const char *const KNOWN_TAGS[] = {"v",    "p",   "sp",  "np", "psd", "t",  "adkim",
                                         "aspf", "rua", "ruf", "fo", "rf",  "ri", "pct"};

struct dmarc_texts {
    const struct dns_record *valid; /* the first */
    size_t valid_count;
    const struct dns_record *strictest; /* of the valid ones */
    const struct dns_record *meant;     /* the first that was meant to be one */
    struct dmarc_record record;         /* of `valid` */
};

static bool
is_meant(const struct dns_record *seen)
{
    char head[32];
    check_put(head, sizeof(head), "%.*s", seen->length < 31 ? (int)seen->length : 31, seen->data);
    return strcasestr(head, "dmarc") != NULL;
}

// ---- how strict

static enum dmarc_action
action_from_name(const char *name)
{
    if (strcasecmp(name, "reject") == 0) {
        return DMARC_ACTION_REJECT;
    }
    return strcasecmp(name, "quarantine") == 0 ? DMARC_ACTION_QUARANTINE : DMARC_ACTION_NONE;
}

static unsigned
strictness(enum dmarc_action action, bool is_testing)
{
    unsigned strict = action == DMARC_ACTION_REJECT ? 2 : action == DMARC_ACTION_QUARANTINE ? 1 : 0;
    return is_testing && strict > 0 ? strict - 1 : strict; // t=y is one level less
}

// ---- which records there are

static struct dmarc_texts
collect(const struct dns_answer *answer)
{
    struct dmarc_texts texts = {.valid_count = 0};
    unsigned strict = 0;
    for (size_t i = 0; answer->status == DNS_OK && i < answer->count; i++) {
        const struct dns_record *seen = &answer->records[i];
        struct dmarc_record record;
        if (dmarc_record_parse(seen->data, seen->length, &record) == ST_OK) {
            if (texts.strictest == NULL || strictness(record.policy, record.testing) > strict) {
                texts.strictest = seen;
                strict = strictness(record.policy, record.testing);
            }
            if (texts.valid_count++ == 0) {
                texts.valid = seen;
                texts.record = record;
            }
        } else if (texts.meant == NULL && is_meant(seen)) {
            texts.meant = seen;
        }
    }
    return texts;
}

bool
check_dmarc_resembles(const struct domain_record *record, const struct dns_answer *answer)
{
    struct dmarc_texts texts = collect(answer);
    (void)record;
    return texts.valid_count > 0 || texts.meant != NULL;
}

// ---- syntax

// The record to have in the end: that of the domain mended, else the profile's.
static const char *
mend(const struct domain_record *record, const struct dns_record *seen, struct check_judgement *out)
{
    if (!dmarc_mend(seen->data, seen->length, record->value, out->value)) {
        out->value[0] = '\0';
    }
    return check_value(record, out);
}

static void
put_replace(const struct domain_record *record, const struct dns_record *seen,
            struct check_judgement *out, struct finding_draft *finding)
{
    CHECK_SAY(finding->cure, "Replace the TXT at %s by this one: %s", record->name,
              mend(record, seen, out));
}

static void
explain_version(const char *text, size_t length, char *out, size_t size)
{
    struct tag_list list;
    struct why why = {.text = ""};
    if (tag_list_parse(text, length, TAG_LIST_LENIENT, &list, &why) != ST_OK) {
        check_text_format(why.text, strlen(why.text), out, size);
        return;
    }
    const struct tag *version = tag_list_find(&list, "v");
    if (version == NULL) {
        check_put(out, size, "it does not begin with \"v=DMARC1;\"");
    } else if (version != &list.tags[0]) {
        check_put(out, size, "the tag v has to come first");
    } else if (tag_is_word(version, "DMARC1")) {
        check_put(out, size, "the tag v has to be DMARC1 in capital letters, first of all");
    } else if (version->value_length > 6 && strncasecmp(version->value, "DMARC1", 6) == 0) {
        check_put(out, size,
                  "there is no semicolon behind v=DMARC1: the tags are separated by semicolons");
    } else {
        check_put(out, size, "the tag v is not DMARC1");
    }
}

static void
judge_meant(const struct check_view *view, const struct domain_record *record,
            const struct dns_record *seen, struct check_judgement *out)
{
    char problem[200];
    out->status = RECORD_WRONG;
    check_text_format(seen->data, seen->length, out->observed, sizeof(out->observed));
    if (check_mangled(view, record, seen->data, seen->length, out)) {
        return;
    }
    explain_version(seen->data, seen->length, problem, sizeof(problem));
    struct finding_draft *finding = check_find(out, FINDING_DMARC_SYNTAX, false);
    CHECK_SAY(finding->problem, "\"%.120s\" at %s is no DMARC record: %s.", out->observed,
              record->name, problem);
    put_replace(record, seen, out, finding);
}

static bool
is_action(const struct tag *tag)
{
    return tag_is_word(tag, "none") || tag_is_word(tag, "quarantine") || tag_is_word(tag, "reject");
}

// The policy tags. True: one is missing or bad, so that the record is taken as p=none or as none.
static bool
say_bad_policy(const struct domain_record *record, const struct dns_record *seen,
               const struct tag_list *list, struct check_judgement *out)
{
    static const char *const TAGS[] = {"p", "sp", "np"};
    for (size_t i = 0; i < ARRAY_LEN(TAGS); i++) {
        const struct tag *tag = tag_list_find(list, TAGS[i]);
        if (tag == NULL ? i > 0 : is_action(tag)) {
            continue;
        }
        struct finding_draft *finding = check_find(out, FINDING_DMARC_SYNTAX, false);
        if (tag == NULL) {
            CHECK_SAY(finding->problem, "The DMARC record at %s has no tag p.", record->name);
        } else {
            char value[64];
            check_text_format(tag->value, tag->value_length, value, sizeof(value));
            CHECK_SAY(finding->problem,
                      "The tag %s=%s of the DMARC record at %s is none of none, quarantine, "
                      "reject.",
                      TAGS[i], value, record->name);
        }
        put_replace(record, seen, out, finding);
        return true;
    }
    return false;
}

static bool
is_known(const struct tag *tag)
{
    for (size_t i = 0; i < ARRAY_LEN(KNOWN_TAGS); i++) {
        if (strlen(KNOWN_TAGS[i]) == tag->name_length &&
            memcmp(KNOWN_TAGS[i], tag->name, tag->name_length) == 0) {
            return true;
        }
    }
    return false;
}

// What receivers pass over, and the owner most likely did not mean.
static void
say_ignored(const struct domain_record *record, const struct dns_record *seen,
            const struct tag_list *list, struct check_judgement *out)
{
    struct tag_list strict;
    struct why why = {.text = ""};
    for (size_t i = 0; i < list->count; i++) {
        if (!is_known(&list->tags[i])) {
            char name[40];
            check_text_format(list->tags[i].name, list->tags[i].name_length, name, sizeof(name));
            struct finding_draft *finding = check_find(out, FINDING_DMARC_SYNTAX, true);
            CHECK_SAY(finding->problem,
                      "The tag %s of the DMARC record at %s is not known and is "
                      "ignored.",
                      name, record->name);
            CHECK_SAY(finding->cure, "Remove it or mend its name. Known are v, p, sp, np, rua, "
                                     "ruf, adkim, aspf, fo, t and psd.");
            return;
        }
    }
    if (tag_list_parse(seen->data, seen->length, TAG_LIST_STRICT, &strict, &why) != ST_OK) {
        struct finding_draft *finding = check_find(out, FINDING_DMARC_SYNTAX, true);
        CHECK_SAY(finding->problem, "A part of the DMARC record at %s is ignored: %s.",
                  record->name, why.text);
        CHECK_SAY(finding->cure, "Write every part as tag=value, with semicolons between them.");
    }
}

// ---- reports

struct report_address {
    char address[ADDRESS_MAX + 1];
    char shown[ADDRESS_MAX + 1]; /* for sentences: printable */
    char domain[DOMAIN_NAME_SIZE];
};

// The mail address of one URI of rua=; false when it is none.
static bool
read_report(const char *uri, struct report_address *out)
{
    static const char SCHEME[] = "mailto:";
    struct address address;
    while (*uri == ' ' || *uri == '\t') {
        uri++;
    }
    if (strncasecmp(uri, SCHEME, sizeof(SCHEME) - 1) != 0) {
        return false;
    }
    uri += sizeof(SCHEME) - 1;
    check_put(out->address, sizeof(out->address), "%.*s", (int)strcspn(uri, "! \t?"), uri);
    if (address_parse(out->address, &address, NULL) != ST_OK || address.domain[0] == '\0') {
        return false;
    }
    memcpy(out->domain, address.domain, sizeof(out->domain));
    check_text_format(out->address, strlen(out->address), out->shown, sizeof(out->shown));
    return true;
}

static bool
is_same_organisation(const struct check_view *view, const char *other)
{
    char ours[DOMAIN_NAME_SIZE];
    char theirs[DOMAIN_NAME_SIZE];
    struct check_run *run = view->run;
    const char *domain = run->subject->domain;
    if (check_is_within(other, domain) || check_is_within(domain, other)) {
        return true;
    }
    return dmarc_org_domain(run->dns, &run->budget, DMARC_DISCOVERY_PSL, domain, ours) == ST_OK &&
           dmarc_org_domain(run->dns, &run->budget, DMARC_DISCOVERY_PSL, other, theirs) == ST_OK &&
           strcmp(ours, theirs) == 0;
}

static bool
has_authorisation(const struct dns_answer *answer)
{
    for (size_t i = 0; answer->status == DNS_OK && i < answer->count; i++) {
        if (answer->records[i].length >= 8 &&
            strncasecmp(answer->records[i].data, "v=DMARC1", 8) == 0) {
            return true;
        }
    }
    return false;
}

// Reports go outside the organisation only where the receiver agreed (RFC 9990; RFC 7489, 7.1).
static void
check_authorisation(const struct check_view *view, const struct report_address *report,
                    struct check_judgement *out)
{
    char name[2 * DOMAIN_NAME_SIZE + 16];
    const char *domain = view->run->subject->domain;
    check_put(name, sizeof(name), "%s._report._dmarc.%s", domain, report->domain);
    AUTO_ANSWER *answer = check_lookup(view, name, DNS_TXT);
    if (answer->status == DNS_TEMPORARY || has_authorisation(answer)) {
        return;
    }
    struct finding_draft *finding = check_find(out, FINDING_DMARC_REPORT_NOT_AUTHORISED, true);
    CHECK_SAY(finding->problem,
              "Reports go to %s outside %s, but %s does not say that it takes them: nobody will "
              "send any.",
              report->shown, domain, report->domain);
    CHECK_SAY(finding->cure, "Have the owner of %s publish TXT %s with this value: v=DMARC1",
              report->domain, name);
}

static bool
is_inbound(const struct check_view *view)
{
    const struct domain_records *records = view->run->records;
    for (size_t i = 0; i < records->count; i++) {
        if (records->items[i].purpose == PURPOSE_INBOUND_MX) {
            return true;
        }
    }
    return false;
}

static void
check_route(const struct check_view *view, const struct report_address *report,
            struct check_judgement *out)
{
    const struct check_subject *subject = view->run->subject;
    if (!is_inbound(view) || subject->takes_mail_for == NULL ||
        subject->takes_mail_for(subject->context, report->address)) {
        return;
    }
    struct finding_draft *finding = check_find(out, FINDING_DMARC_REPORT_NO_ROUTE, true);
    CHECK_SAY(finding->problem, "Reports go to %s, but no route of %s takes mail for it.",
              report->shown, subject->domain);
    CHECK_SAY(finding->cure,
              "Add a route for %s to the domain's file, or name another address in "
              "rua=.",
              report->shown);
}

static void
check_report(const struct check_view *view, const struct domain_record *record, const char *uri,
             struct check_judgement *out)
{
    struct report_address report;
    if (!read_report(uri, &report)) {
        char shown[80];
        check_text_format(uri, strlen(uri), shown, sizeof(shown));
        struct finding_draft *finding = check_find(out, FINDING_DMARC_SYNTAX, true);
        CHECK_SAY(finding->problem,
                  "\"%s\" in the tag rua at %s is no mailto: address: it gets no "
                  "reports.",
                  shown, record->name);
        CHECK_SAY(finding->cure, "Write it as rua=mailto:name@domain.");
    } else if (strcasecmp(report.domain, view->run->subject->domain) == 0) {
        check_route(view, &report, out);
    } else if (!is_same_organisation(view, report.domain)) {
        check_authorisation(view, &report, out);
    }
}

static void
check_reports(const struct check_view *view, const struct domain_record *record,
              const struct tag_list *list, struct check_judgement *out)
{
    const struct tag *reports = tag_list_find(list, "rua");
    if (reports == NULL) {
        return;
    }
    AUTO_FREE char *text = xmemdup(reports->value, reports->value_length);
    char *save = NULL;
    char *uri = strtok_r(text, ",", &save);
    for (size_t i = 0; uri != NULL && i < REPORTS_MAX; i++) {
        check_report(view, record, uri, out);
        uri = strtok_r(NULL, ",", &save);
    }
}

// ---- own record

static void
judge_strictness(const struct domain_record *record, const struct dmarc_texts *texts,
                 struct check_judgement *out)
{
    const struct dmarc_record *seen = &texts->record;
    enum dmarc_action wanted = action_from_name(record->wanted);
    if (strictness(seen->policy, seen->testing) >= strictness(wanted, false)) {
        out->status = RECORD_FOUND;
        check_put(out->value, sizeof(out->value), "%s", out->observed);
        return;
    }
    out->status = RECORD_WRONG;
    struct finding_draft *finding = check_find(out, FINDING_DMARC_WEAKER, false);
    CHECK_SAY(finding->problem,
              "The DMARC record at %s says p=%s%s, which is less than the wanted "
              "p=%s.",
              record->name, dmarc_action_name(seen->policy), seen->testing ? " with t=y" : "",
              dmarc_action_name(wanted));
    put_replace(record, texts->valid, out, finding);
}

static void
judge_own(const struct check_view *view, const struct domain_record *record,
          const struct dmarc_texts *texts, struct check_judgement *out)
{
    struct tag_list list;
    const struct dns_record *seen = texts->valid;
    check_text_format(seen->data, seen->length, out->observed, sizeof(out->observed));
    if (tag_list_parse(seen->data, seen->length, TAG_LIST_LENIENT, &list, NULL) != ST_OK) {
        out->status = RECORD_WRONG; // it was read before: cannot be
        return;
    }
    if (say_bad_policy(record, seen, &list, out)) {
        out->status = RECORD_WRONG;
    } else {
        judge_strictness(record, texts, out);
        say_ignored(record, seen, &list, out);
    }
    check_reports(view, record, &list, out);
}

static void
judge_several(const struct domain_record *record, const struct dmarc_texts *texts,
              struct check_judgement *out)
{
    out->status = RECORD_CONFLICT;
    check_text_format(texts->valid->data, texts->valid->length, out->observed,
                      sizeof(out->observed));
    struct finding_draft *finding = check_find(out, FINDING_DMARC_TWO_RECORDS, false);
    CHECK_SAY(finding->problem,
              "There are %zu DMARC records at %s; receivers take that as none at all.",
              texts->valid_count, record->name);
    CHECK_SAY(finding->cure, "Remove all of them but one: %s", mend(record, texts->strictest, out));
}

// ---- inherited

static void
judge_inherited(const struct check_view *view, const struct domain_record *record,
                struct check_judgement *out)
{
    struct dmarc_walk walk = {.count = 0};
    struct check_run *run = view->run;
    const char *domain = run->subject->domain;
    const char *dot = strchr(domain, '.');
    if (dot != NULL) {
        dmarc_discover(run->dns, &run->budget, DMARC_DISCOVERY_TREEWALK, dot + 1, &walk);
    }
    const struct dmarc_step *org = walk.org_step;
    if (org == NULL || !org->has_record || !org->record.has_policy) {
        check_missing(view, record, out);
        if (walk.failed && out->status == RECORD_MISSING) {
            out->status = RECORD_UNKNOWN; // the parent may have one
            out->finding_count = 0;
        }
        return;
    }
    enum dmarc_action wanted = action_from_name(record->wanted);
    enum dmarc_action policy = org->record.subdomain_policy;
    bool is_enough = strictness(policy, org->record.testing) >= strictness(wanted, false);
    CHECK_SAY(out->observed, "inherited from _dmarc.%s: %s", org->name, dmarc_action_name(policy));
    out->status = is_enough ? RECORD_FOUND : RECORD_WRONG;
    struct finding_draft *finding =
        check_find(out, is_enough ? FINDING_DMARC_INHERITED : FINDING_DMARC_WEAKER, is_enough);
    CHECK_SAY(finding->problem,
              "%s has no DMARC record of its own; the one of %s counts, with the policy %s for "
              "names below it.",
              domain, org->name, dmarc_action_name(policy));
    check_put_publish(view, record, record->value, finding->cure, sizeof(finding->cure));
}

void
check_dmarc(const struct check_view *view, const struct domain_record *record,
            const struct check_word *word_in, struct check_judgement *out)
{
    struct check_word word = *word_in;
    AUTO_ANSWER *followed = NULL;
    check_follow(view, DNS_TXT, &word, &followed);
    if (word.answer == NULL) {
        out->status = RECORD_UNKNOWN;
        return;
    }
    struct dmarc_texts texts = collect(word.answer);
    if (texts.valid_count > 1) {
        judge_several(record, &texts, out);
    } else if (texts.valid_count == 1) {
        judge_own(view, record, &texts, out);
    } else if (texts.meant != NULL) {
        judge_meant(view, record, texts.meant, out);
    } else {
        judge_inherited(view, record, out);
    }
}
