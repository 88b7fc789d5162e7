// SPDX-License-Identifier: Apache-2.0
#include "support.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "common/base64.h"
#include "common/cleanup.h"
#include "common/strbuf.h"

EVP_PKEY *
support_rsa(unsigned bits)
{
    EVP_PKEY *key = EVP_RSA_gen(bits);
    assert_non_null(key);
    return key;
}

size_t
support_spki(EVP_PKEY *key, unsigned char out[SUPPORT_DER_MAX])
{
    unsigned char *end = out;
    int length = i2d_PUBKEY(key, &end);
    assert_true(length > 0 && length <= SUPPORT_DER_MAX);
    return (size_t)length;
}

size_t
support_pkcs1(EVP_PKEY *key, unsigned char out[SUPPORT_DER_MAX])
{
    unsigned char *end = out;
    int length = i2d_PublicKey(key, &end);
    assert_true(length > 0 && length <= SUPPORT_DER_MAX);
    return (size_t)length;
}

char *
support_record(EVP_PKEY *key)
{
    unsigned char der[SUPPORT_DER_MAX];
    char text[2 * SUPPORT_DER_MAX];
    AUTO_STRBUF record = STRBUF_INIT(3 * SUPPORT_DER_MAX);
    base64_encode(der, support_spki(key, der), text);
    strbuf_printf(&record, "v=DKIM1; p=%s", text);
    return strbuf_steal(&record);
}

size_t
support_sign(EVP_PKEY *key, const unsigned char hash[SHA256_SIZE],
             unsigned char out[KEY_SIGNATURE_MAX])
{
    size_t length = KEY_SIGNATURE_MAX;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
    assert_int_equal(EVP_PKEY_sign_init(context), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING), 1);
    assert_int_equal(EVP_PKEY_CTX_set_signature_md(context, EVP_sha256()), 1);
    assert_int_equal(EVP_PKEY_sign(context, out, &length, hash, SHA256_SIZE), 1);
    EVP_PKEY_CTX_free(context);
    return length;
}
