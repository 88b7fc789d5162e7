// SPDX-License-Identifier: Apache-2.0
// Every case that make_cases.py wrote: our engine must give what the case says, in whatever pieces
// the body comes; and where dkimpy or the reference helper say otherwise, disagreements.txt must
// know, and tell who is right.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/header.h"
#include "common/strbuf.h"
#include "verifier/message/dkim.h"
#include "verifier/message/helper_pool.h"
#include "verifier/message/reference_client.h"

enum {
    CASES_MAX = 8192,
    FILE_MAX = 64 * 1024 * 1024,
    BORDERS_BODY_MAX = 300, /* bodies up to here are cut at every byte */
    BYTES_BODY_MAX = 8192,  /* and up to here come byte by byte */
    KEY_CACHE_BYTES = 256 * 1024,
    WORDS_SIZE = 256
};

struct test_case {
    const char *kind;
    const char *name;
    int64_t now;
    const char *expected;
    const char *dkimpy;
};

static char *list_text;
static char *known_text;
static struct test_case list[CASES_MAX];
static size_t count;
static struct dns *dns;
static struct key_cache *keys;

static char *
read_file(const char *path, size_t *length_out)
{
    AUTO_FILE FILE *file = fopen(path, "r");
    AUTO_STRBUF text = STRBUF_INIT(FILE_MAX);
    char buffer[65536];
    if (file == NULL) {
        fail_msg("cannot open %s", path);
        return NULL;
    }
    strbuf_append(&text, "", 0);
    for (size_t got = 0; (got = fread(buffer, 1, sizeof(buffer), file)) > 0;) {
        strbuf_append(&text, buffer, got);
    }
    assert_false(text.overflow);
    *length_out = text.length;
    char *content = strbuf_steal(&text);
    return content == NULL ? calloc(1, 1) : content;
}

static char *
read_message(const struct test_case *test, size_t *length_out)
{
    char path[512];
    (void)snprintf(path, sizeof(path), CASES "/messages/%s_%s.eml", test->kind, test->name);
    return read_file(path, length_out);
}

static int
load(void **state)
{
    (void)state;
    size_t length = 0;
    list_text = read_file(CASES "/cases", &length);
    known_text = read_file(DISAGREEMENTS, &length);
    char *rest = list_text;
    for (char *line = NULL; (line = strsep(&rest, "\n")) != NULL && line[0] != '\0';) {
        assert_true(count < CASES_MAX);
        struct test_case *test = &list[count++];
        test->kind = strsep(&line, "\t");
        test->name = strsep(&line, "\t");
        test->now = strtoll(strsep(&line, "\t"), NULL, 10);
        test->expected = strsep(&line, "\t");
        test->dkimpy = line;
    }
    struct why why;
    if (dns_open_fixture(CASES "/zone", &dns, &why) != ST_OK) {
        fail_msg("zone: %s", why.text);
    }
    keys = key_cache_new(KEY_CACHE_BYTES);
    return 0;
}

static int
unload(void **state)
{
    (void)state;
    key_cache_free(keys);
    dns_close(dns);
    free(list_text);
    free(known_text);
    return 0;
}

static void
add_word(char out[WORDS_SIZE], const char *word)
{
    size_t used = strlen(out);
    (void)snprintf(out + used, WORDS_SIZE - used, "%s%s", used > 0 ? " " : "", word);
}

static void
format_dkim(const struct verdict_dkim *results, size_t results_count, size_t ignored, bool tails,
            char out[WORDS_SIZE])
{
    out[0] = '\0';
    for (size_t i = 0; i < results_count; i++) {
        char word[32];
        (void)snprintf(word, sizeof(word), "%s%s", auth_result_name(results[i].result),
                       tails && results[i].unsigned_tail ? "/tail" : "");
        add_word(out, word);
    }
    if (results_count == 0) {
        add_word(out, "-");
    }
    if (ignored > 0) {
        char word[32];
        (void)snprintf(word, sizeof(word), "+%zu", ignored);
        add_word(out, word);
    }
}

static void
format_arc(const struct verdict_arc *arc, char out[WORDS_SIZE])
{
    if (arc->result == AUTH_NONE) {
        (void)snprintf(out, WORDS_SIZE, "none");
    } else if (arc->result == AUTH_PASS) {
        (void)snprintf(out, WORDS_SIZE, "pass:%u:%u", arc->instances, arc->oldest_pass);
    } else {
        (void)snprintf(out, WORDS_SIZE, "%s:%u", auth_result_name(arc->result), arc->instances);
    }
}

