// SPDX-License-Identifier: Apache-2.0
// Submitting, deduplicating and reading messages.
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "conformance.h"
#include "fixture.h"

static struct store *
store_of(void **state)
{
    return ((struct fixture *)*state)->store;
}

static void
submitted_message_is_read_back_whole(void **state)
{
    struct sample sample = submit_new(store_of(state), 4096);
    struct store_message message;
    void *owner = NULL;
    assert_int_equal(
        store_message_get(store_of(state), sample.message.id.text, &message, &owner, NULL), ST_OK);
    assert_string_equal(message.id.text, sample.message.id.text);
    assert_string_equal(message.tenant, "acme");
    assert_string_equal(message.domain, "acme.test");
    assert_string_equal(message.sender, "sender@example.org");
    assert_string_equal(message.recipients, "support@acme.test");
    assert_string_equal(message.queue_id, "4XyZ");
    assert_string_equal(message.client_address, "192.0.2.1");
    assert_string_equal(message.client_name, "mx.example.org");
    assert_string_equal(message.helo, "mx.example.org");
    assert_string_equal(message.subject, "It does not work");
    assert_string_equal(message.message_id_field, "<1@example.org>");
    assert_string_equal(message.verdict, "{}");
    assert_int_equal(message.received_at, 1700000000000);
    assert_int_equal(message.size, 4096);
    assert_int_equal(message.header_length, 2048);
    free(owner);
    assert_body(store_of(state), &sample);
}

static void
bodies_of_every_size_are_read_back(void **state)
{
    static const struct {
        const char *label;
        uint64_t size;
    } cases[] = {
        {"empty", 0},
        {"one byte", 1},
        {"one chunk", STORE_CHUNK_SIZE},
        {"one chunk and a byte", STORE_CHUNK_SIZE + 1},
        {"largest that is not staged", STORE_STAGE_ABOVE},
        {"smallest that is staged", STORE_STAGE_ABOVE + 1},
        {"one slice", STORE_SLICE_SIZE},
        {"one slice and a byte", STORE_SLICE_SIZE + 1},
        {"three slices", (uint64_t)2 * STORE_SLICE_SIZE + 77},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        print_message("%s\n", cases[i].label);
        struct sample sample = submit_new(store_of(state), cases[i].size);
        assert_body(store_of(state), &sample);
    }
}

static void
bodies_in_memory_are_stored_as_those_in_files(void **state)
{
    static const uint64_t SIZES[] = {0, 1, STORE_CHUNK_SIZE, STORE_CHUNK_SIZE + 1,
                                     STORE_STAGE_ABOVE};
    for (size_t i = 0; i < ARRAY_LEN(SIZES); i++) {
        struct sample sample = sample_new(SIZES[i]);
        sample.is_in_memory = true;
        assert_int_equal(submit_wait(store_of(state), &sample).status, ST_OK);
        assert_body(store_of(state), &sample);
    }
}

static void
messages_survive_reopening(void **state)
{
    struct sample small = submit_new(store_of(state), 100);
    struct sample large = submit_new(store_of(state), (uint64_t)STORE_STAGE_ABOVE * 2);
    fixture_reopen(*state);
    assert_body(store_of(state), &small);
    assert_body(store_of(state), &large);
}

