// SPDX-License-Identifier: Apache-2.0
// The intake over its real socket, with the real store, registry and configuration.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "common/unixsock.h"
#include "house.h"
#include "intake_client.h"
#include "router/commit.h"
#include "router/intake.h"

static struct house house;
static struct intake *intake;

static int
setup(void **state)
{
    (void)state;
    struct why why;
    house_open(&house);
    house_open_dispatcher(&house);
    const struct intake_context context = {.store = house.store,
                                           .registry = house.registry,
                                           .holder = house.holder,
                                           .dispatcher = house.dispatcher};
    if (intake_open(&context, &house.socket, &intake, &why) != ST_OK) {
        print_error("%s\n", why.text);
        return -1;
    }
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    intake_close(intake);
    intake = NULL;
    house_close(&house);
    return 0;
}

static void
expect_reply(const struct client_answer *answer, uint64_t code, const char *enhanced)
{
    if (answer->code != code || strcmp(answer->enhanced, enhanced) != 0) {
        fail_msg("%llu %s %s instead of %llu %s", (unsigned long long)answer->code,
                 answer->enhanced, answer->text, (unsigned long long)code, enhanced);
    }
}

static void
expect_refused(const struct client_message *message, uint64_t code, const char *enhanced)
{
    uint64_t before = house_messages(&house);
    AUTO_FD int fd = client_open(house.socket_path);
    const struct client_answer answer = client_commit(fd, message);
    assert_int_equal(answer.outcome, INTAKE_NOT_STORED);
    expect_reply(&answer, code, enhanced);
    assert_string_equal(answer.message_id, "");
    assert_int_equal(house_messages(&house), before);
}

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
        {"not an address", GATE_NOT_OURS, 0},
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
    assert_int_equal(registry_remove(house.registry, "ours.example", &entry, NULL), ST_OK);
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

/* ---- limits ---------------------------------------------------------------------------------- */

// Put a configuration with other limits in force.
static struct config *
changed(void)
{
    return house_load(&house);
}

static char *
message_of(size_t length)
{
    static const char header[] = "Subject: size\r\n\r\n";
    char *text = malloc(length + 1);
    assert_non_null(text);
    memset(text, 'x', length);
    memcpy(text, header, sizeof(header) - 1);
    text[length] = '\0';
    return text;
}

static void
message_size_is_refused_for_good_above_its_limit(void **state)
{
    (void)state;
    struct config *config = changed();
    config->limits.message_bytes = 2000;
    config_holder_set(house.holder, config);
    AUTO_FD int fd = client_open(house.socket_path);
    struct client_answer answer = client_rcpt(fd, "both@ours.example", 2000);
    assert_int_equal(answer.decision, GATE_ACCEPT);
    assert_int_equal(answer.max_message, 2000);
    client_send_nothing(fd, &INTAKE_RESET_LAYOUT);
    answer = client_rcpt(fd, "both@ours.example", 2001);
    assert_int_equal(answer.decision, GATE_REFUSE);
    expect_reply(&answer, 552, "5.3.4");

    AUTO_FREE char *fits = message_of(2000);
    AUTO_FREE char *too_large = message_of(2001);
    assert_int_equal(
        client_commit(fd, &(struct client_message){.recipients = "both@ours.example", .text = fits})
            .outcome,
        INTAKE_STORED);
    expect_refused(&(struct client_message){.recipients = "both@ours.example", .text = too_large},
                   552, "5.3.4");
}

static void
message_count_is_limited_at_rcpt_and_at_commit(void **state)
{
    (void)state;
    struct config *config = changed();
    config->limits.store_messages = 1;
    config_holder_set(house.holder, config);
    AUTO_FD int fd = client_open(house.socket_path);
    assert_int_equal(client_rcpt(fd, "both@ours.example", 0).decision, GATE_ACCEPT);
    assert_int_equal(
        client_commit(fd, &(struct client_message){.recipients = "both@ours.example"}).outcome,
        INTAKE_STORED);
    const struct client_answer answer = client_rcpt(fd, "both@ours.example", 0);
    assert_int_equal(answer.decision, GATE_DEFER);
    expect_reply(&answer, 452, "4.3.1");
    expect_refused(
        &(struct client_message){.recipients = "both@ours.example", .sender = "b@c.example"}, 452,
        "4.3.1");
}

