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
                                  .region = "eu-central-1",
                                  .token = "tokentoken",
                                  .checks = 1,
                                  .misses = 2,
                                  .ownership_misses = 3,
                                  .status_ms = 4,
                                  .ownership_missing_ms = 5,
                                  .created_at = 6,
                                  .owned_at = 7,
                                  .verified_at = 8,
                                  .checked_at = 9,
                                  .missing_since = 10,
                                  .ownership_missing_since = 11,
                                  .claim_seen_at = 12,
                                  .contested_at = 13,
                                  .failed_at = 14,
                                  .removed_at = 15,
                                  .next_check_at = 16};
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
assert_same_domain(const struct store_domain *row, const struct store_domain *wanted)
{
    assert_string_equal(row->id.text, wanted->id.text);
    assert_string_equal(row->tenant, wanted->tenant);
    assert_string_equal(row->name, wanted->name);
    assert_string_equal(row->profile, wanted->profile);
    assert_string_equal(row->region, wanted->region);
    assert_string_equal(row->token, wanted->token);
    const size_t numbers = offsetof(struct store_domain, checks);
    assert_memory_equal((const char *)row + numbers, (const char *)wanted + numbers,
                        sizeof(*row) - numbers);
    assert_int_equal(row->status, wanted->status);
    assert_int_equal(row->mail, wanted->mail);
    assert_int_equal(row->inbound, wanted->inbound);
    assert_int_equal(row->claims, wanted->claims);
    assert_int_equal(row->needs_approval, wanted->needs_approval);
    assert_int_equal(row->approved, wanted->approved);
    assert_int_equal(row->mx_points_here, wanted->mx_points_here);
    assert_int_equal(row->releases_identity, wanted->releases_identity);
    assert_int_equal(row->forgotten, wanted->forgotten);
}

static void
domain_is_read_back_as_put(void **state)
{
    struct store_domain domain = domain_new("acme.test");
    domain.status = DOMAIN_AT_RISK;
    domain.mail = DOMAIN_MAIL_DEFERRED;
    for (int flag = 0; flag < 7; flag++) { // each of them alone
        domain.inbound = flag == 0;
        domain.claims = flag == 1;
        domain.needs_approval = flag == 2;
        domain.mx_points_here = flag == 3;
        domain.releases_identity = flag == 4;
        domain.forgotten = flag == 5;
        domain.approved = flag == 6;
        assert_int_equal(store_domain_put(store_of(state), &domain, domain.version, &ADDED, NULL),
                         ST_OK);
        assert_true(domain.version > 0);
        fixture_reopen(*state);
        struct domains found = list(store_of(state), 0);
        assert_int_equal(found.count, 1);
        assert_same_domain(&found.rows[0], &domain);
    }
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
    assert_int_equal(
        store_events(store,
                     &(struct store_event_choice){
                         .domain = "acme.test", .tenant = NULL, .before = INT64_MAX, .limit = 10},
                     on_event, &events, NULL),
        ST_OK);
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
        assert_int_equal(store_events(store,
                                      &(struct store_event_choice){.domain = "acme.test",
                                                                   .tenant = NULL,
                                                                   .before = INT64_MAX,
                                                                   .limit = cases[i].limit},
                                      on_event, &events, NULL),
                         ST_OK);
        assert_int_equal(events.count, cases[i].count);
    }
    for (unsigned i = 1; i < events.count; i++) {
        assert_true(events.rows[i].number < events.rows[i - 1].number);
    }
    const struct store_event_choice older = {
        .domain = "acme.test", .before = events.rows[219].number, .limit = 5};
    struct events rest = {.count = 0};
    assert_int_equal(store_events(store, &older, on_event, &rest, NULL), ST_OK);
    assert_int_equal(rest.count, 1);
    assert_int_equal(rest.rows[0].number, events.rows[220].number);
    assert_string_equal(events.rows[0].kind, "domain.verified");
    assert_string_equal(events.rows[220].kind, "domain.added");
    assert_string_equal(events.rows[220].detail, "by hand");
    assert_string_equal(events.rows[220].domain, "acme.test");
    assert_true(events.rows[220].at > 0);
}

