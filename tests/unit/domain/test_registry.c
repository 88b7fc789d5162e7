// SPDX-License-Identifier: Apache-2.0
// The registry over a real store, with a DNS from a file.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/strbuf.h"
#include "tests/unit/dns/server.h"
#include "verifier/domain/registry.h"

enum { PENDING_MAX = 3, PATH_SIZE = 256, ZONE_MAX = 64 * 1024 };

static const char MX_HOST[] = "mx.mailspur.example";

struct bench {
    char folder[64];
    struct store *store;
    struct dns *dns;
    struct registry *registry;
};

static const char *
path_in(const struct bench *bench, const char *file, char out[PATH_SIZE])
{
    (void)snprintf(out, PATH_SIZE, "%s/%s", bench->folder, file);
    return out;
}

static void
open_registry(struct bench *bench, const char *zone)
{
    char path[PATH_SIZE];
    struct why why = {.text = ""};
    FILE *file = fopen(path_in(bench, "zone", path), "w");
    assert_non_null(file);
    assert_true(fputs(zone, file) >= 0);
    assert_int_equal(fclose(file), 0);
    if (dns_open_fixture(path, &bench->dns, &why) != ST_OK) {
        fail_msg("%s", why.text);
    }
    const struct registry_settings settings = {.hostname = MX_HOST,
                                               .pending_per_tenant = PENDING_MAX};
    if (registry_open(&settings, bench->store, bench->dns, &bench->registry, &why) != ST_OK) {
        fail_msg("%s", why.text);
    }
}

static void
close_registry(struct bench *bench)
{
    registry_close(bench->registry);
    dns_close(bench->dns);
}

// As after a restart of the daemon, with another DNS; "$" is the domain's token.
static void
reopen(struct bench *bench, const struct store_domain *domain, const char *zone)
{
    AUTO_STRBUF text = STRBUF_INIT(ZONE_MAX);
    for (const char *c = zone; *c != '\0'; c++) {
        if (*c == '$') {
            strbuf_puts(&text, domain->token);
        } else {
            strbuf_putc(&text, *c);
        }
    }
    close_registry(bench);
    open_registry(bench, strbuf_text(&text));
}

static int
set_up(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    char path[PATH_SIZE];
    (void)snprintf(bench->folder, sizeof(bench->folder), "/tmp/test-registry-XXXXXX");
    assert_non_null(mkdtemp(bench->folder));
    const struct store_settings settings = {.path = path_in(bench, "db", path)};
    struct why why = {.text = ""};
    if (store_open(&settings, &bench->store, &why) != ST_OK) {
        fail_msg("%s", why.text);
    }
    open_registry(bench, "");
    *state = bench;
    return 0;
}

static int
tear_down(void **state)
{
    struct bench *bench = *state;
    char command[PATH_SIZE];
    close_registry(bench);
    store_close(bench->store);
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", bench->folder);
    assert_int_equal(system(command), 0);
    free(bench);
    return 0;
}

static struct store_domain
add(struct bench *bench, const char *tenant, const char *name)
{
    struct store_domain domain;
    struct why why = {.text = ""};
    if (registry_add(bench->registry, tenant, name, "local", &domain, &why) != ST_OK) {
        fail_msg("%s: %s", name, why.text);
    }
    return domain;
}

static size_t
verify(struct bench *bench, const char *name, struct store_domain *domain,
       struct registry_record records[REGISTRY_RECORDS_MAX])
{
    struct why why = {.text = ""};
    size_t count = 0;
    if (registry_verify(bench->registry, name, MX_HOST, domain, records, &count, &why) != ST_OK) {
        fail_msg("%s: %s", name, why.text);
    }
    return count;
}

static struct store_domain
add_verified(struct bench *bench, const char *tenant, const char *name)
{
    struct store_domain domain = add(bench, tenant, name);
    struct registry_record records[REGISTRY_RECORDS_MAX];
    char zone[PATH_SIZE * 2];
    (void)snprintf(zone, sizeof(zone), "_mailspur.%s TXT mailspur-verify=$\n", domain.name);
    reopen(bench, &domain, zone);
    (void)verify(bench, name, &domain, records);
    assert_int_equal(domain.status, DOMAIN_VERIFIED);
    return domain;
}

struct events {
    size_t count;
    char kinds[16][64]; /* newest first */
    char detail[STORE_REASON_SIZE];
};

