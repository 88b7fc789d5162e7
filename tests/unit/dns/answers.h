// SPDX-License-Identifier: Apache-2.0
// What the test server answers: by the name that is asked, from good to forged, broken and silent.
#ifndef TESTS_UNIT_DNS_ANSWERS_H
#define TESTS_UNIT_DNS_ANSWERS_H

#include <semaphore.h>
#include <stdatomic.h>

#include "tests/unit/dns/server.h"

/** The handler of all names: the table at the end of answers.c. Another name aborts. */
void answers_by_name(const struct exchange *exchange);

/** Handlers for a whole server. */
void answers_garbage(const struct exchange *exchange);
void answers_servfail(const struct exchange *exchange);
void answers_refused(const struct exchange *exchange);
void answers_far_loop(const struct exchange *exchange);

extern atomic_uint answers_asked; /* counted by gated.test and second-time.test */
extern sem_t answers_gate;        /* gated.test waits for it */

#endif
