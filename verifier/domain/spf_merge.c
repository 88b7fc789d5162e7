// SPDX-License-Identifier: Apache-2.0
// Works on words: spf_record_parse has said before that each of them is a term.
#include "verifier/domain/spf_merge.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/strbuf.h"
#include "verifier/message/spf_record.h"

enum {
    TERMS_MAX = 10,               /* RFC 7208, 4.6.4 */
    PARTS_MAX = RECORD_VALUE_SIZE /* so that a hostile record's words are compared with few */
};

/** What was changed beside adding the include. */
enum change {
    CHANGE_JOINED = 1 << 0,
    CHANGE_MOVED = 1 << 1,
    CHANGE_PLUS_ALL = 1 << 2,
    CHANGE_NO_ALL = 1 << 3,
    CHANGE_REDIRECT = 1 << 4,
    CHANGE_QUALIFIER = 1 << 5,
    CHANGE_REPEAT = 1 << 6,
    CHANGE_INCLUDE = 1 << 7
};

static const struct {
    enum change change;
    const char *sentence;
} NOTES[] = {
    {CHANGE_JOINED, "The records became one: with more than one, none counts (RFC 7208, 4.5)."},
    {CHANGE_MOVED, "What stood behind \"all\" was never looked at; now it stands in front of it."},
    {CHANGE_PLUS_ALL, "\"+all\" lets everybody send in this name; it became \"~all\"."},
    {CHANGE_REDIRECT, "A redirect that would no longer count became an include."},
    {CHANGE_QUALIFIER, "The include had a qualifier that lets nobody pass; it is gone."},
};

/** A word of a record; borrowed. */
struct word {
    const char *text;
    size_t length;
};

struct merge {
    const char *include;
    size_t records;
    struct strbuf mechanisms; /* each with a blank in front; so are the others */
    struct strbuf modifiers;
    struct word redirect;
    char all; /* qualifier; 0: none met */
    bool has_include;
    unsigned changes;
};

static void
merge_done(struct merge *merge)
{
    strbuf_done(&merge->mechanisms);
    strbuf_done(&merge->modifiers);
}

static bool
next_word(const char **at, struct word *out)
{
    *at += strspn(*at, " ");
    *out = (struct word){.text = *at, .length = strcspn(*at, " ")};
    *at += out->length;
    return out->length > 0;
}

// A pass qualifier says nothing.
static struct word
without_plus(struct word word)
{
    return word.text[0] == '+' ? (struct word){word.text + 1, word.length - 1} : word;
}

static bool
is_equal(struct word a, struct word b)
{
    a = without_plus(a);
    b = without_plus(b);
    return a.length == b.length && strncasecmp(a.text, b.text, a.length) == 0;
}

static bool
has_word(const struct strbuf *list, struct word word)
{
    const char *at = strbuf_text(list);
    struct word other;
    while (next_word(&at, &other)) {
        if (is_equal(other, word)) {
            return true;
        }
    }
    return false;
}

static bool
begins(struct word word, const char *text)
{
    size_t length = strlen(text);
    return word.length >= length && strncasecmp(word.text, text, length) == 0;
}

static bool
is_modifier(struct word word)
{
    size_t name = strcspn(word.text, ":=/ ");
    return name < word.length && word.text[name] == '=';
}

// True if the text behind the prefix is the domain to include.
static bool
is_target(const struct merge *merge, struct word word, const char *prefix)
{
    size_t start = strlen(prefix);
    size_t length = strlen(merge->include);
    if (!begins(word, prefix)) {
        return false;
    }
    size_t rest = word.length - start;
    rest -= rest > 0 && word.text[word.length - 1] == '.' ? 1 : 0;
    return rest == length && strncasecmp(word.text + start, merge->include, length) == 0;
}

static void
add_word(struct merge *merge, struct strbuf *list, struct word word)
{
    if (has_word(list, word)) {
        merge->changes |= CHANGE_REPEAT;
        return;
    }
    strbuf_putc(list, ' ');
    strbuf_append(list, word.text, word.length);
}

static bool
is_qualifier(char c)
{
    return c != '\0' && strchr("+-~?", c) != NULL;
}

