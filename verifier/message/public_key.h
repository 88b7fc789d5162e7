// SPDX-License-Identifier: Apache-2.0
// SHA-256 and public keys over OpenSSL, whose types stay inside public_key.c. The algorithm is
// fetched once; OpenSSL 3 would look it up at every start of a hash.
#ifndef VERIFIER_MESSAGE_PUBLIC_KEY_H
#define VERIFIER_MESSAGE_PUBLIC_KEY_H

#include <stdbool.h>
#include <stddef.h>

#include "common/cleanup.h"
#include "common/digest.h"
#include "common/status.h"

enum key_kind { KEY_RSA, KEY_ED25519 };

enum {
    KEY_RSA_BITS_MIN = 1024,        /* RFC 8301, 3.2 */
    KEY_RSA_BITS_MAX = 16 * 1024,   /* OpenSSL's own limit */
    KEY_RSA_EXPONENT_BITS_MAX = 64, /* a longer one makes each verification cost like a signature */
    KEY_ED25519_BITS = 256,
    KEY_DER_MAX = 4 * 1024,
    KEY_SIGNATURE_MAX = KEY_RSA_BITS_MAX / 8
};

struct hasher; /* one running SHA-256; one thread at a time */

/** Never NULL. */
struct hasher *hasher_new(void);
void hasher_free(struct hasher *hasher);
void hasher_update(struct hasher *hasher, const void *data, size_t length);

/** The result; the hasher begins anew. */
void hasher_finish(struct hasher *hasher, unsigned char out[SHA256_SIZE]);

/** The result so far; the hasher goes on. */
void hasher_peek(const struct hasher *hasher, unsigned char out[SHA256_SIZE]);

/** Make `to` continue where `from` stands. */
void hasher_copy(struct hasher *to, const struct hasher *from);

static inline void
hasher_cleanup(struct hasher **hasher)
{
    hasher_free(*hasher);
}
#define AUTO_HASHER AUTO(hasher_cleanup) struct hasher

struct public_key; /* immutable: any thread */

/**
 * Read a key: RSA as SubjectPublicKeyInfo or RSAPublicKey (RFC 6376 says the one in 3.6.1 and shows
 * the other in its examples), Ed25519 as its 32 bytes (RFC 8463, 4).
 *
 * @return ST_OK, then public_key_free(); ST_INVALID: it is no such key; ST_TOO_LARGE: over the caps
 */
MUST_CHECK enum status public_key_parse(enum key_kind kind, const unsigned char *data,
                                        size_t length, struct public_key **key_out,
                                        struct why *why);

/** NULL-safe. */
void public_key_free(struct public_key *key);

/** Of the modulus; 256 for Ed25519. */
unsigned public_key_bits(const struct public_key *key);

/** True if this is the key's signature of the hash (PKCS #1 v1.5, or RFC 8463, 3). Any thread. */
bool public_key_verify(const struct public_key *key, const unsigned char hash[SHA256_SIZE],
                       const unsigned char *signature, size_t length);

#endif
