// SPDX-License-Identifier: Apache-2.0
// The one file of this folder that knows OpenSSL.
#include "verifier/domain/key_pair.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "common/base64.h"
#include "common/cleanup.h"

enum { RSA_BITS = 2048, ED25519_SIZE = 32, SPKI_MAX = 1024 };

static void
free_key(EVP_PKEY **key)
{
    EVP_PKEY_free(*key);
}

static void
free_bio(BIO **bio)
{
    (void)BIO_free(*bio);
}

static EVP_PKEY *
generate(enum key_pair_kind kind)
{
    switch (kind) {
    case KEY_PAIR_RSA_2048:
        return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)RSA_BITS);
    case KEY_PAIR_ED25519:
        return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    }
    return NULL;
}

enum status
key_pair_make(enum key_pair_kind kind, struct strbuf *out, struct why *why)
{
    AUTO(free_key) EVP_PKEY *key = generate(kind);
    AUTO(free_bio) BIO *memory = BIO_new(BIO_s_secmem());
    if (key == NULL || memory == NULL ||
        PEM_write_bio_PKCS8PrivateKey(memory, key, NULL, NULL, 0, NULL, NULL) != 1) {
        ERR_clear_error();
        return why_set(why, ST_IO, "a DKIM key could not be made");
    }
    char *text = NULL;
    long length = BIO_get_mem_data(memory, &text);
    strbuf_append(out, text, (size_t)length);
    return out->overflow ? why_set(why, ST_TOO_LARGE, "the key is too long") : ST_OK;
}

static bool
is_of_kind(const EVP_PKEY *key, enum key_pair_kind kind)
{
    switch (kind) {
    case KEY_PAIR_RSA_2048:
        return EVP_PKEY_is_a(key, "RSA") && EVP_PKEY_get_bits(key) == RSA_BITS;
    case KEY_PAIR_ED25519:
        return EVP_PKEY_is_a(key, "ED25519");
    }
    return false;
}

// There is no terminal to ask for a passphrase.
static int
refuse_passphrase(char *out, int size, int writing, void *context)
{
    (void)out;
    (void)size;
    (void)writing;
    (void)context;
    return -1;
}

// The bytes that the record shows; 0 on failure.
static size_t
get_public(const EVP_PKEY *key, enum key_pair_kind kind, unsigned char out[SPKI_MAX])
{
    if (kind == KEY_PAIR_ED25519) {
        size_t length = SPKI_MAX;
        return EVP_PKEY_get_raw_public_key(key, out, &length) == 1 && length == ED25519_SIZE
                   ? length
                   : 0;
    }
    int length = i2d_PUBKEY(key, NULL);
    if (length <= 0 || length > SPKI_MAX) {
        return 0;
    }
    unsigned char *at = out;
    return i2d_PUBKEY(key, &at) == length ? (size_t)length : 0;
}

enum status
key_pair_public_text(enum key_pair_kind kind, const char *pem, size_t length, struct strbuf *out,
                     struct why *why)
{
    AUTO(free_bio) BIO *memory = BIO_new_mem_buf(pem, (int)length);
    AUTO(free_key)
    EVP_PKEY *key =
        memory == NULL ? NULL : PEM_read_bio_PrivateKey(memory, NULL, refuse_passphrase, NULL);
    unsigned char bytes[SPKI_MAX];
    size_t count = key != NULL && is_of_kind(key, kind) ? get_public(key, kind, bytes) : 0;
    ERR_clear_error();
    if (count == 0) {
        return why_set(why, ST_INVALID, "holds no private key of the kind %s",
                       kind == KEY_PAIR_RSA_2048 ? "RSA-2048" : "Ed25519");
    }
    char text[SPKI_MAX / 3 * 4 + 5];
    base64_encode(bytes, count, text);
    strbuf_puts(out, text);
    return out->overflow ? why_set(why, ST_TOO_LARGE, "the key is too long") : ST_OK;
}
