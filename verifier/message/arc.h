// SPDX-License-Identifier: Apache-2.0
// The Authenticated Received Chain of one message (RFC 8617): which sets there are, what they need
// of the body, and whether the chain holds.
#ifndef VERIFIER_MESSAGE_ARC_H
#define VERIFIER_MESSAGE_ARC_H

#include "common/verdict.h"
#include "verifier/message/signature_check.h"

enum {
    ARC_QUERIES_MAX = 60,     /* of one chain; what has been asked before costs none */
    ARC_QUERIES_RESERVED = 20 /* of the message's budget, for those who come after */
};

struct arc_chain; /* one message; one thread at a time */

/** Collect the sets and ask for the body hashes they need. Never NULL. */
struct arc_chain *arc_chain_new(const struct header_index *header, int64_t now,
                                struct body_hash *bodies);
void arc_chain_free(struct arc_chain *chain);

/**
 * Validate (RFC 8617, 5.2). Uses at most ARC_QUERIES_MAX queries and half the time that is left, so
 * that no stranger's long chain keeps the rest of the message from being judged.
 *
 * @out result none: there are no ARC fields; temperror: the DNS did not tell
 */
void arc_chain_validate(const struct arc_chain *chain, const struct check_context *context,
                        struct verdict_arc *out);

#endif