static void
several_events_of_one_change_are_kept_together(void **state)
{
    struct store *store = store_of(state);
    struct store_domain domain = domain_new("acme.test");
    const struct store_event second = {.kind = "domain.inbound_held", .detail = "b"};
    const struct store_event first = {.kind = "domain.at_risk", .detail = "a", .also = &second};
    assert_int_equal(store_domain_put(store, &domain, 0, &first, NULL), ST_OK);
    uint64_t version = domain.version;
    assert_int_equal(store_domain_put(store, &domain, version, NULL, NULL), ST_OK); // without any
    assert_true(domain.version > version);
    static struct events events;
    events.count = 0;
    assert_int_equal(
        store_events(store,
                     &(struct store_event_choice){
                         .domain = "acme.test", .tenant = NULL, .before = INT64_MAX, .limit = 10},
                     on_event, &events, NULL),
        ST_OK);
    assert_int_equal(events.count, 2);
    assert_string_equal(events.rows[0].kind, "domain.inbound_held");
    assert_string_equal(events.rows[1].kind, "domain.at_risk");
}

static void
events_are_told_in_order_by_kind_and_keep_their_id(void **state)
{
    static const char *const kinds[] = {"domain.verified", "domain.failed", NULL};
    struct store_domain domain = domain_new("acme.test");
    uint64_t told = 99;
    struct store_event_row event = {.number = 0};
    assert_int_equal(store_told_get(store_of(state), &told, NULL), ST_OK);
    assert_int_equal(told, 0);
    assert_int_equal(store_event_next(store_of(state), 0, kinds, &event, NULL), ST_NOT_FOUND);
    assert_int_equal(store_domain_put(store_of(state), &domain, 0, &ADDED, NULL), ST_OK);
    const struct store_event held = {.kind = "domain.inbound_held", .detail = ""};
    const struct store_event verified = {
        .kind = "domain.verified", .detail = "d", .findings = "a b", .also = &held};
    domain.status = DOMAIN_VERIFIED;
    assert_int_equal(store_domain_put(store_of(state), &domain, domain.version, &verified, NULL),
                     ST_OK);
    const struct store_event failed = {.kind = "domain.failed", .detail = ""};
    domain.status = DOMAIN_FAILED;
    assert_int_equal(store_domain_put(store_of(state), &domain, domain.version, &failed, NULL),
                     ST_OK);
    assert_int_equal(store_event_next(store_of(state), 0, kinds, &event, NULL), ST_OK);
    assert_string_equal(event.kind, "domain.verified");
    assert_string_equal(event.tenant, "acme");
    assert_string_equal(event.domain_id.text, domain.id.text);
    assert_string_equal(event.status, "verified");
    assert_string_equal(event.previous, domain_status_name(domain_new("x").status));
    assert_string_equal(event.findings, "a b");
    assert_true(id_is_valid(event.id.text));
    struct store_event_row again = {.number = 0};
    fixture_reopen(*state);
    assert_int_equal(store_event_next(store_of(state), 0, kinds, &again, NULL), ST_OK);
    assert_string_equal(again.id.text, event.id.text);
    assert_int_equal(store_told_put(store_of(state), event.number, NULL), ST_OK);
    assert_int_equal(store_told_put(store_of(state), 1, NULL), ST_OK); // never back
    fixture_reopen(*state);
    assert_int_equal(store_told_get(store_of(state), &told, NULL), ST_OK);
    assert_int_equal(told, event.number);
    assert_int_equal(store_event_next(store_of(state), told, kinds, &again, NULL), ST_OK);
    assert_string_equal(again.kind, "domain.failed");
    assert_string_equal(again.previous, "verified");
    assert_int_equal(store_event_next(store_of(state), again.number, kinds, &event, NULL),
                     ST_NOT_FOUND);
}

