// SPDX-License-Identifier: Apache-2.0
// DKIM keys that somebody else keeps: the domain has a CNAME to each. What it leads to is looked at
// only where the keys are our own.
#include <string.h>
#include <strings.h>

#include "common/xalloc.h"
#include "verifier/domain/check_run.h"
#include "verifier/message/tag_list.h"

enum { KEY_SHOWN = 80 /* bytes of a key that are shown */ };

static bool
has_target(const struct dns_answer *answer, const char *target)
{
    for (size_t i = 0; i < answer->count; i++) {
        if (strcasecmp(answer->records[i].data, target) == 0) {
            return true;
        }
    }
    return false;
}

static bool
holds_text(const struct dns_answer *answer, const char *text)
{
    for (size_t i = 0; i < answer->count; i++) {
        const struct dns_record *seen = &answer->records[i];
        AUTO_FREE char *copy = xmemdup(seen->data, seen->length);
        if (strcasestr(copy, text) != NULL) {
            return true;
        }
    }
    return false;
}

bool
check_dkim_resembles(const struct domain_record *record, const struct dns_answer *answer)
{
    if (answer->status != DNS_OK) {
        return false;
    }
    return answer->type == DNS_CNAME ? has_target(answer, record->wanted)
                                     : holds_text(answer, record->wanted);
}

// The p= of the first key among the TXT records, without blanks. "" when there is none.
static bool
find_key(const struct dns_answer *answer, char out[CHECK_TXT_MAX])
{
    struct tag_list list;
    for (size_t i = 0; answer->status == DNS_OK && i < answer->count; i++) {
        const struct dns_record *seen = &answer->records[i];
        if (tag_list_parse(seen->data, seen->length, TAG_LIST_LENIENT, &list, NULL) != ST_OK) {
            continue;
        }
        const struct tag *key = tag_list_find(&list, "p");
        if (key != NULL && tag_copy(key, out, CHECK_TXT_MAX)) {
            return true;
        }
    }
    return false;
}

// ---- the CNAME is there

// A target without a key is the fault of whoever keeps the keys; mail is not signed all the same.
static void
check_target_key(const struct check_view *view, const struct domain_record *record,
                 struct check_judgement *out)
{
    char key[CHECK_TXT_MAX];
    AUTO_ANSWER *answer = check_lookup(view, record->wanted, DNS_TXT);
    if (answer->status == DNS_TEMPORARY) {
        out->status = RECORD_UNKNOWN;
        return;
    }
    bool has_key = find_key(answer, key);
    if (has_key && key[0] != '\0') {
        return;
    }
    out->status = RECORD_WRONG;
    struct finding_draft *finding =
        check_find(out, has_key ? FINDING_DKIM_REVOKED : FINDING_DKIM_NO_KEY, false);
    CHECK_SAY(finding->problem, "The CNAME is right, but %s %s.", record->wanted,
              has_key ? "has a revoked DKIM key (p= is empty)" : "has no DKIM key");
    CHECK_SAY(finding->cure,
              "Nothing is to be changed in %s: whoever runs %s has to publish the key there.",
              view->run->subject->domain, record->wanted);
}

// Is this the target of another of the domain's DKIM records?
static const struct domain_record *
owner_of(const struct check_view *view, const char *target)
{
    const struct domain_records *records = view->run->records;
    for (size_t i = 0; i < records->count; i++) {
        const struct domain_record *other = &records->items[i];
        if (other->purpose == PURPOSE_DKIM && strcasecmp(other->wanted, target) == 0) {
            return other;
        }
    }
    return NULL;
}

static void
explain_target(const struct check_view *view, const struct domain_record *record,
               const char *target, struct check_judgement *out)
{
    const struct domain_record *other = owner_of(view, target);
    size_t length = strlen(record->wanted);
    bool is_relative = strncasecmp(target, record->wanted, length) == 0 && target[length] == '.';
    struct finding_draft *finding =
        check_find(out, is_relative ? FINDING_VALUE_RELATIVE : FINDING_WRONG_VALUE, false);
    if (is_relative) {
        CHECK_SAY(finding->problem,
                  "%s leads to %s: the DNS host took the target as a name inside the zone and "
                  "appended the domain to it.",
                  record->name, target);
        CHECK_SAY(finding->cure, "Enter the target with a dot at its end: %s.", record->wanted);
        return;
    }
    if (other != NULL) {
        CHECK_SAY(finding->problem, "%s leads to %s, which is the target of %s: two were swapped.",
                  record->name, target, other->name);
    } else {
        CHECK_SAY(finding->problem, "%s leads to %s, not to %s.", record->name, target,
                  record->wanted);
    }
    check_put_publish(view, record, record->value, finding->cure, sizeof(finding->cure));
}

static void
judge_cname(const struct check_view *view, const struct domain_record *record,
            const struct dns_answer *answer, struct check_judgement *out)
{
    const char *target = answer->records[0].data;
    CHECK_SAY(out->observed, "%s", target);
    if (answer->count > 1) {
        out->status = RECORD_CONFLICT;
        struct finding_draft *finding = check_find(out, FINDING_DUPLICATE, false);
        CHECK_SAY(finding->problem, "%s has %zu CNAME records; a name can have one only.",
                  record->name, answer->count);
        CHECK_SAY(finding->cure, "Remove all of them but the one to %s.", record->wanted);
        return;
    }
    if (strcasecmp(target, record->wanted) != 0) {
        out->status = RECORD_WRONG;
        explain_target(view, record, target, out);
        return;
    }
    out->status = RECORD_FOUND;
    if (!record->key_is_optional) {
        check_target_key(view, record, out);
    }
}

