// SPDX-License-Identifier: Apache-2.0
#include "milter_program.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "stub_dns.h"

enum { START_TIMEOUT_MS = 30000 };

extern char **environ;

struct program program = {.pid = -1, .log_fd = STDERR_FILENO};

static char folder[] = "/tmp/mailspur-milter-XXXXXX";
static char notify_path[64];
static struct stub_dns *dns;
static uint16_t dns_port;
static int notify_fd = -1;

void
program_configure(const char *more)
{
    FILE *file = fopen(program.config, "we");
    assert_non_null(file);
    (void)fprintf(file,
                  "hostname: mx.test\ninbound_mx: in.test\n"
                  "sockets:\n  control: {path: %s/c}\n  intake: {path: %s}\n"
                  "  socketmap: {path: %s/s}\n"
                  "dns: {servers: ['127.0.0.1:%u'], timeout: 1s, tries: 1}\n"
                  "milter: {socket: 'unix:%s', socket_mode: '0640', spool: %s, "
                  "messages_at_once: 1, reference_helper: %s, helpers: 1, %s}\n"
                  "destinations:\n"
                  "  psa: {kind: psa, url: 'https://a.test', secret_file: /nonexistent/secret}\n",
                  folder, program.intake, folder, dns_port, program.socket, folder,
                  REFERENCE_HELPER, more);
    assert_int_equal(fclose(file), 0);
}

pid_t
program_spawn(const char *option, const char *value)
{
    pid_t pid;
    char name[] = MILTER_PROGRAM;
    char *arguments[] = {name, strdup(option), value == NULL ? NULL : strdup(value), NULL};
    posix_spawn_file_actions_t actions;
    assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
    assert_int_equal(posix_spawn_file_actions_adddup2(&actions, program.log_fd, STDERR_FILENO), 0);
    assert_int_equal(posix_spawn(&pid, MILTER_PROGRAM, &actions, NULL, arguments, environ), 0);
    (void)posix_spawn_file_actions_destroy(&actions);
    free(arguments[1]);
    free(arguments[2]);
    return pid;
}

int
program_exit_status(pid_t pid)
{
    int status = -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

// Where systemd would listen: READY=1 tells that the milter answers, without asking in a loop.
static void
open_notify_socket(void)
{
    notify_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", notify_path);
    assert_int_equal(bind(notify_fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(setenv("NOTIFY_SOCKET", notify_path, 1), 0);
}

static void
await_ready(void)
{
    char text[512];
    do {
        struct pollfd item = {.fd = notify_fd, .events = POLLIN};
        assert_int_equal(poll(&item, 1, START_TIMEOUT_MS), 1);
        ssize_t length = recv(notify_fd, text, sizeof(text) - 1, 0);
        assert_true(length > 0);
        text[length] = '\0';
    } while (strstr(text, "READY=1") == NULL);
}

void
program_start(void)
{
    program.pid = program_spawn("-c", program.config);
    await_ready();
}

void
program_stop(void)
{
    assert_int_equal(kill(program.pid, SIGTERM), 0);
    assert_int_equal(program_exit_status(program.pid), 0);
    program.pid = -1;
}

int
program_set_up(void **state)
{
    (void)state;
    (void)signal(SIGPIPE, SIG_IGN);
    assert_non_null(mkdtemp(folder));
    (void)snprintf(program.config, sizeof(program.config), "%s/mailspur.yaml", folder);
    (void)snprintf(program.socket, sizeof(program.socket), "%s/milter.sock", folder);
    (void)snprintf(program.intake, sizeof(program.intake), "%s/intake.sock", folder);
    (void)snprintf(notify_path, sizeof(notify_path), "%s/notify.sock", folder);
    dns = stub_dns_start(&dns_port);
    program_configure("shadow: off");
    open_notify_socket();
    program_start();
    return 0;
}

int
program_tear_down(void **state)
{
    (void)state;
    int status = 0;
    if (program.pid > 0) {
        (void)kill(program.pid, SIGTERM);
        status = program_exit_status(program.pid);
    }
    stub_dns_stop(dns);
    (void)close(notify_fd);
    (void)unlink(notify_path);
    (void)unlink(program.config);
    (void)unlink(program.socket);
    return status == 0 ? rmdir(folder) : status; // no spool file may be left
}

int
program_set_up_daemon(void **state)
{
    (void)state;
    program.daemon = stub_daemon_start(program.intake);
    return 0;
}

int
program_tear_down_daemon(void **state)
{
    (void)state;
    stub_daemon_stop(program.daemon);
    program.daemon = NULL;
    return 0;
}
