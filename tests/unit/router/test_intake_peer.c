// SPDX-License-Identifier: Apache-2.0
// The milter that goes away, waits, talks nonsense, or comes in numbers.
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "common/clock.h"
#include "common/unixsock.h"
#include "intake_house.h"

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
one_connection_above_the_limit_is_turned_away(void **state)
{
    (void)state;
    enum { LIMIT = INTAKE_CONNECTIONS_MAX };
    static int fds[LIMIT];
    house_allow_descriptors(2 * LIMIT + 100);
    for (int i = 0; i < LIMIT; i++) {
        fds[i] = client_open(house.socket_path);
    }
    assert_int_equal(client_rcpt(fds[LIMIT - 1], "both@ours.example", 0).decision, GATE_ACCEPT);
    AUTO_FD int over = client_open(house.socket_path);
    char byte;
    assert_int_equal(read(over, &byte, 1), 0); // closed
    assert_int_equal(client_rcpt(fds[0], "both@ours.example", 0).decision, GATE_ACCEPT);
    (void)close(fds[0]);
    bool again = false;
    while (!again) { // the server's thread sees the close as soon as it comes to it
        AUTO_FD int next = client_open(house.socket_path);
        struct pollfd item = {.fd = next, .events = POLLIN};
        again = poll(&item, 1, 50) == 0; // nothing to read: it stays open
    }
    for (int i = 1; i < LIMIT; i++) {
        (void)close(fds[i]);
    }
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

static void *
close_intake(void *argument)
{
    (void)argument;
    intake_close(intake);
    return NULL;
}

// An equal alert that comes after the restart is another message, and must not be taken for a copy.
static void
acknowledgement_of_what_was_answered_while_closing_counts(void **state)
{
    (void)state;
    const struct client_message alert = {.recipients = "both@ours.example",
                                         .text = "Subject: disk full\r\n\r\nagain\r\n"};
    sqlite3 *db = NULL;
    pthread_t closer;
    lock_database(&db);
    AUTO_FD int fd = client_open(house.socket_path);
    client_send_commit(fd, &alert);
    AUTO_FD int other = client_open(house.socket_path); // is read behind the commit
    assert_int_equal(client_rcpt(other, "both@ours.example", 0).decision, GATE_ACCEPT);
    assert_int_equal(pthread_create(&closer, NULL, close_intake, NULL), 0);
    while (access(house.socket_path, F_OK) == 0) { // no packet is read from here on
        (void)sched_yield();
    }
    unlock_database(db);
    assert_int_equal(client_read_commit_answer(fd).outcome, INTAKE_STORED);
    client_send_nothing(fd, &INTAKE_ACK_LAYOUT);
    assert_int_equal(pthread_join(closer, NULL), 0);
    intake = NULL;
    intake_house_reopen();
    AUTO_FD int later = client_open(house.socket_path);
    assert_int_equal(client_commit(later, &alert).outcome, INTAKE_STORED);
}

static void
closing_does_not_wait_long_for_acknowledgements(void **state)
{
    (void)state;
    const struct client_message alert = {.recipients = "both@ours.example",
                                         .text = "Subject: disk full\r\n\r\nagain\r\n"};
    AUTO_FD int fd = client_open(house.socket_path);
    AUTO_FD int other = client_open(house.socket_path);
    assert_int_equal(client_commit(fd, &alert).outcome, INTAKE_STORED);
    assert_int_equal(client_commit(other, &alert).outcome, INTAKE_DUPLICATE);
    int64_t before_ms = clock_mono_ms();
    intake_close(intake);
    intake = NULL;
    int64_t took_ms = clock_mono_ms() - before_ms;
    assert_true(took_ms >= INTAKE_ACKS_WAIT_MS); // of both together
    assert_true(took_ms - INTAKE_ACKS_WAIT_MS < INTAKE_ACKS_WAIT_MS);
    intake_house_reopen();
    AUTO_FD int later = client_open(house.socket_path);
    assert_int_equal(client_commit(later, &alert).outcome, INTAKE_DUPLICATE);
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
    (void)pipe_write; // is only kept open
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

int
main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(milter_gone_before_the_commit_leaves_nothing),
        CASE(rcpt_is_answered_while_a_commit_waits_for_the_disk),
        CASE(one_connection_above_the_limit_is_turned_away),
        CASE(closing_answers_what_is_under_way),
        CASE(acknowledgement_of_what_was_answered_while_closing_counts),
        CASE(closing_does_not_wait_long_for_acknowledgements),
        CASE(bad_packet_closes_its_own_connection_only),
        CASE(bad_descriptor_closes_and_stores_nothing),
        CASE(sessions_at_once_are_all_stored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
