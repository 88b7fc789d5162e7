// SPDX-License-Identifier: Apache-2.0
// Both kinds of engines over the fixture zone.
#ifndef TESTS_UNIT_MESSAGE_AUTH_BENCH_H
#define TESTS_UNIT_MESSAGE_AUTH_BENCH_H

#include "support.h"

enum { AUTH_BENCH_TIMEOUT_MS = 10000, AUTH_BENCH_QUERIES = 200 };

struct auth_bench {
    struct dns *dns;
    struct auth *own;
    struct auth *reference; /* the reference libraries */
};

/** cmocka setup and teardown of a group: *state is a bench. */
int auth_bench_setup(void **state);
int auth_bench_teardown(void **state);

/** One more; fails the test when it cannot be opened. */
struct auth *auth_bench_open(struct dns *dns, enum auth_engine engine, int64_t timeout_ms);

#endif
