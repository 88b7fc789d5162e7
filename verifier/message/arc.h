// SPDX-License-Identifier: Apache-2.0
// The Authenticated Received Chain of one message (RFC 8617): which sets there are, what they need
// of the body, and whether the chain holds.
#ifndef VERIFIER_MESSAGE_ARC_H
#define VERIFIER_MESSAGE_ARC_H

#include "common/verdict.h"
#include "verifier/message/signature_check.h"

enum {
    ARC_QUERIES_MAX = 60,      /* of one chain; what has been asked before costs none */
    ARC_QUERIES_RESERVED = 20, /* of the message's budget, for those who come after ... */
    ARC_QUERIES_LEAST = 4 /* ... but never fewer than these, so that the newest set is judged */
};

struct arc_chain; /* one message; one thread at a time */

/** Collect the sets and ask for the body hashes they need. Never NULL. */
struct arc_chain *arc_chain_new(const struct header_index *header, int64_t now,
                                struct body_hash *bodies);
void arc_chain_free(struct arc_chain *chain);

/** The highest instance; 0: there are no sets. */
unsigned arc_chain_length(const struct arc_chain *chain);

/** One set, as far as it is there. */
struct arc_sealed {
    char sealer[DOMAIN_NAME_SIZE]; /* d= of its seal; "" when there is none */
    char signer[DOMAIN_NAME_SIZE]; /* d= of its message signature */
    bool covers_author;            /* the message signature covers From */
    bool covers_body;              /* it has no l=, which strangers could write behind */
    char *results;                 /* value of its ARC-Authentication-Results; NULL: none */
    size_t results_length;
};

/** What the sets say. Nothing of it is proven unless the chain passes. */
struct arc_trail {
    struct arc_sealed *sets; /* instance 1 comes first */
    size_t count;
};

/** Copy the chain's sets; arc_trail_done() them. */
void arc_chain_copy_trail(const struct arc_chain *chain, const struct header_index *header,
                          struct arc_trail *out);

void arc_trail_done(struct arc_trail *trail);

/**
 * Validate (RFC 8617, 5.2). Uses at most ARC_QUERIES_MAX queries and half the time that is left, so
 * that no stranger's long chain keeps the rest of the message from being judged. The newest set
 * comes first: what an older one costs cannot keep it from being judged.
 *
 * @out result none: there are no ARC fields; temperror: the DNS did not tell
 */
void arc_chain_validate(const struct arc_chain *chain, const struct check_context *context,
                        struct verdict_arc *out);

#endif
