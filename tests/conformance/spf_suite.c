// SPDX-License-Identifier: Apache-2.0
// Runs a table of SPF cases, as spf_suite.py writes it, through our engine: each without a cache,
// and twice with one cache for its zone. Usage: spf_suite CASES [KNOWN...]; the known ones must
// differ.
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/attrs.h"
#include "common/cleanup.h"
#include "verifier/message/spf.h"

enum { FIELD_COUNT = 7, CACHE_BYTES = 1 << 20, TRACE_MAX = 1 << 16 };

/* One line of the table, in the order of its fields. */
struct suite_case {
    char *zone;
    char *name;
    char *host;
    char *helo;
    char *sender;
    char *results;     /* with commas between them */
    char *explanation; /* "-": not checked; "=" and the text */
};

static void
unescape(char *text)
{
    char *out = text;
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '\\') {
            *out++ = (char)((c[1] - '0') * 100 + (c[2] - '0') * 10 + (c[3] - '0'));
            c += 3;
        } else {
            *out++ = *c;
        }
    }
    *out = '\0';
}

static bool
read_case(char *line, struct suite_case *out)
{
    char *fields[FIELD_COUNT] = {NULL};
    size_t count = 0;
    line[strcspn(line, "\n")] = '\0';
    for (char *at = line; at != NULL && count < FIELD_COUNT; count++) {
        fields[count] = at;
        at = strchr(at, '\t');
        if (at != NULL) {
            *at++ = '\0';
        }
        unescape(fields[count]);
    }
    *out = (struct suite_case){fields[0], fields[1], fields[2], fields[3],
                               fields[4], fields[5], fields[6]};
    return count == FIELD_COUNT;
}

static bool
is_among(const char *result, const char *list)
{
    size_t length = strlen(result);
    for (const char *at = list; *at != '\0';) {
        size_t word = strcspn(at, ",");
        if (word == length && strncmp(at, result, word) == 0) {
            return true;
        }
        at += word + (at[word] == ',');
    }
    return false;
}

static bool
agrees(const struct suite_case *expected, const struct verdict_spf *verdict)
{
    bool same_text = expected->explanation[0] == '-' ||
                     strcmp(expected->explanation + 1, verdict->explanation) == 0;
    return same_text && is_among(auth_result_name(verdict->result), expected->results);
}

static bool
run_once(const struct suite_case *suite_case, struct dns *dns, struct spf_cache *cache,
         bool tells_difference)
{
    struct spf_query query = {.client_address = suite_case->host,
                              .helo = suite_case->helo,
                              .sender = suite_case->sender,
                              .receiver = "receiver.example.net",
                              .explain = true};
    struct verdict_spf verdict;
    struct spf_trace trace = {.text = STRBUF_INIT(TRACE_MAX)};
    spf_check(cache, dns, NULL, &query, &verdict, &trace);
    bool is_right = agrees(suite_case, &verdict);
    if (!is_right && tells_difference) {
        (void)printf("%s: %s \"%s\", not %s %s\n%s", suite_case->name,
                     auth_result_name(verdict.result), verdict.explanation, suite_case->results,
                     suite_case->explanation, strbuf_text(&trace.text));
    }
    strbuf_done(&trace.text);
    return is_right;
}

static bool
run_case(const struct suite_case *suite_case, bool tells_difference)
{
    struct dns *dns = NULL;
    struct why why;
    if (dns_open_fixture(suite_case->zone, &dns, &why) != ST_OK) {
        (void)printf("%s: %s\n", suite_case->name, why.text);
        return false;
    }
    struct spf_cache *cache = spf_cache_new(CACHE_BYTES);
    bool is_right = run_once(suite_case, dns, NULL, tells_difference) &&
                    run_once(suite_case, dns, cache, tells_difference) &&
                    run_once(suite_case, dns, cache, tells_difference);
    spf_cache_free(cache);
    dns_close(dns);
    return is_right;
}

static bool
is_known(const char *name, char *const *known)
{
    for (; *known != NULL; known++) {
        if (strcmp(*known, name) == 0) {
            return true;
        }
    }
    return false;
}

int
main(int argc, char **argv)
{
    AUTO_FILE FILE *table = argc < 2 ? NULL : fopen(argv[1], "re");
    if (table == NULL) {
        (void)fprintf(stderr, "usage: spf_suite CASES [KNOWN...]\n");
        return 2;
    }
    AUTO_FREE char *line = NULL;
    size_t allocated = 0;
    unsigned right = 0;
    unsigned unexpected = 0;
    unsigned count = 0;
    while (getline(&line, &allocated, table) >= 0) {
        struct suite_case suite_case;
        if (!read_case(line, &suite_case)) {
            (void)fprintf(stderr, "a line of %s has too few fields\n", argv[1]);
            return 2;
        }
        bool known = is_known(suite_case.name, argv + 2);
        bool is_right = run_case(&suite_case, !known);
        if (is_right && known) {
            (void)printf("%s: passes, and is known to differ\n", suite_case.name);
        }
        count++;
        right += is_right;
        unexpected += is_right == known;
    }
    (void)printf("%u of %u right, %u unexpected\n", right, count, unexpected);
    return unexpected == 0 && count > 0 ? 0 : 1;
}
