// SPDX-License-Identifier: Apache-2.0
// A leased delivery that outlives the callback, or the commit, that brought it.
#ifndef ROUTER_DELIVERY_JOB_H
#define ROUTER_DELIVERY_JOB_H

#include "router/delivery/letter.h"

struct job {
    struct store_delivery delivery; /* its strings belong to the job */
    struct job *next;
    struct letter *letter; /* the job's reference; NULL: the message is read from the store */
    char *recipients;      /* with a letter: of the same domain and destination, one a line */
};

/** A deep copy. Never NULL. */
struct job *job_new(const struct store_delivery *delivery);
void job_free(struct job *job); /* NULL-safe */

#endif