static void
events_of_another_tenants_entry_are_left_out(void **state)
{
    struct store *store = store_of(state);
    struct store_domain domain = domain_new("acme.test");
    struct store_domain claim = domain_new("acme.test");
    (void)snprintf(claim.tenant, sizeof(claim.tenant), "other");
    claim.claims = true;
    assert_int_equal(store_domain_put(store, &domain, 0, &ADDED, NULL), ST_OK);
    assert_int_equal(store_domain_put(store, &claim, 0, &ADDED, NULL), ST_OK);
    static const struct {
        const char *tenant;
        unsigned count;
    } cases[] = {{NULL, 2}, {"acme", 1}, {"other", 1}, {"third", 0}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        static struct events events;
        events.count = 0;
        assert_int_equal(store_events(store,
                                      &(struct store_event_choice){.domain = "acme.test",
                                                                   .tenant = cases[i].tenant,
                                                                   .before = INT64_MAX,
                                                                   .limit = 10},
                                      on_event, &events, NULL),
                         ST_OK);
        assert_int_equal(events.count, cases[i].count);
    }
}

static void
a_name_is_held_by_one_and_claimed_by_others(void **state)
{
    struct store *store = store_of(state);
    struct store_domain holder = domain_new("acme.test");
    struct store_domain claim = domain_new("acme.test");
    struct store_domain again = domain_new("acme.test");
    (void)snprintf(claim.tenant, sizeof(claim.tenant), "other");
    (void)snprintf(again.tenant, sizeof(again.tenant), "other");
    claim.claims = true;
    again.claims = true;
    assert_int_equal(store_domain_put(store, &holder, 0, &ADDED, NULL), ST_OK);
    assert_int_equal(store_domain_put(store, &claim, 0, &ADDED, NULL), ST_OK);
    assert_int_equal(store_domain_put(store, &again, 0, &ADDED, NULL), ST_CONFLICT);
    claim.claims = false;
    assert_int_equal(store_domain_put(store, &claim, claim.version, &ADDED, NULL), ST_CONFLICT);
    holder.status = DOMAIN_REMOVED;
    assert_int_equal(store_domain_put(store, &holder, holder.version, &ADDED, NULL), ST_OK);
    assert_int_equal(store_domain_put(store, &claim, claim.version, &ADDED, NULL), ST_OK);
}

static void
notes_are_kept_beside_a_domain(void **state)
{
    struct store *store = store_of(state);
    struct store_domain domain = domain_new("acme.test");
    struct id stranger = id_new();
    char *text = NULL;
    AUTO_FREE char *longest = calloc(STORE_NOTE_MAX + 2, 1);
    memset(longest, 'x', STORE_NOTE_MAX);
    assert_int_equal(store_domain_put(store, &domain, 0, &ADDED, NULL), ST_OK);
    assert_int_equal(store_note_get(store, &domain.id, STORE_NOTE_CHECK, &text, NULL),
                     ST_NOT_FOUND);
    assert_null(text);
    static const enum store_note notes[] = {STORE_NOTE_CHECK, STORE_NOTE_SES, STORE_NOTE_SES_SAID};
    for (size_t i = 0; i < ARRAY_LEN(notes); i++) {
        assert_int_equal(store_note_put(store, &domain.id, notes[i], "first", NULL), ST_OK);
        assert_int_equal(
            store_note_put(store, &domain.id, notes[i], i == 0 ? longest : "two", NULL), ST_OK);
        assert_int_equal(store_note_put(store, &stranger, notes[i], "{}", NULL), ST_NOT_FOUND);
    }
    fixture_reopen(*state);
    store = store_of(state);
    assert_int_equal(store_note_get(store, &domain.id, STORE_NOTE_CHECK, &text, NULL), ST_OK);
    assert_string_equal(text, longest);
    free(text);
    assert_int_equal(store_note_get(store, &domain.id, STORE_NOTE_SES, &text, NULL), ST_OK);
    assert_string_equal(text, "two");
    free(text);
    longest[STORE_NOTE_MAX] = 'x';
    assert_int_equal(store_note_put(store, &domain.id, STORE_NOTE_SES, longest, NULL),
                     ST_TOO_LARGE);
}

struct tenants {
    unsigned count;
    struct store_tenant rows[300];
};

static void
on_tenant(void *context, const struct store_tenant *tenant)
{
    struct tenants *tenants = context;
    tenants->rows[tenants->count++] = *tenant;
}

