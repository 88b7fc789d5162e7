// SPDX-License-Identifier: Apache-2.0
#include "auth_bench.h"

struct auth *
auth_bench_open(struct dns *dns, enum auth_engine engine, int64_t timeout_ms)
{
    struct auth_settings settings = {.authserv_id = "mx.example.net",
                                     .engine = engine,
                                     .helper = HELPER,
                                     .helpers = 2,
                                     .timeout_ms = timeout_ms,
                                     .queries = AUTH_BENCH_QUERIES};
    struct auth *auth = NULL;
    struct why why = {.text = ""};
    if (auth_open(&settings, dns, &auth, &why) != ST_OK) {
        fail_msg("auth_open: %s", why.text);
    }
    return auth;
}

int
auth_bench_setup(void **state)
{
    static struct auth_bench bench;
    bench.dns = support_fixture_zone();
    bench.own = auth_bench_open(bench.dns, AUTH_ENGINE_OWN, AUTH_BENCH_TIMEOUT_MS);
    bench.reference = auth_bench_open(bench.dns, AUTH_ENGINE_REFERENCE, AUTH_BENCH_TIMEOUT_MS);
    *state = &bench;
    return 0;
}

int
auth_bench_teardown(void **state)
{
    struct auth_bench *bench = *state;
    auth_close(bench->own);
    auth_close(bench->reference);
    dns_close(bench->dns);
    return 0;
}