static void
on_event(void *context, const struct store_event_row *event)
{
    struct events *events = context;
    assert_true(events->count < ARRAY_LEN(events->kinds));
    if (events->count == 0) {
        memcpy(events->detail, event->detail, sizeof(events->detail));
    }
    memcpy(events->kinds[events->count++], event->kind, sizeof(event->kind));
}

static void
assert_newest_event(struct bench *bench, const char *domain, size_t count, const char *kind)
{
    struct events events = {.count = 0};
    assert_int_equal(store_events(bench->store, domain, 16, on_event, &events, NULL), ST_OK);
    assert_int_equal(events.count, count);
    assert_string_equal(events.kinds[0], kind);
}

/* ---- adding ---------------------------------------------------------------------------------- */

static void
an_added_domain_is_pending_and_found_after_a_restart(void **state)
{
    struct bench *bench = *state;
    struct store_domain domain = add(bench, "acme", " Example.COM. ");
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
        reopen(bench, &domain, "");
    }
    assert_newest_event(bench, "example.com", 1, "domain.added");
}

static void
an_unknown_name_is_not_found(void **state)
{
    struct bench *bench = *state;
    struct store_domain domain = {.name = "untouched"};
    (void)add(bench, "acme", "example.com");
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
    (void)add(bench, "acme", "mid.example.com");
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
    (void)add(bench, long_tenant + 1, "example.org"); // one shorter
    (void)add(bench, "acme", "low.mid.example.com");  // a tenant's own child
    (void)add(bench, "other", "mid-example.com");     // looks like a child, is none
    (void)add(bench, "other", "xmid.example.com");
}

static void
pending_domains_of_a_tenant_are_capped(void **state)
{
    struct bench *bench = *state;
    struct store_domain domain;
    struct why why = {.text = ""};
    static const char *const names[] = {"one.example", "two.example", "three.example"};
    assert_int_equal(ARRAY_LEN(names), PENDING_MAX);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        (void)add(bench, "acme", names[i]);
    }
    assert_int_equal(registry_add(bench->registry, "acme", "four.example", "local", &domain, &why),
                     ST_TOO_LARGE);
    (void)add(bench, "other", "four.example"); // a cap for each tenant
    assert_int_equal(registry_remove(bench->registry, "one.example", &domain, &why), ST_OK);
    (void)add(bench, "acme", "five.example");
}

/* ---- records --------------------------------------------------------------------------------- */

static void
the_records_to_publish_are_told_without_the_dns(void **state)
{
    struct bench *bench = *state;
    struct store_domain domain = add(bench, "acme", "example.com");
    struct registry_record records[REGISTRY_RECORDS_MAX];
    char value[64];
    (void)snprintf(value, sizeof(value), "mailspur-verify=%s", domain.token);
    assert_int_equal(registry_records(bench->registry, &domain, MX_HOST, records), 2);
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
    struct store_domain domain = add(bench, "acme", name);
    char zone[ZONE_MAX];
    struct registry_record records[REGISTRY_RECORDS_MAX];
    (void)snprintf(zone, sizeof(zone), "_mailspur.%s TXT mailspur-verify=$\n", name);
    reopen(bench, &domain, zone);
    assert_int_equal(verify(bench, name, &domain, records), 2);
    assert_string_equal(records[0].status, "found");
    assert_int_equal(domain.status, DOMAIN_VERIFIED);
}

/* ---- verifying ------------------------------------------------------------------------------- */

