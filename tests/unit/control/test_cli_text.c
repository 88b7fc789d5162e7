// SPDX-License-Identifier: Apache-2.0
// What the CLI makes of text, times, sizes and addresses: pure functions and tables.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/strbuf.h"
#include "control/cli/human.h"
#include "control/cli/screen.h"
#include "control/cli/table.h"
#include "control/cli/url.h"

#define BAD "\xef\xbf\xbd"

struct clean_case {
    const char *label, *text, *utf8, *ascii;
};
static const struct clean_case CLEANS[] = {
    {"plain", "plain text", "plain text", "plain text"},
    {"umlaut", "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f", "gr??"},
    {"escape sequence", "a\x1b[31mb", "a" BAD "[31mb", "a?[31mb"},
    {"bell and delete", "\a\x7f", BAD BAD, "??"},
    {"C1 control: CSI",
     "\xc2\x9b"
     "2J",
     BAD "2J", "?2J"},
    {"raw byte of C1",
     "\x9b"
     "2J",
     BAD "2J", "?2J"},
    {"right-to-left override", "\xe2\x80\xaetxt.exe", BAD "txt.exe", "?txt.exe"},
    {"isolate", "\xe2\x81\xa6x", BAD "x", "?x"},
    {"zero width",
     "a\xe2\x80\x8b"
     "b",
     "a" BAD "b", "a?b"},
    {"line ends", "a\r\nb\tc", "a" BAD " b c", "a? b c"},
    {"cut sequence", "a\xe2\x82", "a" BAD BAD, "a??"},
};

static void
text_of_strangers_cannot_drive_a_terminal(void **state)
{
    (void)state;
    struct screen screen = screen_open(stdout);
    for (size_t i = 0; i < ARRAY_LEN(CLEANS); i++) {
        AUTO_STRBUF utf8 = STRBUF_INIT(256);
        AUTO_STRBUF ascii = STRBUF_INIT(256);
        screen.utf8 = true;
        screen_clean(&screen, CLEANS[i].text, &utf8);
        screen.utf8 = false;
        screen_clean(&screen, CLEANS[i].text, &ascii);
        if (strcmp(strbuf_text(&utf8), CLEANS[i].utf8) != 0 ||
            strcmp(strbuf_text(&ascii), CLEANS[i].ascii) != 0) {
            fail_msg("%s: '%s', '%s'", CLEANS[i].label, strbuf_text(&utf8), strbuf_text(&ascii));
        }
    }
}

static void
width_counts_columns_not_bytes(void **state)
{
    (void)state;
    (void)screen_open(stdout);
    assert_int_equal(screen_text_width("abc"), 3);
    assert_int_equal(screen_text_width("gr\xc3\xbc\xc3\x9f"), 4);
    assert_int_equal(screen_text_width("\xe6\x97\xa5\xe6\x9c\xac"), 4); // two wide characters
    assert_int_equal(screen_fit("\xe6\x97\xa5\xe6\x9c\xac", 3), 3);     // only one of them
    assert_int_equal(screen_fit("abc", 9), 3);
}

struct lines_case {
    const char *text;
    size_t width;
    size_t lines;
};
static const struct lines_case LINES[] = {
    {"", 10, 0},
    {"\n", 10, 1},
    {"a\nb\n", 10, 2},
    {"a\nb", 10, 2},
    {"0123456789\n", 10, 1}, // fits exactly
    {"0123456789x\n", 10, 2},
    {"0123456789x\n", 0, 1}, // as wide as it likes
    {"\xe6\x97\xa5\xe6\x9c\xac\n", 3, 2},
    {"\033[32m0123456789\033[0m\n", 10, 1}, // styles take no place
    {"\033[32m\n\033[0m\n", 10, 2},
    {"\033[broken\nb\n", 10, 2},
};

static void
lines_of_a_terminal_are_counted_with_those_it_wraps(void **state)
{
    (void)state;
    (void)screen_open(stdout);
    for (size_t i = 0; i < ARRAY_LEN(LINES); i++) {
        size_t lines = screen_text_lines(LINES[i].text, LINES[i].width);
        if (lines != LINES[i].lines) {
            fail_msg("row %zu: %zu lines", i, lines);
        }
    }
}

