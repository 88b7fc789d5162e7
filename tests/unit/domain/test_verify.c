// SPDX-License-Identifier: Apache-2.0
// Checks through the registry: what they do to the row, and what is kept of them.
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
#include "tests/unit/domain/fixture_check.h"
#include "verifier/domain/state.h"

/* ---- verifying ------------------------------------------------------------------------------- */

#define PROOF "_mailspur.example.com TXT mailspur-verify=$\n"

static void
passing_is_recorded_and_kept(void **state)
{
    struct bench *bench = *state;
    struct store_domain domain = bench_add_verified(bench, "acme", "example.com");
    assert_true(domain.verified_at > 0);
    assert_int_equal(domain.checked_at, domain.verified_at);
    assert_int_equal(domain.owned_at, domain.verified_at);
    assert_int_equal(domain.checks, 1);
    bench_assert_newest_event(bench, "example.com", 2, "domain.verified");
    bench_reopen(bench, &domain, "");
    struct store_domain found;
    assert_int_equal(registry_find(bench->registry, "example.com", &found), ST_OK);
    assert_int_equal(found.status, DOMAIN_VERIFIED);
    assert_int_equal(found.next_check_at, domain.next_check_at);
}

static void
one_miss_takes_nothing_away(void **state)
{
    struct bench *bench = *state;
    struct store_domain domain = bench_add_verified(bench, "acme", "example.com");
    int64_t verified_at = domain.verified_at;
    assert_int_equal(registry_set_inbound(bench->registry, "example.com", true, &domain, NULL),
                     ST_OK);
    bench_reopen(bench, &domain, "");
    AUTO_REGISTRY_CHECK *check = bench_verify(bench, "example.com");
    assert_int_equal(check->records.items[0].status, RECORD_MISSING);
    assert_int_equal(check->domain.status, DOMAIN_VERIFIED);
    assert_int_equal(check->domain.verified_at, verified_at);
    assert_int_equal(check->domain.mail, DOMAIN_MAIL_OPEN);
    assert_true(check->domain.inbound);
    struct bench_events events = bench_events(bench, "example.com");
    assert_string_equal(events.kinds[0], "domain.check_failed");
    assert_string_equal(events.detail, "TXT _mailspur.example.com: missing");
}

static void
what_could_not_be_asked_changes_nothing(void **state)
{
    struct bench *bench = *state;
    struct store_domain before = bench_add_verified(bench, "acme", "example.com");
    bench_reopen(bench, &before, "_mailspur.example.com TXT !TIMEOUT\n");
    AUTO_REGISTRY_CHECK *check = bench_verify(bench, "example.com");
    assert_int_equal(check->records.items[0].status, RECORD_UNKNOWN);
    check->domain.next_check_at = before.next_check_at; // sooner, as this process plans
    assert_memory_equal(&before, &check->domain, sizeof(before));
    bench_assert_newest_event(bench, "example.com", 2, "domain.verified");
}

// The second miss counts 15 minutes after the first: let the first be so long ago.
static void
lose_the_proof(struct bench *bench, struct store_domain *domain)
{
    bench_reopen(bench, domain, "");
    AUTO_REGISTRY_CHECK *first = bench_verify(bench, "example.com");
    struct store_domain row = first->domain;
    row.missing_since -= STATE_CONFIRM_MS;
    row.ownership_missing_since -= STATE_CONFIRM_MS;
    assert_int_equal(store_domain_put(bench->store, &row, row.version, NULL, NULL), ST_OK);
    bench_reopen(bench, domain, "");
    AUTO_REGISTRY_CHECK *second = bench_verify(bench, "example.com");
    *domain = second->domain;
}

