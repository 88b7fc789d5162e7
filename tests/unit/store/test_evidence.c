// SPDX-License-Identifier: Apache-2.0
// Evidence: kept with a message or alone, purged by a retention of its own.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/xalloc.h"
#include "conformance.h"
#include "fixture.h"

static struct store *
store_of(void **state)
{
    return ((struct fixture *)*state)->store;
}

static struct sample
submit_with(struct store *store, const char *evidence)
{
    struct sample sample = sample_new(100);
    sample.evidence = evidence;
    assert_int_equal(submit_wait(store, &sample).status, ST_OK);
    return sample;
}

static void
assert_evidence(struct store *store, const struct id *id, bool refused, const char *data)
{
    struct store_evidence evidence;
    AUTO_FREE void *owner = NULL;
    struct why why = {.text = ""};
    enum status status = store_evidence_get(store, id->text, &evidence, &owner, &why);
    if (data == NULL) {
        assert_int_equal(status, ST_NOT_FOUND);
        assert_non_null(strstr(why.text, id->text));
        return;
    }
    assert_int_equal(status, ST_OK);
    assert_string_equal(evidence.id.text, id->text);
    assert_int_equal(evidence.refused, refused);
    assert_string_equal(evidence.tenant, "acme");
    assert_string_equal(evidence.domain, "acme.test");
    assert_string_equal(evidence.data, data);
}

static void
note(void *context, enum status status, const struct why *why)
{
    assert_true(status == ST_OK || why->text[0] != '\0');
    *(enum status *)context = status;
}

// Puts are asynchronous: one that is behind them waits for them too.
static enum status
put(struct store *store, const struct id *id, const char *data)
{
    const struct store_evidence evidence = {
        .id = *id, .refused = true, .tenant = "acme", .domain = "acme.test", .data = data};
    enum status status = ST_BUG; // not told
    store_evidence_put(store, &evidence, note, &status);
    uint64_t count;
    assert_int_equal(store_evidence_purge(store, 0, 1, &count, NULL), ST_OK);
    return status;
}

static void
evidence_is_kept_with_its_message(void **state)
{
    struct sample sample = submit_with(store_of(state), "{\"version\":1}");
    assert_evidence(store_of(state), &sample.message.id, false, "{\"version\":1}");
    fixture_reopen(*state);
    assert_evidence(store_of(state), &sample.message.id, false, "{\"version\":1}");
}

static void
a_message_without_evidence_has_none(void **state)
{
    struct sample none = submit_with(store_of(state), NULL);
    struct sample empty = submit_with(store_of(state), "");
    assert_evidence(store_of(state), &none.message.id, false, NULL);
    assert_evidence(store_of(state), &empty.message.id, false, NULL);
}

static void
a_duplicate_brings_no_evidence(void **state)
{
    struct sample first = submit_with(store_of(state), "{\"n\":1}");
    struct sample second = sample_new(100);
    second.dedupe = first.dedupe;
    second.evidence = "{\"n\":2}";
    assert_true(submit_wait(store_of(state), &second).duplicate);
    assert_evidence(store_of(state), &first.message.id, false, "{\"n\":1}");
    assert_evidence(store_of(state), &second.message.id, false, NULL);
}

static void
a_refusal_has_evidence_and_no_message(void **state)
{
    struct id id = id_new();
    assert_int_equal(put(store_of(state), &id, "{}"), ST_OK);
    assert_evidence(store_of(state), &id, true, "{}");
    assert_int_equal(put(store_of(state), &id, "{\"again\":true}"), ST_OK); // what is there stays
    assert_evidence(store_of(state), &id, true, "{}");
}

static void
evidence_over_the_cap_is_left_out(void **state)
{
    AUTO_FREE char *most = xcalloc(STORE_EVIDENCE_MAX + 2, 1);
    memset(most, 'x', STORE_EVIDENCE_MAX);
    struct id id = id_new();
    struct sample kept = submit_with(store_of(state), most);
    assert_int_equal(put(store_of(state), &id, most), ST_OK);
    assert_evidence(store_of(state), &kept.message.id, false, most);
    assert_evidence(store_of(state), &id, true, most);
    most[STORE_EVIDENCE_MAX] = 'x';
    struct id other = id_new();
    struct sample without = submit_with(store_of(state), most);
    assert_int_equal(put(store_of(state), &other, most), ST_TOO_LARGE);
    assert_evidence(store_of(state), &without.message.id, false, NULL);
    assert_evidence(store_of(state), &other, true, NULL);
}

static void
evidence_goes_by_a_retention_of_its_own(void **state)
{
    struct store *store = store_of(state);
    struct sample old = submit_with(store, "{\"n\":1}");
    struct id refused = id_new();
    assert_int_equal(put(store, &refused, "{}"), ST_OK);
    int64_t moment = store_now_ms(store);
    wait_until_after(store, moment);
    int64_t limit = store_now_ms(store);
    wait_until_after(store, limit);
    struct sample young = submit_with(store, "{\"n\":2}");
    uint64_t count = 99;
    assert_int_equal(store_evidence_purge(store, limit, 1000, &count, NULL), ST_OK);
    assert_int_equal(count, 2);
    assert_evidence(store, &old.message.id, false, NULL);
    assert_evidence(store, &refused, true, NULL);
    assert_evidence(store, &young.message.id, false, "{\"n\":2}");
    assert_body(store, &old); // the message stays
}

static void
evidence_stays_when_its_message_is_purged(void **state)
{
    struct store *store = store_of(state);
    struct sample sample = submit_with(store, "{}");
    struct claimed claimed = claim_wait(store, "psa", 1, 60000);
    assert_int_equal(complete_wait(store, &claimed.deliveries[0], DELIVERY_DONE, "", 0, 200),
                     ST_OK);
    wait_until_after(store, store_now_ms(store));
    uint64_t count = 0;
    assert_int_equal(store_purge(store, store_now_ms(store), 0, 100, &count, NULL), ST_OK);
    assert_int_equal(count, 1);
    assert_evidence(store, &sample.message.id, false, "{}");
}

static void
a_purge_ends_at_its_limit(void **state)
{
    struct store *store = store_of(state);
    enum { MORE_THAN_A_STEP = 450 };
    enum status status = ST_BUG;
    for (int i = 0; i < MORE_THAN_A_STEP; i++) {
        const struct store_evidence evidence = {
            .id = id_new(), .refused = true, .tenant = "", .domain = "", .data = "{}"};
        store_evidence_put(store, &evidence, note, &status);
    }
    int64_t later = store_now_ms(store) + 60000;
    static const struct {
        size_t limit;
        uint64_t deleted;
    } cases[] = {{1, 1}, {201, 201}, {1000, MORE_THAN_A_STEP - 202}, {1000, 0}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint64_t count = 0;
        assert_int_equal(store_evidence_purge(store, later, cases[i].limit, &count, NULL), ST_OK);
        assert_int_equal(count, cases[i].deleted);
    }
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)

int
run_evidence_tests(void)
{
    const struct CMUnitTest tests[] = {
        CASE(evidence_is_kept_with_its_message),
        CASE(a_message_without_evidence_has_none),
        CASE(a_duplicate_brings_no_evidence),
        CASE(a_refusal_has_evidence_and_no_message),
        CASE(evidence_over_the_cap_is_left_out),
        CASE(evidence_goes_by_a_retention_of_its_own),
        CASE(evidence_stays_when_its_message_is_purged),
        CASE(a_purge_ends_at_its_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