static void
body_is_read_in_parts_from_any_offset(void **state)
{
    struct sample sample = submit_new(store_of(state), STORE_CHUNK_SIZE + 10);
    static const struct {
        const char *label;
        uint64_t offset;
        size_t size;
        size_t at_least;
        size_t at_most;
    } cases[] = {
        {"start", 0, 5, 5, 5},
        {"middle", 1000, 333, 333, 333},
        {"over the end of a chunk", STORE_CHUNK_SIZE - 2, 8, 1, 8},
        {"last chunk", STORE_CHUNK_SIZE, 100, 10, 10},
        {"last byte", STORE_CHUNK_SIZE + 9, 100, 1, 1},
        {"end", STORE_CHUNK_SIZE + 10, 100, 0, 0},
        {"far behind the end", (uint64_t)STORE_CHUNK_SIZE * 50, 100, 0, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        print_message("%s\n", cases[i].label);
        unsigned char buffer[512];
        size_t length = 999;
        assert_int_equal(store_body_read(store_of(state), &sample.message.id, cases[i].offset,
                                         buffer, cases[i].size, &length, NULL),
                         ST_OK);
        assert_in_range(length, cases[i].at_least, cases[i].at_most);
        for (size_t at = 0; at < length; at++) {
            assert_int_equal(buffer[at], sample_byte(&sample.message.id, cases[i].offset + at));
        }
    }
}

static void
what_does_not_exist_is_not_found(void **state)
{
    struct id id = id_new();
    struct store_message message;
    void *owner = NULL;
    char byte;
    size_t length = 5;
    assert_int_equal(store_message_get(store_of(state), id.text, &message, &owner, NULL),
                     ST_NOT_FOUND);
    assert_null(owner);
    assert_int_equal(store_body_read(store_of(state), &id, 0, &byte, 1, &length, NULL),
                     ST_NOT_FOUND);
    assert_int_equal(length, 5);
    char *recipients = NULL;
    assert_int_equal(
        store_recipients_for(store_of(state), &id, "acme.test", "psa", &recipients, NULL),
        ST_NOT_FOUND);
    assert_null(recipients);
}

static void
same_key_is_a_duplicate_of_the_first(void **state)
{
    struct sample first = submit_new(store_of(state), 100);
    struct sample second = sample_new(100);
    second.dedupe = first.dedupe;
    struct store_submit_result result = submit_wait(store_of(state), &second);
    assert_int_equal(result.status, ST_OK);
    assert_true(result.duplicate);
    assert_string_equal(result.message_id.text, first.message.id.text);
    struct store_message message;
    void *owner = NULL;
    assert_int_equal(
        store_message_get(store_of(state), second.message.id.text, &message, &owner, NULL),
        ST_NOT_FOUND);
}

static void
duplicate_of_a_staged_message_leaves_nothing(void **state)
{
    struct sample first = submit_new(store_of(state), STORE_STAGE_ABOVE + 1);
    struct sample second = sample_new(STORE_STAGE_ABOVE + 1);
    second.dedupe = first.dedupe;
    assert_true(submit_wait(store_of(state), &second).duplicate);
    char byte;
    size_t length;
    assert_int_equal(
        store_body_read(store_of(state), &second.message.id, 0, &byte, 1, &length, NULL),
        ST_NOT_FOUND);
    assert_body(store_of(state), &first);
}

static void
same_id_is_a_repeat_and_adds_nothing(void **state)
{
    static const uint64_t sizes[] = {100, STORE_STAGE_ABOVE + 1};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct sample sample = submit_new(store_of(state), sizes[i]);
        sample.dedupe.key[0] ^= 1;
        struct store_submit_result result = submit_wait(store_of(state), &sample);
        assert_int_equal(result.status, ST_OK);
        assert_true(result.duplicate);
        assert_string_equal(result.message_id.text, sample.message.id.text);
        assert_body(store_of(state), &sample);
    }
    struct store_usage usage;
    store_usage(store_of(state), "acme", &usage);
    assert_int_equal(usage.messages, 2);
}

static void
expired_key_is_no_duplicate(void **state)
{
    struct sample first = sample_new(100);
    first.dedupe.keep_ms = 1;
    assert_int_equal(submit_wait(store_of(state), &first).status, ST_OK);
    wait_until_after(store_of(state), store_now_ms(store_of(state)) + 1);
    struct sample second = sample_new(100);
    second.dedupe = first.dedupe;
    struct store_submit_result result = submit_wait(store_of(state), &second);
    assert_int_equal(result.status, ST_OK);
    assert_false(result.duplicate);
}

static void
acknowledge_forgets_only_keys_kept_until_then(void **state)
{
    static const struct {
        const char *label;
        bool until_acknowledged;
        bool acknowledge;
        bool duplicate;
    } cases[] = {
        {"kept, not acknowledged", true, false, true},
        {"kept until acknowledged", true, true, false},
        {"kept for its time", false, true, true},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        print_message("%s\n", cases[i].label);
        struct sample first = sample_new(100);
        first.dedupe.until_acknowledged = cases[i].until_acknowledged;
        assert_int_equal(submit_wait(store_of(state), &first).status, ST_OK);
        if (cases[i].acknowledge) {
            store_acknowledge(store_of(state), &first.message.id);
        }
        struct sample second = sample_new(100); // queued behind the acknowledgement
        second.dedupe = first.dedupe;
        assert_int_equal(submit_wait(store_of(state), &second).duplicate, cases[i].duplicate);
    }
}

static bool
nobody_waits(void *context)
{
    (void)context;
    return false;
}

static void
message_nobody_waits_for_is_not_stored(void **state)
{
    static const uint64_t sizes[] = {100, STORE_STAGE_ABOVE + 1};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct sample sample = sample_new(sizes[i]);
        sample.still_wanted = nobody_waits;
        struct store_submit_result result = submit_wait(store_of(state), &sample);
        assert_int_equal(result.status, ST_REFUSED);
        assert_string_not_equal(result.why.text, "");
        char byte;
        size_t length;
        assert_int_equal(
            store_body_read(store_of(state), &sample.message.id, 0, &byte, 1, &length, NULL),
            ST_NOT_FOUND);
        sample.still_wanted = NULL; // the sender comes again: nothing stands in the way
        result = submit_wait(store_of(state), &sample);
        if (result.status == ST_AGAIN) { // the sweep of the first body was under way
            result = submit_wait(store_of(state), &sample);
        }
        assert_int_equal(result.status, ST_OK);
        assert_false(result.duplicate);
        assert_body(store_of(state), &sample);
    }
}

static size_t times_asked;

static bool
first_slice_is_waited_for(void *context)
{
    (void)context;
    return times_asked++ == 0;
}

