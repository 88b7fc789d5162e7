// SPDX-License-Identifier: Apache-2.0
// The SPF record of a domain or of its MAIL FROM: there is one, it is valid, and the evaluation
// reaches the include (RFC 7208).
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/strbuf.h"
#include "common/xalloc.h"
#include "verifier/domain/check_run.h"
#include "verifier/domain/spf_merge.h"
#include "verifier/domain/spf_tree.h"
#include "verifier/message/spf.h"
#include "verifier/message/spf_record.h"

enum { LEFT_OUT_SIZE = 200 };

/* The SPF records among the TXT records, and the first that was meant to be one. */
struct spf_texts {
    char *texts[SPF_MERGE_RECORDS_MAX]; /* owned */
    size_t count;
    const struct dns_record *meant;
};

static void
texts_done(struct spf_texts *texts)
{
    for (size_t i = 0; i < texts->count; i++) {
        free(texts->texts[i]);
    }
}

// What was meant to be an SPF record has the version near its beginning, or "spf1" and a mechanism.
static bool
is_meant(const struct dns_record *seen)
{
    static const char *const MARKS[] = {"v=spf", "v= spf", "v =spf", "v = spf",
                                        "spf1 ", "v:spf",  "spf=v1", "vspf1"};
    char head[24];
    check_put(head, sizeof(head), "%.*s", seen->length < 23 ? (int)seen->length : 23, seen->data);
    for (size_t i = 0; i < ARRAY_LEN(MARKS); i++) {
        if (strcasestr(head, MARKS[i]) != NULL) {
            return true;
        }
    }
    return false;
}

static void
collect(const struct dns_answer *answer, struct spf_texts *out)
{
    *out = (struct spf_texts){.count = 0};
    for (size_t i = 0; i < answer->count; i++) {
        const struct dns_record *seen = &answer->records[i];
        if (spf_record_is_spf1(seen->data, seen->length) && out->count < SPF_MERGE_RECORDS_MAX) {
            out->texts[out->count++] = xmemdup(seen->data, seen->length);
        } else if (out->meant == NULL && is_meant(seen)) {
            out->meant = seen;
        }
    }
}

bool
check_spf_resembles(const struct domain_record *record, const struct dns_answer *answer)
{
    (void)record;
    for (size_t i = 0; answer->status == DNS_OK && i < answer->count; i++) {
        if (spf_record_is_spf1(answer->records[i].data, answer->records[i].length)) {
            return true;
        }
    }
    return false;
}

// By itself: a stranger's record has many terms, and they are not all read again for each of them.
static bool
is_valid_term(const char *term)
{
    AUTO_STRBUF text = STRBUF_INIT(SPF_RECORD_MAX);
    struct spf_record parsed = {.text = NULL};
    strbuf_printf(&text, "v=spf1 %s", term);
    bool is_valid =
        !text.overflow && spf_record_parse(strbuf_text(&text), text.length, &parsed, NULL) == ST_OK;
    spf_record_done(&parsed);
    return is_valid;
}

// These may stand in a record once (RFC 7208, 6).
static bool
is_repeated(const char *term, bool seen[2])
{
    static const char *const ONCE[] = {"redirect=", "exp="};
    for (size_t i = 0; i < ARRAY_LEN(ONCE); i++) {
        if (strncasecmp(term, ONCE[i], strlen(ONCE[i])) == 0) {
            bool is_second = seen[i];
            seen[i] = true;
            return is_second;
        }
    }
    return false;
}

static void
note_left_out(const char *term, char left_out[LEFT_OUT_SIZE])
{
    size_t noted = strlen(left_out);
    if (noted + 1 < LEFT_OUT_SIZE) {
        left_out[noted] = ' ';
        check_text_format(term, strlen(term), left_out + noted + 1, LEFT_OUT_SIZE - noted - 1);
    }
}

// The terms that are valid stay. The others are noted, but for the include that is wanted.
static char *
keep_valid_terms(const char *text, const char *include, char left_out[LEFT_OUT_SIZE])
{
    AUTO_FREE char *rest = xstrdup(text);
    struct strbuf kept = STRBUF_INIT(strlen(text) + 8);
    char *save = NULL;
    bool seen[2] = {false};
    strbuf_puts(&kept, "v=spf1");
    (void)strtok_r(rest, " ", &save); // the version
    for (char *term = strtok_r(NULL, " ", &save); term != NULL; term = strtok_r(NULL, " ", &save)) {
        if (strcasecmp(term, "v=spf1") == 0) {
            continue;
        }
        if (is_valid_term(term) && !is_repeated(term, seen)) {
            strbuf_putc(&kept, ' ');
            strbuf_puts(&kept, term);
        } else if (strcasestr(term, include) == NULL) {
            note_left_out(term, left_out);
        }
    }
    return strbuf_steal(&kept);
}

