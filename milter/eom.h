// SPDX-License-Identifier: Apache-2.0
// End of message: judge it, apply the policy, hand it over to the daemon, and find the one answer
// that is right for every recipient.
#ifndef MILTER_EOM_H
#define MILTER_EOM_H

#include "milter/session.h"

/**
 * The answer for the whole transaction, which is over afterwards except for its list of recipients:
 * call session_reset when ANSWER_REMOVE has been carried out.
 *
 * @progress  called while waiting; false: the MTA is gone
 * @thread    blocks: authentication, then the daemon's commit
 */
void eom_decide(struct session *session, intake_progress_fn progress, void *arg,
                struct answer *out);

#endif