// ---- tables

static const struct column COLUMNS[] = {
    {.title = "ID", .whole = true},
    {.title = "SUBJECT"},
    {.title = "N", .right = true},
    {.title = "END"},
};

static char *
print_table(size_t width, bool utf8)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    assert_non_null(out);
    struct screen screen = screen_open(out);
    screen.width = width;
    screen.utf8 = utf8;
    AUTO_TABLE *table = table_new(&screen, COLUMNS, ARRAY_LEN(COLUMNS));
    const char *const first[] = {"0123456789", "a subject that is long", "7", "x"};
    const char *const second[] = {"01", NULL, "12", ""};
    table_add(table, first);
    table_add(table, second);
    table_print(table);
    assert_int_equal(fclose(out), 0);
    return text;
}

static void
columns_are_aligned_and_lines_end_without_blanks(void **state)
{
    (void)state;
    AUTO_FREE char *text = print_table(0, true);
    assert_string_equal(text, "ID          SUBJECT                  N  END\n"
                              "0123456789  a subject that is long   7  x\n"
                              "01          -                       12  -\n");
}

static void
wide_cells_are_cut_to_the_terminal_but_not_ids(void **state)
{
    (void)state;
    AUTO_FREE char *text = print_table(31, true);
    assert_string_equal(text, "ID          SUBJECT      N  END\n"
                              "0123456789  a subject\xe2\x80\xa6   7  x\n"
                              "01          -           12  -\n");
    AUTO_FREE char *plain = print_table(31, false);
    assert_non_null(strstr(plain, "a subject~ "));
    AUTO_FREE char *narrow = print_table(10, true); // too narrow: wraps rather than hides
    assert_non_null(strstr(narrow, "0123456789  a subje\xe2\x80\xa6"));
}

static void
table_fits_when_nothing_would_be_cut(void **state)
{
    (void)state;
    struct screen screen = screen_open(stdout);
    AUTO_TABLE *table = table_new(&screen, COLUMNS, ARRAY_LEN(COLUMNS));
    const char *const row[] = {"0123456789", "a subject", "7", "x"};
    table_add(table, row);
    screen.width = 10 + 2 + 9 + 2 + 1 + 2 + 3;
    assert_true(table_fits(table));
    screen.width--;
    assert_false(table_fits(table));
    screen.width = 0;
    assert_true(table_fits(table));
}

static void
table_without_rows_prints_nothing(void **state)
{
    (void)state;
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    struct screen screen = screen_open(out);
    struct table *table = table_new(&screen, COLUMNS, ARRAY_LEN(COLUMNS));
    table_print(table);
    table_free(table);
    assert_int_equal(fclose(out), 0);
    assert_int_equal(length, 0);
    free(text);
}

// ---- times, sizes, addresses

enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, DAY = 24 * HOUR };

struct time_case {
    int64_t ago_ms;
    const char *shown;
};
static const struct time_case TIMES[] = {
    {0, "just now"},
    {1999, "just now"},
    {5 * SECOND, "5 s ago"},
    {119 * SECOND, "119 s ago"},
    {2 * MINUTE, "2 min ago"},
    {3 * HOUR, "3 h ago"},
    {-5 * MINUTE, "in 5 min"},
    {13 * (int64_t)DAY, "13 d ago"},
    {400 * (int64_t)DAY, "2025-10-18"},
};

static void
times_are_told_by_their_distance(void **state)
{
    (void)state;
    static const char NOW[] = "2026-11-22T10:15:30.123Z";
    int64_t now;
    assert_int_equal(human_parse_iso(NOW, &now), ST_OK);
    for (size_t i = 0; i < ARRAY_LEN(TIMES); i++) {
        char iso[CLOCK_ISO_SIZE];
        char out[HUMAN_SIZE];
        clock_format_iso(now - TIMES[i].ago_ms, iso);
        assert_string_equal(human_time(iso, now, out), TIMES[i].shown);
    }
    char out[HUMAN_SIZE];
    assert_string_equal(human_time(NULL, now, out), "-");
    assert_string_equal(human_time("never", now, out), "never");
}