// The record to have in the end: without what is not valid where that is in the way.
static void
set_value(const struct spf_texts *texts, const char *include, struct check_judgement *out,
          char left_out[LEFT_OUT_SIZE])
{
    struct spf_merged merged;
    const char *const *existing = (const char *const *)texts->texts;
    left_out[0] = '\0';
    if (spf_merge(existing, texts->count, include, &merged, NULL) == ST_OK) {
        check_put(out->value, sizeof(out->value), "%s", merged.text);
        return;
    }
    AUTO(texts_done) struct spf_texts valid = {.count = texts->count};
    for (size_t i = 0; i < texts->count; i++) {
        valid.texts[i] = keep_valid_terms(texts->texts[i], include, left_out);
    }
    existing = (const char *const *)valid.texts;
    if (spf_merge(existing, valid.count, include, &merged, NULL) == ST_OK) {
        check_put(out->value, sizeof(out->value), "%s", merged.text);
    } else {
        check_put(out->value, sizeof(out->value), "v=spf1 include:%s ~all", include);
    }
}

// The cure: what to do, and with which record.
static void
put_value(const struct domain_record *record, const struct check_judgement *out, const char *what,
          const char *left_out, struct finding_draft *finding)
{
    if (left_out[0] == '\0') {
        CHECK_SAY(finding->cure, "%s: %s", what, check_value(record, out));
    } else {
        CHECK_SAY(finding->cure,
                  "%s (left out, because they are not valid:%s; if they are needed, write them "
                  "right and add them): %s",
                  what, left_out, check_value(record, out));
    }
}

static void
put_replace(const struct domain_record *record, const struct check_judgement *out,
            const char *left_out, struct finding_draft *finding)
{
    char what[RECORD_NAME_SIZE + 40];
    check_put(what, sizeof(what), "Replace the TXT at %s by this one", record->name);
    put_value(record, out, what, left_out, finding);
}

static void
judge_several(const struct check_view *view, const struct domain_record *record,
              const struct spf_texts *texts, struct check_judgement *out)
{
    (void)view;
    char left_out[LEFT_OUT_SIZE];
    size_t used = 0;
    out->status = RECORD_CONFLICT;
    for (size_t i = 0; i < texts->count && used + 8 < sizeof(out->observed); i++) {
        const char *text = texts->texts[i];
        check_put(out->observed + used, sizeof(out->observed) - used, "%s", i == 0 ? "" : " | ");
        used = strlen(out->observed);
        check_text_format(text, strlen(text), out->observed + used, sizeof(out->observed) - used);
        used = strlen(out->observed);
    }
    set_value(texts, record->wanted, out, left_out);
    struct finding_draft *finding = check_find(out, FINDING_SPF_TWO_RECORDS, false);
    CHECK_SAY(finding->problem,
              "%s has %zu SPF records; receivers take that as an error and accept none of them.",
              record->name, texts->count);
    put_value(record, out, "Remove all of them and publish this single one", left_out, finding);
}

// ---- one that was meant to be one

static void
judge_meant(const struct check_view *view, const struct domain_record *record,
            const struct dns_record *seen, struct check_judgement *out)
{
    out->status = RECORD_WRONG;
    check_text_format(seen->data, seen->length, out->observed, sizeof(out->observed));
    if (check_mangled(view, record, seen->data, seen->length, out)) {
        return;
    }
    struct finding_draft *finding = check_find(out, FINDING_SPF_SYNTAX, false);
    CHECK_SAY(finding->problem,
              "\"%.120s\" at %s is no SPF record: it has to begin with \"v=spf1\" and one blank.",
              out->observed, record->name);
    put_replace(record, out, "", finding);
}

// ---- one record

static void
judge_syntax(const struct check_view *view, const struct domain_record *record, char *text,
             const char *problem, struct check_judgement *out)
{
    char left_out[LEFT_OUT_SIZE];
    struct spf_texts texts = {.texts = {text}, .count = 1};
    out->status = RECORD_WRONG;
    set_value(&texts, record->wanted, out, left_out);
    if (check_mangled(view, record, text, strlen(text), out)) {
        return;
    }
    struct finding_draft *finding = check_find(out, FINDING_SPF_SYNTAX, false);
    CHECK_SAY(finding->problem, "The SPF record of %s is not valid: %s.", record->name, problem);
    put_replace(record, out, left_out, finding);
}