static void
a_proof_that_is_gone_holds_mail_and_one_that_is_back_lets_it_go(void **state)
{
    struct bench *bench = *state;
    struct store_domain domain = bench_add_verified(bench, "acme", "example.com");
    assert_int_equal(registry_set_inbound(bench->registry, "example.com", true, &domain, NULL),
                     ST_OK);
    lose_the_proof(bench, &domain);
    assert_int_equal(domain.status, DOMAIN_AT_RISK);
    assert_int_equal(domain.mail, DOMAIN_MAIL_HELD);
    // What is on already may be asked for again, and nothing happens.
    struct store_domain asked;
    assert_int_equal(registry_set_inbound(bench->registry, "example.com", true, &asked, NULL),
                     ST_OK);
    assert_int_equal(asked.version, domain.version);
    struct bench_events events = bench_events(bench, "example.com");
    assert_string_equal(events.kinds[0], "domain.inbound_held");
    assert_string_equal(events.kinds[1], "domain.at_risk");
    struct id held = bench_hold(bench, &domain, REGISTRY_HOLD_REASON);
    struct id other = bench_hold(bench, &domain, "dmarc=fail, p=quarantine");
    bench_reopen(bench, &domain, PROOF);
    AUTO_REGISTRY_CHECK *check = bench_verify(bench, "example.com");
    assert_int_equal(check->domain.status, DOMAIN_VERIFIED);
    assert_int_equal(check->domain.mail, DOMAIN_MAIL_OPEN);
    events = bench_events(bench, "example.com");
    assert_string_equal(events.kinds[0], "domain.inbound_reopened");
    assert_string_equal(events.kinds[1], "domain.restored");
    assert_int_equal(bench_state(bench, &held), DELIVERY_QUEUED);
    assert_int_equal(bench_state(bench, &other), DELIVERY_HELD); // waits for a person
}

static void
an_mx_counts_when_it_is_required(void **state)
{
    struct bench *bench = *state;
    struct store_domain domain = bench_add(bench, "acme", "example.com");
    bench_configure(bench, "verification: {mx: required}\n");
    bench_reopen(bench, &domain, PROOF);
    AUTO_REGISTRY_CHECK *without = bench_verify(bench, "example.com");
    assert_int_equal(without->domain.status, DOMAIN_PENDING);
    assert_int_equal(without->domain.ownership_misses, 1);
    bench_reopen(bench, &domain, PROOF "example.com MX 10 " BENCH_MX_HOST "\n");
    AUTO_REGISTRY_CHECK *with = bench_verify(bench, "example.com");
    assert_int_equal(with->domain.status, DOMAIN_VERIFIED);
    assert_int_equal(with->domain.ownership_misses, 0);
}

static void
what_the_last_check_saw_is_kept(void **state)
{
    struct bench *bench = *state;
    struct store_domain domain = bench_add(bench, "acme", "example.com");
    char *json = NULL;
    assert_int_equal(registry_last_check(bench->registry, &domain, &json, NULL), ST_NOT_FOUND);
    AUTO_REGISTRY_CHECK *check = bench_verify(bench, "example.com");
    bench_reopen(bench, &domain, "");
    assert_int_equal(registry_last_check(bench->registry, &domain, &json, NULL), ST_OK);
    assert_non_null(strstr(json, "\"zone\":\"example.com\""));
    assert_non_null(strstr(json, "\"host\":\"_mailspur\""));
    assert_non_null(strstr(json, "\"status\":\"missing\""));
    assert_non_null(strstr(json, "\"code\":\"missing\""));
    free(json);
}

static void
names_that_are_not_there_cannot_be_changed(void **state)
{
    struct bench *bench = *state;
    (void)bench_add(bench, "acme", "gone.example");
    bench_remove(bench, "gone.example");
    struct id stranger = id_new();
    const char *const names[] = {"gone.example", "never.example", "", "not a name", "@",
                                 stranger.text};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct why why = {.text = ""};
        struct store_domain out = {.name = "untouched"};
        struct registry_check *check = NULL;
        uint64_t count = 77;
        assert_int_equal(registry_verify(bench->registry, names[i], &check, &why), ST_NOT_FOUND);
        assert_string_not_equal(why.text, "");
        assert_null(check);
        assert_int_equal(registry_set_inbound(bench->registry, names[i], true, &out, &why),
                         ST_NOT_FOUND);
        assert_int_equal(
            registry_remove(bench->registry, names[i], REGISTRY_HELD_DRAIN, &out, &count, &why),
            ST_NOT_FOUND);
        assert_string_equal(out.name, "untouched");
        assert_int_equal(count, 77);
    }
}

/* ---- removal --------------------------------------------------------------------------------- */

static void
held_mail_of_a_removed_domain_goes_the_way_that_was_chosen(void **state)
{
    static const struct {
        enum registry_held held;
        uint64_t count;
        enum delivery_state state;
    } cases[] = {
        {REGISTRY_HELD_STAYS, 0, DELIVERY_HELD},
        {REGISTRY_HELD_DRAIN, 1, DELIVERY_QUEUED},
        {REGISTRY_HELD_DISCARD, 1, DELIVERY_DEAD},
    };
    struct bench *bench = *state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "d%zu.example", i);
        struct store_domain domain = bench_add(bench, "acme", name);
        struct id delivery = bench_hold(bench, &domain, "dmarc=fail, p=quarantine");
        uint64_t count = 77;
        assert_int_equal(
            registry_remove(bench->registry, domain.id.text, cases[i].held, &domain, &count, NULL),
            ST_OK);
        assert_int_equal(count, cases[i].count);
        assert_int_equal(bench_state(bench, &delivery), cases[i].state);
    }
}

