// SPDX-License-Identifier: Apache-2.0
// Deliveries: claim, complete, lists, and what people do to them.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "conformance.h"
#include "fixture.h"

static struct store *
store_of(void **state)
{
    return ((struct fixture *)*state)->store;
}

static void
claim_takes_the_oldest_due_first_and_no_more_than_asked(void **state)
{
    struct sample sample = sample_new(10);
    sample.delivery_count = 3;
    sample.deliveries[0].due_at = 300;
    sample.deliveries[1].due_at = 100;
    sample.deliveries[2].due_at = 200;
    assert_int_equal(submit_wait(store_of(state), &sample).status, ST_OK);
    struct claimed claimed = claim_wait(store_of(state), "psa", 2, 60000);
    assert_int_equal(claimed.status, ST_OK);
    assert_int_equal(claimed.count, 2);
    assert_string_equal(claimed.deliveries[0].id.text, sample.deliveries[1].id.text);
    assert_string_equal(claimed.deliveries[1].id.text, sample.deliveries[2].id.text);
    assert_string_equal(claimed.deliveries[0].message_id.text, sample.message.id.text);
    assert_string_equal(claimed.recipient, "support@acme.test");
    assert_int_equal(claimed.deliveries[0].state, DELIVERY_LEASED);
    assert_int_equal(claimed.deliveries[0].fence, 1);
    assert_int_equal(claimed.deliveries[0].attempts, 0);
    assert_int_equal(claimed.next_due_at, 300);
    claimed = claim_wait(store_of(state), "psa", 2, 60000);
    assert_int_equal(claimed.count, 1);
    assert_int_equal(claimed.next_due_at, 0);
}

static void
claim_takes_only_what_is_due_of_its_destination(void **state)
{
    int64_t later = store_now_ms(store_of(state)) + 3600000;
    struct sample sample = sample_new(10);
    sample.delivery_count = 3;
    sample.deliveries[0].due_at = later;
    sample.deliveries[1].destination = "crm";
    sample.deliveries[2].state = DELIVERY_HELD;
    assert_int_equal(submit_wait(store_of(state), &sample).status, ST_OK);
    struct claimed claimed = claim_wait(store_of(state), "psa", 10, 60000);
    assert_int_equal(claimed.count, 0);
    assert_int_equal(claimed.next_due_at, later);
    claimed = claim_wait(store_of(state), "nowhere", 10, 60000);
    assert_int_equal(claimed.count, 0);
    assert_int_equal(claimed.next_due_at, 0);
}

struct attempts {
    unsigned count;
    struct store_attempt last;
    char outcome[32];
    char detail[64];
};

static void
on_attempt(void *context, const struct store_attempt *attempt)
{
    struct attempts *attempts = context;
    attempts->count++;
    attempts->last = *attempt;
    (void)snprintf(attempts->outcome, sizeof(attempts->outcome), "%s", attempt->outcome);
    (void)snprintf(attempts->detail, sizeof(attempts->detail), "%s", attempt->detail);
}

static void
completion_sets_the_state_and_records_the_attempt(void **state)
{
    struct sample sample = submit_new(store_of(state), 10);
    struct claimed claimed = claim_wait(store_of(state), "psa", 1, 60000);
    assert_int_equal(complete_wait(store_of(state), &claimed.deliveries[0], DELIVERY_UNKNOWN,
                                   "no answer", 12345, 504),
                     ST_OK);
    char reason[256];
    struct store_delivery row = get_delivery(store_of(state), &sample.deliveries[0].id, reason);
    assert_int_equal(row.state, DELIVERY_UNKNOWN);
    assert_string_equal(reason, "no answer");
    assert_int_equal(row.due_at, 12345);
    assert_int_equal(row.attempts, 1);
    assert_int_equal(row.last_http_status, 504);
    struct attempts attempts = {.count = 0};
    assert_int_equal(store_attempts(store_of(state), row.id.text, on_attempt, &attempts, NULL),
                     ST_OK);
    assert_int_equal(attempts.count, 1);
    assert_int_equal(attempts.last.number, 1);
    assert_int_equal(attempts.last.http_status, 504);
    assert_int_equal(attempts.last.at, 1700000000001);
    assert_int_equal(attempts.last.duration_ms, 7);
    assert_string_equal(attempts.outcome, "retry");
    assert_string_equal(attempts.detail, "as the endpoint said");
    claimed = claim_wait(store_of(state), "psa", 1, 60000); // unknown is repeated
    assert_int_equal(claimed.count, 1);
    assert_string_equal(claimed.deliveries[0].id.text, row.id.text);
}