static void
tenants_are_added_listed_and_removed(void **state)
{
    struct store *store = store_of(state);
    struct why why = {.text = ""};
    static struct tenants all;
    for (int i = 204; i >= 0; i--) {
        char name[16];
        (void)snprintf(name, sizeof(name), "t%03d", i);
        assert_int_equal(store_tenant_add(store, name, NULL), ST_OK);
    }
    assert_int_equal(store_tenant_add(store, "t007", &why), ST_CONFLICT);
    assert_non_null(strstr(why.text, "t007"));
    struct store_domain domain = domain_new("acme.test");
    assert_int_equal(store_domain_put(store, &domain, 0, &ADDED, NULL), ST_OK); // makes "acme"
    assert_int_equal(store_tenant_remove(store, "acme", &why), ST_REFUSED);
    assert_int_equal(store_tenant_remove(store, "none", &why), ST_NOT_FOUND);
    assert_int_equal(store_tenant_remove(store, "t000", NULL), ST_OK);
    assert_int_equal(store_tenant_remove(store, "t000", NULL), ST_NOT_FOUND);
    all.count = 0;
    assert_int_equal(store_tenant_list(store, "", SIZE_MAX, on_tenant, &all, NULL), ST_OK);
    assert_int_equal(all.count, 205);
    assert_string_equal(all.rows[0].name, "acme");
    assert_int_equal(all.rows[0].domains, 1);
    assert_true(all.rows[0].created_at > 0);
    static const struct {
        const char *after;
        size_t limit;
        unsigned count;
        const char *first;
    } pages[] = {{"", 1, 1, "acme"},         {"acme", 1, 1, "t001"}, {"t0", 100, 100, "t001"},
                 {"t001", 101, 101, "t002"}, {"t203", 9, 1, "t204"}, {"", 0, 0, NULL},
                 {"t204", 9, 0, NULL}};
    for (size_t i = 0; i < ARRAY_LEN(pages); i++) {
        static struct tenants some;
        some.count = 0;
        assert_int_equal(
            store_tenant_list(store, pages[i].after, pages[i].limit, on_tenant, &some, NULL),
            ST_OK);
        assert_int_equal(some.count, pages[i].count);
        assert_true(pages[i].count == 0 || strcmp(some.rows[0].name, pages[i].first) == 0);
    }
    assert_string_equal(all.rows[1].name, "t001");
    assert_int_equal(all.rows[1].domains, 0);
    assert_string_equal(all.rows[204].name, "t204");
    // What was removed comes back: by its name, or with a domain.
    domain.status = DOMAIN_REMOVED;
    assert_int_equal(store_domain_put(store, &domain, domain.version, &ADDED, NULL), ST_OK);
    assert_int_equal(store_tenant_remove(store, "acme", NULL), ST_OK);
    assert_int_equal(store_domain_put(store, &domain, domain.version, &ADDED, NULL), ST_OK);
    assert_int_equal(store_tenant_remove(store, "acme", NULL), ST_NOT_FOUND); // still removed
    struct store_domain other = domain_new("other.test");
    assert_int_equal(store_domain_put(store, &other, 0, &ADDED, NULL), ST_OK);
    assert_int_equal(store_tenant_remove(store, "acme", NULL), ST_REFUSED);
    assert_int_equal(store_tenant_add(store, "t000", NULL), ST_OK);
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
    for (int i = 0; i <= DOMAIN_MAIL_REFUSED; i++) {
        enum domain_mail found = DOMAIN_MAIL_OPEN;
        assert_int_equal(domain_mail_from_name(domain_mail_name((enum domain_mail)i), &found),
                         ST_OK);
        assert_int_equal(found, i);
    }
    enum domain_mail mail = DOMAIN_MAIL_HELD;
    assert_int_equal(domain_mail_from_name("closed", &mail), ST_INVALID);
    assert_int_equal(mail, DOMAIN_MAIL_HELD);
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
        TEST(several_events_of_one_change_are_kept_together),
        TEST(events_are_told_in_order_by_kind_and_keep_their_id),
        TEST(events_of_another_tenants_entry_are_left_out),
        TEST(a_name_is_held_by_one_and_claimed_by_others),
        TEST(notes_are_kept_beside_a_domain),
        TEST(tenants_are_added_listed_and_removed),
        TEST(names_of_statuses_go_both_ways),
    };
    return cmocka_run_group_tests_name("registry", tests, NULL, NULL);
}