static void
share_of_a_tenant_leaves_room_for_others(void **state)
{
    (void)state;
    struct config *config = changed();
    config->limits.store_messages = 10;
    config->limits.tenant_percent = 10;
    config_holder_set(house.holder, config);
    AUTO_FD int fd = client_open(house.socket_path);
    assert_int_equal(
        client_commit(fd, &(struct client_message){.recipients = "both@ours.example"}).outcome,
        INTAKE_STORED);
    const struct client_answer answer = client_rcpt(fd, "both@sister.example", 0);
    assert_int_equal(answer.decision, GATE_DEFER);
    expect_reply(&answer, 452, "4.2.2");
    expect_refused(&(struct client_message){.recipients = "both@sister.example"}, 452, "4.2.2");
    assert_int_equal(client_rcpt(fd, "both@other.example", 0).decision, GATE_ACCEPT);
}

static void
size_is_reserved_until_reset_or_close(void **state)
{
    (void)state;
    struct config *config = changed();
    config->limits.store_messages = 1;
    config_holder_set(house.holder, config);
    AUTO_FD int first = client_open(house.socket_path);
    AUTO_FD int second = client_open(house.socket_path);
    assert_int_equal(client_rcpt(first, "both@ours.example", 100).decision, GATE_ACCEPT);
    assert_int_equal(client_rcpt(first, "copy@ours.example", 100).decision, GATE_ACCEPT);
    assert_int_equal(client_rcpt(second, "both@ours.example", 100).code, 452);
    client_send_nothing(first, &INTAKE_RESET_LAYOUT);
    assert_int_equal(client_rcpt(first, "nobody@ours.example", 0).code, 550); // reset is done
    assert_int_equal(client_rcpt(second, "both@ours.example", 100).decision, GATE_ACCEPT);
    assert_int_equal(client_rcpt(first, "both@ours.example", 100).code, 452);
    (void)close(STEAL_FD(second));
    while (client_rcpt(first, "both@ours.example", 100).code == 452) {
        // the server's thread sees the close as soon as it comes to it
    }
}

static void
recipients_of_a_transaction_are_limited(void **state)
{
    (void)state;
    struct config *config = changed();
    config->limits.recipients = 2;
    config_holder_set(house.holder, config);
    AUTO_FD int fd = client_open(house.socket_path);
    assert_int_equal(client_rcpt(fd, "ticket+1@ours.example", 0).decision, GATE_ACCEPT);
    assert_int_equal(client_rcpt(fd, "nobody@ours.example", 0).decision, GATE_REFUSE);
    assert_int_equal(client_rcpt(fd, "ticket+2@ours.example", 0).decision, GATE_ACCEPT);
    const struct client_answer answer = client_rcpt(fd, "ticket+3@ours.example", 0);
    assert_int_equal(answer.decision, GATE_DEFER);
    expect_reply(&answer, 452, "4.5.3");
    client_send_nothing(fd, &INTAKE_RESET_LAYOUT);
    assert_int_equal(client_rcpt(fd, "ticket+3@ours.example", 0).decision, GATE_ACCEPT);
    assert_int_equal(
        client_commit(fd, &(struct client_message){.recipients = "ticket+1@ours.example\n"
                                                                 "ticket+2@ours.example"})
            .outcome,
        INTAKE_STORED);
    expect_refused(&(struct client_message){.recipients = "ticket+1@ours.example\n"
                                                          "ticket+2@ours.example\n"
                                                          "ticket+3@ours.example"},
                   452, "4.5.3");
}

static void
received_fields_above_the_hops_are_a_loop(void **state)
{
    (void)state;
    struct config *config = changed();
    config->limits.hops = 2;
    config_holder_set(house.holder, config);
    AUTO_FD int fd = client_open(house.socket_path);
    assert_int_equal(
        client_commit(fd, &(struct client_message){.recipients = "both@ours.example",
                                                   .text = "Received: a\r\nreceived: b\r\n\r\n"})
            .outcome,
        INTAKE_STORED);
    expect_refused(
        &(struct client_message){.recipients = "both@ours.example",
                                 .text = "Received: a\r\nReceived: b\r\nReceived: c\r\n\r\n"},
        554, "5.4.6");
}