static void
say_include(const struct domain_record *record, const struct spf_tree *tree,
            struct check_judgement *out)
{
    bool is_behind = tree->found_behind == SPF_END_ALL;
    struct finding_draft *finding =
        check_find(out, is_behind ? FINDING_SPF_AFTER_ALL : FINDING_SPF_INCLUDE_MISSING, false);
    if (is_behind) {
        CHECK_SAY(finding->problem,
                  "include:%s stands behind \"all\" in the SPF record of %s, where it has no "
                  "effect.",
                  record->wanted, record->name);
    } else if (tree->has_qualifier) {
        CHECK_SAY(finding->problem,
                  "The SPF record of %s names include:%s with a sign in front, so that its servers "
                  "do not pass.",
                  record->name, record->wanted);
    } else {
        CHECK_SAY(finding->problem,
                  "The SPF record of %s does not include %s, nor does any that it includes.",
                  record->name, record->wanted);
    }
    put_replace(record, out, "", finding);
}

static void
say_too_many(const struct domain_record *record, const struct spf_tree *tree, bool is_reached,
             struct check_judgement *out)
{
    if (tree->terms > SPF_TERMS_MAX) {
        struct finding_draft *finding = check_find(out, FINDING_SPF_TOO_MANY_LOOKUPS, is_reached);
        CHECK_SAY(finding->problem,
                  "The SPF record of %s with all its includes needs %s%u DNS lookups; more than %d "
                  "is an error to receivers.",
                  record->name, tree->terms > SPF_TREE_TERMS_MAX ? "more than " : "",
                  tree->terms > SPF_TREE_TERMS_MAX ? SPF_TREE_TERMS_MAX : tree->terms,
                  SPF_TERMS_MAX);
        CHECK_SAY(finding->cure,
                  "Remove from it the includes, a and mx of services that no longer send for %s, "
                  "until at most %d are left; keep include:%s.",
                  record->name, SPF_TERMS_MAX, record->wanted);
    }
    if (tree->voids > SPF_VOIDS_MAX) {
        struct finding_draft *finding = check_find(out, FINDING_SPF_TOO_MANY_VOID, is_reached);
        CHECK_SAY(finding->problem,
                  "%u terms of the SPF record of %s lead to names without any record; more than %d "
                  "is an error to receivers.",
                  tree->voids, record->name, SPF_VOIDS_MAX);
        CHECK_SAY(finding->cure, "Remove from it the a, mx and exists that lead nowhere.");
    }
}

static void
put_broken_cure(const struct domain_record *record, const char *broken,
                struct finding_draft *finding)
{
    if (strcasecmp(broken, record->wanted) == 0) { // the include that we ask for ourselves
        CHECK_SAY(finding->cure,
                  "Nothing is to be changed in %s: whoever runs %s has to publish an SPF record "
                  "there.",
                  record->name, broken);
    } else {
        CHECK_SAY(finding->cure,
                  "Remove the term that leads to %s from the record, or have its owner mend it.",
                  broken);
    }
}

static void
say_rest(const struct domain_record *record, const struct spf_tree *tree, bool is_reached,
         struct check_judgement *out)
{
    if (tree->broken[0] != '\0') {
        struct finding_draft *finding = check_find(out, FINDING_SPF_BROKEN_INCLUDE, is_reached);
        CHECK_SAY(finding->problem,
                  "The SPF record of %s leads to %s, which is an error to receivers: %s.",
                  record->name, tree->broken, tree->broken_problem);
        put_broken_cure(record, tree->broken, finding);
    }
    if (tree->is_open) {
        struct finding_draft *finding = check_find(out, FINDING_SPF_PLUS_ALL, is_reached);
        CHECK_SAY(finding->problem,
                  "The SPF record of %s says +all, here or in an include: anybody may send mail as "
                  "%s.",
                  record->name, record->name);
        CHECK_SAY(finding->cure, "Publish ~all in place of +all (\"all\" alone means +all).");
    }
    if (!tree->has_all) {
        struct finding_draft *finding = check_find(out, FINDING_SPF_NO_ALL, true);
        CHECK_SAY(finding->problem,
                  "The SPF record of %s says nothing of servers that are not named: it has no "
                  "\"all\" at its end.",
                  record->name);
        CHECK_SAY(finding->cure, "Add ~all at its end.");
    }
}

