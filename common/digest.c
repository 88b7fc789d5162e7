// SPDX-License-Identifier: Apache-2.0
#include "common/digest.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "common/xalloc.h"

enum { BLOCK_SIZE = 64 }; // of SHA-256, RFC 2104's B

struct digest {
    EVP_MD_CTX *context;
    unsigned char outer_pad[BLOCK_SIZE];
    bool is_hmac;
};

static pthread_once_t fetched = PTHREAD_ONCE_INIT;
static EVP_MD *sha256;

static void
require(int ok)
{
    if (ok != 1) {
        abort(); // OpenSSL fails here only without memory or without its default provider
    }
}

// Fetched once: OpenSSL 3 looks an algorithm up in its providers at each implicit use.
static void
fetch(void)
{
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    require(sha256 != NULL);
}

struct digest *
digest_new_sha256(void)
{
    require(pthread_once(&fetched, fetch) == 0);
    struct digest *digest = xcalloc(1, sizeof(*digest));
    digest->context = EVP_MD_CTX_new();
    require(digest->context != NULL && EVP_DigestInit_ex2(digest->context, sha256, NULL));
    return digest;
}

// OpenSSL's own HMAC object costs more than the whole signature of a small body.
struct digest *
digest_new_hmac_sha256(const void *key, size_t key_length)
{
    struct digest *digest = digest_new_sha256();
    unsigned char pad[BLOCK_SIZE] = {0};
    if (key_length > BLOCK_SIZE) {
        digest_update(digest, key, key_length);
        require(EVP_DigestFinal_ex(digest->context, pad, NULL));
        require(EVP_DigestInit_ex2(digest->context, sha256, NULL));
    } else {
        memcpy(pad, key, key_length);
    }
    for (size_t i = 0; i < BLOCK_SIZE; i++) {
        digest->outer_pad[i] = pad[i] ^ 0x5c;
        pad[i] ^= 0x36;
    }
    digest->is_hmac = true;
    digest_update(digest, pad, sizeof(pad));
    OPENSSL_cleanse(pad, sizeof(pad));
    return digest;
}

void
digest_update(struct digest *digest, const void *data, size_t length)
{
    require(EVP_DigestUpdate(digest->context, data, length));
}

void
digest_finish(struct digest *digest, unsigned char out[SHA256_SIZE])
{
    require(EVP_DigestFinal_ex(digest->context, out, NULL));
    if (!digest->is_hmac) {
        return;
    }
    unsigned char inner[SHA256_SIZE];
    memcpy(inner, out, sizeof(inner));
    require(EVP_DigestInit_ex2(digest->context, sha256, NULL));
    digest_update(digest, digest->outer_pad, sizeof(digest->outer_pad));
    digest_update(digest, inner, sizeof(inner));
    require(EVP_DigestFinal_ex(digest->context, out, NULL));
}

void
digest_free(struct digest *digest)
{
    if (digest == NULL) {
        return;
    }
    EVP_MD_CTX_free(digest->context);
    OPENSSL_cleanse(digest->outer_pad, sizeof(digest->outer_pad));
    free(digest);
}

void
digest_hex(const unsigned char hash[SHA256_SIZE], char out[SHA256_HEX_SIZE])
{
    for (size_t i = 0; i < SHA256_SIZE; i++) {
        (void)snprintf(out + 2 * i, 3, "%02x", hash[i]);
    }
}
