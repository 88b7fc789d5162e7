// SPDX-License-Identifier: Apache-2.0
// The life of a domain: the one place that says which status follows which.
#ifndef VERIFIER_DOMAIN_STATE_H
#define VERIFIER_DOMAIN_STATE_H

#include "store/store.h"

enum domain_happening {
    DOMAIN_CHECK_PASSED,  /* every required record was found */
    DOMAIN_CHECK_FAILED,  /* a required record is certainly not there */
    DOMAIN_CHECK_UNKNOWN, /* could not ask: neither the one nor the other */
    DOMAIN_REMOVE
};

/**
 * Move `domain` on: status, times, inbound.
 *
 * @now  the store's clock
 * @return  the kind of the event to record; NULL when nothing changes, not even `checked_at`
 */
const char *domain_state_step(struct store_domain *domain, enum domain_happening happening,
                              int64_t now);

#endif
