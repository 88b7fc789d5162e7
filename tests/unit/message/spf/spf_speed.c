// SPDX-License-Identifier: Apache-2.0
// What one SPF check of both identities costs in CPU time, everything cached: a record with two
// includes that matches at its end. Not a test: prints one line.
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "verifier/message/spf.h"

enum { ROUNDS = 7, CHECKS = 20000, CACHE_BYTES = 4 << 20 };

static const char ZONE[] =
    "ex.com TXT v=spf1 include:_a.ex.com include:_b.ex.com mx -all\n"
    "_a.ex.com TXT v=spf1 ip4:198.51.100.0/24 ip4:203.0.113.0/25 ip6:2001:db8:1::/48 ~all\n"
    "_b.ex.com TXT v=spf1 ip4:198.51.100.0/24 ip6:2001:db8:2::/48 ip4:192.0.2.0/28 ~all\n"
    "mail.ex.com TXT v=spf1 a -all\n"
    "mail.ex.com A 192.0.2.1\n";

static double
check_many(struct dns *dns, struct spf_cache *cache)
{
    struct spf_query query = {.client_address = "192.0.2.1",
                              .helo = "mail.ex.com",
                              .sender = "user@ex.com",
                              .receiver = "mx.example.net",
                              .explain = true};
    struct verdict_spf verdict;
    struct timespec before;
    struct timespec after;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
    for (int i = 0; i < CHECKS; i++) {
        struct dns_budget budget = {.deadline_mono_ms = INT64_MAX, .queries_left = 60};
        spf_check(cache, dns, &budget, &query, &verdict, NULL);
        if (verdict.result != AUTH_PASS || verdict.helo != AUTH_PASS) {
            exit(1);
        }
    }
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
    return ((double)(after.tv_sec - before.tv_sec) * 1e6 +
            (double)(after.tv_nsec - before.tv_nsec) / 1e3) /
           CHECKS;
}

static int
by_value(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static double
median(struct dns *dns, struct spf_cache *cache)
{
    double rounds[ROUNDS];
    for (size_t i = 0; i < ROUNDS; i++) {
        rounds[i] = check_many(dns, cache);
    }
    qsort(rounds, ROUNDS, sizeof(rounds[0]), by_value);
    return rounds[ROUNDS / 2];
}

int
main(void)
{
    struct dns *dns = support_zone(ZONE);
    struct spf_cache *cache = spf_cache_new(CACHE_BYTES);
    double warm = median(dns, cache);
    double without = median(dns, NULL);
    (void)printf("MAIL FROM and HELO, 4 records: CPU us per check, median of %d: cached records "
                 "%.2f, records read anew from cached answers %.2f\n",
                 ROUNDS, warm, without);
    spf_cache_free(cache);
    dns_close(dns);
    return 0;
}