static void
each_state_of_the_ownership_record_is_told(void **state)
{
    static const struct {
        const char *label;
        const char *zone;
        const char *status;
        const char *problem;  /* part of it */
        const char *observed; /* part of it; "" : nothing */
    } cases[] = {
        {"published", "_mailspur.example.com TXT mailspur-verify=$\n", "found", "", ""},
        {"among others",
         "_mailspur.example.com TXT other\n_mailspur.example.com TXT mailspur-verify=$\n", "found",
         "", ""},
        {"behind a CNAME of the domain",
         "_mailspur.example.com CNAME v.example.com\nv.example.com TXT mailspur-verify=$\n",
         "found", "", ""},
        {"not yet", "", "missing", "no such record yet", ""},
        {"name without TXT", "_mailspur.example.com A 192.0.2.1\n", "missing", "no such", ""},
        {"other value", "_mailspur.example.com TXT hello\n", "wrong", "another value", "hello"},
        {"old token", "_mailspur.example.com TXT mailspur-verify=aaaa\n", "wrong",
         "of another entry", "mailspur-verify=aaaa"},
        {"quotes inside", "_mailspur.example.com TXT \"mailspur-verify=$\"\n", "wrong",
         "quotation marks", "\"mailspur-verify="},
        {"bare token", "_mailspur.example.com TXT $\n", "wrong", "lacks its beginning", ""},
        {"upper case", "_mailspur.example.com TXT MAILSPUR-VERIFY=$\n", "wrong",
         "upper and lower case", "MAILSPUR"},
        {"more behind", "_mailspur.example.com TXT mailspur-verify=$ please\n", "wrong",
         "more in the value", "please"},
        {"a NUL behind", "_mailspur.example.com TXT mailspur-verify=$\\000\n", "wrong",
         "more in the value", "?"},
        {"control bytes", "_mailspur.example.com TXT \\027[31mred\n", "wrong", "another value",
         "?[31mred"},
        {"empty", "_mailspur.example.com TXT \n", "wrong", "another value", ""},
        {"name doubled", "_mailspur.example.com.example.com TXT mailspur-verify=$\n", "wrong",
         "twice in the name", "_mailspur.example.com.example.com"},
        {"a level too high", "example.com TXT mailspur-verify=$\n", "wrong", "one level too high",
         "TXT example.com"},
        {"wildcard", "*.example.com TXT mailspur-verify=$\n", "wrong", "wildcard", "*.example.com"},
        {"CNAME leads out",
         "_mailspur.example.com CNAME v.example.net\nv.example.net TXT mailspur-verify=$\n",
         "wrong", "leads out of the domain", "CNAME to v.example.net"},
        {"CNAME leads to a look-alike",
         "_mailspur.example.com CNAME badexample.com\nbadexample.com TXT mailspur-verify=$\n",
         "wrong", "leads out of the domain", "badexample.com"},
        {"CNAME leads out to nothing", "_mailspur.example.com CNAME v.example.net\n", "wrong",
         "leads out of the domain", "v.example.net"},
        {"wildcard CNAME leads out",
         "*.example.com CNAME v.example.net\nv.example.net TXT mailspur-verify=$\n", "wrong",
         "leads out of the domain", "v.example.net"},
        {"SERVFAIL", "_mailspur.example.com TXT !SERVFAIL\n", "unknown", "SERVFAIL", ""},
        {"time-out", "_mailspur.example.com TXT !TIMEOUT\n", "unknown", "in time", ""},
        {"wildcard cannot be ruled out",
         "_mailspur.example.com TXT mailspur-verify=$\n*.example.com TXT !SERVFAIL\n", "unknown",
         "whether a wildcard", ""},
    };
    struct bench *bench = *state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct store_domain domain = add(bench, "acme", "example.com");
        struct registry_record records[REGISTRY_RECORDS_MAX] = {{.type = NULL}};
        reopen(bench, &domain, cases[i].zone);
        assert_int_equal(verify(bench, "example.com", &domain, records), 2);
        bool is_found = strcmp(cases[i].status, "found") == 0;
        bool is_unknown = strcmp(cases[i].status, "unknown") == 0;
        const struct registry_record *seen = &records[0];
        if (strcmp(seen->status, cases[i].status) != 0 ||
            strstr(seen->problem, cases[i].problem) == NULL ||
            strstr(seen->observed, cases[i].observed) == NULL ||
            (seen->cure[0] == '\0') != is_found || (seen->problem[0] == '\0') != is_found ||
            domain.status != (is_found ? DOMAIN_VERIFIED : DOMAIN_PENDING) ||
            (domain.checked_at == 0) != is_unknown) {
            fail_msg("%s: record %s '%s' observed '%s' cure '%s', domain %s", cases[i].label,
                     seen->status, seen->problem, seen->observed, seen->cure,
                     domain_status_name(domain.status));
        }
        assert_int_equal(registry_remove(bench->registry, "example.com", &domain, NULL), ST_OK);
    }
}

