// SPDX-License-Identifier: Apache-2.0
#include "support.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/strbuf.h"
#include "verifier/message/canon.h"

enum { OUTPUT_MAX = 1024 * 1024, RANDOM_ROUNDS = 3000, RANDOM_BODY_MAX = 400 };

struct field_case {
    const char *label;
    const char *field;
    const char *relaxed;
};

static void
fields_become_relaxed(void **state)
{
    (void)state;
    static const struct field_case CASES[] = {
        {"RFC 6376, 3.4.5", "A: X\r\n", "a:X"},
        {"name blanks and folding", "B : Y\t\r\n\tZ  \r\n", "b:Y Z"},
        {"empty", "Empty:\r\n", "empty:"},
        {"only blanks", "Blank: \t \r\n", "blank:"},
        {"blank folded line", "C: a\r\n \r\n b", "c:a b"},
        {"no line end", "D:x", "d:x"},
        {"lone CR inside is a byte", "E: a\rb\r\n", "e:a\rb"},
        {"case of the value stays", "F-G: MiXed", "f-g:MiXed"},
        {"second colon", "H: a : b", "h:a : b"},
    };
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        char out[64];
        size_t length = canon_relaxed_field(CASES[i].field, strlen(CASES[i].field), out);
        out[length] = '\0';
        if (strcmp(out, CASES[i].relaxed) != 0) {
            fail_msg("%s: %s", CASES[i].label, out);
        }
        assert_true(length <= strlen(CASES[i].field));
    }
}

static void
append(void *context, const void *data, size_t length)
{
    strbuf_append(context, data, length);
}

static void
run(enum canon canon, const char *body, size_t length, size_t step, struct strbuf *out)
{
    struct canon_body running;
    canon_body_init(&running, canon, append, out);
    for (size_t at = 0; at < length; at += step) {
        canon_body_feed(&running, body + at, length - at < step ? length - at : step);
    }
    canon_body_finish(&running);
    assert_false(out->overflow);
}

struct body_case {
    const char *label;
    const char *body;
    const char *simple;
    const char *relaxed;
};

static void
bodies_become_canonical(void **state)
{
    (void)state;
    static const struct body_case CASES[] = {
        {"RFC 6376, 3.4.5", " C \r\nD \t E\r\n\r\n\r\n", " C \r\nD \t E\r\n", " C\r\nD E\r\n"},
        {"empty", "", "\r\n", ""},
        {"empty lines", "\r\n\r\n", "\r\n", ""},
        {"blanks only", " \t", " \t\r\n", ""},
        {"no line end", "a", "a\r\n", "a\r\n"},
        {"no line end but blanks", "a \t", "a \t\r\n", "a\r\n"},
        {"lone CR at the end", "a\r", "a\r\r\n", "a\r\r\n"},
        {"CR CR LF", "a\r\r\n", "a\r\r\n", "a\r\r\n"},
        {"blank before a lone CR", "a \rb", "a \rb\r\n", "a \rb\r\n"},
        {"lone LF", "a\nb", "a\nb\r\n", "a\nb\r\n"},
        {"LF at the start of a line", "a\r\n\nb", "a\r\n\nb\r\n", "a\r\n\nb\r\n"},
        {"empty lines inside", "a\r\n\r\n\r\nb", "a\r\n\r\n\r\nb\r\n", "a\r\n\r\n\r\nb\r\n"},
        {"line of blanks inside", "a\r\n \t\r\nb", "a\r\n \t\r\nb\r\n", "a\r\n\r\nb\r\n"},
        {"leading blanks", "\t a", "\t a\r\n", " a\r\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        for (int canon = CANON_SIMPLE; canon <= CANON_RELAXED; canon++) {
            AUTO_STRBUF out = STRBUF_INIT(OUTPUT_MAX);
            const char *wanted = canon == CANON_SIMPLE ? CASES[i].simple : CASES[i].relaxed;
            run((enum canon)canon, CASES[i].body, strlen(CASES[i].body), SIZE_MAX, &out);
            if (strcmp(strbuf_text(&out), wanted) != 0) {
                fail_msg("%s (%d): %s", CASES[i].label, canon, strbuf_text(&out));
            }
        }
    }
}

// The byte-by-byte way never takes the short cut for what is canonical already.
static void
long_runs_and_single_bytes_give_the_same(void **state)
{
    (void)state;
    static const char ALPHABET[] = "aaaaaaaaaaaaaaaab  \t\r\n\r\n";
    unsigned seed = 7;
    for (size_t round = 0; round < RANDOM_ROUNDS; round++) {
        char body[RANDOM_BODY_MAX];
        size_t length = (size_t)rand_r(&seed) % RANDOM_BODY_MAX;
        for (size_t i = 0; i < length; i++) {
            body[i] = ALPHABET[(size_t)rand_r(&seed) % (sizeof(ALPHABET) - 1)];
        }
        for (int canon = CANON_SIMPLE; canon <= CANON_RELAXED; canon++) {
            AUTO_STRBUF whole = STRBUF_INIT(OUTPUT_MAX);
            AUTO_STRBUF bytes = STRBUF_INIT(OUTPUT_MAX);
            AUTO_STRBUF pieces = STRBUF_INIT(OUTPUT_MAX);
            run((enum canon)canon, body, length, SIZE_MAX, &whole);
            run((enum canon)canon, body, length, 1, &bytes);
            run((enum canon)canon, body, length, 67, &pieces);
            assert_string_equal(strbuf_text(&whole), strbuf_text(&bytes));
            assert_string_equal(strbuf_text(&whole), strbuf_text(&pieces));
        }
    }
}

static void
drop(void *context, const void *data, size_t length)
{
    (void)data;
    *(size_t *)context += length;
}

// In CPU time: quadratic work is seconds here, linear work microseconds.
static void
hostile_bodies_cost_no_more_than_their_length(void **state)
{
    (void)state;
    static const struct {
        const char *label;
        const char *unit;
    } CASES[] = {{"blanks", " "},           {"tabs", "\t"},          {"lone CRs", "\r"},
                 {"CRs and blanks", "\r "}, {"empty lines", "\r\n"}, {"words", "a "}};
    enum { LENGTH = 64 * 1024, MOST_MS = 200 };
    for (size_t i = 0; i < 2 * ARRAY_LEN(CASES); i++) {
        enum canon canon = i % 2 == 0 ? CANON_SIMPLE : CANON_RELAXED;
        const char *unit = CASES[i / 2].unit;
        char *body = malloc(LENGTH);
        assert_non_null(body);
        body[0] = 'a';
        for (size_t at = 1; at < LENGTH; at++) {
            body[at] = unit[at % strlen(unit)];
        }
        struct canon_body running;
        size_t total = 0;
        clock_t start = clock();
        canon_body_init(&running, canon, drop, &total);
        canon_body_feed(&running, body, LENGTH);
        canon_body_finish(&running);
        long ms = (long)((clock() - start) * 1000 / CLOCKS_PER_SEC);
        free(body);
        if (ms > MOST_MS) {
            fail_msg("%s, %s: %ld ms", CASES[i / 2].label,
                     canon == CANON_SIMPLE ? "simple" : "relaxed", ms);
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_become_relaxed),
        cmocka_unit_test(bodies_become_canonical),
        cmocka_unit_test(long_runs_and_single_bytes_give_the_same),
        cmocka_unit_test(hostile_bodies_cost_no_more_than_their_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
