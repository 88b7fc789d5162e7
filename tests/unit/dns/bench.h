// SPDX-License-Identifier: Apache-2.0
// A resolver that asks one test server (answers.h).
#ifndef TESTS_UNIT_DNS_BENCH_H
#define TESTS_UNIT_DNS_BENCH_H

#include <limits.h>

#include "tests/unit/dns/answers.h"
#include "verifier/dns/dns.h"

// Short where the time has to pass, long where it must not: then a busy machine breaks no test.
enum { BENCH_TIMEOUT_MS = 150, BENCH_LONG_MS = 20000, BENCH_SLACK_MS = BENCH_LONG_MS / 2 };

/** A budget until this time, with as many queries as one likes. */
#define BENCH_BUDGET(until_mono_ms)                                                                \
    (&(struct dns_budget){.deadline_mono_ms = (until_mono_ms), .queries_left = UINT_MAX})

extern struct server *bench_server;

/** cmocka setup and teardown: *state is a struct dns that asks bench_server. */
int bench_start(void **state);
int bench_stop(void **state);
#define WITH_SERVER(test) cmocka_unit_test_setup_teardown(test, bench_start, bench_stop)

/** Another resolver; dns_close. */
struct dns *bench_open(const char *const *servers, size_t count, int64_t timeout_ms,
                       unsigned tries);

/** One record with this text. */
void bench_assert_text(const struct dns_answer *answer, const char *text);
void bench_assert_temporary(const struct dns_answer *answer);

#endif
