// SPDX-License-Identifier: Apache-2.0
// The one file of this folder that knows OpenSSL.
#include "verifier/message/public_key.h"

#include <pthread.h>
#include <stdlib.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "common/xalloc.h"

struct hasher {
    EVP_MD_CTX *context;
};

struct public_key {
    enum key_kind kind;
    EVP_PKEY *handle;
    EVP_PKEY_CTX *prepared; /* RSA: duplicated for each verification */
};

static EVP_MD *sha256;
static pthread_once_t fetched = PTHREAD_ONCE_INIT;

static void
require(bool ok)
{
    if (!ok) {
        abort(); // OpenSSL fails here only without memory or without its default provider
    }
}

static void
fetch_sha256(void)
{
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    require(sha256 != NULL);
}

static void
restart(struct hasher *hasher)
{
    require(EVP_DigestInit_ex2(hasher->context, sha256, NULL) == 1);
}

struct hasher *
hasher_new(void)
{
    (void)pthread_once(&fetched, fetch_sha256);
    struct hasher *hasher = xcalloc(1, sizeof(*hasher));
    hasher->context = EVP_MD_CTX_new();
    require(hasher->context != NULL);
    restart(hasher);
    return hasher;
}

void
hasher_free(struct hasher *hasher)
{
    if (hasher != NULL) {
        EVP_MD_CTX_free(hasher->context);
        free(hasher);
    }
}

void
hasher_update(struct hasher *hasher, const void *data, size_t length)
{
    require(EVP_DigestUpdate(hasher->context, data, length) == 1);
}

void
hasher_finish(struct hasher *hasher, unsigned char out[SHA256_SIZE])
{
    require(EVP_DigestFinal_ex(hasher->context, out, NULL) == 1);
    restart(hasher);
}

void
hasher_copy(struct hasher *to, const struct hasher *from)
{
    require(EVP_MD_CTX_copy_ex(to->context, from->context) == 1);
}

void
hasher_peek(const struct hasher *hasher, unsigned char out[SHA256_SIZE])
{
    AUTO_HASHER *copy = hasher_new();
    hasher_copy(copy, hasher);
    hasher_finish(copy, out);
}

enum { DER_INTEGER = 0x02, DER_SEQUENCE = 0x30, DER_LONG_LENGTH = 0x80 };

// The tag of what stands first inside the outer SEQUENCE: INTEGER in RSAPublicKey, SEQUENCE in
// SubjectPublicKeyInfo. 0: neither.
static int
first_inner_tag(const unsigned char *data, size_t length)
{
    if (length < 2 || data[0] != DER_SEQUENCE) {
        return 0;
    }
    size_t header = 2;
    if (data[1] >= DER_LONG_LENGTH) {
        header += data[1] - DER_LONG_LENGTH;
    }
    return header < length ? data[header] : 0;
}

static EVP_PKEY *
read_rsa(const unsigned char *data, size_t length)
{
    const unsigned char *end = data;
    EVP_PKEY *handle = NULL;
    switch (first_inner_tag(data, length)) {
    case DER_INTEGER:
        handle = d2i_PublicKey(EVP_PKEY_RSA, NULL, &end, (long)length);
        break;
    case DER_SEQUENCE:
        handle = d2i_PUBKEY(NULL, &end, (long)length);
        break;
    default:
        return NULL;
    }
    if (handle != NULL && (end != data + length || EVP_PKEY_get_base_id(handle) != EVP_PKEY_RSA)) {
        EVP_PKEY_free(handle);
        return NULL;
    }
    return handle;
}

static bool
exponent_is_short(const EVP_PKEY *handle)
{
    BIGNUM *exponent = NULL;
    if (EVP_PKEY_get_bn_param(handle, OSSL_PKEY_PARAM_RSA_E, &exponent) != 1) {
        return false;
    }
    bool is_short = BN_num_bits(exponent) <= KEY_RSA_EXPONENT_BITS_MAX;
    BN_free(exponent);
    return is_short;
}

static EVP_PKEY_CTX *
prepare_rsa(EVP_PKEY *handle)
{
    (void)pthread_once(&fetched, fetch_sha256);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, handle, NULL);
    if (context == NULL || EVP_PKEY_verify_init(context) != 1 ||
        EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) != 1 ||
        EVP_PKEY_CTX_set_signature_md(context, sha256) != 1) {
        EVP_PKEY_CTX_free(context);
        return NULL;
    }
    return context;
}

static enum status
check_rsa(struct public_key *key, struct why *why)
{
    if (EVP_PKEY_get_bits(key->handle) > KEY_RSA_BITS_MAX || !exponent_is_short(key->handle)) {
        return why_set(why, ST_TOO_LARGE, "the key is too large");
    }
    key->prepared = prepare_rsa(key->handle);
    return key->prepared != NULL ? ST_OK : why_set(why, ST_INVALID, "the key cannot be used");
}

enum status
public_key_parse(enum key_kind kind, const unsigned char *data, size_t length,
                 struct public_key **key_out, struct why *why)
{
    if (length > KEY_DER_MAX) {
        return why_set(why, ST_TOO_LARGE, "the key is too large");
    }
    struct public_key key = {.kind = kind};
    key.handle = kind == KEY_RSA
                     ? read_rsa(data, length)
                     : EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, data, length);
    enum status status =
        key.handle == NULL ? why_set(why, ST_INVALID, "the key cannot be decoded") : ST_OK;
    if (status == ST_OK && kind == KEY_RSA) {
        status = check_rsa(&key, why);
    }
    ERR_clear_error();
    if (status != ST_OK) {
        EVP_PKEY_free(key.handle);
        return status;
    }
    struct public_key *kept = xcalloc(1, sizeof(*kept));
    *kept = key;
    *key_out = kept;
    return ST_OK;
}

void
public_key_free(struct public_key *key)
{
    if (key != NULL) {
        EVP_PKEY_CTX_free(key->prepared);
        EVP_PKEY_free(key->handle);
        free(key);
    }
}

unsigned
public_key_bits(const struct public_key *key)
{
    return key->kind == KEY_ED25519 ? KEY_ED25519_BITS : (unsigned)EVP_PKEY_get_bits(key->handle);
}

static bool
verify_rsa(const struct public_key *key, const unsigned char hash[SHA256_SIZE],
           const unsigned char *signature, size_t length)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_dup(key->prepared);
    require(context != NULL);
    bool good = EVP_PKEY_verify(context, signature, length, hash, SHA256_SIZE) == 1;
    EVP_PKEY_CTX_free(context);
    return good;
}

static bool
verify_ed25519(const struct public_key *key, const unsigned char hash[SHA256_SIZE],
               const unsigned char *signature, size_t length)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    require(context != NULL);
    bool good = EVP_DigestVerifyInit(context, NULL, NULL, NULL, key->handle) == 1 &&
                EVP_DigestVerify(context, signature, length, hash, SHA256_SIZE) == 1;
    EVP_MD_CTX_free(context);
    return good;
}

bool
public_key_verify(const struct public_key *key, const unsigned char hash[SHA256_SIZE],
                  const unsigned char *signature, size_t length)
{
    bool good = key->kind == KEY_RSA ? verify_rsa(key, hash, signature, length)
                                     : verify_ed25519(key, hash, signature, length);
    ERR_clear_error();
    return good;
}
