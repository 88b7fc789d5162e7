// SPDX-License-Identifier: Apache-2.0
// The body hashes of all signatures of a message: one running hash per canonicalisation, read off
// at each length that some signature names (l=), however many signatures there are.
#ifndef VERIFIER_MESSAGE_BODY_HASH_H
#define VERIFIER_MESSAGE_BODY_HASH_H

#include <stddef.h>
#include <stdint.h>

#include "common/digest.h"
#include "common/status.h"
#include "verifier/message/canon.h"

#define BODY_HASH_WHOLE UINT64_MAX /* no l= */

struct body_hash; /* one message; one thread at a time */

struct body_hash *body_hash_new(void);
void body_hash_free(struct body_hash *hashes);

/** Ask for a hash, before the first byte. Equal wishes cost nothing more. */
void body_hash_want(struct body_hash *hashes, enum canon canon, uint64_t length);

void body_hash_feed(struct body_hash *hashes, const void *data, size_t length);
void body_hash_finish(struct body_hash *hashes);

/**
 * The hash of the first `length` canonical bytes, or of all; only what was asked for.
 *
 * @return ST_OK; ST_TOO_LARGE: the body is shorter
 */
MUST_CHECK enum status body_hash_get(const struct body_hash *hashes, enum canon canon,
                                     uint64_t length, unsigned char out[SHA256_SIZE]);

/** How long the canonical body is. */
uint64_t body_hash_length(const struct body_hash *hashes, enum canon canon);

#endif
