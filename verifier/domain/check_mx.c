// SPDX-License-Identifier: Apache-2.0
// MX records: where the domain's mail goes, and where bounces of its MAIL FROM domain go.
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "common/network.h"
#include "verifier/domain/check_run.h"

static const char PRIORITY_GLUE[] = "\\032"; /* a blank inside a label, as text */

static const struct dns_record *
find_host(const struct dns_answer *answer, const char *host)
{
    for (size_t i = 0; i < answer->count; i++) {
        if (strcasecmp(answer->records[i].data, host) == 0) {
            return &answer->records[i];
        }
    }
    return NULL;
}

bool
check_mx_resembles(const struct domain_record *record, const struct dns_answer *answer)
{
    return answer->status == DNS_OK && find_host(answer, record->wanted) != NULL;
}

static void
put_hosts(const struct dns_answer *answer, struct check_judgement *out)
{
    size_t used = 0;
    for (size_t i = 0; i < answer->count && used + 8 < sizeof(out->observed); i++) {
        check_put(out->observed + used, sizeof(out->observed) - used, "%s%u %s",
                  used == 0 ? "" : ", ", answer->records[i].preference, answer->records[i].data);
        used = strlen(out->observed);
    }
}

// Every host that one of the domain's own records at this name asks for is ours.
static bool
is_ours(const struct check_view *view, const struct domain_record *record, const char *host)
{
    const struct domain_records *records = view->run->records;
    for (size_t i = 0; i < records->count; i++) {
        const struct domain_record *other = &records->items[i];
        if (other->type == DNS_MX && strcasecmp(other->name, record->name) == 0 &&
            strcasecmp(other->wanted, host) == 0) {
            return true;
        }
    }
    return false;
}

/* One kind of mistake in a host that is not ours. */
typedef bool explain_host(const struct check_view *view, const struct domain_record *record,
                          const struct dns_record *seen, struct check_judgement *out);

static struct finding_draft *
say_host(const struct check_view *view, const struct domain_record *record, enum finding_code code,
         struct check_judgement *out)
{
    struct finding_draft *finding = check_find(out, code, false);
    check_put_publish(view, record, record->value, finding->cure, sizeof(finding->cure));
    return finding;
}

static bool
explain_null(const struct check_view *view, const struct domain_record *record,
             const struct dns_record *seen, struct check_judgement *out)
{
    if (strcmp(seen->data, ".") != 0) {
        return false;
    }
    struct finding_draft *finding = check_find(out, FINDING_MX_NULL, false);
    CHECK_SAY(finding->problem, "%s has the null MX \"%u .\", which says that it takes no mail.",
              record->name, seen->preference);
    CHECK_SAY(finding->cure, "Remove the MX \"%u .\". ", seen->preference);
    size_t used = strlen(finding->cure);
    check_put_publish(view, record, record->value, finding->cure + used,
                      sizeof(finding->cure) - used);
    return true;
}

static bool
explain_address(const struct check_view *view, const struct domain_record *record,
                const struct dns_record *seen, struct check_judgement *out)
{
    struct network_address address;
    const char *domain = view->run->subject->domain;
    char host[DOMAIN_NAME_SIZE];
    size_t length = strlen(seen->data);
    size_t behind = strlen(domain) + 1;
    check_put(host, sizeof(host), "%s", seen->data);
    if (length > behind && length < sizeof(host) && check_is_within(host, domain)) {
        host[length - behind] = '\0'; // the DNS host appended the domain
    }
    if (network_parse_address(host, &address, NULL) != ST_OK) {
        return false;
    }
    struct finding_draft *finding = say_host(view, record, FINDING_MX_IS_ADDRESS, out);
    CHECK_SAY(finding->problem, "The MX of %s is the address %s; it has to be the name of a host.",
              record->name, host);
    return true;
}

