// SPDX-License-Identifier: Apache-2.0
// One check while it runs: what it asks, what it heard, and what it makes of it. For the files of
// the check (check_*.c) only.
#ifndef VERIFIER_DOMAIN_CHECK_RUN_H
#define VERIFIER_DOMAIN_CHECK_RUN_H

#include "common/attrs.h"
#include "verifier/domain/check.h"

enum {
    CHECK_QUESTIONS_MAX = 96, /* of one round; more are not asked */
    CHECK_REPORTS_MAX = 8,    /* of all rounds */
    CHECK_LOOKUPS_MAX = 200,  /* of CHECK_QUERIES_MAX, kept for SPF trees, DKIM keys, reports */
    CHECK_TXT_MAX = 4096      /* bytes of a TXT record that are looked at */
};

/** Who is asked: the authority; tests put a script here. As authority_ask, its context first. */
struct check_asker {
    enum status (*ask)(void *context, const struct authority_question *questions, size_t count,
                       struct dns_budget *budget, struct authority_report **report_out,
                       struct why *why);
    void (*release)(struct authority_report *report);
    void *context;
};

struct check_question {
    char name[DOMAIN_NAME_SIZE];
    enum dns_type type;
};

struct check_run {
    const struct check_asker *asker;
    struct dns *dns;
    struct dns_budget budget; /* of what others publish: SPF trees and the like */
    struct dns_budget asking; /* of the two rounds */
    int64_t deadline_mono_ms;
    const struct check_subject *subject;
    struct domain_records *records;
    char sibling[DOMAIN_NAME_SIZE]; /* a name beside the ownership TXT that nobody published */
    bool resolver_only;
    size_t question_count;            /* of the next round */
    struct check_question *questions; /* owned, as many as there are */
    size_t report_count;
    struct authority_report *reports[CHECK_REPORTS_MAX];
};

/** Put a question on the list of the next round, unless it was asked or cannot be asked. */
void check_want(struct check_run *run, enum dns_type type, const char *format, ...)
    PRINTF_LIKE(3, 4);

/** Ask what is on the list, until `asking` ends. */
void check_ask(struct check_run *run);

/** What was heard for a question; NULL: it was not asked. */
const struct authority_result *check_result(const struct check_run *run, const char *name,
                                            enum dns_type type);

/** One server's side of things; `server` NULL: our resolver's. */
struct check_view {
    struct check_run *run;
    const struct authority_zone *zone; /* of the record; NULL: not found */
    const struct authority_server *server;
};

/** What one server says. */
struct check_word {
    bool is_asked; /* and there is something to tell */
    enum authority_outcome outcome;
    const struct dns_answer *answer; /* of an outcome that is an answer; else NULL */
};

/** The view's own word on a question; another zone's first server speaks for that zone. */
struct check_word check_look(const struct check_view *view, const char *name, enum dns_type type);

/**
 * Where a CNAME leads out of the zone: our resolver's answer for its target takes the place of the
 * word.
 *
 * @answer_out  to be released after the word's last use; untouched where there is no CNAME
 */
void check_follow(const struct check_view *view, enum dns_type type, struct check_word *word,
                  const struct dns_answer **answer_out);

/** Our resolver's answer for a name of somebody else. Never NULL; dns_answer_release. */
const struct dns_answer *check_lookup(const struct check_view *view, const char *name,
                                      enum dns_type type);

/** What a server's (or the resolver's) answer means for one record. */
struct check_judgement {
    enum record_status status;
    char observed[RECORD_OBSERVED_SIZE];
    uint32_t ttl;
    char value[RECORD_VALUE_SIZE]; /* what to have in the end; "": as it was */
    size_t finding_count;
    /* Made as they are needed, and used again; the last one is for what is too much. */
    struct finding_draft *findings[RECORD_FINDINGS_MAX + 1];
};

