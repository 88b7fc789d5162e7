// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/dns/bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "common/clock.h"

struct server *bench_server;

struct dns *
bench_open(const char *const *servers, size_t count, int64_t timeout_ms, unsigned tries)
{
    const struct dns_settings settings = {
        .servers = servers,
        .server_count = count,
        .timeout_ms = timeout_ms,
        .tries = tries,
        .cache_bytes = 1 << 20,
    };
    struct dns *dns = NULL;
    struct why why;
    assert_int_equal(dns_open(&settings, &dns, &why), ST_OK);
    return dns;
}

int
bench_start(void **state)
{
    bench_server = server_start(answers_by_name);
    atomic_store(&answers_asked, 0);
    (void)sem_init(&answers_gate, 0, 0);
    const char *servers[] = {server_text(bench_server)};
    *state = bench_open(servers, 1, BENCH_LONG_MS, 1);
    return 0;
}

int
bench_stop(void **state)
{
    clock_fake_off();
    dns_close(*state);
    server_stop(bench_server);
    (void)sem_destroy(&answers_gate);
    return 0;
}

void
bench_assert_text(const struct dns_answer *answer, const char *text)
{
    assert_int_equal(answer->status, DNS_OK);
    assert_int_equal(answer->count, 1);
    assert_int_equal(answer->records[0].length, strlen(text));
    assert_string_equal(answer->records[0].data, text);
}

void
bench_assert_temporary(const struct dns_answer *answer)
{
    assert_int_equal(answer->status, DNS_TEMPORARY);
    assert_int_equal(answer->count, 0);
    assert_string_not_equal(answer->problem, "");
}
