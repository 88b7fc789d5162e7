// SPDX-License-Identifier: Apache-2.0
// Adding, listing, inbound and removal: the registry over a real store.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "bench.h"
#include "common/clock.h"

/* ---- adding ---------------------------------------------------------------------------------- */

static void
an_added_domain_is_pending_and_found_after_a_restart(void **state)
{
    struct bench *bench = *state;
    struct store_domain domain = bench_add(bench, "acme", " Example.COM. ");
    assert_string_equal(domain.name, "example.com");
    assert_string_equal(domain.tenant, "acme");
    assert_string_equal(domain.profile, "local");
    assert_int_equal(domain.status, DOMAIN_PENDING);
    assert_false(domain.inbound);
    assert_int_equal(strlen(domain.token), 32);
    assert_true(domain.created_at > 0 && domain.version > 0);
    for (int i = 0; i < 2; i++) {
        struct store_domain found;
        assert_int_equal(registry_find(bench->registry, "example.com", &found), ST_OK);
        assert_string_equal(found.id.text, domain.id.text);
        assert_string_equal(found.token, domain.token);
        assert_int_equal(found.version, domain.version);
        bench_reopen(bench, &domain, "");
    }
    bench_assert_newest_event(bench, "example.com", 1, "domain.added");
}

static void
an_unknown_name_is_not_found(void **state)
{
    struct bench *bench = *state;
    struct store_domain domain = {.name = "untouched"};
    (void)bench_add(bench, "acme", "example.com");
    assert_int_equal(registry_find(bench->registry, "sub.example.com", &domain), ST_NOT_FOUND);
    assert_int_equal(registry_find(bench->registry, "com", &domain), ST_NOT_FOUND);
    assert_int_equal(registry_find(bench->registry, "", &domain), ST_NOT_FOUND);
    assert_string_equal(domain.name, "untouched");
}

static void
what_cannot_be_added_is_refused_with_a_sentence(void **state)
{
    struct bench *bench = *state;
    char long_tenant[STORE_NAME_SIZE + 1];
    memset(long_tenant, 'a', STORE_NAME_SIZE);
    long_tenant[STORE_NAME_SIZE] = '\0';
    (void)bench_add(bench, "acme", "mid.example.com");
    const struct {
        const char *tenant;
        const char *name;
        const char *profile;
        enum status status;
        const char *sentence;
    } cases[] = {
        {"acme", "http://example.org", "local", ST_INVALID, "did you mean example.org?"},
        {"acme", "mx.mailspur.example", "local", ST_INVALID, "this mail server itself"},
        {"acme", "example.org", "relay", ST_INVALID, "not built yet"},
        {"acme", "example.org", "", ST_INVALID, "not built yet"},
        {"", "example.org", "local", ST_INVALID, "tenant name"},
        {"a b", "example.org", "local", ST_INVALID, "tenant name"},
        {"Acme", "example.org", "local", ST_INVALID, "tenant name"},
        {"a\n", "example.org", "local", ST_INVALID, "tenant name"},
        {long_tenant, "example.org", "local", ST_INVALID, "tenant name"},
        {"acme", "mid.example.com", "local", ST_CONFLICT, "added already"},
        {"other", "MID.example.com.", "local", ST_CONFLICT, "by another tenant"},
        {"other", "low.mid.example.com", "local", ST_REFUSED, "which another tenant holds"},
        {"other", "example.com", "local", ST_REFUSED, "contains a domain"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct store_domain domain = {.name = "untouched"};
        struct why why = {.text = ""};
        enum status status = registry_add(bench->registry, cases[i].tenant, cases[i].name,
                                          cases[i].profile, &domain, &why);
        if (status != cases[i].status || strstr(why.text, cases[i].sentence) == NULL ||
            strcmp(domain.name, "untouched") != 0) {
            fail_msg("%s %s: %s %s", cases[i].tenant, cases[i].name, status_name(status), why.text);
        }
    }
    (void)bench_add(bench, long_tenant + 1, "example.org"); // one shorter
    (void)bench_add(bench, "acme", "low.mid.example.com");  // a tenant's own child
    (void)bench_add(bench, "other", "mid-example.com");     // looks like a child, is none
    (void)bench_add(bench, "other", "xmid.example.com");
}

static void
pending_domains_of_a_tenant_are_capped(void **state)
{
    struct bench *bench = *state;
    struct store_domain domain;
    struct why why = {.text = ""};
    static const char *const names[] = {"one.example", "two.example", "three.example"};
    assert_int_equal(ARRAY_LEN(names), BENCH_PENDING_MAX);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        (void)bench_add(bench, "acme", names[i]);
    }
    assert_int_equal(registry_add(bench->registry, "acme", "four.example", "local", &domain, &why),
                     ST_TOO_LARGE);
    (void)bench_add(bench, "other", "four.example"); // a cap for each tenant
    assert_int_equal(registry_remove(bench->registry, "one.example", &domain, &why), ST_OK);
    (void)bench_add(bench, "acme", "five.example");
}