/* How a body is cut. */
struct cut {
    size_t first; /* bytes of the first piece */
    size_t step;  /* of the others */
};

static void
feed(struct dkim_verifier *verifier, const char *body, size_t length, struct cut cut)
{
    size_t piece = cut.first < length ? cut.first : length;
    while (length > 0 || piece > 0) {
        dkim_verifier_body(verifier, body, piece);
        body += piece;
        length -= piece;
        piece = cut.step < length ? cut.step : length;
    }
}

static void
verify(const struct test_case *test, const char *text, size_t length, struct cut cut,
       char out[WORDS_SIZE], struct verdict_arc *arc)
{
    size_t header = header_block_length(text, length);
    struct dns_budget budget = {.deadline_mono_ms = clock_mono_ms() + 60000, .queries_left = 200};
    struct verdict_dkim results[VERDICT_DKIM_MAX];
    size_t results_count = 0;
    size_t ignored = 0;
    AUTO_DKIM_VERIFIER *verifier = dkim_verifier_new(text, header, test->now);
    feed(verifier, text + header, length - header, cut);
    dkim_verifier_finish(verifier, keys, dns, &budget, results, &results_count, &ignored, arc);
    if (strcmp(test->kind, "arc") == 0) {
        format_arc(arc, out);
    } else {
        format_dkim(results, results_count, ignored, true, out);
    }
}

static bool
check(const struct test_case *test, const char *text, size_t length, struct cut cut)
{
    char words[WORDS_SIZE];
    struct verdict_arc arc;
    verify(test, text, length, cut, words, &arc);
    if (strcmp(words, test->expected) == 0) {
        return true;
    }
    print_error("%s %s: wanted \"%s\", got \"%s\" (cut at %zu, then %zu) %s\n", test->kind,
                test->name, test->expected, words, cut.first, cut.step, arc.reason);
    return false;
}

static void
every_case_gives_what_it_must(void **state)
{
    (void)state;
    size_t wrong = 0;
    for (size_t i = 0; i < count; i++) {
        size_t length = 0;
        AUTO_FREE char *text = read_message(&list[i], &length);
        wrong += check(&list[i], text, length, (struct cut){SIZE_MAX, SIZE_MAX}) ? 0 : 1;
    }
    print_message("%zu cases\n", count);
    assert_int_equal(wrong, 0);
    assert_true(count > 150);
}

static void
the_borders_of_the_pieces_do_not_matter(void **state)
{
    (void)state;
    size_t wrong = 0;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(list[i].kind, "dkim") != 0) {
            continue; // the same code hashes the body for both
        }
        size_t length = 0;
        AUTO_FREE char *text = read_message(&list[i], &length);
        size_t body = length - header_block_length(text, length);
        bool canonical = strncmp(list[i].name, "body_", 5) == 0;
        for (size_t at = 0; canonical && body <= BORDERS_BODY_MAX && at <= body; at++) {
            wrong += check(&list[i], text, length, (struct cut){at, SIZE_MAX}) ? 0 : 1;
        }
        for (size_t step = 1; body <= BYTES_BODY_MAX && step <= 3; step++) {
            wrong += check(&list[i], text, length, (struct cut){0, step}) ? 0 : 1;
        }
        wrong += check(&list[i], text, length, (struct cut){65535, 4093}) ? 0 : 1;
    }
    assert_int_equal(wrong, 0);
}

// "oracle case: what it says; ..." must stand in the file of disagreements.
static bool
is_known(const char *oracle, const struct test_case *test, const char *said)
{
    char wanted[2 * WORDS_SIZE];
    (void)snprintf(wanted, sizeof(wanted), "\n%s %s %s: %s; ", oracle, test->kind, test->name,
                   said);
    return strstr(known_text, wanted) != NULL;
}

// Lines of the file about this oracle: a stale one would make them more than what was seen.
static size_t
known_count(const char *oracle)
{
    char start[64];
    size_t lines = 0;
    (void)snprintf(start, sizeof(start), "\n%s ", oracle);
    for (const char *at = known_text; (at = strstr(at, start)) != NULL; at++) {
        lines++;
    }
    return lines;
}