static void
clock_has_a_date_when_it_is_not_today(void **state)
{
    (void)state;
    int64_t now;
    char out[HUMAN_SIZE];
    assert_int_equal(setenv("TZ", "UTC-2", 1), 0); // two hours east
    tzset();
    assert_int_equal(human_parse_iso("2026-11-22T10:15:30.123Z", &now), ST_OK);
    assert_string_equal(human_clock("2026-11-22T12:20:00.000Z", now, out), "14:20");
    assert_string_equal(human_clock("2026-11-22T21:59:59.999Z", now, out), "23:59");
    assert_string_equal(human_clock("2026-11-22T22:00:00.000Z", now, out), "2026-11-23 00:00");
    assert_string_equal(human_clock("2025-11-22T12:20:00.000Z", now, out), "2025-11-22 14:20");
    assert_string_equal(human_clock("soon", now, out), "soon");
}

static void
only_the_apis_form_of_time_is_read(void **state)
{
    (void)state;
    static const char *const BAD_TIMES[] = {"",
                                            "2026-11-22",
                                            "2026-11-22T10:15:30Z",
                                            "2026-11-22T10:15:30.123",
                                            "2026-11-22T10:15:30.123Zx",
                                            "2026-11-22T10:15:30.12Z",
                                            "2026-11-22T10:15:30.-12Z"};
    for (size_t i = 0; i < ARRAY_LEN(BAD_TIMES); i++) {
        int64_t untouched = 7;
        assert_int_equal(human_parse_iso(BAD_TIMES[i], &untouched), ST_INVALID);
        assert_int_equal(untouched, 7);
    }
}

struct size_case {
    uint64_t bytes;
    const char *shown;
};
static const struct size_case SIZES[] = {
    {0, "0 B"},          {1023, "1023 B"},       {1024, "1.0 KB"},      {4300, "4.2 KB"},
    {52428800, "50 MB"}, {21474836480, "20 GB"}, {UINT64_MAX, "16 EB"},
};

static void
sizes_have_the_unit_that_fits(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(SIZES); i++) {
        char out[HUMAN_SIZE];
        assert_string_equal(human_bytes(SIZES[i].bytes, out), SIZES[i].shown);
    }
}

static void
what_a_person_types_cannot_leave_its_segment(void **state)
{
    (void)state;
    AUTO_STRBUF url = STRBUF_INIT(256);
    strbuf_puts(&url, "/v1/domains");
    url_append_segment(&url, "../a?b#c%\xc3\xbc");
    url_append_parameter(&url, "x", NULL);
    url_append_parameter(&url, "a", "1&2");
    url_append_parameter(&url, "b", "x y");
    assert_string_equal(strbuf_text(&url), "/v1/domains/..%2Fa%3Fb%23c%25%C3%BC?a=1%262&b=x%20y");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_of_strangers_cannot_drive_a_terminal),
        cmocka_unit_test(width_counts_columns_not_bytes),
        cmocka_unit_test(lines_of_a_terminal_are_counted_with_those_it_wraps),
        cmocka_unit_test(table_fits_when_nothing_would_be_cut),
        cmocka_unit_test(clock_has_a_date_when_it_is_not_today),
        cmocka_unit_test(columns_are_aligned_and_lines_end_without_blanks),
        cmocka_unit_test(wide_cells_are_cut_to_the_terminal_but_not_ids),
        cmocka_unit_test(table_without_rows_prints_nothing),
        cmocka_unit_test(times_are_told_by_their_distance),
        cmocka_unit_test(only_the_apis_form_of_time_is_read),
        cmocka_unit_test(sizes_have_the_unit_that_fits),
        cmocka_unit_test(what_a_person_types_cannot_leave_its_segment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
