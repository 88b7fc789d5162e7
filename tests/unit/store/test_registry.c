// SPDX-License-Identifier: Apache-2.0
// Domains with versions, and their events.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "conformance.h"
#include "fixture.h"

static const struct store_event ADDED = {.kind = "domain.added", .detail = "by hand"};

static struct store *
store_of(void **state)
{
    return ((struct fixture *)*state)->store;
}

static struct store_domain
domain_new(const char *name)
{
    struct store_domain domain = {.id = id_new(),
                                  .tenant = "acme",
                                  .profile = "local",
                                  .token = "tokentoken",
                                  .created_at = 1,
                                  .verified_at = 2,
                                  .checked_at = 3,
                                  .removed_at = 4};
    (void)snprintf(domain.name, sizeof(domain.name), "%s", name);
    return domain;
}

struct domains {
    unsigned count;
    struct store_domain rows[300];
};

static void
on_domain(void *context, const struct store_domain *domain)
{
    struct domains *domains = context;
    domains->rows[domains->count++] = *domain;
}

static struct domains
list(struct store *store, uint64_t after)
{
    struct domains domains = {.count = 0};
    assert_int_equal(store_domains_since(store, after, on_domain, &domains, NULL), ST_OK);
    return domains;
}

static void
domain_is_read_back_as_put(void **state)
{
    struct store_domain domain = domain_new("acme.test");
    domain.status = DOMAIN_AT_RISK;
    domain.inbound = true;
    assert_int_equal(store_domain_put(store_of(state), &domain, 0, &ADDED, NULL), ST_OK);
    assert_true(domain.version > 0);
    fixture_reopen(*state);
    struct domains found = list(store_of(state), 0);
    assert_int_equal(found.count, 1);
    const struct store_domain *row = &found.rows[0];
    assert_string_equal(row->id.text, domain.id.text);
    assert_string_equal(row->tenant, "acme");
    assert_string_equal(row->name, "acme.test");
    assert_string_equal(row->profile, "local");
    assert_string_equal(row->token, "tokentoken");
    assert_int_equal(row->status, DOMAIN_AT_RISK);
    assert_true(row->inbound);
    assert_int_equal(row->created_at, 1);
    assert_int_equal(row->verified_at, 2);
    assert_int_equal(row->checked_at, 3);
    assert_int_equal(row->removed_at, 4);
    assert_int_equal(row->version, domain.version);
}

static void
stale_version_changes_nothing(void **state)
{
    struct store *store = store_of(state);
    struct store_domain domain = domain_new("acme.test");
    assert_int_equal(store_domain_put(store, &domain, 0, &ADDED, NULL), ST_OK);
    uint64_t first = domain.version;
    domain.status = DOMAIN_VERIFIED;
    assert_int_equal(store_domain_put(store, &domain, first, &ADDED, NULL), ST_OK);
    assert_true(domain.version > first);
    struct store_domain stale = domain;
    stale.status = DOMAIN_FAILED;
    struct why why = {.text = ""};
    assert_int_equal(store_domain_put(store, &stale, first, &ADDED, &why), ST_CONFLICT);
    assert_non_null(strstr(why.text, "acme.test"));
    assert_int_equal(stale.version, domain.version);
    struct domains found = list(store, 0);
    assert_int_equal(found.count, 1);
    assert_int_equal(found.rows[0].status, DOMAIN_VERIFIED);
}

static void
name_is_unique_among_domains_not_removed(void **state)
{
    struct store *store = store_of(state);
    struct store_domain first = domain_new("acme.test");
    struct store_domain second = domain_new("acme.test");
    (void)snprintf(second.tenant, sizeof(second.tenant), "other");
    assert_int_equal(store_domain_put(store, &first, 0, &ADDED, NULL), ST_OK);
    assert_int_equal(store_domain_put(store, &second, 0, &ADDED, NULL), ST_CONFLICT);
    first.status = DOMAIN_REMOVED;
    assert_int_equal(store_domain_put(store, &first, first.version, &ADDED, NULL), ST_OK);
    assert_int_equal(store_domain_put(store, &second, 0, &ADDED, NULL), ST_OK);
    assert_int_equal(list(store, 0).count, 2);
    first.status = DOMAIN_PENDING; // the name is taken now
    assert_int_equal(store_domain_put(store, &first, first.version, &ADDED, NULL), ST_CONFLICT);
}