static struct word
without_qualifier(struct word word)
{
    return is_qualifier(word.text[0]) ? (struct word){word.text + 1, word.length - 1} : word;
}

static void
add_mechanism(struct merge *merge, struct word word)
{
    struct word bare = without_qualifier(word);
    if (is_target(merge, bare, "include:")) {
        if (!is_equal(bare, word)) {
            merge->changes |= CHANGE_QUALIFIER;
            return; // a passing one is added at the end
        }
        merge->has_include = true;
    }
    add_word(merge, &merge->mechanisms, word);
}

// From strict to soft.
static int
rank_of_all(char qualifier)
{
    static const char ORDER[] = "-~?";
    return qualifier == 0 ? -1 : (int)(strchr(ORDER, qualifier) - ORDER);
}

static void
add_all(struct merge *merge, struct word word)
{
    char qualifier = is_qualifier(word.text[0]) ? word.text[0] : '+';
    if (qualifier == '+') {
        merge->changes |= CHANGE_PLUS_ALL;
        qualifier = '~';
    }
    if (rank_of_all(qualifier) > rank_of_all(merge->all)) {
        merge->all = qualifier;
    }
}

static bool
is_all(struct word word)
{
    struct word bare = without_qualifier(word);
    return bare.length == 3 && begins(bare, "all");
}

static bool
has_all(const char *record)
{
    const char *at = record;
    for (struct word word; next_word(&at, &word);) {
        if (is_all(word)) {
            return true;
        }
    }
    return false;
}

// Beside an `all` a redirect has no effect (RFC 7208, 6.1), and one record has one redirect only.
static void
add_redirect(struct merge *merge, struct word word, bool is_dead)
{
    if (is_dead) {
        merge->changes |= CHANGE_REPEAT;
        return;
    }
    if (merge->records == 1) {
        merge->redirect = word;
        merge->has_include = merge->has_include || is_target(merge, word, "redirect=");
        return;
    }
    AUTO_STRBUF include = STRBUF_INIT((size_t)2 * SPF_RECORD_MAX);
    size_t name = strlen("redirect=");
    strbuf_puts(&include, "include:");
    strbuf_append(&include, word.text + name, word.length - name);
    merge->changes |= CHANGE_REDIRECT;
    add_mechanism(merge, (struct word){strbuf_text(&include), include.length});
}

static void
add_record(struct merge *merge, const char *record)
{
    bool ends_in_all = has_all(record);
    bool is_behind_all = false;
    const char *at = record + strlen("v=spf1");
    for (struct word word; next_word(&at, &word);) {
        if (is_all(word) && is_behind_all) {
            merge->changes |= CHANGE_REPEAT; // the first one ends a record (RFC 7208, 5.1)
        } else if (is_all(word)) {
            add_all(merge, word);
            is_behind_all = true;
        } else if (begins(word, "redirect=")) {
            add_redirect(merge, word, ends_in_all);
        } else if (is_modifier(word)) {
            bool is_second =
                begins(word, "exp=") && strcasestr(strbuf_text(&merge->modifiers), " exp=");
            if (!is_second) {
                add_word(merge, &merge->modifiers, word);
            }
        } else {
            merge->changes |= is_behind_all ? CHANGE_MOVED : 0U;
            add_mechanism(merge, word);
        }
    }
}

static unsigned
count_lookups(const char *record)
{
    static const char *const NAMES[] = {"include", "a", "mx", "ptr", "exists", "redirect"};
    unsigned count = 0;
    const char *at = record + strlen("v=spf1");
    for (struct word word; next_word(&at, &word);) {
        struct word bare = without_qualifier(word);
        size_t length = strcspn(bare.text, ":=/ ");
        length = length < bare.length ? length : bare.length;
        for (size_t i = 0; i < ARRAY_LEN(NAMES); i++) {
            count += strlen(NAMES[i]) == length && strncasecmp(bare.text, NAMES[i], length) == 0;
        }
    }
    return count;
}