/** A judgement of nothing but zeros owns nothing; this leaves it so. */
void check_judgement_done(struct check_judgement *judgement);

/** A new finding, to be filled with check_put. The judgement's. */
struct finding_draft *check_find(struct check_judgement *judgement, enum finding_code code,
                                 bool advice);

/** As snprintf; what does not fit is cut. */
void check_put(char *out, size_t size, const char *format, ...) PRINTF_LIKE(3, 4);

/** Set problem or cure of a draft, or another array. */
#define CHECK_SAY(array, ...)                                                                      \
    do {                                                                                           \
        _Static_assert(!__builtin_types_compatible_p(__typeof__(array), __typeof__(&(array)[0])),  \
                       "not a pointer: its size would not be known");                              \
        check_put((array), sizeof(array), __VA_ARGS__);                                            \
    } while (0)

/** Add a finding to the record itself, if there is room. */
void check_add(struct domain_record *record, const struct finding_draft *draft);

/** "Publish TXT _dmarc.example.com (host part: _dmarc) with exactly this value: ..." */
void check_put_publish(const struct check_view *view, const struct domain_record *record,
                       const char *value, char *out, size_t size);

/** The value from the judgement if there is a new one, else the record's. */
const char *check_value(const struct domain_record *record,
                        const struct check_judgement *judgement);

/** True if the name is the parent or stands below it; both lower case, without final dot. */
bool check_is_within(const char *name, const char *parent);

/** The labels in front of the domain, without the dot: "_dmarc"; "" for the domain itself. */
void check_labels(const struct domain_record *record, const char *domain,
                  char out[RECORD_NAME_SIZE]);

// ---- one file for each of these

typedef void check_judge(const struct check_view *view, const struct domain_record *record,
                         const struct check_word *word, struct check_judgement *out);

check_judge check_ownership;
check_judge check_spf; /* of the domain and of its MAIL FROM */
check_judge check_dkim;
check_judge check_dmarc;
check_judge check_mail_from_mx;
check_judge check_inbound_mx;

/** Would this answer, at another name or of another type, be what the record wants? */
typedef bool check_resembles(const struct domain_record *record, const struct dns_answer *answer);

check_resembles check_ownership_resembles;
check_resembles check_spf_resembles;
check_resembles check_dkim_resembles;
check_resembles check_dmarc_resembles;
check_resembles check_mx_resembles;

/** check_mistakes.c: where else a record that is missing may stand. Puts the questions. */
void check_plan_mistakes(struct check_run *run, const struct domain_record *record);

/** Nothing of use at the record's name: tell where it stands instead, or that it is missing. */
void check_missing(const struct check_view *view, const struct domain_record *record,
                   struct check_judgement *out);

/** check_types.c: the value in a record of another type. Puts the questions. */
void check_plan_types(struct check_run *run, const struct domain_record *record);

/** True: it was found in one, and told. */
bool check_types(const struct check_view *view, const struct domain_record *record,
                 struct check_judgement *out);

/** A CNAME was made of the value: its target begins with it. */
bool check_is_value_as_cname(const struct domain_record *record, const char *target);

/** check_mistakes.c: quotes, backslashes and the like in a value. True: a finding was added. */
bool check_mangled(const struct check_view *view, const struct domain_record *record,
                   const char *data, size_t length, struct check_judgement *out);

/** check_zone.c: is there no such domain? Its records stand in no zone then. */
bool check_is_domain_gone(const struct check_run *run);

/** check_zone.c: what is wrong with the servers; told at the first record of each zone. */
void check_zone(struct check_run *run);

/** check_mx.c: mail to postmaster and abuse that no route takes; told at the first inbound MX. */
void check_roles(struct check_run *run);

/** The whole check. `domain_check` binds it to the authority. */
void check_records(const struct check_asker *asker, struct dns *dns,
                   const struct check_subject *subject, struct domain_records *records,
                   struct check_summary *summary_out);

#endif