// ---- there is no CNAME, but something else

static void
judge_flattened(const struct check_view *view, const struct domain_record *record, const char *key,
                struct check_judgement *out)
{
    char wanted[CHECK_TXT_MAX] = "";
    AUTO_ANSWER *answer = check_lookup(view, record->wanted, DNS_TXT);
    if (answer->status == DNS_TEMPORARY) {
        out->status = RECORD_UNKNOWN;
        return;
    }
    bool is_same = find_key(answer, wanted) && wanted[0] != '\0' && strcmp(key, wanted) == 0;
    char shown[KEY_SHOWN + 1];
    check_text_format(key, strlen(key), shown, sizeof(shown));
    CHECK_SAY(out->observed, "TXT p=%s%s", shown, strlen(key) >= KEY_SHOWN ? "..." : "");
    out->status = is_same && record->key_must_match ? RECORD_FOUND : RECORD_WRONG;
    if (key[0] == '\0') {
        struct finding_draft *finding = check_find(out, FINDING_DKIM_REVOKED, false);
        CHECK_SAY(finding->problem, "%s is a TXT with a revoked key (p= is empty), not a CNAME.",
                  record->name);
        CHECK_SAY(finding->cure, "Remove it. Publish CNAME %s with this target: %s", record->name,
                  record->wanted);
    } else if (is_same) {
        struct finding_draft *finding =
            check_find(out, FINDING_DKIM_FLATTENED, out->status == RECORD_FOUND);
        CHECK_SAY(finding->problem,
                  "The DNS host answers %s with the key itself in place of the CNAME (flattening): "
                  "a new key will not be seen.",
                  record->name);
        CHECK_SAY(finding->cure,
                  "Turn CNAME flattening off at the DNS host for this record, so that %s is a "
                  "CNAME to %s.",
                  record->name, record->wanted);
    } else {
        struct finding_draft *finding = check_find(out, FINDING_DKIM_OTHER_KEY, false);
        CHECK_SAY(finding->problem, "%s is a TXT with another key than the one at %s.",
                  record->name, record->wanted);
        CHECK_SAY(finding->cure, "Remove that TXT. Publish CNAME %s with this target: %s",
                  record->name, record->wanted);
    }
}

static bool
judge_text(const struct check_view *view, const struct domain_record *record,
           struct check_judgement *out)
{
    char key[CHECK_TXT_MAX];
    struct check_word text = check_look(view, record->name, DNS_TXT);
    if (text.answer == NULL || text.outcome != AUTHORITY_FOUND || text.answer->count == 0) {
        return false;
    }
    const struct dns_record *seen = &text.answer->records[0];
    if (find_key(text.answer, key)) {
        judge_flattened(view, record, key, out);
        return true;
    }
    out->status = RECORD_WRONG;
    char shown[RECORD_NAME_SIZE];
    check_text_format(seen->data, seen->length, shown, sizeof(shown));
    CHECK_SAY(out->observed, "TXT \"%s\"", shown);
    bool is_pasted = holds_text(text.answer, record->wanted);
    struct finding_draft *finding =
        check_find(out, is_pasted ? FINDING_CNAME_AS_TXT : FINDING_WRONG_VALUE, false);
    CHECK_SAY(finding->problem,
              "%s is a TXT record with the value \"%.100s\"; it has to be a "
              "CNAME.",
              record->name, shown);
    CHECK_SAY(finding->cure,
              "Remove the TXT. Add a record of the type CNAME at %s with this target: %s",
              record->name, record->wanted);
    return true;
}

static bool
has_address(const struct check_view *view, const char *name)
{
    struct check_word four = check_look(view, name, DNS_A);
    struct check_word six = check_look(view, name, DNS_AAAA);
    return (four.answer != NULL && four.outcome == AUTHORITY_FOUND) ||
           (six.answer != NULL && six.outcome == AUTHORITY_FOUND);
}

static bool
judge_proxied(const struct check_view *view, const struct domain_record *record,
              struct check_judgement *out)
{
    if (!has_address(view, record->name) || has_address(view, view->run->sibling)) {
        return false; // nothing there, or a wildcard
    }
    out->status = RECORD_WRONG;
    CHECK_SAY(out->observed, "addresses");
    struct finding_draft *finding = check_find(out, FINDING_PROXIED, false);
    CHECK_SAY(finding->problem,
              "%s answers with addresses in place of the CNAME: the record is proxied by the DNS "
              "host, or it is an A record.",
              record->name);
    CHECK_SAY(finding->cure,
              "Turn the proxy off for this record (Cloudflare: \"DNS only\", the grey cloud), so "
              "that %s is a CNAME to %s.",
              record->name, record->wanted);
    return true;
}

void
check_dkim(const struct check_view *view, const struct domain_record *record,
           const struct check_word *word, struct check_judgement *out)
{
    if (word->outcome == AUTHORITY_FOUND && word->answer->count > 0) {
        judge_cname(view, record, word->answer, out);
    } else if (!judge_text(view, record, out) && !judge_proxied(view, record, out)) {
        check_missing(view, record, out);
    }
}
