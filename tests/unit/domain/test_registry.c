// SPDX-License-Identifier: Apache-2.0
// Adding, listing, inbound and removal: the registry over a real store.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "verifier/domain/local_keys.h"
#include "verifier/domain/state.h"

/* ---- adding ---------------------------------------------------------------------------------- */

static void
an_added_domain_is_pending_and_found_after_a_restart(void **state)
{
    struct bench *bench = *state;
    struct store_domain domain = bench_add(bench, "acme", " Example.COM. ");
    assert_string_equal(domain.name, "example.com");
    assert_string_equal(domain.tenant, "acme");
    assert_string_equal(domain.profile, "inbound");
    assert_string_equal(domain.region, "us-east-1");
    assert_int_equal(domain.next_check_at, domain.created_at + 60 * 1000);
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
    bench_configure(bench, "verification: {reserved_names: [reserved.example]}\n");
    const struct {
        const char *tenant;
        const char *name;
        const char *profile;
        enum status status;
        const char *sentence;
    } cases[] = {
        {"acme", "http://example.org", "local", ST_INVALID, "did you mean example.org?"},
        {"acme", "mx.mailspur.example", "local", ST_INVALID, "this mail server itself"},
        {"acme", "example.org", "none", ST_INVALID,
         "there are: inbound (receiving only), ivymail (IvyMail), local"},
        {"acme", "example.org", "", ST_INVALID, "no profile ''"},
        {"acme", "example.org", "ses", ST_REFUSED, "SES is not configured"},
        {"acme", "reserved.example", "local", ST_INVALID, "operator itself"},
        {"acme", "a.b.reserved.example", "local", ST_INVALID, "name of the operator"},
        {"", "example.org", "local", ST_INVALID, "tenant name"},
        {"a b", "example.org", "local", ST_INVALID, "tenant name"},
        {"Acme", "example.org", "local", ST_INVALID, "tenant name"},
        {"a\n", "example.org", "local", ST_INVALID, "tenant name"},
        {long_tenant, "example.org", "local", ST_INVALID, "tenant name"},
        {"acme", "mid.example.com", "local", ST_CONFLICT, "added already"},
        {"acme", "MID.example.com.", "local", ST_CONFLICT, "added already"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct store_domain domain = {.name = "untouched"};
        struct why why = {.text = ""};
        enum status status =
            bench_try_add(bench, cases[i].tenant, cases[i].name, cases[i].profile, &domain, &why);
        if (status != cases[i].status || strstr(why.text, cases[i].sentence) == NULL ||
            strcmp(domain.name, "untouched") != 0) {
            fail_msg("%s %s: %s %s", cases[i].tenant, cases[i].name, status_name(status), why.text);
        }
    }
    (void)bench_add(bench, long_tenant + 1, "example.org"); // one shorter
    (void)bench_add(bench, "acme", "xreserved.example");
    (void)bench_add(bench, "acme", "low.mid.example.com"); // a tenant's own child
    (void)bench_add(bench, "other", "mid-example.com");    // looks like a child, is none
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
    assert_int_equal(bench_try_add(bench, "acme", "four.example", "inbound", &domain, &why),
                     ST_TOO_LARGE);
    (void)bench_add(bench, "other", "four.example"); // a cap for each tenant
    bench_remove(bench, "one.example");
    (void)bench_add(bench, "acme", "five.example");
}

static void
domains_of_a_tenant_are_capped(void **state)
{
    struct bench *bench = *state;
    struct store_domain domain;
    struct why why = {.text = ""};
    for (int i = 0; i < BENCH_DOMAINS_MAX; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "d%d.example", i);
        (void)bench_add_verified(bench, "acme", name);
    }
    assert_int_equal(bench_try_add(bench, "acme", "more.example", "inbound", &domain, &why),
                     ST_TOO_LARGE);
    assert_non_null(strstr(why.text, "5 domains, which is its limit"));
    bench_remove(bench, "d0.example");
    (void)bench_add(bench, "acme", "more.example");
}

/* ---- records --------------------------------------------------------------------------------- */