static void
the_mx_record_is_a_finding_only(void **state)
{
    static const struct {
        const char *label;
        const char *zone;
        const char *status;
        const char *observed;
    } cases[] = {
        {"ours", "example.com MX 10 MX.mailspur.example\n", "found", ""},
        {"ours beside another",
         "example.com MX 5 a.example\nexample.com MX 10 mx.mailspur.example\n", "found", ""},
        {"others", "example.com MX 5 a.example\nexample.com MX 7 b.example\n", "wrong",
         "5 a.example, 7 b.example"},
        {"null MX", "example.com MX 0 .\n", "wrong", "0 ."},
        {"none", "", "missing", ""},
        {"SERVFAIL", "example.com MX !SERVFAIL\n", "unknown", ""},
    };
    struct bench *bench = *state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct store_domain domain = add(bench, "acme", "example.com");
        struct registry_record records[REGISTRY_RECORDS_MAX];
        char zone[1024];
        (void)snprintf(zone, sizeof(zone), "%s_mailspur.example.com TXT mailspur-verify=$\n",
                       cases[i].zone);
        reopen(bench, &domain, zone);
        assert_int_equal(verify(bench, "example.com", &domain, records), 2);
        if (strcmp(records[1].status, cases[i].status) != 0 ||
            strcmp(records[1].observed, cases[i].observed) != 0 ||
            domain.status != DOMAIN_VERIFIED) {
            fail_msg("%s: %s '%s'", cases[i].label, records[1].status, records[1].observed);
        }
        assert_int_equal(registry_remove(bench->registry, "example.com", &domain, NULL), ST_OK);
    }
}

static void
passing_is_recorded_and_kept(void **state)
{
    struct bench *bench = *state;
    struct store_domain domain = add_verified(bench, "acme", "example.com");
    assert_true(domain.verified_at > 0);
    assert_int_equal(domain.checked_at, domain.verified_at);
    assert_newest_event(bench, "example.com", 2, "domain.verified");
    reopen(bench, &domain, "");
    struct store_domain found;
    assert_int_equal(registry_find(bench->registry, "example.com", &found), ST_OK);
    assert_int_equal(found.status, DOMAIN_VERIFIED);
}

static void
a_verified_domain_that_fails_by_hand_stays_verified(void **state)
{
    struct bench *bench = *state;
    struct registry_record records[REGISTRY_RECORDS_MAX];
    struct store_domain domain = add_verified(bench, "acme", "example.com");
    int64_t verified_at = domain.verified_at;
    assert_int_equal(registry_set_inbound(bench->registry, "example.com", true, &domain, NULL),
                     ST_OK);
    reopen(bench, &domain, "");
    (void)verify(bench, "example.com", &domain, records);
    assert_string_equal(records[0].status, "missing");
    assert_int_equal(domain.status, DOMAIN_VERIFIED);
    assert_int_equal(domain.verified_at, verified_at);
    assert_true(domain.inbound);
    struct events events = {.count = 0};
    assert_int_equal(store_events(bench->store, "example.com", 16, on_event, &events, NULL), ST_OK);
    assert_string_equal(events.kinds[0], "domain.check_failed");
    assert_string_equal(events.detail, "TXT _mailspur.example.com: there is no such record yet");
}

static void
what_could_not_be_asked_changes_nothing(void **state)
{
    struct bench *bench = *state;
    struct registry_record records[REGISTRY_RECORDS_MAX];
    struct store_domain before = add_verified(bench, "acme", "example.com");
    struct store_domain after;
    reopen(bench, &before, "_mailspur.example.com TXT !TIMEOUT\n");
    (void)verify(bench, "example.com", &after, records);
    assert_string_equal(records[0].status, "unknown");
    assert_memory_equal(&before, &after, sizeof(before));
    assert_newest_event(bench, "example.com", 2, "domain.verified");
}

static void
names_that_are_not_there_cannot_be_changed(void **state)
{
    struct bench *bench = *state;
    struct store_domain domain = add(bench, "acme", "gone.example");
    struct registry_record records[REGISTRY_RECORDS_MAX];
    size_t count = 77;
    assert_int_equal(registry_remove(bench->registry, "gone.example", &domain, NULL), ST_OK);
    static const char *const names[] = {"gone.example", "never.example", "", "not a name", "@"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct why why = {.text = ""};
        struct store_domain out = {.name = "untouched"};
        assert_int_equal(
            registry_verify(bench->registry, names[i], MX_HOST, &out, records, &count, &why),
            ST_NOT_FOUND);
        assert_string_not_equal(why.text, "");
        assert_int_equal(registry_set_inbound(bench->registry, names[i], true, &out, &why),
                         ST_NOT_FOUND);
        assert_int_equal(registry_remove(bench->registry, names[i], &out, &why), ST_NOT_FOUND);
        assert_string_equal(out.name, "untouched");
        assert_int_equal(count, 77);
    }
}

