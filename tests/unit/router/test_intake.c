// SPDX-License-Identifier: Apache-2.0
// RCPT, COMMIT and what is decided again between them.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "intake_house.h"

/* ---- what the store holds -------------------------------------------------------------------- */

struct seen {
    size_t count;
    struct {
        char recipient[128];
        char domain[64];
        char tenant[64];
        char route[32];
        char action[32];
        char destination[32];
        char captures[64];
        char reason[64];
        enum delivery_state state;
    } items[8];
};

static void
see(void *context, const struct store_delivery *delivery)
{
    struct seen *seen = context;
    assert_true(seen->count < ARRAY_LEN(seen->items));
    size_t i = seen->count++;
#define COPY(member)                                                                               \
    (void)snprintf(seen->items[i].member, sizeof(seen->items[i].member), "%s", delivery->member)
    COPY(recipient);
    COPY(domain);
    COPY(tenant);
    COPY(route);
    COPY(action);
    COPY(destination);
    COPY(captures);
    COPY(reason);
#undef COPY
    seen->items[i].state = delivery->state;
}

static struct seen
deliveries_of(const char *message_id)
{
    struct seen seen = {.count = 0};
    const struct store_filter filter = {.message_id = message_id, .limit = 100};
    assert_int_equal(store_delivery_list(house.store, &filter, see, &seen, NULL), ST_OK);
    return seen;
}

static size_t
count_of(const struct seen *seen, const char *recipient, const char *destination)
{
    size_t count = 0;
    for (size_t i = 0; i < seen->count; i++) {
        count += strcmp(seen->items[i].recipient, recipient) == 0 &&
                         strcmp(seen->items[i].destination, destination) == 0
                     ? 1
                     : 0;
    }
    return count;
}

/* ---- RCPT ------------------------------------------------------------------------------------ */

static void
rcpt_answers_carry_the_gates_decision(void **state)
{
    (void)state;
    static const struct {
        const char *recipient;
        enum gate_decision decision;
        unsigned code;
    } cases[] = {
        {"<ticket+1@ours.example>", GATE_ACCEPT, 0}, {"both@unknown.example", GATE_NOT_OURS, 0},
        {"both@pending.example", GATE_NOT_OURS, 0},  {"nobody@ours.example", GATE_REFUSE, 550},
        {"both@removed.example", GATE_REFUSE, 550},  {"both@bare.example", GATE_DEFER, 450},
        {"not an address", GATE_NOT_OURS, 0},        {"both@returned.example", GATE_REFUSE, 550},
    };
    AUTO_FD int fd = client_open(house.socket_path);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct client_answer answer = client_rcpt(fd, cases[i].recipient, 0);
        if (answer.decision != cases[i].decision || answer.code != cases[i].code) {
            fail_msg("%s: %d %d", cases[i].recipient, (int)answer.decision, (int)answer.code);
        }
    }
}

static void
accepting_answer_says_all_the_milter_needs(void **state)
{
    (void)state;
    AUTO_FD int fd = client_open(house.socket_path);
    struct client_answer answer = client_rcpt_from(fd, "both@ours.example", "198.51.100.7", false);
    assert_string_equal(answer.tenant, "acme");
    assert_string_equal(answer.domain, "ours.example");
    assert_int_equal(answer.max_message, 50 * 1024 * 1024);
    assert_false(answer.trusted);
    answer = client_rcpt_from(fd, "both@ours.example", "198.51.100.7", true);
    assert_true(answer.trusted);
    answer = client_rcpt_from(fd, "both@ours.example", "192.0.2.9", false);
    assert_true(answer.trusted);
}

static void
domain_that_takes_mail_now_does_so_in_an_open_session(void **state)
{
    (void)state;
    AUTO_FD int fd = client_open(house.socket_path);
    struct store_domain entry;
    assert_int_equal(registry_set_inbound(house.registry, "ours.example", false, &entry, NULL),
                     ST_OK);
    assert_int_equal(client_rcpt(fd, "both@ours.example", 0).decision, GATE_REFUSE);
    assert_int_equal(registry_set_inbound(house.registry, "ours.example", true, &entry, NULL),
                     ST_OK);
    assert_int_equal(client_rcpt(fd, "both@ours.example", 0).decision, GATE_ACCEPT);
}

