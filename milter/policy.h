// SPDX-License-Identifier: Apache-2.0
// What a verdict comes to under the policy of the recipients' domain (RFC 9989). Pure.
#ifndef MILTER_POLICY_H
#define MILTER_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/policy.h"
#include "common/verdict.h"
#include "milter/answer.h"

enum policy_action {
    POLICY_ACCEPT,
    POLICY_HOLD,   /* keep it, deliver nothing until released */
    POLICY_REFUSE, /* `reply` is 5xx */
    POLICY_DEFER   /* `reply` is 4xx */
};

struct policy_case {
    const struct policy *policy;
    const struct verdict *verdict;
    bool mixed;                /* recipients of the MTA's own are in the transaction too */
    int64_t deferred_since_ms; /* how long mail of this sender has been put off; 0: first time */
};

struct policy_decision {
    enum policy_action action;
    const char *hold;    /* static; "" unless POLICY_HOLD */
    struct answer reply; /* with POLICY_REFUSE and POLICY_DEFER */
};

/** True when deferred_since_ms matters: only DMARC's own temperror, and only where the policy says
 *  defer. An SPF temperror beside an aligned DKIM pass is a DMARC pass. */
bool policy_may_defer(const struct policy *policy, const struct verdict *verdict);

/**
 * Decide. One answer must be right for every recipient: in a mixed transaction what would be
 * refused or put off is held instead.
 */
void policy_decide(const struct policy_case *input, struct policy_decision *out);

#endif
