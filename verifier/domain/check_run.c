// SPDX-License-Identifier: Apache-2.0
#include "verifier/domain/check_run.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/xalloc.h"
#include "verifier/dns/name.h"

void
check_put(char *out, size_t size, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(out, size, format, args);
    va_end(args);
}

void
check_text_format(const char *data, size_t length, char *out, size_t size)
{
    size_t used = 0;
    for (size_t i = 0; i < length && used + 5 < size; i++) {
        unsigned char byte = (unsigned char)data[i];
        if (byte >= ' ' && byte <= '~' && byte != '\\') {
            out[used++] = data[i];
        } else {
            used += (size_t)snprintf(out + used, size - used, "\\%03u", byte);
        }
    }
    out[used] = '\0';
}

bool
check_is_within(const char *name, const char *parent)
{
    size_t name_length = strlen(name);
    size_t length = strlen(parent);
    if (length == 0 || strcmp(parent, ".") == 0) {
        return true;
    }
    if (name_length < length || strcasecmp(name + name_length - length, parent) != 0) {
        return false;
    }
    return name_length == length || name[name_length - length - 1] == '.';
}

void
check_labels(const struct domain_record *record, const char *domain, char out[RECORD_NAME_SIZE])
{
    size_t length = strlen(record->name);
    size_t behind = strlen(domain) + 1;
    out[0] = '\0';
    if (length > behind && check_is_within(record->name, domain)) {
        check_put(out, RECORD_NAME_SIZE, "%.*s", (int)(length - behind), record->name);
    }
}

// ---- asking

