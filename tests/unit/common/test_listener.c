// SPDX-License-Identifier: Apache-2.0
// The listening socket that a service manager may hold.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/listener.h"

enum { FIRST_PASSED = 3 }; /* sd_listen_fds(3) */

static void
a_socket_of_the_service_manager_is_taken_over_and_left_in_place(void **state)
{
    (void)state;
    char folder[] = "/tmp/mailspur-test-XXXXXX";
    assert_non_null(mkdtemp(folder));
    char path[64];
    (void)snprintf(path, sizeof(path), "%s/s", folder);
    const struct unixsock_rights rights = {.mode = 0600};
    int fd = -1;
    assert_int_equal(unixsock_listen(path, SOCK_SEQPACKET, &rights, &fd, NULL), ST_OK);
    assert_int_equal(dup2(fd, FIRST_PASSED), FIRST_PASSED);
    (void)close(fd);
    char pid[32];
    (void)snprintf(pid, sizeof(pid), "%ld", (long)getpid());
    assert_int_equal(setenv("LISTEN_PID", pid, 1), 0);
    assert_int_equal(setenv("LISTEN_FDS", "1", 1), 0);
    struct listener listener = LISTENER_INIT;
    assert_int_equal(listener_open(&listener, path, SOCK_STREAM, &rights, NULL), ST_CONFLICT);
    assert_int_equal(listener_open(&listener, path, SOCK_SEQPACKET, &rights, NULL), ST_OK);
    assert_true(listener.inherited);
    assert_int_equal(listener.fd, FIRST_PASSED);
    assert_int_not_equal(fcntl(listener.fd, F_GETFL) & O_NONBLOCK, 0);
    assert_int_not_equal(fcntl(listener.fd, F_GETFD) & FD_CLOEXEC, 0);
    listener_close(&listener);
    assert_int_equal(access(path, F_OK), 0);
    assert_int_equal(unsetenv("LISTEN_FDS"), 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0);
}

static void
a_socket_of_our_own_goes_unless_a_successor_has_taken_its_place(void **state)
{
    (void)state;
    char folder[] = "/tmp/mailspur-test-XXXXXX";
    assert_non_null(mkdtemp(folder));
    char path[64];
    (void)snprintf(path, sizeof(path), "%s/s", folder);
    const struct unixsock_rights rights = {.mode = 0600};
    struct listener first = LISTENER_INIT;
    struct listener second = LISTENER_INIT;
    assert_int_equal(listener_open(&first, path, SOCK_STREAM, &rights, NULL), ST_OK);
    assert_false(first.inherited);
    char moved[72];
    (void)snprintf(moved, sizeof(moved), "%s.old", path);
    assert_int_equal(rename(path, moved), 0);
    assert_int_equal(listener_open(&second, path, SOCK_STREAM, &rights, NULL), ST_OK);
    listener_close(&first);
    assert_int_equal(access(path, F_OK), 0);
    listener_close(&second);
    listener_close(&second);
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_equal(unlink(moved), 0);
    assert_int_equal(rmdir(folder), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_socket_of_the_service_manager_is_taken_over_and_left_in_place),
        cmocka_unit_test(a_socket_of_our_own_goes_unless_a_successor_has_taken_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