/* ---- records --------------------------------------------------------------------------------- */

static void
the_records_to_publish_are_told_without_the_dns(void **state)
{
    struct bench *bench = *state;
    struct store_domain domain = bench_add(bench, "acme", "example.com");
    struct registry_record records[REGISTRY_RECORDS_MAX];
    char value[64];
    (void)snprintf(value, sizeof(value), "mailspur-verify=%s", domain.token);
    assert_int_equal(registry_records(bench->registry, &domain, BENCH_MX_HOST, records), 2);
    assert_string_equal(records[0].purpose, "ownership");
    assert_string_equal(records[0].type, "TXT");
    assert_string_equal(records[0].name, "_mailspur.example.com");
    assert_string_equal(records[0].value, value);
    assert_string_equal(records[0].status, "");
    assert_true(records[0].required);
    assert_string_equal(records[1].purpose, "inbound");
    assert_string_equal(records[1].type, "MX");
    assert_string_equal(records[1].name, "example.com");
    assert_string_equal(records[1].value, "10 mx.mailspur.example");
    assert_false(records[1].required);
    assert_int_equal(registry_records(bench->registry, &domain, "", records), 1);
    assert_int_equal(registry_records(bench->registry, &domain, NULL, records), 1);
}

static void
the_longest_name_keeps_its_records_whole(void **state)
{
    struct bench *bench = *state;
    char name[DOMAIN_NAME_SIZE] = "";
    for (int i = 0; i < 24; i++) {
        strcat(name, "abcdefghi.");
    }
    strcat(name, "lan"); // 243
    struct store_domain domain = bench_add(bench, "acme", name);
    char zone[BENCH_ZONE_MAX];
    struct registry_record records[REGISTRY_RECORDS_MAX];
    (void)snprintf(zone, sizeof(zone), "_mailspur.%s TXT mailspur-verify=$\n", name);
    bench_reopen(bench, &domain, zone);
    assert_int_equal(bench_verify(bench, name, &domain, records), 2);
    assert_string_equal(records[0].status, "found");
    assert_int_equal(domain.status, DOMAIN_VERIFIED);
}

/* ---- inbound and removal --------------------------------------------------------------------- */

static void
inbound_needs_a_verified_domain(void **state)
{
    struct bench *bench = *state;
    struct why why = {.text = ""};
    struct store_domain domain = bench_add(bench, "acme", "example.com");
    assert_int_equal(registry_set_inbound(bench->registry, "example.com", true, &domain, &why),
                     ST_REFUSED);
    assert_non_null(strstr(why.text, "TXT _mailspur.example.com"));
    assert_int_equal(registry_set_inbound(bench->registry, "example.com", false, &domain, &why),
                     ST_OK);
    bench_assert_newest_event(bench, "example.com", 1, "domain.added");
}

static void
inbound_goes_on_and_off_once_each(void **state)
{
    struct bench *bench = *state;
    struct store_domain domain = bench_add_verified(bench, "acme", "example.com");
    static const struct {
        bool on;
        size_t events;
        const char *newest;
    } steps[] = {
        {true, 3, "domain.inbound_on"},
        {true, 3, "domain.inbound_on"},
        {false, 4, "domain.inbound_off"},
        {false, 4, "domain.inbound_off"},
    };
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        assert_int_equal(
            registry_set_inbound(bench->registry, "EXAMPLE.com", steps[i].on, &domain, NULL),
            ST_OK);
        struct store_domain found;
        assert_int_equal(registry_find(bench->registry, "example.com", &found), ST_OK);
        assert_int_equal(found.inbound, steps[i].on);
        bench_assert_newest_event(bench, "example.com", steps[i].events, steps[i].newest);
    }
}

static void
a_removed_name_takes_no_mail_but_is_known(void **state)
{
    struct bench *bench = *state;
    struct store_domain domain = bench_add_verified(bench, "acme", "example.com");
    assert_int_equal(registry_set_inbound(bench->registry, "example.com", true, &domain, NULL),
                     ST_OK);
    assert_int_equal(registry_remove(bench->registry, "example.com", &domain, NULL), ST_OK);
    assert_int_equal(domain.status, DOMAIN_REMOVED);
    assert_false(domain.inbound);
    assert_true(domain.removed_at > 0);
    bench_assert_newest_event(bench, "example.com", 4, "domain.removed");
    for (int i = 0; i < 2; i++) {
        struct store_domain found;
        assert_int_equal(registry_find(bench->registry, "example.com", &found), ST_OK);
        assert_int_equal(found.status, DOMAIN_REMOVED);
        bench_reopen(bench, &domain, "");
    }
}