static bool
is_wanted(const struct check_run *run, const char *name, enum dns_type type)
{
    for (size_t i = 0; i < run->question_count; i++) {
        if (run->questions[i].type == type && strcasecmp(run->questions[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

void
check_want(struct check_run *run, enum dns_type type, const char *format, ...)
{
    char name[2 * RECORD_NAME_SIZE];
    struct dns_name wire;
    va_list args;
    va_start(args, format);
    int length = vsnprintf(name, sizeof(name), format, args);
    va_end(args);
    if (length < 0 || length > DOMAIN_NAME_MAX || !dns_name_parse(name, &wire) ||
        dns_name_labels(&wire) > AUTHORITY_LABELS_MAX || // one such name would spoil the round
        run->question_count == CHECK_QUESTIONS_MAX || is_wanted(run, name, type) ||
        check_result(run, name, type) != NULL) {
        return;
    }
    run->questions =
        xreallocarray(run->questions, run->question_count + 1, sizeof(*run->questions));
    struct check_question *question = &run->questions[run->question_count++];
    question->type = type;
    memcpy(question->name, name, (size_t)length + 1);
}

void
check_ask(struct check_run *run)
{
    struct authority_question questions[AUTHORITY_QUESTIONS_MAX];
    size_t done = 0;
    while (done < run->question_count && run->report_count < CHECK_REPORTS_MAX) {
        size_t count = 0;
        while (count < AUTHORITY_QUESTIONS_MAX && done < run->question_count) {
            const struct check_question *question = &run->questions[done++];
            questions[count++] = (struct authority_question){question->name, question->type};
        }
        struct authority_report *report = NULL;
        if (run->asker->ask(run->asker->context, questions, count, &run->asking, &report, NULL) !=
            ST_OK) {
            continue; // every name was tried before; what is not known stays unknown
        }
        run->reports[run->report_count++] = report;
        run->resolver_only |= report->is_port_blocked;
    }
    run->question_count = 0;
}

const struct authority_result *
check_result(const struct check_run *run, const char *name, enum dns_type type)
{
    for (size_t i = 0; i < run->report_count; i++) {
        for (size_t k = 0; k < run->reports[i]->count; k++) {
            const struct authority_result *result = &run->reports[i]->results[k];
            if (result->type == type && strcasecmp(result->name, name) == 0) {
                return result;
            }
        }
    }
    return NULL;
}

// ---- hearing

static struct check_word
word_of_answer(const struct dns_answer *answer)
{
    struct check_word word = {.is_asked = true, .answer = answer};
    switch (answer->status) {
    case DNS_OK:
        word.outcome = AUTHORITY_FOUND;
        return word;
    case DNS_NXDOMAIN:
        word.outcome = AUTHORITY_NXDOMAIN;
        return word;
    case DNS_NODATA:
        word.outcome = AUTHORITY_NODATA;
        return word;
    case DNS_TEMPORARY:
    case DNS_BAD_NAME:
        break;
    }
    return (struct check_word){.is_asked = true, .outcome = AUTHORITY_TIMEOUT};
}

static struct check_word
word_of(const struct authority_answer *answer)
{
    return (struct check_word){.is_asked = true,
                               .outcome = answer->outcome,
                               .answer =
                                   authority_is_answer(answer->outcome) ? answer->answer : NULL};
}

// The server that answers for a question: the view's own if it serves that zone too.
static struct check_word
server_word(const struct check_view *view, const struct authority_result *result)
{
    struct check_word first = {.is_asked = true, .outcome = AUTHORITY_NOT_ASKED};
    bool is_same = view->zone != NULL && strcasecmp(view->zone->name, result->zone->name) == 0;
    for (size_t i = 0; i < result->zone->server_count; i++) {
        struct check_word word = word_of(&result->answers[i]);
        if (is_same && strcmp(result->zone->servers[i].address, view->server->address) == 0) {
            return word;
        }
        if (first.answer == NULL && word.answer != NULL) {
            first = word;
        }
    }
    return first;
}

struct check_word
check_look(const struct check_view *view, const char *name, enum dns_type type)
{
    const struct authority_result *result = check_result(view->run, name, type);
    if (result == NULL) {
        return (struct check_word){.is_asked = false, .outcome = AUTHORITY_NOT_ASKED};
    }
    if (view->server == NULL) {
        return word_of_answer(result->resolver.answer);
    }
    if (result->zone == NULL) {
        return (struct check_word){.is_asked = true, .outcome = AUTHORITY_NOT_ASKED};
    }
    return server_word(view, result);
}

const struct dns_answer *
check_lookup(const struct check_view *view, const char *name, enum dns_type type)
{
    return dns_get(view->run->dns, &view->run->budget, name, type);
}

void
check_follow(const struct check_view *view, enum dns_type type, struct check_word *word,
             const struct dns_answer **answer_out)
{
    if (word->outcome != AUTHORITY_CNAME) {
        return;
    }
    const struct dns_answer *answer = check_lookup(view, word->answer->canonical, type);
    *word = word_of_answer(answer);
    *answer_out = answer;
}

// ---- telling

struct finding_draft *
check_find(struct check_judgement *judgement, enum finding_code code, bool advice)
{
    struct finding_draft **place = &judgement->findings[judgement->finding_count];
    if (judgement->finding_count < RECORD_FINDINGS_MAX) {
        judgement->finding_count++;
    }
    if (*place == NULL) {
        *place = xcalloc(1, sizeof(**place));
    }
    struct finding_draft *finding = *place;
    finding->code = code;
    finding->advice = advice;
    finding->problem[0] = '\0';
    finding->cure[0] = '\0';
    return finding;
}

void
check_add(struct domain_record *record, const struct finding_draft *draft)
{
    struct finding *finding = record_add_finding(record, draft->code, draft->problem, draft->cure);
    if (finding != NULL) {
        finding->advice = draft->advice;
    }
}

void
check_judgement_done(struct check_judgement *judgement)
{
    for (size_t i = 0; i < ARRAY_LEN(judgement->findings); i++) {
        free(judgement->findings[i]);
        judgement->findings[i] = NULL;
    }
    judgement->finding_count = 0;
}

const char *
check_value(const struct domain_record *record, const struct check_judgement *judgement)
{
    return judgement->value[0] != '\0' ? judgement->value : record->value;
}

void
check_put_publish(const struct check_view *view, const struct domain_record *record,
                  const char *value, char *out, size_t size)
{
    char host[RECORD_NAME_SIZE];
    record_host_part(record, view->run->subject->domain,
                     view->zone == NULL ? NULL : view->zone->name, host);
    if (record->type == DNS_MX) {
        check_put(out, size, "Publish MX %s (host part: %s) with priority %u and this host: %s",
                  record->name, host, record->preference, record->wanted);
        return;
    }
    check_put(out, size, "Publish %s %s (host part: %s) with exactly this value: %s",
              dns_type_name(record->type), record->name, host, value);
}