static void
completion_counts_once_and_only_with_the_last_fence(void **state)
{
    submit_new(store_of(state), 10);
    struct claimed first = claim_wait(store_of(state), "psa", 1, 60000);
    assert_int_equal(
        complete_wait(store_of(state), &first.deliveries[0], DELIVERY_QUEUED, "", 1, 500), ST_OK);
    assert_int_equal(
        complete_wait(store_of(state), &first.deliveries[0], DELIVERY_DEAD, "", 0, 500),
        ST_CONFLICT);
    struct claimed second = claim_wait(store_of(state), "psa", 1, 60000);
    assert_int_equal(second.count, 1);
    assert_true(second.deliveries[0].fence > first.deliveries[0].fence);
    assert_int_equal(
        complete_wait(store_of(state), &first.deliveries[0], DELIVERY_DEAD, "", 0, 500),
        ST_CONFLICT);
    assert_int_equal(
        complete_wait(store_of(state), &second.deliveries[0], DELIVERY_DONE, "", 0, 200), ST_OK);
    struct attempts attempts = {.count = 0};
    assert_int_equal(
        store_attempts(store_of(state), first.deliveries[0].id.text, on_attempt, &attempts, NULL),
        ST_OK);
    assert_int_equal(attempts.count, 2);
}

static void
completion_of_what_does_not_exist_is_a_conflict(void **state)
{
    struct store_delivery nothing = {.id = id_new(), .fence = 1};
    assert_int_equal(complete_wait(store_of(state), &nothing, DELIVERY_DONE, "", 0, 200),
                     ST_CONFLICT);
}

static void
expired_lease_is_queued_again_with_a_new_fence(void **state)
{
    struct sample sample = submit_new(store_of(state), 10);
    struct claimed first = claim_wait(store_of(state), "psa", 1, 1);
    struct claimed second = {.count = 0};
    for (unsigned i = 0; i < 500 && second.count == 0; i++) { // the sweep comes within a second
        wait_until_after(store_of(state), store_now_ms(store_of(state)) + 10);
        second = claim_wait(store_of(state), "psa", 1, 60000);
    }
    assert_int_equal(second.count, 1);
    assert_string_equal(second.deliveries[0].id.text, sample.deliveries[0].id.text);
    assert_true(second.deliveries[0].fence > first.deliveries[0].fence);
    assert_int_equal(
        complete_wait(store_of(state), &first.deliveries[0], DELIVERY_DONE, "", 0, 200),
        ST_CONFLICT);
}

static void
leases_are_over_after_reopening(void **state)
{
    submit_new(store_of(state), 10);
    assert_int_equal(claim_wait(store_of(state), "psa", 1, 3600000).count, 1);
    assert_int_equal(claim_wait(store_of(state), "psa", 1, 3600000).count, 0);
    fixture_reopen(*state);
    struct claimed claimed = claim_wait(store_of(state), "psa", 1, 3600000);
    assert_int_equal(claimed.count, 1);
    assert_int_equal(claimed.deliveries[0].fence, 2);
}

static struct sample
submit_leased(struct store *store, int64_t lease_ms)
{
    struct sample sample = sample_new(10);
    sample.deliveries[0].state = DELIVERY_LEASED;
    sample.deliveries[0].fence = 1;
    sample.lease_ms = lease_ms;
    assert_int_equal(submit_wait(store, &sample).status, ST_OK);
    return sample;
}

static void
delivery_born_leased_is_claimed_by_nobody_and_completes_once(void **state)
{
    struct sample sample = submit_leased(store_of(state), 0);
    assert_int_equal(get_delivery(store_of(state), &sample.deliveries[0].id, NULL).state,
                     DELIVERY_LEASED);
    assert_int_equal(claim_wait(store_of(state), "psa", 1, 60000).count, 0);
    const struct store_delivery *born = &sample.deliveries[0];
    assert_int_equal(complete_wait(store_of(state), born, DELIVERY_DONE, "", 0, 200), ST_OK);
    assert_int_equal(complete_wait(store_of(state), born, DELIVERY_DONE, "", 0, 200), ST_CONFLICT);
}