/* ---- inbound and removal --------------------------------------------------------------------- */

static void
inbound_needs_a_verified_domain(void **state)
{
    struct bench *bench = *state;
    struct why why = {.text = ""};
    struct store_domain domain = add(bench, "acme", "example.com");
    assert_int_equal(registry_set_inbound(bench->registry, "example.com", true, &domain, &why),
                     ST_REFUSED);
    assert_non_null(strstr(why.text, "TXT _mailspur.example.com"));
    assert_int_equal(registry_set_inbound(bench->registry, "example.com", false, &domain, &why),
                     ST_OK);
    assert_newest_event(bench, "example.com", 1, "domain.added");
}

static void
inbound_goes_on_and_off_once_each(void **state)
{
    struct bench *bench = *state;
    struct store_domain domain = add_verified(bench, "acme", "example.com");
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
        assert_newest_event(bench, "example.com", steps[i].events, steps[i].newest);
    }
}

static void
a_removed_name_takes_no_mail_but_is_known(void **state)
{
    struct bench *bench = *state;
    struct store_domain domain = add_verified(bench, "acme", "example.com");
    assert_int_equal(registry_set_inbound(bench->registry, "example.com", true, &domain, NULL),
                     ST_OK);
    assert_int_equal(registry_remove(bench->registry, "example.com", &domain, NULL), ST_OK);
    assert_int_equal(domain.status, DOMAIN_REMOVED);
    assert_false(domain.inbound);
    assert_true(domain.removed_at > 0);
    assert_newest_event(bench, "example.com", 4, "domain.removed");
    for (int i = 0; i < 2; i++) {
        struct store_domain found;
        assert_int_equal(registry_find(bench->registry, "example.com", &found), ST_OK);
        assert_int_equal(found.status, DOMAIN_REMOVED);
        reopen(bench, &domain, "");
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
    reopen(bench, &rows[0], "");
    struct store_domain found;
    assert_int_equal(registry_find(bench->registry, "watched.example", &found), ST_OK);
    assert_int_equal(registry_find(bench->registry, "forgotten.example", &found), ST_NOT_FOUND);
    (void)add(bench, "other", "watched.example");
    (void)add(bench, "other", "forgotten.example");
}

static void
a_name_added_again_has_a_new_row_and_a_new_token(void **state)
{
    struct bench *bench = *state;
    struct store_domain found;
    struct store_domain first = add_verified(bench, "acme", "example.com");
    assert_int_equal(registry_remove(bench->registry, "example.com", &found, NULL), ST_OK);
    struct store_domain second = add(bench, "other", "example.com");
    assert_string_not_equal(first.id.text, second.id.text);
    assert_string_not_equal(first.token, second.token);
    assert_int_equal(second.status, DOMAIN_PENDING);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(registry_find(bench->registry, "example.com", &found), ST_OK);
        assert_string_equal(found.id.text, second.id.text);
        reopen(bench, &first, "_mailspur.example.com TXT mailspur-verify=$\n");
    }
    struct registry_record records[REGISTRY_RECORDS_MAX];
    (void)verify(bench, "example.com", &found, records); // the old token proves nothing
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
    (void)add(bench, "acme", "b.example");
    (void)add(bench, "acme", "c.example");
    (void)add(bench, "other", "a.example");
    assert_int_equal(registry_remove(bench->registry, "b.example", &domain, NULL), ST_OK);
    struct listing living = {.text = ""};
    registry_list(bench->registry, false, on_domain, &living);
    assert_string_equal(living.text, "a.example pending, c.example pending, ");
    struct listing all = {.text = ""};
    registry_list(bench->registry, true, on_domain, &all);
    assert_string_equal(all.text, "a.example pending, b.example removed, c.example pending, ");
}

/* ---- other writers --------------------------------------------------------------------------- */

