// SPDX-License-Identifier: Apache-2.0
// The built mailspur-milter, running, with a daemon that speaks the real frames and a resolver.
#ifndef TESTS_UNIT_MILTER_MILTER_PROGRAM_H
#define TESTS_UNIT_MILTER_MILTER_PROGRAM_H

#include <sys/types.h>

#include "stub_daemon.h"

struct program {
    char config[64];
    char socket[64]; /* the milter's */
    char intake[64];
    struct stub_daemon *daemon; /* NULL: away */
    pid_t pid;                  /* -1: the milter is stopped */
    int log_fd;                 /* where the next milter logs; STDERR_FILENO unless set */
};
extern struct program program;

/** cmocka's setup and teardown of a group: a milter with `shadow: off`, until a test stops it. The
 *  teardown fails when it does not end well, or leaves a file. */
int program_set_up(void **state);
int program_tear_down(void **state);

/** cmocka's setup and teardown of a test: the daemon is there. */
int program_set_up_daemon(void **state);
int program_tear_down_daemon(void **state);
#define WITH_DAEMON(test)                                                                          \
    cmocka_unit_test_setup_teardown(test, program_set_up_daemon, program_tear_down_daemon)

/** The configuration of the next milter; `more` stands in its section `milter`. */
void program_configure(const char *more);

/** Start it, and wait until it is ready. */
void program_start(void);

/** SIGTERM; it must exit with 0. */
void program_stop(void);

/** Run the program with an option and its value (NULL: none). */
pid_t program_spawn(const char *option, const char *value);

/** Wait for it; less than 0: a signal ended it. */
int program_exit_status(pid_t pid);

#endif