static void
the_records_to_publish_are_told_without_the_dns(void **state)
{
    struct bench *bench = *state;
    struct store_domain domain = bench_add(bench, "acme", "example.com");
    AUTO_RECORDS records = {.count = 0};
    struct why why;
    char value[64];
    (void)snprintf(value, sizeof(value), "mailspur-verify=%s", domain.token);
    assert_int_equal(registry_records(bench->registry, &domain, &records, &why), ST_OK);
    assert_int_equal(records.count, 2);
    assert_string_equal(records.items[0].name, "_mailspur.example.com");
    assert_string_equal(records.items[0].value, value);
    assert_int_equal(records.items[0].status, RECORD_UNCHECKED);
    assert_true(records.items[0].required);
    assert_string_equal(records.items[1].name, "example.com");
    assert_string_equal(records.items[1].value, BENCH_MX_HOST);
    assert_false(records.items[1].required);
    (void)snprintf(domain.profile, sizeof(domain.profile), "gone");
    assert_int_equal(registry_records(bench->registry, &domain, &records, &why), ST_REFUSED);
    assert_non_null(strstr(why.text, "'gone'"));
}

static void
keys_of_our_own_live_as_long_as_the_domain(void **state)
{
    struct bench *bench = *state;
    char lines[256];
    char path[256];
    struct store_domain domain;
    (void)snprintf(lines, sizeof(lines),
                   "verification: {dkim_zone: dkim.op.example, spf_include: spf.op.example,"
                   " dkim_keys: %s/keys}\n",
                   bench->folder.path);
    bench_configure(bench, lines);
    assert_int_equal(bench_try_add(bench, "acme", "example.com", "local", &domain, NULL), ST_OK);
    char label[LOCAL_KEY_LABEL_SIZE];
    local_key_label("example.com", domain.token, 2, label);
    (void)snprintf(path, sizeof(path), "%s/keys/%s.pem", bench->folder.path, label);
    assert_int_equal(access(path, F_OK), 0);
    bench_remove(bench, "example.com");
    assert_int_equal(access(path, F_OK), 0); // mail signed with it may still be checked
    struct store_domain row;
    assert_int_equal(registry_find(bench->registry, "example.com", &row), ST_OK);
    row.status_ms = STATE_WATCH_MS;
    assert_int_equal(store_domain_put(bench->store, &row, row.version, NULL, NULL), ST_OK);
    bench_reopen(bench, &row, "");
    bench_configure(bench, lines);
    assert_int_equal(registry_check_id(bench->registry, &row.id, &row, NULL), ST_OK);
    assert_true(row.forgotten);
    assert_int_equal(access(path, F_OK), -1);
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
    assert_non_null(strstr(why.text, "all its required records"));
    assert_int_equal(registry_set_inbound(bench->registry, "example.com", false, &domain, &why),
                     ST_OK);
    bench_assert_newest_event(bench, "example.com", 1, "domain.added");
}

