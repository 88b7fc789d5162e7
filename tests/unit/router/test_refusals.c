// SPDX-License-Identifier: Apache-2.0
// Evidence on its way into the store: with a COMMIT, alone with REFUSED, and no more than is good.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "intake_house.h"
#include "router/refusals.h"

static const char DATA[] = "{\"version\":1}";

// What is kept under the id; "" when there is nothing. Behind all that was asked before.
static bool
is_kept(const char *id, bool refused)
{
    uint64_t count;
    assert_int_equal(store_evidence_purge(house.store, 0, 1, &count, NULL), ST_OK);
    struct store_evidence evidence;
    AUTO_FREE void *owner = NULL;
    enum status status = store_evidence_get(house.store, id, &evidence, &owner, NULL);
    if (status != ST_OK) {
        assert_int_equal(status, ST_NOT_FOUND);
        return false;
    }
    assert_string_equal(evidence.data, DATA);
    assert_int_equal(evidence.refused, refused);
    return true;
}

static void
evidence_of_a_commit_is_kept_under_the_messages_id(void **state)
{
    (void)state;
    AUTO_FD int fd = client_open(house.socket_path);
    struct client_answer answer = client_commit(
        fd, &(struct client_message){.recipients = "both@ours.example", .evidence = DATA});
    assert_int_equal(answer.outcome, INTAKE_STORED);
    assert_true(is_kept(answer.message_id, false));
}

static void
a_commit_without_evidence_has_none(void **state)
{
    (void)state;
    AUTO_FD int fd = client_open(house.socket_path);
    struct client_answer answer =
        client_commit(fd, &(struct client_message){.recipients = "both@ours.example"});
    assert_int_equal(answer.outcome, INTAKE_STORED);
    assert_false(is_kept(answer.message_id, false));
}

static void
evidence_of_a_refusal_is_kept_and_the_session_goes_on(void **state)
{
    (void)state;
    const struct id id = id_new();
    AUTO_FD int fd = client_open(house.socket_path);
    client_send_refused(fd, id.text, DATA);
    assert_true(client_read_kept(fd));
    assert_true(is_kept(id.text, true));
    assert_int_equal(client_rcpt(fd, "both@ours.example", 0).decision, GATE_ACCEPT);
    assert_int_equal(house_messages(&house), 0);
}

static void
a_refusal_under_no_id_is_a_broken_packet(void **state)
{
    (void)state;
    static const char *const IDS[] = {"", "x", "019377a0-0000-7000-8000-00000000000X"};
    for (size_t i = 0; i < ARRAY_LEN(IDS); i++) {
        AUTO_FD int fd = client_open(house.socket_path);
        client_send_refused(fd, IDS[i], DATA);
        assert_true(client_is_closed(fd));
    }
}

static void
evidence_that_is_not_kept_is_answered_so(void **state)
{
    (void)state;
    const struct id id = id_new();
    struct config *config = house_load(&house);
    config->limits.store_bytes = 1;
    config_holder_set(house.holder, config);
    AUTO_FD int fd = client_open(house.socket_path);
    client_send_refused(fd, id.text, DATA);
    assert_false(client_read_kept(fd));
    assert_false(is_kept(id.text, true));
}

enum { UNHEARD = 2 };

static void
hear(void *context, bool kept)
{
    *(int *)context = kept;
}

// True when it is kept, as was answered.
static bool
keep(struct refusals *refusals, const struct config *config, int64_t now_ms, const struct id *id)
{
    int heard = UNHEARD;
    const struct refusals_waiter waiter = {.answered = hear, .context = &heard};
    const struct intake_refused refused = {
        .id = id->text, .queue_id = "Q", .tenant = "t", .domain = "ours.example", .evidence = DATA};
    assert_int_equal(refusals_keep(refusals, config, &refused, now_ms, &waiter, NULL), ST_OK);
    bool kept = is_kept(id->text, true); // behind it
    assert_int_equal(heard, kept);
    return kept;
}

static void
a_minute_has_its_share(void **state)
{
    (void)state;
    struct limits *limits = limits_new(house.store);
    AUTO_CONFIG *config = config_holder_get(house.holder);
    static const int64_t START_MS = 1000000;
    struct refusals *refusals = refusals_new(house.store, limits);
    for (int i = 0; i < REFUSALS_PER_MINUTE; i++) {
        const struct id last = id_new();
        assert_true(keep(refusals, config, START_MS, &last));
    }
    const struct id over = id_new();
    const struct id still = id_new();
    const struct id next = id_new();
    assert_false(keep(refusals, config, START_MS, &over));
    assert_false(keep(refusals, config, START_MS + 59999, &still));
    assert_true(keep(refusals, config, START_MS + 60000, &next));
    refusals_free(refusals);
    limits_free(limits);
}

static void
nothing_is_kept_without_room_or_when_it_is_not_wanted(void **state)
{
    (void)state;
    struct limits *limits = limits_new(house.store);
    struct refusals *refusals = refusals_new(house.store, limits);
    struct config *config = house_load(&house);
    const struct id unwanted = id_new();
    const struct id without_room = id_new();
    const struct id kept = id_new();
    config->store.keep_evidence_ms = 0;
    assert_false(keep(refusals, config, 0, &unwanted));
    config->store.keep_evidence_ms = 1;
    uint64_t store_bytes = config->limits.store_bytes;
    config->limits.store_bytes = 1;
    assert_false(keep(refusals, config, 0, &without_room));
    config->limits.store_bytes = store_bytes;
    assert_true(keep(refusals, config, 0, &kept));
    config_unref(config);
    refusals_free(refusals);
    limits_free(limits);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(evidence_of_a_commit_is_kept_under_the_messages_id),
        CASE(a_commit_without_evidence_has_none),
        CASE(evidence_of_a_refusal_is_kept_and_the_session_goes_on),
        CASE(evidence_that_is_not_kept_is_answered_so),
        CASE(a_refusal_under_no_id_is_a_broken_packet),
        CASE(a_minute_has_its_share),
        CASE(nothing_is_kept_without_room_or_when_it_is_not_wanted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
