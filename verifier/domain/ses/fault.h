// SPDX-License-Identifier: Apache-2.0
// An answer of SES that is no success, in plain words: who has to do what.
#ifndef VERIFIER_DOMAIN_SES_FAULT_H
#define VERIFIER_DOMAIN_SES_FAULT_H

#include "verifier/domain/ses/exchange.h"

enum {
    SES_CLOCK_TOLERATED_MS = 4 * 60 * 1000, /* SES refuses from 5 minutes on */
    SES_THROTTLE_WAIT_MS = 2000             /* when it does not say how long */
};

/**
 * What an answer means; call it with a status outside 200 to 299. Blocks nothing.
 *
 * Only a named NotFoundException is ST_NOT_FOUND: a bare 404 comes from somebody else than SES.
 *
 * @wall_ms  this host's clock when the answer came
 */
MUST_CHECK enum status ses_fault_explain(const struct ses_request *request,
                                         const struct ses_answer *answer, int64_t wall_ms,
                                         struct why *why);

/** How long SES wants to be left alone after this answer; 0: it does not say so. */
int64_t ses_fault_wait_ms(const struct ses_answer *answer);

#endif
