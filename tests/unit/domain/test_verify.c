// SPDX-License-Identifier: Apache-2.0
// What a check finds in the DNS, and what that does to the domain.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "tests/unit/dns/server.h"

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
        struct store_domain domain = bench_add(bench, "acme", "example.com");
        struct registry_record records[REGISTRY_RECORDS_MAX] = {{.type = NULL}};
        bench_reopen(bench, &domain, cases[i].zone);
        assert_int_equal(bench_verify(bench, "example.com", &domain, records), 2);
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
        struct store_domain domain = bench_add(bench, "acme", "example.com");
        struct registry_record records[REGISTRY_RECORDS_MAX];
        char zone[1024];
        (void)snprintf(zone, sizeof(zone), "%s_mailspur.example.com TXT mailspur-verify=$\n",
                       cases[i].zone);
        bench_reopen(bench, &domain, zone);
        assert_int_equal(bench_verify(bench, "example.com", &domain, records), 2);
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
    struct store_domain domain = bench_add_verified(bench, "acme", "example.com");
    assert_true(domain.verified_at > 0);
    assert_int_equal(domain.checked_at, domain.verified_at);
    bench_assert_newest_event(bench, "example.com", 2, "domain.verified");
    bench_reopen(bench, &domain, "");
    struct store_domain found;
    assert_int_equal(registry_find(bench->registry, "example.com", &found), ST_OK);
    assert_int_equal(found.status, DOMAIN_VERIFIED);
}

static void
a_verified_domain_that_fails_by_hand_stays_verified(void **state)
{
    struct bench *bench = *state;
    struct registry_record records[REGISTRY_RECORDS_MAX];
    struct store_domain domain = bench_add_verified(bench, "acme", "example.com");
    int64_t verified_at = domain.verified_at;
    assert_int_equal(registry_set_inbound(bench->registry, "example.com", true, &domain, NULL),
                     ST_OK);
    bench_reopen(bench, &domain, "");
    (void)bench_verify(bench, "example.com", &domain, records);
    assert_string_equal(records[0].status, "missing");
    assert_int_equal(domain.status, DOMAIN_VERIFIED);
    assert_int_equal(domain.verified_at, verified_at);
    assert_true(domain.inbound);
    struct bench_events events = bench_events(bench, "example.com");
    assert_string_equal(events.kinds[0], "domain.check_failed");
    assert_string_equal(events.detail, "TXT _mailspur.example.com: there is no such record yet");
}

static void
what_could_not_be_asked_changes_nothing(void **state)
{
    struct bench *bench = *state;
    struct registry_record records[REGISTRY_RECORDS_MAX];
    struct store_domain before = bench_add_verified(bench, "acme", "example.com");
    struct store_domain after;
    bench_reopen(bench, &before, "_mailspur.example.com TXT !TIMEOUT\n");
    (void)bench_verify(bench, "example.com", &after, records);
    assert_string_equal(records[0].status, "unknown");
    after.next_check_at = before.next_check_at; // sooner
    assert_memory_equal(&before, &after, sizeof(before));
    bench_assert_newest_event(bench, "example.com", 2, "domain.verified");
}

static void
names_that_are_not_there_cannot_be_changed(void **state)
{
    struct bench *bench = *state;
    struct store_domain domain = bench_add(bench, "acme", "gone.example");
    struct registry_record records[REGISTRY_RECORDS_MAX];
    size_t count = 77;
    assert_int_equal(registry_remove(bench->registry, "gone.example", &domain, NULL), ST_OK);
    static const char *const names[] = {"gone.example", "never.example", "", "not a name", "@"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct why why = {.text = ""};
        struct store_domain out = {.name = "untouched"};
        assert_int_equal(
            registry_verify(bench->registry, names[i], BENCH_MX_HOST, &out, records, &count, &why),
            ST_NOT_FOUND);
        assert_string_not_equal(why.text, "");
        assert_int_equal(registry_set_inbound(bench->registry, names[i], true, &out, &why),
                         ST_NOT_FOUND);
        assert_int_equal(registry_remove(bench->registry, names[i], &out, &why), ST_NOT_FOUND);
        assert_string_equal(out.name, "untouched");
        assert_int_equal(count, 77);
    }
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
    const struct registry_settings registry = {.hostname = BENCH_MX_HOST,
                                               .pending_per_tenant = BENCH_PENDING_MAX};
    bench_close_registry(bench);
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
    struct store_domain domain = bench_add(bench, "acme", "example.com");
    (void)bench_verify(bench, "example.com", &domain, records);
    assert_string_equal(records[0].status, "missing"); // which the cache keeps for 15 minutes
    set_live(bench, records[0].value, false);
    (void)bench_verify(bench, "example.com", &domain, records);
    assert_int_equal(domain.status, DOMAIN_VERIFIED);
    server_stop(server);
}

static void
proof_for_a_removed_domain_does_not_verify_its_successor(void **state)
{
    struct bench *bench = *state;
    struct server *server = go_live(bench);
    struct registry_record records[REGISTRY_RECORDS_MAX];
    struct store_domain domain = bench_add(bench, "acme", "example.com");
    char value[64];
    (void)snprintf(value, sizeof(value), "mailspur-verify=%s", domain.token);
    set_live(bench, value, true);
    size_t count = 0;
    assert_int_equal(registry_verify(bench->registry, "example.com", BENCH_MX_HOST, &domain,
                                     records, &count, NULL),
                     ST_AGAIN);
    assert_int_equal(registry_find(bench->registry, "example.com", &domain), ST_OK);
    assert_string_equal(domain.tenant, "other");
    assert_int_equal(domain.status, DOMAIN_PENDING);
    server_stop(server);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_BENCH(each_state_of_the_ownership_record_is_told),
        WITH_BENCH(the_mx_record_is_a_finding_only),
        WITH_BENCH(passing_is_recorded_and_kept),
        WITH_BENCH(a_verified_domain_that_fails_by_hand_stays_verified),
        WITH_BENCH(what_could_not_be_asked_changes_nothing),
        WITH_BENCH(names_that_are_not_there_cannot_be_changed),
        WITH_BENCH(a_record_just_published_is_seen_by_the_next_check),
        WITH_BENCH(proof_for_a_removed_domain_does_not_verify_its_successor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