// Services that fill in the client's address: try one of the wanted include's own networks.
static bool
passes_for_network(const struct check_view *view, const struct domain_record *record,
                   const struct spf_term *term)
{
    char client[64];
    char sender[RECORD_NAME_SIZE + 16];
    struct verdict_spf verdict;
    const unsigned char *bytes = term->network.address.bytes;
    check_put(client, sizeof(client), "%u.%u.%u.%u", bytes[0], bytes[1], bytes[2], bytes[3]);
    check_put(sender, sizeof(sender), "postmaster@%s", record->name);
    struct spf_query query = {.client_address = client, .helo = record->name, .sender = sender};
    spf_check(NULL, view->run->dns, &view->run->budget, &query, &verdict, NULL);
    return verdict.result == AUTH_PASS;
}

static bool
passes_for_wanted(const struct check_view *view, const struct domain_record *record)
{
    AUTO_ANSWER *answer = check_lookup(view, record->wanted, DNS_TXT);
    for (size_t i = 0; answer->status == DNS_OK && i < answer->count; i++) {
        struct spf_record included = {.text = NULL};
        bool passes = false;
        const struct dns_record *seen = &answer->records[i];
        if (!spf_record_is_spf1(seen->data, seen->length) ||
            spf_record_parse(seen->data, seen->length, &included, NULL) != ST_OK) {
            continue;
        }
        for (size_t k = 0; k < included.count; k++) {
            if (included.terms[k].mechanism == SPF_IP4) {
                passes = passes_for_network(view, record, &included.terms[k]);
                break;
            }
        }
        spf_record_done(&included);
        return passes;
    }
    return false;
}

static void
judge_tree(const struct check_view *view, const struct domain_record *record,
           const struct spf_texts *texts, const struct spf_record *parsed,
           struct check_judgement *out)
{
    struct spf_tree tree;
    struct check_run *run = view->run;
    spf_tree_walk(run->dns, &run->budget, record->name, parsed, record->wanted, &tree);
    bool is_reached = tree.found;
    if (!is_reached && tree.depends_on_client) {
        is_reached = passes_for_wanted(view, record);
    }
    bool is_dead = tree.found_behind == SPF_END_LOOKUPS || tree.found_behind == SPF_END_VOIDS ||
                   tree.found_behind == SPF_END_BROKEN;
    if (is_reached) {
        out->status = RECORD_FOUND;
        check_put(out->value, sizeof(out->value), "%s", texts->texts[0]);
    } else if (tree.is_temporary && !is_dead) {
        out->status = RECORD_UNKNOWN;
        return;
    } else {
        char left_out[LEFT_OUT_SIZE]; // nothing: the record is valid
        out->status = RECORD_WRONG;
        set_value(texts, record->wanted, out, left_out);
    }
    if (!is_reached && !is_dead) {
        say_include(record, &tree, out);
    }
    say_too_many(record, &tree, is_reached, out);
    say_rest(record, &tree, is_reached, out);
}

static void
judge_one(const struct check_view *view, const struct domain_record *record,
          const struct spf_texts *texts, struct check_judgement *out)
{
    struct spf_record parsed = {.text = NULL};
    struct why why;
    char *text = texts->texts[0];
    check_text_format(text, strlen(text), out->observed, sizeof(out->observed));
    if (spf_record_parse(text, strlen(text), &parsed, &why) != ST_OK) {
        judge_syntax(view, record, text, why.text, out);
        return;
    }
    judge_tree(view, record, texts, &parsed, out);
    spf_record_done(&parsed);
}

void
check_spf(const struct check_view *view, const struct domain_record *record,
          const struct check_word *word_in, struct check_judgement *out)
{
    struct check_word word = *word_in;
    AUTO_ANSWER *followed = NULL;
    check_follow(view, DNS_TXT, &word, &followed);
    AUTO(texts_done) struct spf_texts texts = {.count = 0};
    if (word.answer == NULL) {
        out->status = RECORD_UNKNOWN;
        return;
    }
    if (word.outcome == AUTHORITY_FOUND) {
        collect(word.answer, &texts);
    }
    if (texts.count > 1) {
        judge_several(view, record, &texts, out);
    } else if (texts.count == 1) {
        judge_one(view, record, &texts, out);
    } else if (texts.meant != NULL) {
        judge_meant(view, record, texts.meant, out);
    } else {
        check_missing(view, record, out);
    }
}