static void
a_change_by_another_writer_is_read_and_decided_again(void **state)
{
    struct bench *bench = *state;
    struct store_domain domain = add_verified(bench, "acme", "example.com");
    const struct store_event event = {.kind = "domain.other", .detail = ""};
    struct store_domain theirs = domain;
    theirs.checked_at = 12345;
    assert_int_equal(store_domain_put(bench->store, &theirs, domain.version, &event, NULL), ST_OK);
    assert_int_equal(registry_set_inbound(bench->registry, "example.com", true, &domain, NULL),
                     ST_OK);
    assert_true(domain.inbound);
    assert_int_equal(domain.checked_at, 12345); // their change is not lost
    theirs = domain;
    theirs.status = DOMAIN_REMOVED;
    assert_int_equal(store_domain_put(bench->store, &theirs, domain.version, &event, NULL), ST_OK);
    assert_int_equal(registry_set_inbound(bench->registry, "example.com", false, &domain, NULL),
                     ST_NOT_FOUND);
}

static void
a_name_another_writer_added_is_a_conflict(void **state)
{
    struct bench *bench = *state;
    struct store_domain theirs = {.id = id_new(),
                                  .tenant = "other",
                                  .name = "example.com",
                                  .profile = "local",
                                  .status = DOMAIN_PENDING};
    const struct store_event event = {.kind = "domain.added", .detail = ""};
    id_new_token(theirs.token);
    assert_int_equal(store_domain_put(bench->store, &theirs, 0, &event, NULL), ST_OK);
    struct store_domain domain;
    assert_int_equal(registry_add(bench->registry, "acme", "example.com", "local", &domain, NULL),
                     ST_CONFLICT);
}

static void
a_domain_another_writer_added_below_is_seen(void **state)
{
    struct bench *bench = *state;
    struct store_domain theirs = {.id = id_new(),
                                  .tenant = "other",
                                  .name = "sub.example.com",
                                  .profile = "local",
                                  .status = DOMAIN_PENDING};
    const struct store_event event = {.kind = "domain.added", .detail = ""};
    assert_int_equal(store_domain_put(bench->store, &theirs, 0, &event, NULL), ST_OK);
    struct store_domain domain;
    assert_int_equal(registry_add(bench->registry, "acme", "example.com", "local", &domain, NULL),
                     ST_REFUSED);
}

/* ---- a DNS that changes while it is asked ---------------------------------------------------- */

static struct {
    pthread_mutex_t mutex; /* the server has a thread of its own */
    struct bench *bench;
    char text[512]; /* of _mailspur.example.com; "": none */
    bool swaps;     /* removes and adds the domain again while it is asked */
} live = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static void
set_live(struct bench *bench, const char *text, bool swaps)
{
    AUTO_LOCK(lock, &live.mutex);
    live.bench = bench;
    live.swaps = swaps;
    (void)snprintf(live.text, sizeof(live.text), "%s", text);
}

static void
serve_live(const struct exchange *exchange)
{
    struct packet packet;
    AUTO_LOCK(lock, &live.mutex);
    bool is_there = strcmp(exchange->name, "_mailspur.example.com") == 0 && live.text[0] != '\0';
    packet_start(&packet, exchange, is_there ? 0 : 3);
    if (is_there) {
        packet_add_txt(&packet, NULL, live.text);
    } else {
        packet_add_soa(&packet, "example.com", 900, 900);
    }
    if (live.swaps) {
        struct store_domain domain;
        live.swaps = false;
        if (registry_remove(live.bench->registry, "example.com", &domain, NULL) != ST_OK ||
            registry_add(live.bench->registry, "other", "example.com", "local", &domain, NULL) !=
                ST_OK) {
            abort();
        }
    }
    reply_with(exchange, &packet);
}

static struct server *
go_live(struct bench *bench)
{
    struct server *server = server_start(serve_live);
    const char *servers[] = {server_text(server)};
    const struct dns_settings settings = {.servers = servers,
                                          .server_count = 1,
                                          .timeout_ms = 10000,
                                          .tries = 1,
                                          .cache_bytes = 1 << 20};
    const struct registry_settings registry = {.hostname = MX_HOST,
                                               .pending_per_tenant = PENDING_MAX};
    close_registry(bench);
    assert_int_equal(dns_open(&settings, &bench->dns, NULL), ST_OK);
    assert_int_equal(registry_open(&registry, bench->store, bench->dns, &bench->registry, NULL),
                     ST_OK);
    set_live(bench, "", false);
    return server;
}

