// SPDX-License-Identifier: Apache-2.0
#include "control/cli/record_show.h"

#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/xalloc.h"
#include "control/cli/call.h"
#include "control/cli/human.h"
#include "control/cli/table.h"

static bool
is_required(const json_t *record)
{
    return json_is_true(json_object_get(record, "required"));
}

// ---- what to publish

static const struct column WANTED_TITLES[] = {
    {.title = "PURPOSE", .whole = true},
    {.title = "NEEDED", .whole = true},
    {.title = "TYPE", .whole = true},
    {.title = "HOST", .whole = true},
    {.title = "FULL NAME", .whole = true},
    {.title = "PRIORITY", .whole = true, .right = true},
    {.title = "TTL", .whole = true, .right = true},
    {.title = "VALUE", .whole = true},
};

static const char *
needed_text(const json_t *record)
{
    return is_required(record) ? "yes" : "advised";
}

static struct table *
make_table(const struct screen *screen, const json_t *records)
{
    struct table *table = table_new(screen, WANTED_TITLES, ARRAY_LEN(WANTED_TITLES));
    for (size_t i = 0; i < json_array_size(records); i++) {
        const json_t *record = json_array_get(records, i);
        char priority[CALL_NUMBER_SIZE];
        char ttl[CALL_NUMBER_SIZE];
        const char *const cells[] = {
            call_text(record, "purpose"),
            needed_text(record),
            call_text(record, "type"),
            call_text(record, "host"),
            call_text(record, "name"),
            call_number_text(record, "priority", priority),
            call_number_text(record, "ttl", ttl),
            call_text(record, "value"),
        };
        table_add(table, cells);
    }
    return table;
}

static void
print_member(const struct screen *screen, const char *label, const char *value)
{
    if (value[0] != '\0') {
        screen_line(screen, "  %-9s %s", label, value);
    }
}

static void
print_block(const struct screen *screen, const json_t *record)
{
    char number[CALL_NUMBER_SIZE];
    screen_line(screen, "%s (%s)", call_text(record, "purpose"),
                is_required(record) ? "needed" : "advised");
    print_member(screen, "type", call_text(record, "type"));
    print_member(screen, "host", call_text(record, "host"));
    print_member(screen, "full name", call_text(record, "name"));
    print_member(screen, "priority", call_number_text(record, "priority", number));
    print_member(screen, "ttl", call_number_text(record, "ttl", number));
    print_member(screen, "value", call_text(record, "value"));
}

void
record_show_wanted(const struct screen *screen, const json_t *records)
{
    AUTO_TABLE *table = make_table(screen, records);
    if (table_fits(table)) {
        table_print(table);
        return;
    }
    for (size_t i = 0; i < json_array_size(records); i++) {
        if (i > 0) {
            screen_line(screen, "%s", "");
        }
        print_block(screen, json_array_get(records, i));
    }
}

// ---- what was seen

struct mark {
    const char *status;
    const char *sign;  /* UTF-8, one column */
    const char *plain; /* as wide in every row */
    enum screen_style style;
};
static const struct mark MARKS[] = {
    {"found", "\xe2\x9c\x93", "ok ", STYLE_GOOD},         // a tick
    {"propagating", "\xe2\xa7\x96", "...", STYLE_UNSURE}, // an hourglass
    {"unknown", "?", "?  ", STYLE_UNSURE},
    {"unchecked", "?", "?  ", STYLE_UNSURE},
};
static const struct mark CROSS = {"", "\xe2\x9c\x97", "NO ", STYLE_BAD};

static const struct mark *
mark_of(const json_t *record)
{
    for (size_t i = 0; i < ARRAY_LEN(MARKS); i++) {
        if (strcmp(MARKS[i].status, call_text(record, "status")) == 0) {
            return &MARKS[i];
        }
    }
    return &CROSS;
}

static void
put_propagation(const json_t *record, struct strbuf *out)
{
    const json_t *seen = json_object_get(record, "propagation");
    if (strcmp(call_text(record, "status"), "propagating") == 0 && json_is_object(seen)) {
        strbuf_printf(out, " (%lld of %lld servers)", (long long)call_number(seen, "found"),
                      (long long)call_number(seen, "answered"));
    }
}