static bool
explain_priority(const struct check_view *view, const struct domain_record *record,
                 const struct dns_record *seen, struct check_judgement *out)
{
    const char *glue = strstr(seen->data, PRIORITY_GLUE);
    if (!isdigit((unsigned char)seen->data[0]) || glue == NULL) {
        return false;
    }
    struct finding_draft *finding = say_host(view, record, FINDING_MX_PRIORITY_IN_HOST, out);
    CHECK_SAY(finding->problem,
              "The priority was entered in front of the host in the MX of %s: %s.", record->name,
              seen->data);
    CHECK_SAY(finding->cure, "Enter %u in the field for the priority, and only %s as the host.",
              record->preference, record->wanted);
    return true;
}

static bool
explain_relative(const struct check_view *view, const struct domain_record *record,
                 const struct dns_record *seen, struct check_judgement *out)
{
    size_t length = strlen(record->wanted);
    (void)view;
    if (strncasecmp(seen->data, record->wanted, length) != 0 || seen->data[length] != '.') {
        return false;
    }
    struct finding_draft *finding = check_find(out, FINDING_VALUE_RELATIVE, false);
    CHECK_SAY(finding->problem,
              "The MX of %s is %s: the DNS host took the host as a name inside the zone and "
              "appended the domain to it.",
              record->name, seen->data);
    CHECK_SAY(finding->cure, "Enter the host with a dot at its end: %s.", record->wanted);
    return true;
}

// "feedback-smtp.eu-west-1.amazonses.com" for "feedback-smtp.us-east-1.amazonses.com".
static bool
explain_region(const struct check_view *view, const struct domain_record *record,
               const struct dns_record *seen, struct check_judgement *out)
{
    size_t first = strcspn(record->wanted, ".");
    const char *region = seen->data + first;
    const char *behind =
        record->wanted[first] == '.' ? strchr(record->wanted + first + 1, '.') : NULL;
    if (record->purpose != PURPOSE_MAIL_FROM_MX || behind == NULL ||
        strncasecmp(seen->data, record->wanted, first + 1) != 0) {
        return false;
    }
    const char *end = strchr(region + 1, '.');
    if (end == NULL || strcasecmp(end, behind) != 0) {
        return false;
    }
    struct finding_draft *finding = say_host(view, record, FINDING_MAIL_FROM_REGION, out);
    CHECK_SAY(finding->problem, "The MX of %s is of the region %.*s: %s.", record->name,
              (int)(end - region - 1), region + 1, seen->data);
    return true;
}

static bool
explain_cname(const struct check_view *view, const struct domain_record *record,
              const struct dns_record *seen, struct check_judgement *out)
{
    AUTO_ANSWER *answer = check_lookup(view, seen->data, DNS_A);
    if (answer->status == DNS_TEMPORARY || answer->status == DNS_BAD_NAME ||
        strcasecmp(answer->canonical, seen->data) == 0) {
        return false;
    }
    struct finding_draft *finding = say_host(view, record, FINDING_MX_IS_CNAME, out);
    CHECK_SAY(finding->problem,
              "The MX of %s is %s, which is a CNAME to %s; an MX has to be a host itself "
              "(RFC 2181, 10.3).",
              record->name, seen->data, answer->canonical);
    return true;
}

static explain_host *const EXPLANATIONS[] = {
    explain_null,     explain_priority, explain_address,
    explain_relative, explain_region,   explain_cname,
};

static bool
explain(const struct check_view *view, const struct domain_record *record,
        const struct dns_answer *answer, struct check_judgement *out)
{
    for (size_t i = 0; i < ARRAY_LEN(EXPLANATIONS); i++) {
        for (size_t k = 0; k < answer->count; k++) {
            if (!is_ours(view, record, answer->records[k].data) &&
                EXPLANATIONS[i](view, record, &answer->records[k], out)) {
                return true;
            }
        }
    }
    return false;
}

static const struct dns_record *
find_other(const struct check_view *view, const struct domain_record *record,
           const struct dns_answer *answer)
{
    const struct dns_record *first = NULL;
    for (size_t i = 0; i < answer->count; i++) {
        const struct dns_record *seen = &answer->records[i];
        if (!is_ours(view, record, seen->data) &&
            (first == NULL || seen->preference < first->preference)) {
            first = seen;
        }
    }
    return first;
}