static void
an_mx_that_still_points_here_is_told_once(void **state)
{
    struct bench *bench = *state;
    struct store_domain domain = bench_add_verified(bench, "acme", "example.com");
    bench_remove(bench, "example.com");
    bench_reopen(bench, &domain, "example.com MX 10 " BENCH_MX_HOST "\n");
    for (int i = 0; i < 2; i++) {
        assert_int_equal(registry_check_id(bench->registry, &domain.id, &domain, NULL), ST_OK);
        assert_true(domain.mx_points_here);
        assert_true(domain.next_check_at > 0);
        bench_assert_newest_event(bench, "example.com", 4, "domain.mx_points_here");
    }
    bench_reopen(bench, &domain, "example.com MX 10 elsewhere.example\n");
    assert_int_equal(registry_check_id(bench->registry, &domain.id, &domain, NULL), ST_OK);
    assert_false(domain.mx_points_here);
    assert_int_equal(domain.status, DOMAIN_REMOVED);
}

static void
a_registry_that_stops_begins_no_check(void **state)
{
    struct bench *bench = *state;
    struct store_domain domain = bench_add(bench, "acme", "example.com");
    struct registry_check *check = NULL;
    registry_cancel(bench->registry);
    assert_int_equal(registry_verify(bench->registry, "example.com", &check, NULL), ST_AGAIN);
    assert_int_equal(registry_check_id(bench->registry, &domain.id, &domain, NULL), ST_AGAIN);
}

static struct registry *stops_meanwhile;

static void
check_while_it_stops(const struct check_context *context, const struct check_subject *subject,
                     struct domain_records *records, struct check_summary *summary_out)
{
    fixture_check(context, subject, records, summary_out);
    registry_cancel(stops_meanwhile);
}

// What was broken off looks like a record that no server has.
static void
a_check_that_is_broken_off_by_a_stop_loses_nothing(void **state)
{
    struct bench *bench = *state;
    struct store_domain before = bench_add_verified(bench, "acme", "example.com");
    struct store_domain after;
    struct registry_check *check = NULL;
    bench_reopen(bench, &before, "");
    registry_close(bench->registry);
    struct registry_settings settings = bench_settings(bench);
    settings.check = check_while_it_stops;
    assert_int_equal(registry_open(&settings, &bench->registry, NULL), ST_OK);
    stops_meanwhile = bench->registry;
    assert_int_equal(registry_verify(bench->registry, "example.com", &check, NULL), ST_AGAIN);
    assert_int_equal(registry_find(bench->registry, "example.com", &after), ST_OK);
    assert_int_equal(after.version, before.version);
    bench_remove(bench, "example.com");
    registry_close(bench->registry);
    assert_int_equal(registry_open(&settings, &bench->registry, NULL), ST_OK);
    stops_meanwhile = bench->registry;
    assert_int_equal(registry_check_id(bench->registry, &before.id, &after, NULL),
                     ST_AGAIN); // while it is watched, too
    assert_int_equal(registry_find(bench->registry, "example.com", &after), ST_OK);
    assert_int_equal(after.checked_at, before.checked_at);
}

// As after a crash between the two writes, or a message that was committed a moment too late.
static void
what_is_still_held_when_the_proof_is_there_goes_with_the_next_check(void **state)
{
    struct bench *bench = *state;
    struct store_domain domain = bench_add_verified(bench, "acme", "example.com");
    assert_int_equal(registry_set_inbound(bench->registry, "example.com", true, &domain, NULL),
                     ST_OK);
    struct id held = bench_hold(bench, &domain, REGISTRY_HOLD_REASON);
    bench_reopen(bench, &domain, "_mailspur.example.com TXT !TIMEOUT\n");
    registry_check_free(bench_verify(bench, "example.com"));
    assert_int_equal(bench_state(bench, &held), DELIVERY_HELD); // could not ask: nothing changes
    bench_reopen(bench, &domain, PROOF);
    registry_check_free(bench_verify(bench, "example.com"));
    assert_int_equal(bench_state(bench, &held), DELIVERY_QUEUED);
}

