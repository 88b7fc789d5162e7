// SPDX-License-Identifier: Apache-2.0
// What all sessions of the process share. Fixed before the first session; the members that change
// have their own locks.
#ifndef MILTER_HOST_H
#define MILTER_HOST_H

#include "milter/defer_memory.h"
#include "milter/intake_client.h"
#include "milter/limiter.h"
#include "milter/outage.h"
#include "milter/own_mail.h"
#include "verifier/message/auth.h"

struct host {
    struct intake_pool *intake;
    const char *spool;
    const char *authserv_id;
    const char *discovery; /* of DMARC, as the configuration calls it */
    bool keep_evidence;
    struct auth *auth;
    struct limiter *messages; /* end-of-message steps under way */
    struct limiter *sessions; /* counted only, for the end */
    struct defer_memory *deferred;
    struct outage *outage;
    struct own_mail own;
};

#endif