// ---- MAIL FROM

static void
say_collision(const struct check_view *view, const struct domain_record *record,
              const struct dns_record *other, struct check_judgement *out)
{
    struct finding_draft *finding = check_find(out, FINDING_MAIL_FROM_COLLISION, false);
    (void)view;
    CHECK_SAY(finding->problem,
              "%s has the mail server %s: a MAIL FROM domain may have no MX but %s.", record->name,
              other->data, record->wanted);
    CHECK_SAY(finding->cure,
              "If %s is in use for mail, choose another MAIL FROM label; if not, remove the MX %u "
              "%s and keep or add the MX %u %s.",
              record->name, other->preference, other->data, record->preference, record->wanted);
}

// All lead where they should. SES wants exactly one (its documentation says so); the priority
// matters to nobody then, but is documented as 10. Of a host of ours neither matters.
static void
judge_own(const struct domain_record *record, const struct dns_answer *answer,
          struct check_judgement *out)
{
    static const char SES_HOST[] = "feedback-smtp.";
    out->status = RECORD_FOUND;
    if (strncasecmp(record->wanted, SES_HOST, sizeof(SES_HOST) - 1) != 0) {
        return;
    }
    if (answer->count > 1) {
        out->status = RECORD_CONFLICT;
        struct finding_draft *finding = check_find(out, FINDING_DUPLICATE, false);
        CHECK_SAY(finding->problem,
                  "%s has %zu MX records; Amazon SES takes a MAIL FROM domain with one only.",
                  record->name, answer->count);
        CHECK_SAY(finding->cure, "Remove all of them but MX %u %s.", record->preference,
                  record->wanted);
    } else if (answer->records[0].preference != record->preference) {
        struct finding_draft *finding = check_find(out, FINDING_MX_PRIORITY, true);
        CHECK_SAY(finding->problem,
                  "The MX of %s has the priority %u, not %u. As the only one it is used all the "
                  "same; whether Amazon SES takes it, SES itself tells.",
                  record->name, answer->records[0].preference, record->preference);
        CHECK_SAY(finding->cure, "Change the priority of the MX %s at %s to %u.", record->wanted,
                  record->name, record->preference);
    }
}

static void
check_registered(const struct check_view *view, const struct domain_record *record,
                 struct check_judgement *out)
{
    const struct check_subject *subject = view->run->subject;
    if (subject->is_registered == NULL || !subject->is_registered(subject->context, record->name)) {
        return;
    }
    struct finding_draft *finding = check_find(out, FINDING_MAIL_FROM_COLLISION, false);
    CHECK_SAY(finding->problem,
              "%s is a domain of its own here; it cannot be a MAIL FROM domain "
              "too.",
              record->name);
    CHECK_SAY(finding->cure, "Choose another MAIL FROM label for %s.", subject->domain);
}

void
check_mail_from_mx(const struct check_view *view, const struct domain_record *record,
                   const struct check_word *word_in, struct check_judgement *out)
{
    struct check_word word = *word_in;
    AUTO_ANSWER *followed = NULL;
    check_follow(view, DNS_MX, &word, &followed);
    check_registered(view, record, out);
    if (word.answer == NULL) {
        out->status = RECORD_UNKNOWN;
        return;
    }
    if (word.outcome != AUTHORITY_FOUND) {
        check_missing(view, record, out);
        return;
    }
    put_hosts(word.answer, out);
    const struct dns_record *other = find_other(view, record, word.answer);
    bool is_there = check_mx_resembles(record, word.answer);
    if (other == NULL && is_there) {
        judge_own(record, word.answer, out);
        return;
    }
    out->status = is_there ? RECORD_CONFLICT : RECORD_WRONG;
    if (!explain(view, record, word.answer, out) && other != NULL) {
        say_collision(view, record, other, out);
    }
}

