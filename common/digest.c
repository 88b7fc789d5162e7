// SPDX-License-Identifier: Apache-2.0
#include "common/digest.h"

#include <stdio.h>
#include <stdlib.h>

#include <openssl/evp.h>

#include "common/xalloc.h"

struct digest {
    EVP_MD_CTX *context;
    EVP_PKEY *key; /* NULL for plain SHA-256 */
};

static void
require(int ok)
{
    if (ok != 1) {
        abort(); // OpenSSL fails here only without memory or without its default provider
    }
}

struct digest *
digest_new_sha256(void)
{
    struct digest *digest = xcalloc(1, sizeof(*digest));
    digest->context = EVP_MD_CTX_new();
    require(digest->context != NULL && EVP_DigestInit_ex(digest->context, EVP_sha256(), NULL));
    return digest;
}

struct digest *
digest_new_hmac_sha256(const void *key, size_t key_length)
{
    struct digest *digest = xcalloc(1, sizeof(*digest));
    digest->context = EVP_MD_CTX_new();
    digest->key = EVP_PKEY_new_raw_private_key(EVP_PKEY_HMAC, NULL, key, key_length);
    require(digest->context != NULL && digest->key != NULL &&
            EVP_DigestSignInit(digest->context, NULL, EVP_sha256(), NULL, digest->key));
    return digest;
}

void
digest_update(struct digest *digest, const void *data, size_t length)
{
    require(digest->key == NULL ? EVP_DigestUpdate(digest->context, data, length)
                                : EVP_DigestSignUpdate(digest->context, data, length));
}

void
digest_finish(struct digest *digest, unsigned char out[SHA256_SIZE])
{
    size_t length = SHA256_SIZE;
    require(digest->key == NULL ? EVP_DigestFinal_ex(digest->context, out, NULL)
                                : EVP_DigestSignFinal(digest->context, out, &length));
}

void
digest_free(struct digest *digest)
{
    if (digest == NULL) {
        return;
    }
    EVP_MD_CTX_free(digest->context);
    EVP_PKEY_free(digest->key);
    free(digest);
}

void
digest_hex(const unsigned char hash[SHA256_SIZE], char out[SHA256_HEX_SIZE])
{
    for (size_t i = 0; i < SHA256_SIZE; i++) {
        (void)snprintf(out + 2 * i, 3, "%02x", hash[i]);
    }
}