void
record_show_line(const struct screen *screen, const json_t *record, struct strbuf *out)
{
    const struct mark *mark = mark_of(record);
    AUTO_STRBUF text = STRBUF_INIT(out->cap);
    strbuf_printf(&text, "%-13s  %-5s  %s  %s", call_text(record, "purpose"),
                  call_text(record, "type"), call_text(record, "name"),
                  call_text(record, "status"));
    put_propagation(record, &text);
    strbuf_puts(&text, is_required(record) ? "" : " (advised)");
    strbuf_printf(out, "%s%s%s ", screen_style_on(screen, mark->style),
                  screen->utf8 ? mark->sign : mark->plain, screen_style_off(screen, mark->style));
    screen_clean(screen, strbuf_text(&text), out);
}

static void
print_detail(const struct screen *screen, const char *label, const char *text)
{
    if (text[0] != '\0') {
        screen_line(screen, "      %-8s  %s", label, text);
    }
}

// Where the text to paste begins in a line of a cure, "Do this: TEXT"; NULL when it has none.
static const char *
find_paste(const char *line)
{
    const char *paste = NULL;
    for (const char *at = strstr(line, ": "); at != NULL; at = strstr(at + 1, ": ")) {
        paste = at + 2;
    }
    if (paste == NULL || paste[0] == '\0') {
        return NULL;
    }
    bool is_sentence = strchr(paste, ' ') != NULL && paste[strlen(paste) - 1] == '.';
    return is_sentence ? NULL : paste;
}

static void
print_cure_line(const struct screen *screen, const char *label, const char *line)
{
    const char *paste = find_paste(line);
    int length = (int)(paste == NULL ? strlen(line) : (size_t)(paste - line) - 1);
    screen_line(screen, "      %-8s  %.*s", label, length, line);
    if (paste != NULL) {
        screen_line(screen, "%s", paste); // from the first column on: nothing to cut away
    }
}

static void
print_cure(const struct screen *screen, const char *cure)
{
    AUTO_FREE char *copy = xstrdup(cure);
    char *rest = NULL;
    const char *label = "cure";
    for (char *line = strtok_r(copy, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        print_cure_line(screen, label, line);
        label = "";
    }
}

static void
print_findings(const struct screen *screen, const json_t *findings)
{
    for (size_t i = 0; i < json_array_size(findings); i++) {
        const json_t *finding = json_array_get(findings, i);
        bool is_advice = json_is_true(json_object_get(finding, "advice"));
        print_detail(screen, is_advice ? "note" : "problem", call_text(finding, "problem"));
        print_cure(screen, call_text(finding, "cure"));
    }
}

static void
print_stale(const struct screen *screen, const json_t *record)
{
    char when[HUMAN_SIZE];
    const char *iso = call_text(record, "stale_until");
    if (iso[0] != '\0') {
        screen_line(screen, "      %-8s  a cached old answer is gone at %s", "cache",
                    human_clock(iso, clock_wall_ms(), when));
    }
}

static void
print_line(const struct screen *screen, const json_t *record)
{
    AUTO_STRBUF line = STRBUF_INIT(SCREEN_LINE_MAX);
    record_show_line(screen, record, &line);
    (void)fprintf(screen->out, "  %s\n", strbuf_text(&line));
}

// What was seen in a record of another type begins with that: "TXT \"x\"".
static bool
names_type(const char *observed)
{
    static const char *const types[] = {"CNAME ", "TXT ", "MX "};
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        if (strncmp(observed, types[i], strlen(types[i])) == 0) {
            return true;
        }
    }
    return false;
}

static void
print_compared(const struct screen *screen, const json_t *record, const char *observed)
{
    AUTO_STRBUF wanted = STRBUF_INIT(SCREEN_LINE_MAX);
    if (names_type(observed)) {
        strbuf_printf(&wanted, "%s ", call_text(record, "type"));
    }
    strbuf_puts(&wanted, call_text(record, "value"));
    print_detail(screen, "wanted", strbuf_text(&wanted));
    print_detail(screen, "observed", observed);
}

static void
print_record(const struct screen *screen, const json_t *record)
{
    print_line(screen, record);
    const json_t *findings = json_object_get(record, "findings");
    const char *observed = call_text(record, "observed");
    bool compares = observed[0] != '\0' || json_array_size(findings) == 0;
    if (mark_of(record)->style != STYLE_GOOD && compares) {
        print_compared(screen, record, observed);
    }
    print_findings(screen, findings);
    print_stale(screen, record);
}

void
record_show_report(const struct screen *screen, const json_t *records)
{
    for (size_t i = 0; i < json_array_size(records); i++) {
        print_record(screen, json_array_get(records, i));
    }
}

void
record_show_brief(const struct screen *screen, const json_t *records)
{
    for (size_t i = 0; i < json_array_size(records); i++) {
        print_line(screen, json_array_get(records, i));
    }
}