static void
header_block_is_capped(void **state)
{
    (void)state;
    enum { FRAMING = 2 + 2 }; // "A:" before and CRLF behind the value, and the empty line
    for (int over = 0; over <= 1; over++) {
        size_t length = (size_t)COMMIT_HEADER_MAX + (size_t)over;
        AUTO_FREE char *text = malloc(length + 1);
        assert_non_null(text);
        memset(text, 'x', length);
        memcpy(text, "A:", 2);
        memcpy(text + length - FRAMING, "\r\n\r\n", FRAMING + 1);
        const struct client_message message = {.recipients = "both@ours.example", .text = text};
        if (over == 1) {
            expect_refused(&message, 552, "5.3.4");
            continue;
        }
        AUTO_FD int fd = client_open(house.socket_path);
        assert_int_equal(client_commit(fd, &message).outcome, INTAKE_STORED);
    }
}

/* ---- the peer -------------------------------------------------------------------------------- */

static void
lock_database(sqlite3 **db_out)
{
    assert_int_equal(sqlite3_open(house.database, db_out), SQLITE_OK);
    (void)sqlite3_busy_timeout(*db_out, 5000);
    assert_int_equal(sqlite3_exec(*db_out, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
}

static void
unlock_database(sqlite3 *db)
{
    assert_int_equal(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void
milter_gone_before_the_commit_leaves_nothing(void **state)
{
    (void)state;
    sqlite3 *db = NULL;
    lock_database(&db); // the store cannot begin before the milter is gone
    AUTO_FD int fd = client_open(house.socket_path);
    client_send_commit(fd, &(struct client_message){.recipients = "both@ours.example"});
    (void)close(STEAL_FD(fd));
    unlock_database(db);
    AUTO_FD int other = client_open(house.socket_path); // commits are taken in order
    const struct client_answer answer =
        client_commit(other, &(struct client_message){.recipients = "both@ours.example",
                                                      .sender = "b@c.example"});
    assert_int_equal(answer.outcome, INTAKE_STORED);
    intake_close(intake); // whatever is under way is over then
    intake = NULL;
    assert_int_equal(house_messages(&house), 1);
}

static void
rcpt_is_answered_while_a_commit_waits_for_the_disk(void **state)
{
    (void)state;
    sqlite3 *db = NULL;
    lock_database(&db);
    AUTO_FD int waiting = client_open(house.socket_path);
    client_send_commit(waiting, &(struct client_message){.recipients = "both@ours.example"});
    AUTO_FD int fd = client_open(house.socket_path);
    assert_int_equal(client_rcpt(fd, "both@ours.example", 0).decision, GATE_ACCEPT);
    unlock_database(db);
    assert_int_equal(client_read_commit_answer(waiting).outcome, INTAKE_STORED);
}

static void
closing_answers_what_is_under_way(void **state)
{
    (void)state;
    AUTO_FD int fd = client_open(house.socket_path);
    AUTO_FD int idle = client_open(house.socket_path);
    assert_int_equal(client_rcpt(fd, "both@ours.example", 10).decision, GATE_ACCEPT);
    assert_int_equal(client_rcpt(idle, "both@ours.example", 10).decision, GATE_ACCEPT);
    intake_close(intake);
    intake = NULL;
    assert_true(client_is_closed(idle));
    assert_true(client_is_closed(fd));
    assert_int_equal(access(house.socket_path, F_OK), -1);
}

static void
send_raw(int fd, const void *packet, size_t length, int passed_fd)
{
    assert_int_equal(unixsock_send(fd, packet, length, passed_fd, NULL), ST_OK);
}

static void
send_commit_frame(int fd, const struct intake_commit *commit, int passed_fd)
{
    AUTO_STRBUF packet = STRBUF_INIT(FRAME_MAX);
    assert_int_equal(frame_encode(&INTAKE_COMMIT_LAYOUT, commit, &packet, NULL), ST_OK);
    send_raw(fd, packet.data, packet.length, passed_fd);
}

static void
bad_packet_closes_its_own_connection_only(void **state)
{
    (void)state;
    AUTO_FD int other = client_open(house.socket_path);
    static const struct {
        const char *label;
        const char *bytes;
        size_t length;
    } cases[] = {
        {"unknown kind", "\x63", 1},
        {"an answer's kind", "\x02", 1},
        {"cut field", "\x01\x01\x00\x00", 4},
        {"unknown tag", "\x01\xff\x00\x00\x00\x01\x00", 7},
        {"commit without a descriptor", "\x03", 1},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO_FD int fd = client_open(house.socket_path);
        send_raw(fd, cases[i].bytes, cases[i].length, -1);
        if (!client_is_closed(fd)) {
            fail_msg("%s", cases[i].label);
        }
    }
    AUTO_FD int fd = client_open(house.socket_path);
    AUTO_FD int body = memfd_create("stray", MFD_CLOEXEC);
    send_raw(fd, "\x06", 1, body);
    assert_true(client_is_closed(fd)); // a descriptor where none belongs
    assert_int_equal(client_rcpt(other, "both@ours.example", 0).decision, GATE_ACCEPT);
}

static void
bad_descriptor_closes_and_stores_nothing(void **state)
{
    (void)state;
    int pipes[2];
    assert_int_equal(pipe(pipes), 0);
    AUTO_FD int pipe_read = pipes[0];
    AUTO_FD int pipe_write = pipes[1];
    AUTO_FD int file = memfd_create("message", MFD_CLOEXEC);
    assert_int_equal(write(file, "A: b\r\n\r\nbody", 12), 12);
    const struct {
        const char *label;
        int fd;
        uint64_t size;
        uint64_t header_length;
        const char *verdict;
    } cases[] = {
        {"a pipe", pipe_read, 12, 8, "{}"},
        {"a shorter file", file, 13, 8, "{}"},
        {"a longer file", file, 11, 8, "{}"},
        {"a header block longer than the message", file, 12, 13, "{}"},
        {"a verdict that is no JSON", file, 12, 8, "{"},
        {"a verdict that is no object", file, 12, 8, "[]"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO_FD int fd = client_open(house.socket_path);
        const struct intake_commit commit = {.recipients = "both@ours.example",
                                             .sender = "a@b.example",
                                             .verdict = cases[i].verdict,
                                             .size = cases[i].size,
                                             .header_length = cases[i].header_length};
        send_commit_frame(fd, &commit, cases[i].fd);
        if (!client_is_closed(fd)) {
            fail_msg("%s", cases[i].label);
        }
    }
    assert_int_equal(house_messages(&house), 0);
}

static void *
commit_many(void *argument)
{
    const char *sender = argument;
    AUTO_FD int fd = client_open(house.socket_path);
    for (int i = 0; i < 25; i++) {
        char recipient[64];
        (void)snprintf(recipient, sizeof(recipient), "ticket+%d@ours.example", i);
        assert_int_equal(client_rcpt(fd, recipient, 100).decision, GATE_ACCEPT);
        assert_int_equal(
            client_commit(fd, &(struct client_message){.recipients = recipient, .sender = sender})
                .outcome,
            INTAKE_STORED);
        client_send_nothing(fd, &INTAKE_ACK_LAYOUT);
    }
    return NULL;
}

static void
sessions_at_once_are_all_stored(void **state)
{
    (void)state;
    enum { SESSIONS = 8 };
    static char senders[SESSIONS][32];
    pthread_t threads[SESSIONS];
    for (size_t i = 0; i < SESSIONS; i++) {
        (void)snprintf(senders[i], sizeof(senders[i]), "s%zu@sender.example", i);
        assert_int_equal(pthread_create(&threads[i], NULL, commit_many, senders[i]), 0);
    }
    for (size_t i = 0; i < SESSIONS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_int_equal(house_messages(&house), SESSIONS * 25);
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

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
        CASE(message_without_id_is_known_until_acknowledged),
        CASE(domain_removed_between_rcpt_and_commit_is_temporary),
        CASE(route_gone_by_reload_between_rcpt_and_commit_is_temporary),
        CASE(one_bad_recipient_keeps_the_whole_transaction_out),
        CASE(message_size_is_refused_for_good_above_its_limit),
        CASE(message_count_is_limited_at_rcpt_and_at_commit),
        CASE(share_of_a_tenant_leaves_room_for_others),
        CASE(size_is_reserved_until_reset_or_close),
        CASE(recipients_of_a_transaction_are_limited),
        CASE(received_fields_above_the_hops_are_a_loop),
        CASE(header_block_is_capped),
        CASE(milter_gone_before_the_commit_leaves_nothing),
        CASE(rcpt_is_answered_while_a_commit_waits_for_the_disk),
        CASE(closing_answers_what_is_under_way),
        CASE(bad_packet_closes_its_own_connection_only),
        CASE(bad_descriptor_closes_and_stores_nothing),
        CASE(sessions_at_once_are_all_stored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