static bool
agree_or_known(const char *oracle, const struct test_case *test, const char *ours, const char *said,
               size_t *disagreements)
{
    if (strcmp(ours, said) == 0) {
        return true;
    }
    ++*disagreements;
    if (is_known(oracle, test, said)) {
        return true;
    }
    print_error("not in the list: %s %s %s: %s; we say: %s\n", oracle, test->kind, test->name, said,
                ours);
    return false;
}

// dkimpy says pass or not, so our words become that.
static void
coarse(const char *words, char out[WORDS_SIZE])
{
    char copy[WORDS_SIZE];
    (void)snprintf(copy, sizeof(copy), "%s", words);
    out[0] = '\0';
    char *rest = copy;
    for (char *word = NULL; (word = strsep(&rest, " ")) != NULL;) {
        bool passes = strncmp(word, "pass", 4) == 0;
        bool says_nothing = strcmp(word, "-") == 0 || strcmp(word, "none") == 0;
        if (word[0] != '+') { // signatures past the cap
            add_word(out, passes ? "pass" : says_nothing ? word : "no");
        }
    }
}

static void
disagreements_with_dkimpy_are_known(void **state)
{
    (void)state;
    size_t wrong = 0;
    size_t seen = 0;
    for (size_t i = 0; i < count; i++) {
        char ours[WORDS_SIZE];
        if (strcmp(list[i].dkimpy, "?") == 0) {
            continue;
        }
        coarse(list[i].expected, ours);
        wrong += agree_or_known("dkimpy", &list[i], ours, list[i].dkimpy, &seen) ? 0 : 1;
    }
    assert_int_equal(wrong, 0);
    assert_int_equal(seen, known_count("dkimpy"));
}

static void
ask_reference(struct helper_pool *pool, const char *text, size_t length, char out[WORDS_SIZE])
{
    struct helper helper;
    static struct reference_results results;
    struct why why;
    struct dns_budget budget = {.deadline_mono_ms = clock_mono_ms() + 60000, .queries_left = 200};
    struct reference_check asked = {.client = "",
                                    .helo = "",
                                    .sender = "",
                                    .size = length,
                                    .header_length = header_block_length(text, length),
                                    .signatures_max = VERDICT_DKIM_MAX};
    AUTO_FD int fd = memfd_create("message", MFD_CLOEXEC);
    assert_true(fd >= 0);
    for (size_t done = 0; done < length;) {
        ssize_t wrote = write(fd, text + done, length - done);
        assert_true(wrote > 0);
        done += (size_t)wrote;
    }
    assert_int_equal(helper_pool_lend(pool, budget.deadline_mono_ms, &helper, &why), ST_OK);
    enum status status = reference_ask(&helper, &asked, fd, dns, &budget, &results, &why);
    helper_pool_return(pool, &helper, status == ST_OK);
    if (status == ST_OK) {
        format_dkim(results.dkim, results.dkim_count, (size_t)results.dkim_ignored, false, out);
    } else {
        (void)snprintf(out, WORDS_SIZE, "died");
    }
}

// The word for a tail is ours alone.
static void
without_tails(const char *words, char out[WORDS_SIZE])
{
    (void)snprintf(out, WORDS_SIZE, "%s", words);
    for (char *tail = NULL; (tail = strstr(out, "/tail")) != NULL;) {
        memmove(tail, tail + 5, strlen(tail + 5) + 1);
    }
}

static void
disagreements_with_the_reference_are_known(void **state)
{
    (void)state;
    size_t wrong = 0;
    size_t seen = 0;
    struct helper_pool *pool = NULL;
    assert_int_equal(helper_pool_open(HELPER, 1, &pool, NULL), ST_OK);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(list[i].kind, "dkim") != 0) {
            continue;
        }
        size_t length = 0;
        char ours[WORDS_SIZE];
        char said[WORDS_SIZE];
        AUTO_FREE char *text = read_message(&list[i], &length);
        without_tails(list[i].expected, ours);
        ask_reference(pool, text, length, said);
        wrong += agree_or_known("reference", &list[i], ours, said, &seen) ? 0 : 1;
    }
    helper_pool_close(pool);
    assert_int_equal(wrong, 0);
    assert_int_equal(seen, known_count("reference"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_case_gives_what_it_must),
        cmocka_unit_test(the_borders_of_the_pieces_do_not_matter),
        cmocka_unit_test(disagreements_with_dkimpy_are_known),
        cmocka_unit_test(disagreements_with_the_reference_are_known),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