static void
staging_ends_when_nobody_waits_any_more(void **state)
{
    struct sample sample = sample_new((uint64_t)STORE_SLICE_SIZE * 2 + 1);
    sample.still_wanted = first_slice_is_waited_for;
    assert_int_equal(submit_wait(store_of(state), &sample).status, ST_REFUSED);
    assert_int_equal(times_asked, 2); // the third slice was not thought of
}

static void
number_of_deliveries_has_limits(void **state)
{
    static const struct {
        const char *label;
        size_t count;
        enum status status;
    } cases[] = {
        {"none", 0, ST_INVALID},
        {"one", 1, ST_OK},
        {"most", STORE_DELIVERIES_MAX, ST_OK},
        {"one more", STORE_DELIVERIES_MAX + 1, ST_TOO_LARGE},
    };
    static struct store_delivery many[STORE_DELIVERIES_MAX + 1];
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        print_message("%s\n", cases[i].label);
        struct sample sample = sample_new(10);
        for (size_t at = 0; at < ARRAY_LEN(many); at++) {
            many[at] = sample.deliveries[0];
            many[at].id = id_new();
        }
        assert_int_equal(submit_list_wait(store_of(state), &sample, many, cases[i].count).status,
                         cases[i].status);
    }
}

static void
failing_message_is_undone_alone_and_temporary(void **state)
{
    static const struct {
        const char *label;
        uint64_t claimed_size; /* of a body of 10 bytes */
        bool same_delivery_id;
    } cases[] = {
        {"body shorter than its size", 11, false},
        {"two deliveries with one id", 10, true},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        print_message("%s\n", cases[i].label);
        struct sample sample = sample_new(10);
        sample.delivery_count = 2;
        if (cases[i].same_delivery_id) {
            sample.deliveries[1].id = sample.deliveries[0].id;
        }
        sample.lie_about_size = cases[i].claimed_size;
        assert_int_equal(submit_wait(store_of(state), &sample).status, ST_IO);
        struct store_message message;
        void *owner = NULL;
        assert_int_equal(
            store_message_get(store_of(state), sample.message.id.text, &message, &owner, NULL),
            ST_NOT_FOUND);
    }
    struct store_usage usage;
    store_usage(store_of(state), "acme", &usage);
    assert_int_equal(usage.messages, 0);
    submit_new(store_of(state), 10);
}

enum { SENDERS = 8, MESSAGES_EACH = 25 };

struct sender {
    struct store *store;
    struct store_dedupe dedupe; /* shared by all: every n-th message is the same one */
    unsigned stored;
    unsigned duplicates;
};

static void *
send_main(void *argument)
{
    struct sender *sender = argument;
    for (unsigned i = 0; i < MESSAGES_EACH; i++) {
        struct sample sample = sample_new(100 + i);
        sample.dedupe = sender->dedupe;
        sample.dedupe.key[0] = (unsigned char)i;
        struct store_submit_result result = submit_wait(sender->store, &sample);
        if (result.status != ST_OK) {
            return NULL; // the sums below will tell
        }
        sender->duplicates += result.duplicate ? 1 : 0;
        sender->stored += result.duplicate ? 0 : 1;
    }
    return NULL;
}

static void
of_equal_messages_at_once_exactly_one_is_stored(void **state)
{
    static struct sender senders[SENDERS];
    pthread_t threads[SENDERS];
    for (size_t i = 0; i < SENDERS; i++) {
        senders[i] = (struct sender){.store = store_of(state), .dedupe = {.keep_ms = 60000}};
        assert_int_equal(pthread_create(&threads[i], NULL, send_main, &senders[i]), 0);
    }
    unsigned stored = 0;
    unsigned duplicates = 0;
    for (size_t i = 0; i < SENDERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        stored += senders[i].stored;
        duplicates += senders[i].duplicates;
    }
    assert_int_equal(stored, MESSAGES_EACH);
    assert_int_equal(duplicates, MESSAGES_EACH * (SENDERS - 1));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int
run_message_tests(void)
{
    const struct CMUnitTest tests[] = {
        TEST(submitted_message_is_read_back_whole),
        TEST(bodies_of_every_size_are_read_back),
        TEST(bodies_in_memory_are_stored_as_those_in_files),
        TEST(messages_survive_reopening),
        TEST(body_is_read_in_parts_from_any_offset),
        TEST(what_does_not_exist_is_not_found),
        TEST(same_key_is_a_duplicate_of_the_first),
        TEST(duplicate_of_a_staged_message_leaves_nothing),
        TEST(same_id_is_a_repeat_and_adds_nothing),
        TEST(expired_key_is_no_duplicate),
        TEST(acknowledge_forgets_only_keys_kept_until_then),
        TEST(message_nobody_waits_for_is_not_stored),
        TEST(staging_ends_when_nobody_waits_any_more),
        TEST(number_of_deliveries_has_limits),
        TEST(failing_message_is_undone_alone_and_temporary),
        TEST(of_equal_messages_at_once_exactly_one_is_stored),
    };
    return cmocka_run_group_tests_name("messages", tests, NULL, NULL);
}
