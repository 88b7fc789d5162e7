// SPDX-License-Identifier: Apache-2.0
// What a library taken over by a message could try inside mailspur-reference, tried: each attempt
// in a child of its own that has entered the sandbox.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/attrs.h"
#include "verifier/message/reference/sandbox.h"

enum {
    DENIED = 0,
    DONE = 1,       /* it worked */
    NO_SANDBOX = 2, /* the child did not get that far */
    MEMORY = 600 * 1024 * 1024
};

typedef long attempt(void);

static long
open_a_file(void)
{
    return open("/etc/passwd", O_RDONLY | O_CLOEXEC);
}

static long
make_a_file(void)
{
    return open("/tmp/mailspur-sandbox", O_WRONLY | O_CREAT | O_CLOEXEC, S_IRUSR);
}

static long
remove_a_file(void)
{
    return unlink("/nonexistent");
}

static long
list_a_folder(void)
{
    return syscall(SYS_openat, AT_FDCWD, "/", O_RDONLY | O_DIRECTORY);
}

static long
make_an_internet_socket(void)
{
    return socket(AF_INET, SOCK_STREAM, 0);
}

static long
make_a_unix_socket(void)
{
    return socket(AF_UNIX, SOCK_STREAM, 0);
}

static long
start_a_process(void)
{
    return syscall(SYS_fork);
}

static long
start_a_thread(void)
{
    return syscall(SYS_clone3, NULL, 0);
}

static long
run_a_program(void)
{
    char program[] = "/bin/true";
    char *const arguments[] = {program, NULL};
    return execv(program, arguments);
}

static long
look_into_its_parent(void)
{
    return ptrace(PTRACE_ATTACH, getppid(), NULL, NULL);
}

static long
kill_its_parent(void)
{
    return kill(getppid(), 0);
}

static long
map_memory_to_execute(void)
{
    void *place =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return place == MAP_FAILED ? -1 : 0;
}

static long
make_memory_executable(void)
{
    void *place = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return place == MAP_FAILED ? 0 : mprotect(place, 4096, PROT_READ | PROT_EXEC);
}

static long
write_to_standard_output(void)
{
    return write(STDOUT_FILENO, "x", 1);
}

static long
raise_its_limits(void)
{
    const struct rlimit limit = {.rlim_cur = 1000, .rlim_max = 1000};
    return setrlimit(RLIMIT_NOFILE, &limit);
}

static long
take_more_memory_than_allowed(void)
{
    void *place = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return place == MAP_FAILED ? -1 : 0;
}

static long
change_its_name_space(void)
{
    return syscall(SYS_unshare, 0x10000000 /* CLONE_NEWUSER */);
}

static long
load_another_filter(void)
{
    return syscall(SYS_seccomp, 0, 0, NULL);
}

static const struct {
    const char *label;
    attempt *try;
} ATTEMPTS[] = {
    {"open a file", open_a_file},
    {"make a file", make_a_file},
    {"remove a file", remove_a_file},
    {"list a folder", list_a_folder},
    {"make an Internet socket", make_an_internet_socket},
    {"make a Unix socket", make_a_unix_socket},
    {"start a process", start_a_process},
    {"start a thread", start_a_thread},
    {"run a program", run_a_program},
    {"look into its parent", look_into_its_parent},
    {"kill its parent", kill_its_parent},
    {"map memory to execute", map_memory_to_execute},
    {"make memory executable", make_memory_executable},
    {"write to standard output", write_to_standard_output},
    {"raise its limits", raise_its_limits},
    {"take more memory than allowed", take_more_memory_than_allowed},
    {"change its name space", change_its_name_space},
    {"load another filter", load_another_filter},
};

// What became of it: DENIED only with EPERM, or ENOMEM for memory.
static int
run(attempt *try, bool inside)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (inside && sandbox_enter(NULL) != ST_OK) {
            _exit(NO_SANDBOX);
        }
        errno = 0;
        _exit(try() == -1 && (errno == EPERM || errno == ENOMEM) ? DENIED : DONE);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void
nothing_that_a_message_must_not_do_is_possible(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ATTEMPTS); i++) {
        int result = run(ATTEMPTS[i].try, true);
        if (result != DENIED) {
            fail_msg("%s: %s", ATTEMPTS[i].label, result == DONE ? "possible" : "no sandbox");
        }
    }
}

// Else the test above would prove nothing.
static void
outside_it_would_be_possible(void **state)
{
    (void)state;
    static attempt *const possible[] = {open_a_file,           make_an_internet_socket,
                                        map_memory_to_execute, make_memory_executable,
                                        kill_its_parent,       take_more_memory_than_allowed};
    for (size_t i = 0; i < ARRAY_LEN(possible); i++) {
        assert_int_equal(run(possible[i], false), DONE);
    }
}

static void
endless_work_is_ended_by_the_kernel(void **state)
{
    (void)state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const struct rlimit limit = {.rlim_cur = 1, .rlim_max = RLIM_INFINITY};
        if (setrlimit(RLIMIT_CPU, &limit) != 0 || sandbox_enter(NULL) != ST_OK) {
            _exit(NO_SANDBOX);
        }
        for (volatile unsigned long turns = 0;; turns++) {
        }
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGXCPU);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_that_a_message_must_not_do_is_possible),
        cmocka_unit_test(outside_it_would_be_possible),
        cmocka_unit_test(endless_work_is_ended_by_the_kernel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
