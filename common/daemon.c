// SPDX-License-Identifier: Apache-2.0
#include "common/daemon.h"

#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include <systemd/sd-daemon.h>

enum status
daemon_signals_open(int *signal_fd_out, struct why *why)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGHUP);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    if (pthread_sigmask(SIG_BLOCK, &set, NULL) != 0 || signal(SIGPIPE, SIG_IGN) == SIG_ERR) {
        return why_errno(why, ST_IO, "set the signal mask");
    }
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0) {
        return why_errno(why, ST_IO, "signalfd");
    }
    *signal_fd_out = fd;
    return ST_OK;
}

enum daemon_wish
daemon_wait(int signal_fd, int timeout_ms)
{
    (void)sd_notify(0, "WATCHDOG=1");
    struct pollfd item = {.fd = signal_fd, .events = POLLIN};
    if (poll(&item, 1, timeout_ms) <= 0) {
        return DAEMON_NOTHING;
    }
    struct signalfd_siginfo info;
    if (read(signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info)) {
        return DAEMON_NOTHING;
    }
    return info.ssi_signo == SIGHUP ? DAEMON_RELOAD : DAEMON_STOP;
}

int
daemon_wait_interval_ms(int otherwise_ms)
{
    uint64_t limit_us = 0;
    if (sd_watchdog_enabled(0, &limit_us) <= 0) {
        return otherwise_ms;
    }
    uint64_t third_ms = limit_us / 3000;
    return third_ms < (uint64_t)otherwise_ms ? (int)third_ms : otherwise_ms;
}

void
daemon_notify_ready(void)
{
    (void)sd_notify(0, "READY=1");
}

void
daemon_notify_reloading(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now); // the clock systemd compares with
    (void)sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRId64,
                     (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000);
}

void
daemon_notify_stopping(void)
{
    (void)sd_notify(0, "STOPPING=1");
}
