// SPDX-License-Identifier: Apache-2.0
// What a daemon owes its supervisor: readiness, watchdog, signals. systemd is optional at run time:
// without NOTIFY_SOCKET these do nothing.
#ifndef COMMON_DAEMON_H
#define COMMON_DAEMON_H

#include "common/status.h"

enum daemon_wish {
    DAEMON_NOTHING, /* the time passed */
    DAEMON_RELOAD,  /* SIGHUP */
    DAEMON_STOP     /* SIGTERM, SIGINT */
};

/**
 * Block the signals that daemon_wait reads and ignore SIGPIPE. Call first in main, before any
 * thread, so that all threads inherit it.
 */
MUST_CHECK enum status daemon_signals_open(int *signal_fd_out, struct why *why);

/** Wait for a wish for at most `timeout_ms`; tells the watchdog that the main thread lives. */
enum daemon_wish daemon_wait(int signal_fd, int timeout_ms);

/** How often daemon_wait should be called for the watchdog, at most `otherwise_ms`. */
int daemon_wait_interval_ms(int otherwise_ms);

void daemon_notify_ready(void);
void daemon_notify_reloading(void);
void daemon_notify_stopping(void);

#endif
