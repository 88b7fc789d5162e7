// SPDX-License-Identifier: Apache-2.0
// SHA-256 and HMAC-SHA256 over OpenSSL, whose types stay inside digest.c.
#ifndef COMMON_DIGEST_H
#define COMMON_DIGEST_H

#include <stddef.h>

#include "common/cleanup.h"

enum { SHA256_SIZE = 32, SHA256_HEX_SIZE = 65 };

struct digest; /* one running SHA-256 or HMAC-SHA256; one thread at a time */

/** Start SHA-256. Never NULL. */
struct digest *digest_new_sha256(void);

/** Start HMAC-SHA256 (RFC 2104); the key is copied. Never NULL. */
struct digest *digest_new_hmac_sha256(const void *key, size_t key_length);

void digest_update(struct digest *digest, const void *data, size_t length);

/** Write the result; only digest_free may follow. */
void digest_finish(struct digest *digest, unsigned char out[SHA256_SIZE]);

void digest_free(struct digest *digest);

static inline void
digest_cleanup(struct digest **digest)
{
    digest_free(*digest);
}
#define AUTO_DIGEST AUTO(digest_cleanup) struct digest

/** Lower-case hexadecimal and NUL. */
void digest_hex(const unsigned char hash[SHA256_SIZE], char out[SHA256_HEX_SIZE]);

#endif