// ---- the domain's own mail

static void
say_other(const struct check_view *view, const struct domain_record *record,
          const struct dns_record *other, unsigned ours, struct check_judgement *out)
{
    bool is_first = other->preference < ours;
    struct finding_draft *finding =
        check_find(out, is_first ? FINDING_MX_OTHER_FIRST : FINDING_MX_OTHER_BESIDE, !is_first);
    (void)view;
    CHECK_SAY(finding->problem,
              is_first ? "Mail for %s goes to %s first (priority %u), and to %s only when that is "
                         "away (priority %u)."
                       : "Part of the mail for %s can go to %s (priority %u) beside %s (priority "
                         "%u).",
              record->name, other->data, other->preference, record->wanted, ours);
    CHECK_SAY(finding->cure,
              "If that server does not forward the mail here, remove the MX %u %s, so that only "
              "%u %s is left.",
              other->preference, other->data, record->preference, record->wanted);
}

void
check_inbound_mx(const struct check_view *view, const struct domain_record *record,
                 const struct check_word *word_in, struct check_judgement *out)
{
    struct check_word word = *word_in;
    AUTO_ANSWER *followed = NULL;
    check_follow(view, DNS_MX, &word, &followed);
    if (word.answer == NULL) {
        out->status = RECORD_UNKNOWN;
        return;
    }
    if (word.outcome != AUTHORITY_FOUND) {
        check_missing(view, record, out);
        return;
    }
    put_hosts(word.answer, out);
    const struct dns_record *ours = find_host(word.answer, record->wanted);
    const struct dns_record *other = find_other(view, record, word.answer);
    out->status = ours == NULL ? RECORD_WRONG : RECORD_FOUND;
    if (ours != NULL && other != NULL) {
        say_other(view, record, other, ours->preference, out);
    }
    if (ours != NULL || explain(view, record, word.answer, out)) {
        return;
    }
    if (other == NULL) {
        check_missing(view, record, out); // another of our hosts is there
        return;
    }
    struct finding_draft *finding = check_find(out, FINDING_MX_OTHER_FIRST, false);
    CHECK_SAY(finding->problem, "Mail for %s goes to %s.", record->name, out->observed);
    check_put_publish(view, record, record->value, finding->cure, sizeof(finding->cure));
    size_t used = strlen(finding->cure);
    check_put(finding->cure + used, sizeof(finding->cure) - used,
              "\nLeave it as it is if that server forwards the mail here.");
}

// ---- mail that every domain has to take (RFC 2142; RFC 5321, 4.5.1)

static const struct {
    const char *local_part;
    enum finding_code code;
    const char *reason;
} ROLES[] = {
    {"postmaster", FINDING_NO_POSTMASTER_ROUTE,
     "every domain that takes mail has to take it "
     "(RFC 5321, 4.5.1)"},
    {"abuse", FINDING_NO_ABUSE_ROUTE, "complaints about the domain's mail go there (RFC 2142)"},
};

void
check_roles(struct check_run *run)
{
    const struct check_subject *subject = run->subject;
    struct domain_record *record = NULL;
    for (size_t i = 0; i < run->records->count && record == NULL; i++) {
        if (run->records->items[i].purpose == PURPOSE_INBOUND_MX) {
            record = &run->records->items[i];
        }
    }
    if (record == NULL || subject->takes_mail_for == NULL) {
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(ROLES); i++) {
        char address[ADDRESS_MAX + 1];
        struct finding_draft finding = {.code = ROLES[i].code, .advice = true};
        check_put(address, sizeof(address), "%s@%s", ROLES[i].local_part, subject->domain);
        if (subject->takes_mail_for(subject->context, address)) {
            continue;
        }
        CHECK_SAY(finding.problem, "No route takes mail for %s, although %s.", address,
                  ROLES[i].reason);
        CHECK_SAY(finding.cure, "Add a route for %s to the domain's file.", address);
        check_add(record, &finding);
    }
}
