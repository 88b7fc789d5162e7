// SPDX-License-Identifier: Apache-2.0
#include "intake_client.h"

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

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/header.h"
#include "common/unixsock.h"
#include "house.h"

enum { TIMEOUT_MS = 20000 };

static const char SMALL[] = "From: a@sender.example\r\n"
                            "Subject: =?utf-8?q?caf=C3=A9?=\r\n"
                            "Message-ID: <1@sender.example>\r\n"
                            "Date: Sun, 22 Nov 2026 01:00:00 +0000\r\n"
                            "\r\n"
                            "body\r\n";

int
client_open(const char *path)
{
    int fd = -1;
    assert_int_equal(unixsock_connect(path, SOCK_SEQPACKET, &fd, NULL), ST_OK);
    unixsock_allow_large_packets(fd);
    unixsock_set_timeout(fd, TIMEOUT_MS);
    return fd;
}

static void
send_frame(int fd, const struct frame_layout *layout, const void *source, int passed_fd)
{
    AUTO_STRBUF packet = STRBUF_INIT(FRAME_MAX);
    assert_int_equal(frame_encode(layout, source, &packet, NULL), ST_OK);
    assert_int_equal(unixsock_send(fd, packet.data, packet.length, passed_fd, NULL), ST_OK);
}

static void
receive_frame(int fd, const struct frame_layout *layout, char *buffer, size_t size, void *target)
{
    size_t length = 0;
    int passed = -1;
    struct why why = {.text = ""};
    if (unixsock_receive(fd, buffer, size, &length, &passed, &why) != ST_OK || length == 0) {
        fail_msg("no answer: %s", why.text);
    }
    assert_int_equal(passed, -1);
    assert_int_equal(frame_decode(layout, buffer, length, target, NULL), ST_OK);
}

static void
copy_reply(const struct smtp_reply *reply, struct client_answer *out)
{
    out->code = reply->code;
    (void)snprintf(out->enhanced, sizeof(out->enhanced), "%s", reply->enhanced);
    (void)snprintf(out->text, sizeof(out->text), "%s", reply->text);
}

static struct client_answer
ask_rcpt(int fd, const struct intake_rcpt *question)
{
    char buffer[4096];
    struct intake_rcpt_answer answer;
    send_frame(fd, &INTAKE_RCPT_LAYOUT, question, -1);
    receive_frame(fd, &INTAKE_RCPT_ANSWER_LAYOUT, buffer, sizeof(buffer), &answer);
    struct client_answer out = {.decision = answer.decision,
                                .trusted = answer.trusted != 0,
                                .max_message = answer.max_message};
    copy_reply(&answer.reply, &out);
    (void)snprintf(out.tenant, sizeof(out.tenant), "%s", answer.tenant);
    (void)snprintf(out.domain, sizeof(out.domain), "%s", answer.domain);
    return out;
}

struct client_answer
client_rcpt(int fd, const char *recipient, uint64_t size)
{
    return ask_rcpt(fd, &(struct intake_rcpt){.recipient = recipient,
                                              .client_address = "198.51.100.7",
                                              .size = size});
}

struct client_answer
client_rcpt_from(int fd, const char *recipient, const char *client_address, bool authenticated)
{
    return ask_rcpt(fd, &(struct intake_rcpt){.recipient = recipient,
                                              .client_address = client_address,
                                              .authenticated = authenticated});
}

void
client_send_commit(int fd, const struct client_message *message)
{
    const char *text = message->text == NULL ? SMALL : message->text;
    size_t length = message->length == 0 ? strlen(text) : message->length;
    AUTO_FD int body = memfd_create("message", MFD_CLOEXEC);
    assert_true(body >= 0);
    assert_int_equal(write(body, text, length), length);
    send_frame(fd, &INTAKE_COMMIT_LAYOUT,
               &(struct intake_commit){
                   .queue_id = "QID1",
                   .mta_name = "mx.test.example",
                   .sender = message->sender == NULL ? "a@sender.example" : message->sender,
                   .client_address = "198.51.100.7",
                   .client_name = "client.sender.example",
                   .helo = "helo.sender.example",
                   .recipients = message->recipients,
                   .verdict = "{\"local\":false}",
                   .hold = message->hold == NULL ? "" : message->hold,
                   .policy_key = house_policy_key,
                   .evidence = message->evidence == NULL ? "" : message->evidence,
                   .size = length,
                   .header_length = header_block_length(text, length),
                   .received_at = (uint64_t)clock_wall_ms(),
               },
               body);
}

struct client_answer
client_read_commit_answer(int fd)
{
    char buffer[4096];
    struct intake_commit_answer answer;
    receive_frame(fd, &INTAKE_COMMIT_ANSWER_LAYOUT, buffer, sizeof(buffer), &answer);
    struct client_answer out = {.outcome = answer.outcome};
    copy_reply(&answer.reply, &out);
    (void)snprintf(out.message_id, sizeof(out.message_id), "%s", answer.message_id);
    return out;
}

struct client_answer
client_commit(int fd, const struct client_message *message)
{
    client_send_commit(fd, message);
    return client_read_commit_answer(fd);
}

void
client_send_refused(int fd, const char *id, const char *evidence)
{
    send_frame(fd, &INTAKE_REFUSED_LAYOUT,
               &(struct intake_refused){.id = id,
                                        .queue_id = "QID1",
                                        .tenant = "default",
                                        .domain = "ours.example",
                                        .evidence = evidence},
               -1);
}

bool
client_read_kept(int fd)
{
    char buffer[4096];
    struct intake_refused_answer answer;
    receive_frame(fd, &INTAKE_REFUSED_ANSWER_LAYOUT, buffer, sizeof(buffer), &answer);
    return answer.kept != 0;
}

void
client_send_nothing(int fd, const struct frame_layout *layout)
{
    send_frame(fd, layout, &(struct intake_nothing){.unused = 0}, -1);
}

bool
client_is_closed(int fd)
{
    char byte;
    return recv(fd, &byte, 1, 0) <= 0;
}