static void
a_removed_name_is_watched_for_thirty_days(void **state)
{
    struct bench *bench = *state;
    const int64_t watch_ms = 30LL * 24 * 3600 * 1000;
    const int64_t margin_ms = 60 * 1000; // the test takes less
    const struct store_event event = {.kind = "domain.removed", .detail = ""};
    struct store_domain rows[] = {{.name = "watched.example"}, {.name = "forgotten.example"}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        rows[i].id = id_new();
        rows[i].status = DOMAIN_REMOVED;
        rows[i].removed_at = clock_wall_ms() - watch_ms + (i == 0 ? margin_ms : 0);
        (void)snprintf(rows[i].tenant, sizeof(rows[i].tenant), "acme");
        assert_int_equal(store_domain_put(bench->store, &rows[i], 0, &event, NULL), ST_OK);
    }
    bench_reopen(bench, &rows[0], "");
    struct store_domain found;
    assert_int_equal(registry_find(bench->registry, "watched.example", &found), ST_OK);
    assert_int_equal(registry_find(bench->registry, "forgotten.example", &found), ST_NOT_FOUND);
    (void)bench_add(bench, "other", "watched.example");
    (void)bench_add(bench, "other", "forgotten.example");
}

static void
a_name_added_again_has_a_new_row_and_a_new_token(void **state)
{
    struct bench *bench = *state;
    struct store_domain found;
    struct store_domain first = bench_add_verified(bench, "acme", "example.com");
    assert_int_equal(registry_remove(bench->registry, "example.com", &found, NULL), ST_OK);
    struct store_domain second = bench_add(bench, "other", "example.com");
    assert_string_not_equal(first.id.text, second.id.text);
    assert_string_not_equal(first.token, second.token);
    assert_int_equal(second.status, DOMAIN_PENDING);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(registry_find(bench->registry, "example.com", &found), ST_OK);
        assert_string_equal(found.id.text, second.id.text);
        bench_reopen(bench, &first, "_mailspur.example.com TXT mailspur-verify=$\n");
    }
    struct registry_record records[REGISTRY_RECORDS_MAX];
    (void)bench_verify(bench, "example.com", &found, records); // the old token proves nothing
    assert_int_equal(found.status, DOMAIN_PENDING);
    assert_string_equal(records[0].status, "wrong");
}

struct listing {
    char text[512];
};

static void
on_domain(void *context, const struct store_domain *domain)
{
    struct listing *listing = context;
    size_t used = strlen(listing->text);
    (void)snprintf(listing->text + used, sizeof(listing->text) - used, "%s %s, ", domain->name,
                   domain_status_name(domain->status));
}

static void
domains_are_listed_by_name(void **state)
{
    struct bench *bench = *state;
    struct store_domain domain;
    (void)bench_add(bench, "acme", "b.example");
    (void)bench_add(bench, "acme", "c.example");
    (void)bench_add(bench, "other", "a.example");
    assert_int_equal(registry_remove(bench->registry, "b.example", &domain, NULL), ST_OK);
    struct listing living = {.text = ""};
    registry_list(bench->registry, false, on_domain, &living);
    assert_string_equal(living.text, "a.example pending, c.example pending, ");
    struct listing all = {.text = ""};
    registry_list(bench->registry, true, on_domain, &all);
    assert_string_equal(all.text, "a.example pending, b.example removed, c.example pending, ");
}

static void
a_host_without_a_proper_name_is_refused(void **state)
{
    struct bench *bench = *state;
    const struct registry_settings settings = {.hostname = "not a name"};
    struct registry *registry = NULL;
    assert_int_equal(registry_open(&settings, bench->store, bench->dns, &registry, NULL),
                     ST_INVALID);
    assert_null(registry);
    registry_close(NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_BENCH(an_added_domain_is_pending_and_found_after_a_restart),
        WITH_BENCH(an_unknown_name_is_not_found),
        WITH_BENCH(what_cannot_be_added_is_refused_with_a_sentence),
        WITH_BENCH(pending_domains_of_a_tenant_are_capped),
        WITH_BENCH(the_records_to_publish_are_told_without_the_dns),
        WITH_BENCH(the_longest_name_keeps_its_records_whole),
        WITH_BENCH(inbound_needs_a_verified_domain),
        WITH_BENCH(inbound_goes_on_and_off_once_each),
        WITH_BENCH(a_removed_name_takes_no_mail_but_is_known),
        WITH_BENCH(a_removed_name_is_watched_for_thirty_days),
        WITH_BENCH(a_name_added_again_has_a_new_row_and_a_new_token),
        WITH_BENCH(domains_are_listed_by_name),
        WITH_BENCH(a_host_without_a_proper_name_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
