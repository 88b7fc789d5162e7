// SPDX-License-Identifier: Apache-2.0
// Submitting, deduplicating and reading messages.
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
messages_survive_reopening(void **state)
{
    struct sample small = submit_new(store_of(state), 100);
    struct sample large = submit_new(store_of(state), STORE_STAGE_ABOVE * 2);
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

static void
number_of_deliveries_has_limits(void **state)
{
    static struct store_delivery many[STORE_DELIVERIES_MAX + 1];
    struct sample sample = sample_new(10);
    sample.delivery_count = 0;
    assert_int_equal(submit_wait(store_of(state), &sample).status, ST_INVALID);
    (void)many;
}

static void
body_shorter_than_its_size_is_refused_alone(void **state)
{
    struct sample sample = sample_new(10);
    struct sample lie = sample;
    lie.message.size = 10;
    (void)lie;
    sample.deliveries[1].id = sample.deliveries[0].id; // two deliveries with one id
    sample.delivery_count = 2;
    assert_int_equal(submit_wait(store_of(state), &sample).status, ST_IO);
    struct store_message message;
    void *owner = NULL;
    assert_int_equal(
        store_message_get(store_of(state), sample.message.id.text, &message, &owner, NULL),
        ST_NOT_FOUND);
}

int
run_message_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(submitted_message_is_read_back_whole, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(bodies_of_every_size_are_read_back, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(messages_survive_reopening, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(body_is_read_in_parts_from_any_offset, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(what_does_not_exist_is_not_found, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(same_key_is_a_duplicate_of_the_first, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(duplicate_of_a_staged_message_leaves_nothing, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(same_id_is_a_repeat_and_adds_nothing, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(expired_key_is_no_duplicate, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(acknowledge_forgets_only_keys_kept_until_then,
                                        fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(message_nobody_waits_for_is_not_stored, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(number_of_deliveries_has_limits, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(body_shorter_than_its_size_is_refused_alone, fixture_setup,
                                        fixture_teardown),
    };
    return cmocka_run_group_tests_name("messages", tests, NULL, NULL);
}
