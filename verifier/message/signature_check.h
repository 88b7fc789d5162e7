// SPDX-License-Identifier: Apache-2.0
// Does a signature hold? The steps of RFC 6376, 6.1 behind the syntax, the same for DKIM and ARC:
// fetch the key, compare it with the tags, compare the body, compute the hash, verify.
#ifndef VERIFIER_MESSAGE_SIGNATURE_CHECK_H
#define VERIFIER_MESSAGE_SIGNATURE_CHECK_H

#include "common/verdict.h"
#include "verifier/message/body_hash.h"
#include "verifier/message/header_index.h"
#include "verifier/message/key_cache.h"
#include "verifier/message/signed_field.h"

/** What the signatures of one message share. All borrowed. */
struct check_context {
    struct header_index *header;
    const struct body_hash *bodies; /* finished */
    struct hasher *hasher;          /* at its beginning; left there */
    struct key_cache *cache;        /* may be NULL */
    struct dns *dns;
    struct dns_budget *budget;
};

struct check_result {
    enum auth_result result; /* pass, fail, policy, temperror, permerror */
    unsigned bits;           /* of the key; 0: there is none */
    bool unsigned_tail;      /* it passes, and l= ends before the body */
    char reason[VERDICT_REASON_SIZE];
};

/** Check a DKIM-Signature or an ARC-Message-Signature, field number `own`. */
void signature_check(const struct check_context *context, const struct signed_field *field,
                     size_t own, struct check_result *out);

/** Check b= of a field against a hash that was computed already (ARC-Seal). */
void signature_check_hash(const struct check_context *context, const struct signed_field *field,
                          const unsigned char hash[SHA256_SIZE], struct check_result *out);

#endif
