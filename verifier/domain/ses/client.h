// SPDX-License-Identifier: Apache-2.0
// The client: settings, checked, and the pace all its calls keep together.
#ifndef VERIFIER_DOMAIN_SES_CLIENT_H
#define VERIFIER_DOMAIN_SES_CLIENT_H

#include <pthread.h>

#include "verifier/domain/ses/ses.h"

enum {
    SES_URL_MAX = 512,                  /* bytes of the endpoint's URL */
    SES_ASKED_WAIT_MAX_MS = 3600 * 1000 /* SES may ask for an hour, not for a year */
};

struct ses {
    struct ses_settings settings; /* texts owned; `endpoint` never NULL, without final slash */
    pthread_mutex_t lock;         /* protects what follows */
    pthread_cond_t changed;
    int64_t next_call_at; /* clock_mono_ms() */
    bool cancelled;
};

/** Wait until this call may start. ST_AGAIN: not before the deadline, or cancelled. */
MUST_CHECK enum status ses_client_take_turn(struct ses *ses, int64_t deadline, struct why *why);

/** No call starts within the next `wait_ms`, capped at SES_ASKED_WAIT_MAX_MS. */
void ses_client_hold_off(struct ses *ses, int64_t wait_ms);

/** Wait before a repetition; false when the deadline would come first, or on cancel. */
bool ses_client_pause(struct ses *ses, int64_t wait_ms, int64_t deadline);

bool ses_client_is_cancelled(struct ses *ses);

#endif
