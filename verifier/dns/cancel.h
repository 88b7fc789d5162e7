// SPDX-License-Identifier: Apache-2.0
// A switch that ends all waiting for the DNS, thrown once and for good when the process stops.
#ifndef VERIFIER_DNS_CANCEL_H
#define VERIFIER_DNS_CANCEL_H

#include <stdatomic.h>
#include <stdbool.h>

#include "common/status.h"

struct dns_cancel {
    atomic_bool is_cancelled;
    int fd; /* to be polled: readable from then on; -1: not open */
};

/** ST_IO: no descriptor. */
MUST_CHECK enum status dns_cancel_open(struct dns_cancel *cancel, struct why *why);
void dns_cancel_close(struct dns_cancel *cancel);

/** Any thread, any number of times. */
void dns_cancel_throw(struct dns_cancel *cancel);

/** @cancel  NULL: never */
bool dns_cancel_is_thrown(const struct dns_cancel *cancel);

/** The descriptor for poll(), which passes over -1. */
int dns_cancel_fd(const struct dns_cancel *cancel);

#endif
