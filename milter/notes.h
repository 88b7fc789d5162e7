// SPDX-License-Identifier: Apache-2.0
// What is noted of a message while it is judged, to become its evidence.
#ifndef MILTER_NOTES_H
#define MILTER_NOTES_H

#include "common/evidence.h"
#include "milter/message_buffer.h"
#include "milter/policy.h"
#include "milter/session.h"
#include "verifier/dns/recorder.h"
#include "verifier/message/spf.h"

/** Of one message; one thread at a time. */
struct notes {
    struct dns_recorder *recorder; /* NULL: nothing is to be noted */
    struct spf_trace trace;
    int64_t now_s; /* what the message is judged by */
};

/** @wanted  false: nothing is noted, and notes_format writes nothing */
void notes_begin(struct notes *notes, bool wanted);
void notes_done(struct notes *notes);

/** What was found out and decided; borrowed. */
struct notes_outcome {
    const struct message_bytes *bytes;
    const char *verdict; /* JSON */
    const struct policy_case *input;
    const struct policy_decision *decision;
};

/** Append the evidence (common/evidence.h) to `out`, whose cap is EVIDENCE_MAX. */
void notes_format(const struct notes *notes, const struct session *session,
                  const struct notes_outcome *outcome, struct strbuf *out);

#endif