static void
changes_are_listed_after_a_version_in_its_order(void **state)
{
    struct store *store = store_of(state);
    struct store_domain domains[210];
    for (size_t i = 0; i < ARRAY_LEN(domains); i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "d%zu.test", i);
        domains[i] = domain_new(name);
        assert_int_equal(store_domain_put(store, &domains[i], 0, &ADDED, NULL), ST_OK);
    }
    uint64_t last = domains[ARRAY_LEN(domains) - 1].version;
    assert_int_equal(store_domain_put(store, &domains[0], domains[0].version, &ADDED, NULL), ST_OK);
    struct domains changed = list(store, last);
    assert_int_equal(changed.count, 1);
    assert_string_equal(changed.rows[0].name, "d0.test");
    static struct domains all;
    all = list(store, 0);
    assert_int_equal(all.count, 210);
    assert_string_equal(all.rows[0].name, "d1.test");
    assert_string_equal(all.rows[209].name, "d0.test");
}

struct events {
    unsigned count;
    struct store_event_row rows[300];
};

static void
on_event(void *context, const struct store_event_row *row)
{
    struct events *events = context;
    events->rows[events->count++] = *row;
}

static void
events_are_listed_newest_first_and_only_of_what_happened(void **state)
{
    struct store *store = store_of(state);
    struct store_domain domain = domain_new("acme.test");
    struct store_domain other = domain_new("other.test");
    assert_int_equal(store_domain_put(store, &domain, 0, &ADDED, NULL), ST_OK);
    assert_int_equal(store_domain_put(store, &other, 0, &ADDED, NULL), ST_OK);
    const struct store_event verified = {.kind = "domain.verified", .detail = ""};
    assert_int_equal(store_domain_put(store, &domain, domain.version + 7, &verified, NULL),
                     ST_CONFLICT);
    static struct events events;
    events.count = 0;
    assert_int_equal(store_events(store, "acme.test", 10, on_event, &events, NULL), ST_OK);
    assert_int_equal(events.count, 1);
    for (unsigned i = 0; i < 220; i++) {
        assert_int_equal(store_domain_put(store, &domain, domain.version, &verified, NULL), ST_OK);
    }
    static const struct {
        size_t limit;
        unsigned count;
    } cases[] = {{0, 0}, {1, 1}, {100, 100}, {101, 101}, {500, 221}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        events.count = 0;
        assert_int_equal(store_events(store, "acme.test", cases[i].limit, on_event, &events, NULL),
                         ST_OK);
        assert_int_equal(events.count, cases[i].count);
    }
    assert_string_equal(events.rows[0].kind, "domain.verified");
    assert_string_equal(events.rows[220].kind, "domain.added");
    assert_string_equal(events.rows[220].detail, "by hand");
    assert_string_equal(events.rows[220].domain, "acme.test");
    assert_true(events.rows[220].at > 0);
}

static void
names_of_statuses_go_both_ways(void **state)
{
    (void)state;
    for (int i = 0; i <= DOMAIN_REMOVED; i++) {
        enum domain_status found = DOMAIN_PENDING;
        assert_int_equal(domain_status_from_name(domain_status_name((enum domain_status)i), &found),
                         ST_OK);
        assert_int_equal(found, i);
    }
    enum domain_status untouched = DOMAIN_FAILED;
    assert_int_equal(domain_status_from_name("", &untouched), ST_INVALID);
    assert_int_equal(untouched, DOMAIN_FAILED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int
run_registry_tests(void)
{
    const struct CMUnitTest tests[] = {
        TEST(domain_is_read_back_as_put),
        TEST(stale_version_changes_nothing),
        TEST(name_is_unique_among_domains_not_removed),
        TEST(changes_are_listed_after_a_version_in_its_order),
        TEST(events_are_listed_newest_first_and_only_of_what_happened),
        TEST(names_of_statuses_go_both_ways),
    };
    return cmocka_run_group_tests_name("registry", tests, NULL, NULL);
}
