// SPDX-License-Identifier: Apache-2.0
// The built mailspur-milter as a program: its options, its socket, its end, and what other
// configurations make of it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <libmilter/mfdef.h>

#include "common/attrs.h"
#include "common/cleanup.h"
#include "common/unixsock.h"
#include "milter_program.h"
#include "stub_mta.h"

static void
socket_has_the_mode_of_the_configuration(void **state)
{
    (void)state;
    struct stat info;
    assert_int_equal(stat(program.socket, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0640);
}

static void
second_milter_does_not_take_the_socket_away(void **state)
{
    (void)state;
    assert_int_equal(program_exit_status(program_spawn("-c", program.config)), 1);
    struct mta mta;
    mta_open(&mta, program.socket);
    mta_close(&mta);
}

static void
options_are_told_apart(void **state)
{
    (void)state;
    static const struct {
        const char *option;
        int wanted;
    } CASES[] = {{"--version", 0}, {"--help", 0}, {"--nonsense", 64}, {"argument", 64}};
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        assert_int_equal(program_exit_status(program_spawn(CASES[i].option, NULL)),
                         CASES[i].wanted);
    }
    assert_int_equal(program_exit_status(program_spawn("-c", "/nonexistent")), 78);
}

static void
stop_while_a_message_is_under_way(int signal_number)
{
    struct mta mta;
    mta_open(&mta, program.socket);
    mta_mail(&mta, "<wait@x.example>", NULL);
    assert_int_equal(mta_rcpt(&mta, "<a@ours.example>"), 'c');
    assert_int_equal(mta_data(&mta), 'c');
    mta_field(&mta, "From", " s@x.example");
    mta_body(&mta, "x", 1, 1);
    mta_send_end(&mta);
    assert_true(stub_daemon_await_commits(program.daemon, 1));
    assert_int_equal(kill(program.pid, signal_number), 0);
    enum status probe = ST_OK;
    while (probe == ST_OK) { // until it no longer listens; the file stays when it runs as root
        AUTO_FD int fd = -1;
        probe = unixsock_connect(program.socket, SOCK_STREAM, &fd, NULL);
        (void)poll(NULL, 0, 10);
    }
    stub_daemon_release(program.daemon);
    assert_int_equal(mta_answer(&mta), 'd');
    assert_int_equal(program_exit_status(program.pid), 0);
    program.pid = -1;
    (void)close(mta.fd);
}

static void
message_under_way_is_answered_before_it_stops(void **state)
{
    (void)state;
    static const int SIGNALS[] = {SIGTERM, SIGINT};
    for (size_t i = 0; i < ARRAY_LEN(SIGNALS); i++) {
        if (program.pid < 0) {
            program_start();
        }
        program.daemon = stub_daemon_start(program.intake);
        stop_while_a_message_is_under_way(SIGNALS[i]);
        stub_daemon_stop(program.daemon);
        program.daemon = NULL;
    }
}

// Stop the milter and read what it has logged.
static void
stop_and_read_log(char *out, size_t size)
{
    program_stop();
    ssize_t length = pread(program.log_fd, out, size - 1, 0);
    assert_true(length > 0);
    out[length] = '\0';
}

static void
forge(struct mta *mta, const char *recipient)
{
    mta_mail(mta, "<s@sender.example>", NULL);
    assert_int_equal(mta_rcpt(mta, recipient), 'c');
    assert_int_equal(mta_data(mta), 'c');
    mta_field(mta, "Authentication-Results", " other.test; spf=pass");
    mta_field(mta, "authentication-results", " MX.test; spf=pass");
    mta_field(mta, "From", " s@reject.example");
    mta_field(mta, "Authentication-Results", "\n\tmx.test; dmarc=pass");
    mta_body(mta, "hello\r\n", 7, 7);
}

static const char MARKS[] = "delete 3 Authentication-Results|delete 2 Authentication-Results|"
                            "insert 0 Authentication-Results: mx.test;\n\tspf=";

static void
own_mail_is_judged_and_marked_under_authenticate_all(void **state)
{
    (void)state;
    struct mta mta;
    program_configure("authenticate: all, own_mail: tag");
    program_start();
    mta_open(&mta, program.socket);
    assert_int_equal(mta.actions & 0xff, 0x19); // add and change fields, delete recipients
    assert_true((mta.steps & SMFIP_NR_DATA) != 0);
    forge(&mta, "<other@local.example>");
    assert_int_equal(mta_end(&mta), 'c');
    assert_int_equal(strncmp(mta.changes, MARKS, sizeof(MARKS) - 1), 0);
    assert_non_null(strstr(mta.changes, "dmarc=fail (p=reject disposition=reject)"));
    assert_int_equal(stub_daemon_counts(program.daemon).commits, 0);
    forge(&mta, "<trusted@ours.example>"); // all of it ours: nothing is changed
    assert_int_equal(mta_end(&mta), 'd');
    assert_string_equal(mta.changes, "");
    mta_close(&mta);
    program_stop();
}

static void
shadow_judges_only_when_it_is_wanted(void **state)
{
    (void)state;
    static const struct {
        const char *shadow;
        const char *line; /* NULL: the log says nothing of it */
    } rows[] = {
        {"shadow: on", "auth.shadow compared=1 agreed=1 spf=0 helo=0 dkim=0 dmarc=0 failed=0"},
        {"shadow: off", NULL}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        static char text[64 * 1024];
        struct mta mta;
        program.log_fd = memfd_create("log", MFD_CLOEXEC);
        assert_true(program.log_fd >= 0);
        program_configure(rows[i].shadow);
        program_start();
        mta_open(&mta, program.socket);
        assert_int_equal(
            mta_message(&mta, "<s@sender.example>", "<a@ours.example>", "s@sender.example"), 'd');
        mta_close(&mta);
        stop_and_read_log(text, sizeof(text));
        const char *found = strstr(text, rows[i].line == NULL ? "auth.shadow" : rows[i].line);
        if ((found != NULL) != (rows[i].line != NULL)) {
            fail_msg("%s: %s", rows[i].shadow, text);
        }
        (void)close(program.log_fd);
        program.log_fd = STDERR_FILENO;
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(socket_has_the_mode_of_the_configuration),
        cmocka_unit_test(second_milter_does_not_take_the_socket_away),
        cmocka_unit_test(options_are_told_apart),
        cmocka_unit_test(message_under_way_is_answered_before_it_stops),
        // These start milters of their own: last.
        WITH_DAEMON(own_mail_is_judged_and_marked_under_authenticate_all),
        WITH_DAEMON(shadow_judges_only_when_it_is_wanted),
    };
    return cmocka_run_group_tests(tests, program_set_up, program_tear_down);
}