static struct {
    unsigned count;
    char kinds[8][32];
} told;

static void
on_changed(void *context, const struct store_domain *domain, const struct store_event *events)
{
    assert_ptr_equal(context, &told);
    assert_true(domain->version > 0);
    for (; events != NULL; events = events->also) {
        (void)snprintf(told.kinds[told.count++ % 8], 32, "%s", events->kind);
    }
}

static void
each_change_is_told_to_who_listens(void **state)
{
    struct bench *bench = *state;
    const struct registry_listener listener = {.changed = on_changed, .context = &told};
    told.count = 0;
    registry_listen(bench->registry, &listener);
    (void)bench_add(bench, "acme", "example.com");
    AUTO_REGISTRY_CHECK *check = bench_verify(bench, "example.com"); // no event
    bench_remove(bench, "example.com");
    assert_int_equal(told.count, 2);
    assert_string_equal(told.kinds[0], "domain.added");
    assert_string_equal(told.kinds[1], "domain.removed");
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
    (void)snprintf(live.text, sizeof(live.text), "%.*s", (int)sizeof(live.text) - 1, text);
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
        if (registry_remove(live.bench->registry, "example.com", REGISTRY_HELD_STAYS, &domain, NULL,
                            NULL) != ST_OK ||
            bench_try_add(live.bench, "other", "example.com", "inbound", &domain, NULL) != ST_OK) {
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
    bench_close_registry(bench);
    assert_int_equal(dns_open(&settings, &bench->dns, NULL), ST_OK);
    const struct registry_settings registry = bench_settings(bench);
    assert_int_equal(registry_open(&registry, &bench->registry, NULL), ST_OK);
    set_live(bench, "", false);
    return server;
}

static void
a_record_just_published_is_seen_by_the_next_check(void **state)
{
    struct bench *bench = *state;
    struct server *server = go_live(bench);
    (void)bench_add(bench, "acme", "example.com");
    AUTO_REGISTRY_CHECK *before = bench_verify(bench, "example.com");
    assert_int_equal(before->records.items[0].status, RECORD_MISSING); // cached for 15 minutes
    set_live(bench, before->records.items[0].value, false);
    AUTO_REGISTRY_CHECK *after = bench_verify(bench, "example.com");
    assert_int_equal(after->domain.status, DOMAIN_VERIFIED);
    server_stop(server);
}

static void
proof_for_a_removed_domain_does_not_verify_its_successor(void **state)
{
    struct bench *bench = *state;
    struct server *server = go_live(bench);
    struct store_domain domain = bench_add(bench, "acme", "example.com");
    char value[64];
    (void)snprintf(value, sizeof(value), "mailspur-verify=%s", domain.token);
    set_live(bench, value, true);
    struct registry_check *check = NULL;
    assert_int_equal(registry_verify(bench->registry, "example.com", &check, NULL), ST_AGAIN);
    assert_null(check);
    assert_int_equal(registry_find(bench->registry, "example.com", &domain), ST_OK);
    assert_string_equal(domain.tenant, "other");
    assert_int_equal(domain.status, DOMAIN_PENDING);
    server_stop(server);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_BENCH(passing_is_recorded_and_kept),
        WITH_BENCH(one_miss_takes_nothing_away),
        WITH_BENCH(what_could_not_be_asked_changes_nothing),
        WITH_BENCH(a_proof_that_is_gone_holds_mail_and_one_that_is_back_lets_it_go),
        WITH_BENCH(an_mx_counts_when_it_is_required),
        WITH_BENCH(what_the_last_check_saw_is_kept),
        WITH_BENCH(names_that_are_not_there_cannot_be_changed),
        WITH_BENCH(held_mail_of_a_removed_domain_goes_the_way_that_was_chosen),
        WITH_BENCH(an_mx_that_still_points_here_is_told_once),
        WITH_BENCH(a_registry_that_stops_begins_no_check),
        WITH_BENCH(a_check_that_is_broken_off_by_a_stop_loses_nothing),
        WITH_BENCH(what_is_still_held_when_the_proof_is_there_goes_with_the_next_check),
        WITH_BENCH(each_change_is_told_to_who_listens),
        WITH_BENCH(a_record_just_published_is_seen_by_the_next_check),
        WITH_BENCH(proof_for_a_removed_domain_does_not_verify_its_successor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
