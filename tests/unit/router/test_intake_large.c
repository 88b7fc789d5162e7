// SPDX-License-Identifier: Apache-2.0
// Large bodies that are slow to read, and what else goes on meanwhile. The program has its own
// pread(), which keeps readers of large files waiting while the gate is closed.
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/condition.h"
#include "common/xalloc.h"
#include "intake_house.h"

enum {
    LARGE = STORE_STAGE_ABOVE + 1,
    SENT = INTAKE_LARGE_AT_ONCE + 3,
    PATIENCE_MS = 20000 /* then something hangs that should not */
};

/* ---- the slow disk --------------------------------------------------------------------------- */

enum closed_for { OPEN, HASHING, STAGING };

static struct {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    enum closed_for closed_for;
    size_t held; /* readers that wait at the gate */
    size_t read_count;
    ino_t read[SENT]; /* files that were read to their end: they are hashed */
} gate = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static bool
was_read(ino_t file)
{
    for (size_t i = 0; i < gate.read_count; i++) {
        if (gate.read[i] == file) {
            return true;
        }
    }
    return false;
}

static void
pass_gate(ino_t file)
{
    AUTO_LOCK(lock, &gate.mutex);
    gate.held++;
    (void)pthread_cond_broadcast(&gate.changed);
    while (gate.closed_for == (was_read(file) ? STAGING : HASHING)) {
        (void)pthread_cond_wait(&gate.changed, &gate.mutex);
    }
    gate.held--;
}

static void
note_end(ino_t file)
{
    AUTO_LOCK(lock, &gate.mutex);
    if (!was_read(file)) {
        assert_true(gate.read_count < SENT);
        gate.read[gate.read_count++] = file;
    }
}

ssize_t
pread(int fd, void *buffer, size_t size, off_t offset)
{
    struct stat info;
    bool is_large = fstat(fd, &info) == 0 && info.st_nlink == 0 && info.st_size == LARGE;
    if (is_large) {
        pass_gate(info.st_ino);
    }
    ssize_t got = syscall(SYS_pread64, fd, buffer, size, offset);
    if (is_large && got > 0 && offset + got == LARGE) {
        note_end(info.st_ino);
    }
    return got;
}

static void
set_gate(enum closed_for closed_for)
{
    AUTO_LOCK(lock, &gate.mutex);
    gate.closed_for = closed_for;
    (void)pthread_cond_broadcast(&gate.changed);
}

static size_t
wait_for_held(size_t count)
{
    struct timespec until = condition_deadline(PATIENCE_MS);
    int error = 0;
    AUTO_LOCK(lock, &gate.mutex);
    while (gate.held < count && error == 0) {
        error = pthread_cond_timedwait(&gate.changed, &gate.mutex, &until);
    }
    return gate.held;
}

static int
setup(void **state)
{
    condition_init(&gate.changed);
    gate.read_count = 0;
    return intake_house_setup(state);
}

static int
teardown(void **state)
{
    set_gate(OPEN);
    return intake_house_teardown(state);
}

/* ---- cases ----------------------------------------------------------------------------------- */

static void
send_large(const char *subject, int fds[SENT])
{
    AUTO_FREE char *text = xcalloc(LARGE, 1);
    memset(text, 'x', LARGE);
    for (size_t i = 0; i < SENT; i++) {
        int length = snprintf(text, LARGE, "Subject: %s %zu\r\n\r\n", subject, i);
        text[length] = 'x';
        fds[i] = client_open(house.socket_path);
        client_send_commit(fds[i], &(struct client_message){.recipients = "both@ours.example",
                                                            .text = text,
                                                            .length = LARGE});
    }
}

static void
expect_stored_and_close(int fds[SENT])
{
    for (size_t i = 0; i < SENT; i++) {
        assert_int_equal(client_read_commit_answer(fds[i]).outcome, INTAKE_STORED);
        (void)close(fds[i]);
    }
}

static void
small_message_is_stored_while_large_ones_are_slow_to_read(void **state)
{
    (void)state;
    static const struct {
        const char *subject;
        const char *sender;
        enum closed_for slow;
    } cases[] = {{"slow to hash", "a@b.example", HASHING},
                 {"slow to stage", "c@d.example", STAGING}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int fds[SENT];
        uint64_t before = house_messages(&house);
        gate.read_count = 0;
        set_gate(cases[i].slow);
        send_large(cases[i].subject, fds);
        assert_int_equal(wait_for_held(INTAKE_LARGE_AT_ONCE), INTAKE_LARGE_AT_ONCE);
        AUTO_FD int small = client_open(house.socket_path);
        const struct client_message message = {.recipients = "both@ours.example",
                                               .sender = cases[i].sender};
        assert_int_equal(client_commit(small, &message).outcome, INTAKE_STORED);
        assert_int_equal(house_messages(&house), before + 1);
        // The others wait in line, not at the gate.
        assert_int_equal(wait_for_held(INTAKE_LARGE_AT_ONCE), INTAKE_LARGE_AT_ONCE);
        set_gate(OPEN);
        expect_stored_and_close(fds);
    }
}

static void *
close_intake(void *unused)
{
    (void)unused;
    intake_close(intake);
    return NULL;
}

// The milter keeps connections between sessions: a RCPT that nobody reads would be a 451.
static void
idle_connection_is_closed_at_a_stop_that_waits_for_a_large_message(void **state)
{
    (void)state;
    int fds[SENT];
    pthread_t closing;
    AUTO_FD int idle = client_open(house.socket_path);
    assert_int_equal(client_rcpt(idle, "both@ours.example", 0).decision, GATE_ACCEPT);
    set_gate(STAGING);
    send_large("at a stop", fds);
    assert_int_equal(wait_for_held(INTAKE_LARGE_AT_ONCE), INTAKE_LARGE_AT_ONCE);
    assert_int_equal(pthread_create(&closing, NULL, close_intake, NULL), 0);
    struct pollfd event = {.fd = idle, .events = POLLIN};
    assert_int_equal(poll(&event, 1, PATIENCE_MS), 1);
    assert_true(client_is_closed(idle));
    assert_int_equal(wait_for_held(INTAKE_LARGE_AT_ONCE), INTAKE_LARGE_AT_ONCE);
    set_gate(OPEN);
    assert_int_equal(pthread_join(closing, NULL), 0);
    intake = NULL;
    for (size_t i = 0; i < SENT; i++) {
        (void)close(fds[i]);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(small_message_is_stored_while_large_ones_are_slow_to_read,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(
            idle_connection_is_closed_at_a_stop_that_waits_for_a_large_message, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
