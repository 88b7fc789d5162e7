// SPDX-License-Identifier: Apache-2.0
// A registry over a real store in a temporary folder, with a DNS from a file.
#ifndef TESTS_UNIT_DOMAIN_BENCH_H
#define TESTS_UNIT_DOMAIN_BENCH_H

#include "verifier/domain/registry.h"

enum { BENCH_PENDING_MAX = 3, BENCH_PATH_SIZE = 256, BENCH_ZONE_MAX = 64 * 1024 };

#define BENCH_MX_HOST "mx.mailspur.example"

struct bench {
    char folder[64];
    struct store *store;
    struct dns *dns;
    struct registry *registry;
};

/** cmocka setup and teardown: *state is a bench with an empty zone. */
int bench_set_up(void **state);
int bench_tear_down(void **state);
#define WITH_BENCH(test) cmocka_unit_test_setup_teardown(test, bench_set_up, bench_tear_down)

void bench_close_registry(struct bench *bench);

/** As after a restart of the daemon, with another DNS; "$" is the domain's token. */
void bench_reopen(struct bench *bench, const struct store_domain *domain, const char *zone);

/** These fail the test when the registry refuses. */
struct store_domain bench_add(struct bench *bench, const char *tenant, const char *name);
struct store_domain bench_add_verified(struct bench *bench, const char *tenant, const char *name);
size_t bench_verify(struct bench *bench, const char *name, struct store_domain *domain,
                    struct registry_record records[REGISTRY_RECORDS_MAX]);

struct bench_events {
    size_t count;
    char kinds[16][64];             /* newest first */
    char detail[STORE_REASON_SIZE]; /* of the newest */
};
struct bench_events bench_events(struct bench *bench, const char *domain);

/** The domain has so many events, the newest of this kind. */
void bench_assert_newest_event(struct bench *bench, const char *domain, size_t count,
                               const char *kind);

#endif