static void
inbound_may_be_allowed_by_the_proof_of_ownership_alone(void **state)
{
    struct bench *bench = *state;
    struct why why = {.text = ""};
    struct store_domain domain;
    static const char ZONE[] = "_mailspur.example.com TXT mailspur-verify=$\n";
    assert_int_equal(bench_try_add(bench, "acme", "example.com", "relay", &domain, NULL), ST_OK);
    bench_reopen(bench, &domain, ZONE);
    AUTO_REGISTRY_CHECK *check = bench_verify(bench, "example.com");
    assert_int_equal(check->domain.status, DOMAIN_PENDING); // there is no DMARC record
    assert_int_equal(registry_set_inbound(bench->registry, "example.com", true, &domain, &why),
                     ST_REFUSED);
    bench_configure(bench, "verification: {inbound_needs: ownership}\n");
    assert_int_equal(registry_set_inbound(bench->registry, "example.com", true, &domain, &why),
                     ST_OK);
    assert_int_equal(registry_set_inbound(bench->registry, "example.com", false, &domain, &why),
                     ST_OK);
    bench_reopen(bench, &domain, "");
    AUTO_REGISTRY_CHECK *gone = bench_verify(bench, "example.com");
    assert_int_equal(gone->domain.ownership_misses, 1);
    assert_int_equal(registry_set_inbound(bench->registry, "example.com", true, &domain, &why),
                     ST_REFUSED);
    assert_non_null(strstr(why.text, "its proof of ownership"));
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
    bench_remove(bench, "example.com");
    assert_int_equal(registry_find_id(bench->registry, domain.id.text, &domain), ST_OK);
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
a_removed_name_is_known_until_it_is_forgotten(void **state)
{
    struct bench *bench = *state;
    const struct store_event event = {.kind = "domain.removed", .detail = ""};
    struct store_domain rows[] = {{.name = "watched.example"}, {.name = "forgotten.example"}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        rows[i].id = id_new();
        rows[i].status = DOMAIN_REMOVED;
        rows[i].forgotten = i == 1;
        (void)snprintf(rows[i].tenant, sizeof(rows[i].tenant), "acme");
        assert_int_equal(store_domain_put(bench->store, &rows[i], 0, &event, NULL), ST_OK);
    }
    bench_reopen(bench, &rows[0], "");
    struct store_domain found;
    assert_int_equal(registry_find(bench->registry, "watched.example", &found), ST_OK);
    assert_int_equal(registry_find(bench->registry, "forgotten.example", &found), ST_NOT_FOUND);
    assert_int_equal(registry_find_id(bench->registry, rows[1].id.text, &found), ST_OK);
    assert_int_equal(registry_find_id(bench->registry, "", &found), ST_NOT_FOUND);
    (void)bench_add(bench, "other", "watched.example");
    (void)bench_add(bench, "other", "forgotten.example");
}

static void
a_name_added_again_has_a_new_row_and_a_new_token(void **state)
{
    struct bench *bench = *state;
    struct store_domain found;
    struct store_domain first = bench_add_verified(bench, "acme", "example.com");
    bench_remove(bench, "example.com");
    struct store_domain second = bench_add(bench, "other", "example.com");
    assert_string_not_equal(first.id.text, second.id.text);
    assert_string_not_equal(first.token, second.token);
    assert_int_equal(second.status, DOMAIN_PENDING);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(registry_find(bench->registry, "example.com", &found), ST_OK);
        assert_string_equal(found.id.text, second.id.text);
        bench_reopen(bench, &first, "_mailspur.example.com TXT mailspur-verify=$\n");
    }
    AUTO_REGISTRY_CHECK *check = bench_verify(bench, "example.com");
    assert_int_equal(check->domain.status, DOMAIN_PENDING); // the old token proves nothing
    assert_int_equal(check->records.items[0].status, RECORD_WRONG);
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
    (void)bench_add(bench, "acme", "b.example");
    (void)bench_add(bench, "acme", "c.example");
    (void)bench_add(bench, "other", "a.example");
    bench_remove(bench, "b.example");
    struct listing living = {.text = ""};
    registry_list(bench->registry, false, on_domain, &living);
    assert_string_equal(living.text, "a.example pending, c.example pending, ");
    struct listing all = {.text = ""};
    registry_list(bench->registry, true, on_domain, &all);
    assert_string_equal(all.text, "a.example pending, b.example removed, c.example pending, ");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_BENCH(an_added_domain_is_pending_and_found_after_a_restart),
        WITH_BENCH(an_unknown_name_is_not_found),
        WITH_BENCH(what_cannot_be_added_is_refused_with_a_sentence),
        WITH_BENCH(pending_domains_of_a_tenant_are_capped),
        WITH_BENCH(domains_of_a_tenant_are_capped),
        WITH_BENCH(the_records_to_publish_are_told_without_the_dns),
        WITH_BENCH(keys_of_our_own_live_as_long_as_the_domain),
        WITH_BENCH(inbound_needs_a_verified_domain),
        WITH_BENCH(inbound_may_be_allowed_by_the_proof_of_ownership_alone),
        WITH_BENCH(inbound_goes_on_and_off_once_each),
        WITH_BENCH(a_removed_name_takes_no_mail_but_is_known),
        WITH_BENCH(a_removed_name_is_known_until_it_is_forgotten),
        WITH_BENCH(a_name_added_again_has_a_new_row_and_a_new_token),
        WITH_BENCH(domains_are_listed_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