/* ---- COMMIT ---------------------------------------------------------------------------------- */

static void
message_is_stored_with_its_envelope(void **state)
{
    (void)state;
    AUTO_FD int fd = client_open(house.socket_path);
    const struct client_answer answer =
        client_commit(fd, &(struct client_message){.recipients = "<Ticket+Ab7@OURS.example>"});
    assert_int_equal(answer.outcome, INTAKE_STORED);
    assert_int_equal(answer.code, 0);
    assert_true(id_is_valid(answer.message_id));

    struct store_message message;
    AUTO_FREE void *owner = NULL;
    assert_int_equal(store_message_get(house.store, answer.message_id, &message, &owner, NULL),
                     ST_OK);
    assert_string_equal(message.tenant, "acme");
    assert_string_equal(message.domain, "ours.example");
    assert_string_equal(message.sender, "a@sender.example");
    assert_string_equal(message.recipients, "Ticket+Ab7@ours.example");
    assert_string_equal(message.queue_id, "QID1");
    assert_string_equal(message.client_address, "198.51.100.7");
    assert_string_equal(message.client_name, "client.sender.example");
    assert_string_equal(message.helo, "helo.sender.example");
    assert_string_equal(message.subject, "=?utf-8?q?caf=C3=A9?=");
    assert_string_equal(message.message_id_field, "<1@sender.example>");
    assert_string_equal(message.verdict, "{\"local\":false}");

    const struct seen seen = deliveries_of(answer.message_id);
    assert_int_equal(seen.count, 1);
    assert_string_equal(seen.items[0].recipient, "Ticket+Ab7@ours.example");
    assert_string_equal(seen.items[0].domain, "ours.example");
    assert_string_equal(seen.items[0].tenant, "acme");
    assert_string_equal(seen.items[0].route, "ticket");
    assert_string_equal(seen.items[0].action, "note");
    assert_string_equal(seen.items[0].destination, "psa");
    assert_string_equal(seen.items[0].captures, "{\"id\":\"Ab7\"}");
    assert_int_equal(seen.items[0].state, DELIVERY_QUEUED);
}

static void
body_is_stored_byte_for_byte(void **state)
{
    (void)state;
    enum { LENGTH = 3 * 1024 * 1024 + 17 }; // staged by the store
    AUTO_FREE char *text = malloc(LENGTH);
    assert_non_null(text);
    memcpy(text, "A: b\r\n\r\n", 8);
    for (size_t i = 8; i < LENGTH; i++) {
        text[i] = (char)(i * 31 + i / 251);
    }
    AUTO_FD int fd = client_open(house.socket_path);
    const struct client_answer answer =
        client_commit(fd, &(struct client_message){
                              .recipients = "both@ours.example", .text = text, .length = LENGTH});
    assert_int_equal(answer.outcome, INTAKE_STORED);
    struct id id;
    memcpy(id.text, answer.message_id, sizeof(id.text));
    AUTO_FREE char *read_back = malloc(LENGTH);
    assert_non_null(read_back);
    size_t offset = 0;
    for (;;) {
        size_t got = 0;
        assert_int_equal(store_body_read(house.store, &id, offset, read_back + offset,
                                         LENGTH - offset, &got, NULL),
                         ST_OK);
        if (got == 0 || offset + got == LENGTH) {
            offset += got;
            break;
        }
        offset += got;
    }
    assert_int_equal(offset, LENGTH);
    assert_memory_equal(text, read_back, LENGTH);
}

static void
each_recipient_and_destination_is_one_delivery(void **state)
{
    (void)state;
    AUTO_FD int fd = client_open(house.socket_path);
    const struct client_answer answer = client_commit(
        fd, &(struct client_message){.recipients = "both@ours.example\ncopy@sister.example\n"
                                                   "<both@OURS.example>\nticket+9@ours.example\n"});
    assert_int_equal(answer.outcome, INTAKE_STORED);
    const struct seen seen = deliveries_of(answer.message_id);
    assert_int_equal(seen.count, 5);
    assert_int_equal(count_of(&seen, "both@ours.example", "psa"), 1);
    assert_int_equal(count_of(&seen, "both@ours.example", "crm"), 1);
    assert_int_equal(count_of(&seen, "copy@sister.example", "psa"), 1); // two routes lead there
    assert_int_equal(count_of(&seen, "copy@sister.example", "crm"), 1);
    assert_int_equal(count_of(&seen, "ticket+9@ours.example", "psa"), 1);
}