static void
lease_of_birth_ends_like_any_other(void **state)
{
    struct sample sample = submit_leased(store_of(state), 1);
    struct claimed claimed = {.count = 0};
    for (unsigned i = 0; i < 500 && claimed.count == 0; i++) { // the sweep comes within a second
        wait_until_after(store_of(state), store_now_ms(store_of(state)) + 10);
        claimed = claim_wait(store_of(state), "psa", 1, 60000);
    }
    assert_int_equal(claimed.count, 1);
    assert_int_equal(claimed.deliveries[0].fence, 2);
    assert_int_equal(
        complete_wait(store_of(state), &sample.deliveries[0], DELIVERY_DONE, "", 0, 200),
        ST_CONFLICT);
}

static void
lease_of_birth_is_over_after_reopening(void **state)
{
    submit_leased(store_of(state), 0);
    fixture_reopen(*state);
    assert_int_equal(claim_wait(store_of(state), "psa", 1, 60000).count, 1);
}

struct due {
    unsigned count;
    struct store_due rows[300];
};

static void
on_due(void *context, const struct store_due *row)
{
    struct due *due = context;
    due->rows[due->count++] = *row;
}

static void
due_list_names_each_waiting_destination_once(void **state)
{
    struct sample sample = sample_new(10);
    sample.delivery_count = 3;
    sample.deliveries[0].due_at = 500;
    sample.deliveries[1].due_at = 400;
    sample.deliveries[2].destination = "held";
    sample.deliveries[2].state = DELIVERY_HELD;
    assert_int_equal(submit_wait(store_of(state), &sample).status, ST_OK);
    for (int i = 0; i < 250; i++) { // more than a page
        char destination[32];
        (void)snprintf(destination, sizeof(destination), "zone/%03d", i);
        struct sample other = sample_new(10);
        other.deliveries[0].destination = destination;
        other.deliveries[0].due_at = 1000 + i;
        assert_int_equal(submit_wait(store_of(state), &other).status, ST_OK);
    }
    static struct due due;
    due.count = 0;
    assert_int_equal(store_due_list(store_of(state), on_due, &due, NULL), ST_OK);
    assert_int_equal(due.count, 251);
    assert_string_equal(due.rows[0].destination, "psa");
    assert_int_equal(due.rows[0].due_at, 400);
    assert_string_equal(due.rows[250].destination, "zone/249");
    assert_int_equal(due.rows[250].due_at, 1249);
}

static void
recipients_are_those_of_the_domain_and_destination_once_each(void **state)
{
    struct sample sample = sample_new(10);
    sample.delivery_count = 3;
    sample.deliveries[0].recipient = "b@acme.test";
    sample.deliveries[1].recipient = "a@acme.test";
    sample.deliveries[2].recipient = "hidden@acme.test";
    sample.deliveries[2].destination = "crm";
    assert_int_equal(submit_wait(store_of(state), &sample).status, ST_OK);
    char *recipients = NULL;
    assert_int_equal(store_recipients_for(store_of(state), &sample.message.id, "acme.test", "psa",
                                          &recipients, NULL),
                     ST_OK);
    assert_string_equal(recipients, "b@acme.test\na@acme.test");
    free(recipients);
}

// Bring a fresh delivery into a state; returns its id.
static struct id
delivery_in(struct store *store, enum delivery_state state)
{
    struct sample sample = sample_new(10);
    sample.deliveries[0].destination = delivery_state_name(state);
    sample.deliveries[0].state = state == DELIVERY_HELD ? DELIVERY_HELD : DELIVERY_QUEUED;
    assert_int_equal(submit_wait(store, &sample).status, ST_OK);
    if (state == DELIVERY_QUEUED || state == DELIVERY_HELD) {
        return sample.deliveries[0].id;
    }
    if (state == DELIVERY_BLOCKED) {
        assert_int_equal(store_block(store, "blocked", "gone", NULL), ST_OK);
        return sample.deliveries[0].id;
    }
    struct claimed claimed = claim_wait(store, delivery_state_name(state), 1, 3600000);
    assert_int_equal(claimed.count, 1);
    if (state != DELIVERY_LEASED) {
        assert_int_equal(
            complete_wait(store, &claimed.deliveries[0], state, "so", 99999999999999, 500), ST_OK);
    }
    return sample.deliveries[0].id;
}