static void
a_record_just_published_is_seen_by_the_next_check(void **state)
{
    struct bench *bench = *state;
    struct server *server = go_live(bench);
    struct registry_record records[REGISTRY_RECORDS_MAX];
    struct store_domain domain = add(bench, "acme", "example.com");
    (void)verify(bench, "example.com", &domain, records);
    assert_string_equal(records[0].status, "missing"); // which the cache keeps for 15 minutes
    set_live(bench, records[0].value, false);
    (void)verify(bench, "example.com", &domain, records);
    assert_int_equal(domain.status, DOMAIN_VERIFIED);
    server_stop(server);
}

static void
proof_for_a_removed_domain_does_not_verify_its_successor(void **state)
{
    struct bench *bench = *state;
    struct server *server = go_live(bench);
    struct registry_record records[REGISTRY_RECORDS_MAX];
    struct store_domain domain = add(bench, "acme", "example.com");
    char value[64];
    (void)snprintf(value, sizeof(value), "mailspur-verify=%s", domain.token);
    set_live(bench, value, true);
    size_t count = 0;
    assert_int_equal(
        registry_verify(bench->registry, "example.com", MX_HOST, &domain, records, &count, NULL),
        ST_AGAIN);
    assert_int_equal(registry_find(bench->registry, "example.com", &domain), ST_OK);
    assert_string_equal(domain.tenant, "other");
    assert_int_equal(domain.status, DOMAIN_PENDING);
    server_stop(server);
}

struct worker {
    pthread_t thread;
    struct registry *registry;
    atomic_bool *stop;
};

static void *
find_all_the_time(void *context)
{
    struct worker *worker = context;
    struct store_domain domain;
    while (!atomic_load(worker->stop)) {
        if (registry_find(worker->registry, "example.com", &domain) != ST_OK ||
            strcmp(domain.name, "example.com") != 0) {
            abort();
        }
    }
    return NULL;
}

static void
readers_and_writers_work_side_by_side(void **state)
{
    struct bench *bench = *state;
    struct store_domain domain = add_verified(bench, "acme", "example.com");
    struct worker workers[3];
    atomic_bool stop = false;
    for (size_t i = 0; i < ARRAY_LEN(workers); i++) {
        workers[i] = (struct worker){.registry = bench->registry, .stop = &stop};
        assert_int_equal(pthread_create(&workers[i].thread, NULL, find_all_the_time, &workers[i]),
                         0);
    }
    for (int i = 0; i < 50; i++) {
        assert_int_equal(
            registry_set_inbound(bench->registry, "example.com", i % 2 == 0, &domain, NULL), ST_OK);
    }
    atomic_store(&stop, true);
    for (size_t i = 0; i < ARRAY_LEN(workers); i++) {
        (void)pthread_join(workers[i].thread, NULL);
    }
    assert_false(domain.inbound);
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

#define WITH_BENCH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

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
        WITH_BENCH(each_state_of_the_ownership_record_is_told),
        WITH_BENCH(the_mx_record_is_a_finding_only),
        WITH_BENCH(passing_is_recorded_and_kept),
        WITH_BENCH(a_verified_domain_that_fails_by_hand_stays_verified),
        WITH_BENCH(what_could_not_be_asked_changes_nothing),
        WITH_BENCH(names_that_are_not_there_cannot_be_changed),
        WITH_BENCH(inbound_needs_a_verified_domain),
        WITH_BENCH(inbound_goes_on_and_off_once_each),
        WITH_BENCH(a_removed_name_takes_no_mail_but_is_known),
        WITH_BENCH(a_removed_name_is_watched_for_thirty_days),
        WITH_BENCH(a_name_added_again_has_a_new_row_and_a_new_token),
        WITH_BENCH(domains_are_listed_by_name),
        WITH_BENCH(a_change_by_another_writer_is_read_and_decided_again),
        WITH_BENCH(a_name_another_writer_added_is_a_conflict),
        WITH_BENCH(a_domain_another_writer_added_below_is_seen),
        WITH_BENCH(a_record_just_published_is_seen_by_the_next_check),
        WITH_BENCH(proof_for_a_removed_domain_does_not_verify_its_successor),
        WITH_BENCH(readers_and_writers_work_side_by_side),
        WITH_BENCH(a_host_without_a_proper_name_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
