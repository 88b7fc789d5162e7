// SPDX-License-Identifier: Apache-2.0
#include "verifier/dns/cancel.h"

#include <stddef.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum status
dns_cancel_open(struct dns_cancel *cancel, struct why *why)
{
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd < 0) {
        return why_errno(why, ST_IO, "eventfd");
    }
    atomic_init(&cancel->is_cancelled, false);
    cancel->fd = fd;
    return ST_OK;
}

void
dns_cancel_close(struct dns_cancel *cancel)
{
    if (cancel->fd >= 0) {
        (void)close(cancel->fd); // nothing to lose
    }
    cancel->fd = -1;
}

void
dns_cancel_throw(struct dns_cancel *cancel)
{
    atomic_store(&cancel->is_cancelled, true);
    (void)eventfd_write(cancel->fd, 1); // nobody reads it: it stays readable
}

bool
dns_cancel_is_thrown(const struct dns_cancel *cancel)
{
    return cancel != NULL && atomic_load(&cancel->is_cancelled);
}

int
dns_cancel_fd(const struct dns_cancel *cancel)
{
    return cancel == NULL ? -1 : cancel->fd;
}
