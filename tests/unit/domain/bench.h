// SPDX-License-Identifier: Apache-2.0
// A registry over a real store in a temporary folder, with a DNS from a file.
#ifndef TESTS_UNIT_DOMAIN_BENCH_H
#define TESTS_UNIT_DOMAIN_BENCH_H

#include "tests/unit/config/support.h"
#include "verifier/domain/registry.h"

enum { BENCH_PENDING_MAX = 3, BENCH_DOMAINS_MAX = 5, BENCH_ZONE_MAX = 64 * 1024 };

#define BENCH_MX_HOST "mx.mailspur.example"

struct bench {
    struct folder folder;
    struct clock_guard clock;
    struct config_holder *holder;
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
void bench_remove(struct bench *bench, const char *name);

/** What the check saw; registry_check_free() releases it. */
struct registry_check *bench_verify(struct bench *bench, const char *name);

/** As registry_add with the profile "inbound". */
enum status bench_try_add(struct bench *bench, const char *tenant, const char *name,
                          const char *profile, struct store_domain *domain, struct why *why);

/** Settings of a registry over the bench. */
struct registry_settings bench_settings(struct bench *bench);

/** Put a configuration in force: these lines behind the bench's own. */
void bench_configure(struct bench *bench, const char *lines);

/** Keep a message to the domain with one delivery, held for this reason. */
struct id bench_hold(struct bench *bench, const struct store_domain *domain, const char *reason);
enum delivery_state bench_state(struct bench *bench, const struct id *delivery);

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