static void
held_message_waits_with_its_reason(void **state)
{
    (void)state;
    AUTO_FD int fd = client_open(house.socket_path);
    const struct client_answer answer =
        client_commit(fd, &(struct client_message){.recipients = "both@ours.example",
                                                   .hold = "dmarc quarantine"});
    assert_int_equal(answer.outcome, INTAKE_STORED);
    const struct seen seen = deliveries_of(answer.message_id);
    assert_int_equal(seen.count, 2);
    for (size_t i = 0; i < seen.count; i++) {
        assert_int_equal(seen.items[i].state, DELIVERY_HELD);
        assert_string_equal(seen.items[i].reason, "dmarc quarantine");
    }
}

static void
repeated_message_is_a_duplicate_of_the_first(void **state)
{
    (void)state;
    AUTO_FD int fd = client_open(house.socket_path);
    const struct client_message message = {.recipients = "both@ours.example"};
    const struct client_answer first = client_commit(fd, &message);
    assert_int_equal(first.outcome, INTAKE_STORED);
    client_send_nothing(fd, &INTAKE_ACK_LAYOUT); // it has its own Message-ID and Date: known still
    AUTO_FD int other = client_open(house.socket_path);
    const struct client_answer second = client_commit(other, &message);
    assert_int_equal(second.outcome, INTAKE_DUPLICATE);
    assert_string_equal(second.message_id, first.message_id);
    assert_int_equal(house_messages(&house), 1);
}

// How many requests to it could be begun now.
static uint64_t
count_places(const char *destination)
{
    uint64_t count = 0;
    while (dispatcher_take_place(house.dispatcher, destination)) {
        count++;
    }
    for (uint64_t i = 0; i < count; i++) {
        dispatcher_return_place(house.dispatcher, destination);
    }
    return count;
}

static void
await_places(const char *destination)
{
    AUTO_CONFIG *config = config_holder_get(house.holder);
    uint64_t wanted = config_find_destination(config, destination)->concurrency;
    for (unsigned i = 0; i < 1000; i++) { // nobody is told of places
        if (count_places(destination) == wanted) {
            return;
        }
        (void)nanosleep(&(struct timespec){.tv_nsec = 10 * 1000000L}, NULL);
    }
    fail_msg("%s never has its %llu places", destination, (unsigned long long)wanted);
}

static void
commits_that_store_nothing_give_their_places_back(void **state)
{
    (void)state;
    AUTO_FD int fd = client_open(house.socket_path);
    const struct client_message message = {.recipients = "ticket+9@ours.example"};
    assert_int_equal(client_commit(fd, &message).outcome, INTAKE_STORED);
    for (unsigned i = 0; i < 3; i++) { // the first message made the destination known
        await_places("psa");
        AUTO_FD int other = client_open(house.socket_path);
        assert_int_equal(client_commit(other, &message).outcome, INTAKE_DUPLICATE);
    }
    await_places("psa");
}

static void
message_without_id_is_known_until_acknowledged(void **state)
{
    (void)state;
    const struct client_message alert = {.recipients = "both@ours.example",
                                         .text = "Subject: disk full\r\n\r\nagain\r\n"};
    AUTO_FD int fd = client_open(house.socket_path);
    const struct client_answer first = client_commit(fd, &alert);
    assert_int_equal(first.outcome, INTAKE_STORED);
    const struct client_answer repeated = client_commit(fd, &alert);
    assert_int_equal(repeated.outcome, INTAKE_DUPLICATE);
    assert_string_equal(repeated.message_id, first.message_id);
    client_send_nothing(fd, &INTAKE_ACK_LAYOUT);
    const struct client_answer next = client_commit(fd, &alert);
    assert_int_equal(next.outcome, INTAKE_STORED);
    assert_string_not_equal(next.message_id, first.message_id);
    assert_int_equal(house_messages(&house), 2);
}

