// SPDX-License-Identifier: Apache-2.0
#include "verifier/message/reference/sandbox.h"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <seccomp.h>

enum {
    MEMORY_MAX = 512 * 1024 * 1024, /* a 4 MiB header block and its copies fit many times */
    DESCRIPTORS_MAX = 8,            /* 0 to 3, and the message */
    CPU_SECONDS = 20                /* of one message; 100 MB hash in less than one */
};

struct limit {
    __rlimit_resource_t resource;
    rlim_t value;
    const char *name;
};

static const struct limit LIMITS[] = {
    {RLIMIT_CORE, 0, "core"},
    {RLIMIT_FSIZE, 0, "file size"},
    {RLIMIT_NOFILE, DESCRIPTORS_MAX, "descriptors"},
#ifndef MAILSPUR_SANITIZED // shadow memory needs terabytes of address space
    {RLIMIT_AS, MEMORY_MAX, "memory"},
#endif
};

static enum status
set_limits(struct why *why)
{
    for (size_t i = 0; i < ARRAY_LEN(LIMITS); i++) {
        struct rlimit limit = {.rlim_cur = LIMITS[i].value, .rlim_max = LIMITS[i].value};
        if (setrlimit(LIMITS[i].resource, &limit) != 0) {
            return why_errno(why, ST_IO, "limit of %s", LIMITS[i].name);
        }
    }
    return ST_OK;
}

void
sandbox_grant_cpu(void)
{
    struct rusage usage;
    struct rlimit limit;
    if (getrusage(RUSAGE_SELF, &usage) != 0 || getrlimit(RLIMIT_CPU, &limit) != 0) {
        return; // the limit set last still stands
    }
    limit.rlim_cur =
        (rlim_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) + CPU_SECONDS; // cumulative
    (void)setrlimit(RLIMIT_CPU, &limit);
}

#ifndef MAILSPUR_SANITIZED // the sanitizers' runtime needs far more calls than this
static const int ALLOWED_CALLS[] = {
    SCMP_SYS(read),           SCMP_SYS(pread64),
    SCMP_SYS(recvmsg),        SCMP_SYS(sendmsg),
    SCMP_SYS(close),          SCMP_SYS(brk),
    SCMP_SYS(munmap),         SCMP_SYS(mremap),
    SCMP_SYS(madvise),        SCMP_SYS(futex),
    SCMP_SYS(exit),           SCMP_SYS(exit_group),
    SCMP_SYS(rt_sigreturn),   SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask), SCMP_SYS(clock_gettime),
    SCMP_SYS(gettimeofday),   SCMP_SYS(time),
    SCMP_SYS(getrandom),      SCMP_SYS(getpid),
    SCMP_SYS(gettid),         SCMP_SYS(tgkill),
    SCMP_SYS(getrusage),      SCMP_SYS(fstat),
    SCMP_SYS(newfstatat),     SCMP_SYS(restart_syscall),
};

static int
add_rules(scmp_filter_ctx filter)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < ARRAY_LEN(ALLOWED_CALLS); i++) {
        rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, ALLOWED_CALLS[i], 0);
    }
    // Memory, but none that can be executed; a last word on standard error; the own CPU limit.
    rc = rc != 0 ? rc
                 : seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
                                    SCMP_A2(SCMP_CMP_MASKED_EQ, 4 /* PROT_EXEC */, 0));
    rc = rc != 0 ? rc
                 : seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
                                    SCMP_A2(SCMP_CMP_MASKED_EQ, 4 /* PROT_EXEC */, 0));
    rc = rc != 0 ? rc
                 : seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(write), 1,
                                    SCMP_A0(SCMP_CMP_EQ, STDERR_FILENO));
    rc = rc != 0 ? rc
                 : seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(writev), 1,
                                    SCMP_A0(SCMP_CMP_EQ, STDERR_FILENO));
    return rc != 0 ? rc
                   : seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 2,
                                      SCMP_A0(SCMP_CMP_EQ, 0), SCMP_A1(SCMP_CMP_EQ, RLIMIT_CPU));
}

// What is not allowed fails with EPERM: the libraries see an error, and nothing happens.
static enum status
load_filter(struct why *why)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    if (filter == NULL) {
        return why_set(why, ST_IO, "seccomp: no memory");
    }
    int rc = add_rules(filter);
    rc = rc != 0 ? rc : seccomp_load(filter);
    seccomp_release(filter);
    errno = -rc;
    return rc == 0 ? ST_OK : why_errno(why, ST_IO, "seccomp");
}
#endif

enum status
sandbox_enter(struct why *why)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) {
        return why_errno(why, ST_IO, "prctl");
    }
    enum status status = set_limits(why);
#ifndef MAILSPUR_SANITIZED
    if (status == ST_OK) {
        status = load_filter(why);
    }
#endif
    return status;
}
