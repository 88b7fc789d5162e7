// SPDX-License-Identifier: Apache-2.0
// What the tests of DKIM and ARC share: keys made on the spot, their records, zones from text.
#ifndef TESTS_UNIT_MESSAGE_DKIM_SUPPORT_H
#define TESTS_UNIT_MESSAGE_DKIM_SUPPORT_H

// cmocka.h needs these first.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/evp.h>

#include "tests/unit/message/zone.h"
#include "verifier/message/public_key.h"

enum { SUPPORT_DER_MAX = 8192 };

/** A new RSA key; EVP_PKEY_free(). */
EVP_PKEY *support_rsa(unsigned bits);

/** Its SubjectPublicKeyInfo, or RSAPublicKey. Returns the length. */
size_t support_spki(EVP_PKEY *key, unsigned char out[SUPPORT_DER_MAX]);
size_t support_pkcs1(EVP_PKEY *key, unsigned char out[SUPPORT_DER_MAX]);

/** "v=DKIM1; p=..." of it; free(). */
char *support_record(EVP_PKEY *key);

/** A PKCS #1 v1.5 signature of the hash. Returns the length. */
size_t support_sign(EVP_PKEY *key, const unsigned char hash[SHA256_SIZE],
                    unsigned char out[KEY_SIGNATURE_MAX]);

#endif