/* ---- decided again --------------------------------------------------------------------------- */

static void
domain_removed_between_rcpt_and_commit_is_temporary(void **state)
{
    (void)state;
    AUTO_FD int fd = client_open(house.socket_path);
    assert_int_equal(client_rcpt(fd, "both@ours.example", 0).decision, GATE_ACCEPT);
    struct store_domain entry;
    assert_int_equal(
        registry_remove(house.registry, "ours.example", REGISTRY_HELD_STAYS, &entry, NULL, NULL),
        ST_OK);
    const struct client_answer answer =
        client_commit(fd, &(struct client_message){.recipients = "both@ours.example"});
    assert_int_equal(answer.outcome, INTAKE_NOT_STORED);
    expect_reply(&answer, 451, "4.3.0");
    assert_int_equal(house_messages(&house), 0);
    assert_int_equal(client_rcpt(fd, "both@ours.example", 0).code, 550); // the next time
}

static void
route_gone_by_reload_between_rcpt_and_commit_is_temporary(void **state)
{
    (void)state;
    AUTO_FD int fd = client_open(house.socket_path);
    assert_int_equal(client_rcpt(fd, "both@ours.example", 0).decision, GATE_ACCEPT);
    house_write(&house, "domains.d/ours.example.yaml",
                "domain: ours.example\n"
                "routes:\n  - {name: only, recipient: only, destinations: [psa]}\n");
    config_holder_set(house.holder, house_load(&house));
    const struct client_answer answer =
        client_commit(fd, &(struct client_message){.recipients = "both@ours.example"});
    assert_int_equal(answer.outcome, INTAKE_NOT_STORED);
    expect_reply(&answer, 451, "4.3.0");
    assert_int_equal(house_messages(&house), 0);
}

static void
policy_changed_by_reload_between_rcpt_and_commit_is_temporary(void **state)
{
    (void)state;
    AUTO_FD int fd = client_open(house.socket_path);
    assert_int_equal(client_rcpt(fd, "both@ours.example", 0).decision, GATE_ACCEPT);
    house_write(&house, "domains.d/ours.example.yaml",
                "domain: ours.example\npolicy: {dmarc: tag}\n"
                "routes:\n  - {name: all, recipient: '*', destinations: [psa]}\n");
    config_holder_set(house.holder, house_load(&house));
    const struct client_answer answer =
        client_commit(fd, &(struct client_message){.recipients = "both@ours.example"});
    expect_reply(&answer, 451, "4.3.0");
    assert_int_equal(house_messages(&house), 0);
}

static void
one_bad_recipient_keeps_the_whole_transaction_out(void **state)
{
    (void)state;
    static const struct {
        const char *label;
        const char *recipients;
    } cases[] = {
        {"refused beside accepted", "both@ours.example\nnobody@ours.example"},
        {"not ours beside accepted", "both@ours.example\nboth@unknown.example"},
        {"deferred beside accepted", "both@ours.example\nboth@bare.example"},
        {"two tenants", "both@ours.example\nboth@other.example"},
        {"not an address", "both@ours.example\n \n"},
        {"none at all", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        print_message("%s\n", cases[i].label);
        expect_refused(&(struct client_message){.recipients = cases[i].recipients}, 451, "4.3.0");
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(rcpt_answers_carry_the_gates_decision),
        CASE(accepting_answer_says_all_the_milter_needs),
        CASE(domain_that_takes_mail_now_does_so_in_an_open_session),
        CASE(message_is_stored_with_its_envelope),
        CASE(body_is_stored_byte_for_byte),
        CASE(each_recipient_and_destination_is_one_delivery),
        CASE(held_message_waits_with_its_reason),
        CASE(repeated_message_is_a_duplicate_of_the_first),
        CASE(commits_that_store_nothing_give_their_places_back),
        CASE(message_without_id_is_known_until_acknowledged),
        CASE(domain_removed_between_rcpt_and_commit_is_temporary),
        CASE(policy_changed_by_reload_between_rcpt_and_commit_is_temporary),
        CASE(route_gone_by_reload_between_rcpt_and_commit_is_temporary),
        CASE(one_bad_recipient_keeps_the_whole_transaction_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