static void
retry_queues_what_it_should_and_keeps_the_id(void **state)
{
    static const struct {
        enum delivery_state from;
        bool by_destination; /* selects it */
        bool by_id;
    } cases[] = {
        {DELIVERY_QUEUED, false, false}, /* due already */
        {DELIVERY_LEASED, false, false}, {DELIVERY_HELD, false, false},
        {DELIVERY_BLOCKED, true, true},  {DELIVERY_UNKNOWN, true, true},
        {DELIVERY_DONE, false, true},    {DELIVERY_DEAD, true, true},
    };
    struct store *store = store_of(state);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        print_message("%s\n", delivery_state_name(cases[i].from));
        (void)delivery_in(store, cases[i].from);
        const struct store_filter destination = {.destination = delivery_state_name(cases[i].from)};
        uint64_t count = 99;
        assert_int_equal(store_delivery_retry(store, &destination, &count, NULL), ST_OK);
        assert_int_equal(count, cases[i].by_destination);
        struct id id = delivery_in(store, cases[i].from);
        const struct store_filter again = {.delivery_id = id.text};
        assert_int_equal(store_delivery_retry(store, &again, &count, NULL), ST_OK);
        assert_int_equal(count, cases[i].by_id);
        char reason[256];
        struct store_delivery row = get_delivery(store, &id, reason);
        if (cases[i].by_id) {
            assert_int_equal(row.state, DELIVERY_QUEUED);
            assert_int_equal(row.attempts, 0);
            assert_string_equal(reason, "");
            assert_true(row.due_at <= store_now_ms(store));
        } else {
            assert_int_equal(row.state, cases[i].from);
        }
    }
}

static void
retry_takes_what_is_queued_for_later(void **state)
{
    struct sample sample = sample_new(10);
    sample.deliveries[0].due_at = store_now_ms(store_of(state)) + 3600000;
    assert_int_equal(submit_wait(store_of(state), &sample).status, ST_OK);
    const struct store_filter filter = {.tenant = "acme", .domain = "acme.test"};
    uint64_t count = 0;
    assert_int_equal(store_delivery_retry(store_of(state), &filter, &count, NULL), ST_OK);
    assert_int_equal(count, 1);
    assert_int_equal(claim_wait(store_of(state), "psa", 1, 60000).count, 1);
}

static void
release_goes_through_more_rows_than_one_step(void **state)
{
    enum { ROWS = 1203 };
    const struct store_filter held = {.domain = "acme.test"};
    for (size_t i = 0; i < ROWS; i += SAMPLE_DELIVERIES) {
        struct sample each = sample_new(10);
        each.delivery_count = SAMPLE_DELIVERIES;
        for (size_t at = 0; at < SAMPLE_DELIVERIES; at++) {
            each.deliveries[at].state = DELIVERY_HELD;
        }
        assert_int_equal(submit_wait(store_of(state), &each).status, ST_OK);
    }
    uint64_t count = 0;
    assert_int_equal(store_hold_release(store_of(state), &held, &count, NULL), ST_OK);
    assert_int_equal(count, ROWS);
    assert_int_equal(store_hold_release(store_of(state), &held, &count, NULL), ST_OK);
    assert_int_equal(count, 0);
}

static void
empty_filters_are_refused(void **state)
{
    const struct store_filter empty = {.limit = 5};
    uint64_t count = 77;
    struct why why = {.text = ""};
    assert_int_equal(store_delivery_retry(store_of(state), &empty, &count, &why), ST_INVALID);
    assert_string_not_equal(why.text, "");
    assert_int_equal(store_hold_release(store_of(state), &empty, &count, NULL), ST_INVALID);
    assert_int_equal(store_hold_discard(store_of(state), &empty, "x", &count, NULL), ST_INVALID);
    assert_int_equal(count, 77);
}

static void
held_is_released_or_discarded_and_nothing_else_is(void **state)
{
    struct store *store = store_of(state);
    struct id first = delivery_in(store, DELIVERY_HELD);
    struct id second = delivery_in(store, DELIVERY_HELD);
    struct id dead = delivery_in(store, DELIVERY_DEAD);
    uint64_t count = 0;
    const struct store_filter one = {.delivery_id = first.text};
    assert_int_equal(store_hold_release(store, &one, &count, NULL), ST_OK);
    assert_int_equal(count, 1);
    assert_int_equal(get_delivery(store, &first, NULL).state, DELIVERY_QUEUED);
    const struct store_filter all = {.tenant = "acme"};
    assert_int_equal(store_hold_discard(store, &all, "spam", &count, NULL), ST_OK);
    assert_int_equal(count, 1);
    char reason[256];
    assert_int_equal(get_delivery(store, &second, reason).state, DELIVERY_DEAD);
    assert_string_equal(reason, "spam");
    assert_int_equal(get_delivery(store, &dead, reason).state, DELIVERY_DEAD);
    assert_string_equal(reason, "so");
}

