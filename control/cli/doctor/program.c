// SPDX-License-Identifier: Apache-2.0
#include "control/cli/doctor/program.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/attrs.h"
#include "common/clock.h"

static const char *const FOLDERS[] = {"/usr/sbin", "/usr/bin",        "/sbin",
                                      "/bin",      "/usr/local/sbin", "/usr/local/bin"};
enum { PATH_SIZE = 4096 };

static enum status
find_program(const char *name, char path_out[PATH_SIZE], struct why *why)
{
    if (strchr(name, '/') != NULL) {
        (void)snprintf(path_out, PATH_SIZE, "%s", name);
        return access(path_out, X_OK) == 0 ? ST_OK : why_set(why, ST_NOT_FOUND, "no %s", name);
    }
    for (size_t i = 0; i < ARRAY_LEN(FOLDERS); i++) {
        (void)snprintf(path_out, PATH_SIZE, "%s/%s", FOLDERS[i], name);
        if (access(path_out, X_OK) == 0) {
            return ST_OK;
        }
    }
    return why_set(why, ST_NOT_FOUND, "no program %s", name);
}

/* Ends of the pipes: ours to read, the program's to write. */
struct pipes {
    int input;
    int output[2];
    int errors[2];
};

static void
close_pipes(const struct pipes *pipes)
{
    const int fds[] = {pipes->input, pipes->output[0], pipes->output[1], pipes->errors[0],
                       pipes->errors[1]};
    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        if (fds[i] >= 0) {
            (void)close(fds[i]); // nothing durable
        }
    }
}

// Its input: a file in memory, so that neither side waits for the other.
static int
open_input(const char *text)
{
    if (text == NULL) {
        return open("/dev/null", O_RDONLY | O_CLOEXEC);
    }
    AUTO_FD int fd = memfd_create("input", MFD_CLOEXEC);
    size_t length = strlen(text);
    size_t done = 0;
    while (fd >= 0 && done < length) {
        ssize_t written = write(fd, text + done, length - done);
        if (written <= 0) {
            return -1;
        }
        done += (size_t)written;
    }
    return fd < 0 || lseek(fd, 0, SEEK_SET) != 0 ? -1 : STEAL_FD(fd);
}

static enum status
open_pipes(const char *input, struct pipes *pipes, struct why *why)
{
    pipes->input = open_input(input);
    if (pipes->input < 0 || pipe2(pipes->output, O_CLOEXEC) != 0 ||
        pipe2(pipes->errors, O_CLOEXEC) != 0) {
        return why_errno(why, ST_IO, "a pipe");
    }
    return ST_OK;
}

static enum status
spawn(const struct program *program, const char *path, const struct pipes *pipes, pid_t *pid_out,
      struct why *why)
{
    static char locale[] = "LC_ALL=C";
    static char folders[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
    char *const environment[] = {folders, locale, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_adddup2(&actions, pipes->input, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, pipes->output[1], STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, pipes->errors[1], STDERR_FILENO);
    // A group of its own, so that what it starts in turn can be ended too.
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    char *argv[PROGRAM_ARGUMENTS_MAX + 1] = {NULL};
    for (size_t i = 0; i < PROGRAM_ARGUMENTS_MAX && program->argv[i] != NULL; i++) {
        memcpy(&argv[i], &program->argv[i],
               sizeof(argv[i])); // posix_spawn's own type; it only reads
    }
    errno = posix_spawn(pid_out, path, &actions, &attributes, argv, environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return errno == 0 ? ST_OK : why_errno(why, ST_IO, "%s", path);
}

// False at the end of the stream.
static bool
take(int fd, struct strbuf *out)
{
    char bytes[8192];
    ssize_t length = read(fd, bytes, sizeof(bytes));
    if (length > 0) {
        strbuf_append(out, bytes, (size_t)length);
    }
    return length > 0 || (length < 0 && errno == EINTR);
}

// Until both streams ended.
static enum status
collect(const struct pipes *pipes, int64_t deadline_ms, struct program_result *result,
        struct why *why)
{
    struct pollfd fds[] = {{.fd = pipes->output[0], .events = POLLIN},
                           {.fd = pipes->errors[0], .events = POLLIN}};
    struct strbuf *const into[] = {&result->output, &result->errors};
    while (fds[0].fd >= 0 || fds[1].fd >= 0) {
        int64_t left = deadline_ms - clock_mono_ms();
        if (left <= 0) {
            return why_set(why, ST_AGAIN, "it did not end in time");
        }
        if (poll(fds, ARRAY_LEN(fds), (int)left) < 0 && errno != EINTR) {
            return why_errno(why, ST_IO, "poll");
        }
        for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
            if (fds[i].fd >= 0 && fds[i].revents != 0 && !take(fds[i].fd, into[i])) {
                fds[i].fd = -1;
            }
        }
    }
    return ST_OK;
}

// It may have closed its streams, and live on.
static enum status
await_exit(pid_t pid, int64_t deadline_ms, struct why *why)
{
    AUTO_FD int fd = pidfd_open(pid, 0);
    struct pollfd end = {.fd = fd, .events = POLLIN};
    int64_t left = deadline_ms - clock_mono_ms();
    if (fd < 0 || poll(&end, 1, left < 0 ? 0 : (int)left) != 1) {
        return why_set(why, ST_AGAIN, "it did not end in time");
    }
    return ST_OK;
}

static int
reap(pid_t pid)
{
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static enum status
run_with(const struct program *program, const char *path, struct pipes *pipes,
         struct program_result *result_out, struct why *why)
{
    pid_t pid = -1;
    int64_t deadline_ms = clock_mono_ms() + program->timeout_ms;
    enum status status = open_pipes(program->input, pipes, why);
    if (status == ST_OK) {
        status = spawn(program, path, pipes, &pid, why);
    }
    if (status != ST_OK) {
        return status;
    }
    (void)close(pipes->output[1]); // else its end would not be seen
    (void)close(pipes->errors[1]);
    pipes->output[1] = pipes->errors[1] = -1;
    status = collect(pipes, deadline_ms, result_out, why);
    if (status == ST_OK) {
        status = await_exit(pid, deadline_ms, why);
    }
    if (status != ST_OK) {
        (void)kill(-pid, SIGKILL);
    }
    result_out->exit_status = reap(pid);
    if (status == ST_OK && result_out->output.overflow) {
        return why_set(why, ST_TOO_LARGE, "it said more than %d bytes", PROGRAM_OUTPUT_MAX);
    }
    return status;
}

enum status
program_run(const struct program *program, struct program_result *result_out, struct why *why)
{
    char path[PATH_SIZE];
    enum status status = find_program(program->argv[0], path, why);
    if (status != ST_OK) {
        return status;
    }
    struct pipes pipes = {.input = -1, .output = {-1, -1}, .errors = {-1, -1}};
    status = run_with(program, path, &pipes, result_out, why);
    close_pipes(&pipes);
    return status;
}

void
program_result_done(struct program_result *result)
{
    strbuf_done(&result->output);
    strbuf_done(&result->errors);
}