static void
put_note(const struct merge *merge, struct spf_merged *out)
{
    AUTO_STRBUF note = STRBUF_INIT((size_t)2 * SPF_NOTE_SIZE);
    for (size_t i = 0; i < ARRAY_LEN(NOTES); i++) {
        if ((merge->changes & NOTES[i].change) != 0) {
            strbuf_printf(&note, "%s%s", note.length == 0 ? "" : " ", NOTES[i].sentence);
        }
    }
    if (out->has_too_many_lookups) {
        strbuf_printf(&note,
                      "%sIt asks the DNS %u times, and more than %d is an error (RFC 7208, 4.6.4): "
                      "take out what is no longer used.",
                      note.length == 0 ? "" : " ", out->lookups, TERMS_MAX);
    }
    (void)snprintf(out->note, sizeof(out->note), "%s", strbuf_text(&note));
}

// Puts the parts together; the only record stays as it is when there is nothing to mend.
static void
assemble(struct merge *merge, const char *const *existing, struct strbuf *out)
{
    bool needs_all = merge->all == 0 && merge->redirect.length == 0;
    merge->changes |= needs_all ? CHANGE_NO_ALL : 0U;
    merge->changes |= merge->has_include ? 0U : CHANGE_INCLUDE;
    if (merge->records == 1 && merge->changes == 0) {
        strbuf_puts(out, existing[0]);
        return;
    }
    strbuf_puts(out, "v=spf1");
    strbuf_puts(out, strbuf_text(&merge->mechanisms));
    if (!merge->has_include) {
        strbuf_printf(out, " include:%s", merge->include);
    }
    if (merge->redirect.length > 0) {
        strbuf_putc(out, ' ');
        strbuf_append(out, merge->redirect.text, merge->redirect.length);
    } else {
        strbuf_printf(out, " %call", needs_all ? '~' : merge->all);
    }
    strbuf_puts(out, strbuf_text(&merge->modifiers));
}

static enum status
check_inputs(const char *const *existing, size_t count, const char *include, struct why *why)
{
    char name[DOMAIN_NAME_SIZE];
    if (count > SPF_MERGE_RECORDS_MAX) {
        return why_set(why, ST_INVALID, "%zu SPF records; at most %d are merged", count,
                       SPF_MERGE_RECORDS_MAX);
    }
    enum status status = address_normalize_domain(include, name, why);
    for (size_t i = 0; i < count && status == ST_OK; i++) {
        size_t length = strlen(existing[i]);
        struct spf_record record = {.text = NULL};
        status = spf_record_is_spf1(existing[i], length)
                     ? spf_record_parse(existing[i], length, &record, why)
                     : why_set(why, ST_INVALID, "'%.60s' is no SPF record", existing[i]);
        if (status == ST_OK) {
            spf_record_done(&record);
        }
    }
    return status;
}

enum status
spf_merge(const char *const *existing, size_t count, const char *include, struct spf_merged *out,
          struct why *why)
{
    enum status status = check_inputs(existing, count, include, why);
    if (status != ST_OK) {
        return status;
    }
    AUTO(merge_done)
    struct merge merge = {.include = include,
                          .records = count,
                          .mechanisms = STRBUF_INIT(PARTS_MAX),
                          .modifiers = STRBUF_INIT(PARTS_MAX),
                          .changes = count > 1 ? CHANGE_JOINED : 0U};
    for (size_t i = 0; i < count; i++) {
        add_record(&merge, existing[i]);
    }
    AUTO_STRBUF text = STRBUF_INIT(sizeof(out->text) - 1);
    assemble(&merge, existing, &text);
    if (text.overflow || merge.mechanisms.overflow || merge.modifiers.overflow) {
        return why_set(why, ST_TOO_LARGE, "the merged SPF record is longer than %zu bytes",
                       sizeof(out->text) - 1);
    }
    *out = (struct spf_merged){.is_changed = count != 1 || merge.changes != 0};
    memcpy(out->text, strbuf_text(&text), text.length + 1);
    out->lookups = count_lookups(out->text);
    out->has_too_many_lookups = out->lookups > TERMS_MAX;
    put_note(&merge, out);
    return ST_OK;
}