static void
hold_expires_by_the_time_it_was_held(void **state)
{
    struct store *store = store_of(state);
    int64_t before = store_now_ms(store);
    struct id id = delivery_in(store, DELIVERY_HELD);
    uint64_t count = 9;
    assert_int_equal(store_hold_expire(store, before, &count, NULL), ST_OK);
    assert_int_equal(count, 0);
    assert_int_equal(store_hold_expire(store, store_now_ms(store) + 1, &count, NULL), ST_OK);
    assert_int_equal(count, 1);
    char reason[256];
    assert_int_equal(get_delivery(store, &id, reason).state, DELIVERY_DEAD);
    assert_string_equal(reason, "hold expired");
}

static void
block_and_unblock_by_reason(void **state)
{
    struct store *store = store_of(state);
    struct sample sample = sample_new(10);
    sample.delivery_count = 2;
    sample.deliveries[1].destination = "crm";
    assert_int_equal(submit_wait(store, &sample).status, ST_OK);
    assert_int_equal(store_block(store, "psa", "removed", NULL), ST_OK);
    char reason[256];
    assert_int_equal(get_delivery(store, &sample.deliveries[0].id, reason).state, DELIVERY_BLOCKED);
    assert_string_equal(reason, "removed");
    assert_int_equal(get_delivery(store, &sample.deliveries[1].id, NULL).state, DELIVERY_QUEUED);
    assert_int_equal(claim_wait(store, "psa", 1, 60000).count, 0);
    uint64_t count = 9;
    assert_int_equal(store_unblock(store, "psa", "another", &count, NULL), ST_OK);
    assert_int_equal(count, 0);
    assert_int_equal(store_unblock(store, "psa", "removed", &count, NULL), ST_OK);
    assert_int_equal(count, 1);
    assert_int_equal(claim_wait(store, "psa", 1, 60000).count, 1);
    assert_int_equal(store_block(store, "crm", "410", NULL), ST_OK);
    assert_int_equal(store_unblock(store, "crm", NULL, &count, NULL), ST_OK);
    assert_int_equal(count, 1);
}

struct ids {
    unsigned count;
    struct id ids[400];
};

static void
on_message(void *context, const struct store_message *message)
{
    struct ids *ids = context;
    ids->ids[ids->count++] = message->id;
}

static void
on_delivery(void *context, const struct store_delivery *delivery)
{
    struct ids *ids = context;
    ids->ids[ids->count++] = delivery->id;
}

