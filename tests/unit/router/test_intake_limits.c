// SPDX-License-Identifier: Apache-2.0
// What the intake refuses because of a limit, each at its limit and above.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/cleanup.h"
#include "intake_house.h"
#include "router/commit.h"

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

int
main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(message_size_is_refused_for_good_above_its_limit),
        CASE(message_count_is_limited_at_rcpt_and_at_commit),
        CASE(share_of_a_tenant_leaves_room_for_others),
        CASE(size_is_reserved_until_reset_or_close),
        CASE(recipients_of_a_transaction_are_limited),
        CASE(received_fields_above_the_hops_are_a_loop),
        CASE(header_block_is_capped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
