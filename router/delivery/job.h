// SPDX-License-Identifier: Apache-2.0
// A claimed delivery that outlives the store's callback.
#ifndef ROUTER_DELIVERY_JOB_H
#define ROUTER_DELIVERY_JOB_H

#include "store/store.h"

struct job {
    struct store_delivery delivery; /* its strings belong to the job */
    struct job *next;
};

/** A deep copy; release with free(). Never NULL. */
struct job *job_new(const struct store_delivery *delivery);

#endif