static void
lists_are_newest_first_and_follow_the_filter(void **state)
{
    struct store *store = store_of(state);
    struct sample samples[3];
    static const char *const tenants[] = {"acme", "other", "acme"};
    for (size_t i = 0; i < 3; i++) {
        samples[i] = sample_new(10);
        samples[i].message.tenant = tenants[i];
        samples[i].message.domain = i == 2 ? "second.test" : "acme.test";
        samples[i].deliveries[0].tenant = tenants[i];
        samples[i].deliveries[0].domain = samples[i].message.domain;
        samples[i].deliveries[0].destination = i == 0 ? "psa" : "crm";
        samples[i].deliveries[0].state = i == 1 ? DELIVERY_HELD : DELIVERY_QUEUED;
        assert_int_equal(submit_wait(store, &samples[i]).status, ST_OK);
    }
    static const enum delivery_state held = DELIVERY_HELD;
    static const enum delivery_state queued = DELIVERY_QUEUED;
    static const enum delivery_state done = DELIVERY_DONE;
    const struct {
        const char *label;
        struct store_filter filter;
        const char *expected; /* digits: which samples, in order */
    } cases[] = {
        {"all", {.limit = 0}, "210"},
        {"limit", {.limit = 2}, "21"},
        {"tenant", {.tenant = "acme"}, "20"},
        {"domain", {.domain = "second.test"}, "2"},
        {"message", {.message_id = samples[1].message.id.text}, "1"},
        {"delivery", {.delivery_id = samples[0].deliveries[0].id.text}, "0"},
        {"destination", {.destination = "crm"}, "21"},
        {"held", {.state = &held}, "1"},
        {"queued", {.state = &queued}, "20"},
        {"done", {.state = &done}, ""},
        {"both", {.tenant = "acme", .destination = "crm"}, "2"},
        {"nobody", {.tenant = "nobody"}, ""},
        {"injection", {.tenant = "' OR 1=1 --"}, ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        print_message("%s\n", cases[i].label);
        struct ids messages = {.count = 0};
        struct ids deliveries = {.count = 0};
        assert_int_equal(store_message_list(store, &cases[i].filter, on_message, &messages, NULL),
                         ST_OK);
        assert_int_equal(
            store_delivery_list(store, &cases[i].filter, on_delivery, &deliveries, NULL), ST_OK);
        assert_int_equal(messages.count, strlen(cases[i].expected));
        assert_int_equal(deliveries.count, strlen(cases[i].expected));
        for (size_t at = 0; at < messages.count; at++) {
            const struct sample *sample = &samples[cases[i].expected[at] - '0'];
            assert_string_equal(messages.ids[at].text, sample->message.id.text);
            assert_string_equal(deliveries.ids[at].text, sample->deliveries[0].id.text);
        }
    }
    const struct store_filter before = {.before_id = samples[1].message.id.text};
    struct ids messages = {.count = 0};
    assert_int_equal(store_message_list(store, &before, on_message, &messages, NULL), ST_OK);
    assert_int_equal(messages.count, 1);
    assert_string_equal(messages.ids[0].text, samples[0].message.id.text);
}

static void
lists_go_on_over_pages(void **state)
{
    struct store *store = store_of(state);
    for (unsigned i = 0; i < 205; i++) {
        submit_new(store, 1);
    }
    static const struct {
        size_t limit;
        unsigned count;
    } cases[] = {{0, 205}, {100, 100}, {101, 101}, {200, 200}, {300, 205}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct ids messages = {.count = 0};
        struct ids deliveries = {.count = 0};
        const struct store_filter filter = {.limit = cases[i].limit};
        assert_int_equal(store_message_list(store, &filter, on_message, &messages, NULL), ST_OK);
        assert_int_equal(store_delivery_list(store, &filter, on_delivery, &deliveries, NULL),
                         ST_OK);
        assert_int_equal(messages.count, cases[i].count);
        assert_int_equal(deliveries.count, cases[i].count);
        for (unsigned at = 1; at < messages.count; at++) {
            assert_true(strcmp(messages.ids[at].text, messages.ids[at - 1].text) < 0);
        }
    }
}

static void
names_of_states_go_both_ways(void **state)
{
    (void)state;
    for (int i = 0; i <= DELIVERY_DEAD; i++) {
        enum delivery_state found = DELIVERY_DEAD;
        assert_int_equal(
            delivery_state_from_name(delivery_state_name((enum delivery_state)i), &found), ST_OK);
        assert_int_equal(found, i);
    }
    enum delivery_state untouched = DELIVERY_HELD;
    assert_int_equal(delivery_state_from_name("Queued", &untouched), ST_INVALID);
    assert_int_equal(untouched, DELIVERY_HELD);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int
run_delivery_tests(void)
{
    const struct CMUnitTest tests[] = {
        TEST(claim_takes_the_oldest_due_first_and_no_more_than_asked),
        TEST(claim_takes_only_what_is_due_of_its_destination),
        TEST(completion_sets_the_state_and_records_the_attempt),
        TEST(completion_counts_once_and_only_with_the_last_fence),
        TEST(completion_of_what_does_not_exist_is_a_conflict),
        TEST(expired_lease_is_queued_again_with_a_new_fence),
        TEST(leases_are_over_after_reopening),
        TEST(delivery_born_leased_is_claimed_by_nobody_and_completes_once),
        TEST(lease_of_birth_ends_like_any_other),
        TEST(lease_of_birth_is_over_after_reopening),
        TEST(due_list_names_each_waiting_destination_once),
        TEST(recipients_are_those_of_the_domain_and_destination_once_each),
        TEST(retry_queues_what_it_should_and_keeps_the_id),
        TEST(retry_takes_what_is_queued_for_later),
        TEST(release_goes_through_more_rows_than_one_step),
        TEST(empty_filters_are_refused),
        TEST(held_is_released_or_discarded_and_nothing_else_is),
        TEST(hold_expires_by_the_time_it_was_held),
        TEST(block_and_unblock_by_reason),
        TEST(lists_are_newest_first_and_follow_the_filter),
        TEST(lists_go_on_over_pages),
        TEST(names_of_states_go_both_ways),
    };
    return cmocka_run_group_tests_name("deliveries", tests, NULL, NULL);
}
