// SPDX-License-Identifier: Apache-2.0
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/rsa.h>

#include "common/base64.h"
#include "common/cleanup.h"
#include "common/strbuf.h"
#include "verifier/message/key_record.h"

static const unsigned char HASH[SHA256_SIZE] = {1, 2, 3};

static void
both_forms_of_an_rsa_key_verify(void **state)
{
    (void)state;
    unsigned char der[SUPPORT_DER_MAX];
    unsigned char signature[KEY_SIGNATURE_MAX];
    EVP_PKEY *rsa = support_rsa(1024);
    size_t signature_length = support_sign(rsa, HASH, signature);
    for (int form = 0; form < 2; form++) {
        struct public_key *key = NULL;
        size_t length = form == 0 ? support_spki(rsa, der) : support_pkcs1(rsa, der);
        assert_int_equal(public_key_parse(KEY_RSA, der, length, &key, NULL), ST_OK);
        assert_int_equal(public_key_bits(key), 1024);
        assert_true(public_key_verify(key, HASH, signature, signature_length));
        assert_false(public_key_verify(key, HASH, signature, signature_length - 1));
        signature[5] ^= 1;
        assert_false(public_key_verify(key, HASH, signature, signature_length));
        signature[5] ^= 1;
        public_key_free(key);
        assert_int_equal(public_key_parse(KEY_RSA, der, length - 1, &key, NULL), ST_INVALID);
        der[length] = 0;
        assert_int_equal(public_key_parse(KEY_RSA, der, length + 1, &key, NULL), ST_INVALID);
    }
    EVP_PKEY_free(rsa);
}

static void
keys_of_another_kind_are_refused(void **state)
{
    (void)state;
    unsigned char der[SUPPORT_DER_MAX];
    struct public_key *key = NULL;
    struct why why = {.text = ""};
    EVP_PKEY *curve = EVP_EC_gen("P-256");
    size_t length = support_spki(curve, der);
    assert_int_equal(public_key_parse(KEY_RSA, der, length, &key, &why), ST_INVALID);
    assert_string_equal(why.text, "the key cannot be decoded");
    assert_int_equal(public_key_parse(KEY_ED25519, der, length, &key, NULL), ST_INVALID);
    assert_int_equal(public_key_parse(KEY_ED25519, der, 31, &key, NULL), ST_INVALID);
    assert_int_equal(public_key_parse(KEY_ED25519, der, 32, &key, NULL), ST_OK);
    assert_int_equal(public_key_bits(key), 256);
    public_key_free(key);
    key = NULL;
    assert_int_equal(public_key_parse(KEY_RSA, der, 0, &key, NULL), ST_INVALID);
    assert_null(key);
    EVP_PKEY_free(curve);
}

static void
keys_over_the_caps_are_refused(void **state)
{
    (void)state;
    static unsigned char large[KEY_DER_MAX + 1];
    struct public_key *key = NULL;
    assert_int_equal(public_key_parse(KEY_RSA, large, KEY_DER_MAX, &key, NULL), ST_INVALID);
    assert_int_equal(public_key_parse(KEY_RSA, large, KEY_DER_MAX + 1, &key, NULL), ST_TOO_LARGE);
}

// A key with an exponent of this many bits.
static size_t
rsa_with_exponent(int bits, unsigned char out[SUPPORT_DER_MAX])
{
    BIGNUM *exponent = BN_new();
    EVP_PKEY *rsa = NULL;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    assert_int_equal(BN_set_bit(exponent, bits - 1), 1);
    assert_int_equal(BN_set_bit(exponent, 0), 1);
    assert_int_equal(EVP_PKEY_keygen_init(context), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_keygen_bits(context, 1024), 1);
    assert_int_equal(EVP_PKEY_CTX_set1_rsa_keygen_pubexp(context, exponent), 1);
    assert_int_equal(EVP_PKEY_generate(context, &rsa), 1);
    size_t length = support_spki(rsa, out);
    EVP_PKEY_free(rsa);
    EVP_PKEY_CTX_free(context);
    BN_free(exponent);
    return length;
}

static void
a_long_exponent_is_refused(void **state)
{
    (void)state;
    unsigned char der[SUPPORT_DER_MAX];
    struct public_key *key = NULL;
    size_t length = rsa_with_exponent(KEY_RSA_EXPONENT_BITS_MAX, der);
    assert_int_equal(public_key_parse(KEY_RSA, der, length, &key, NULL), ST_OK);
    public_key_free(key);
    length = rsa_with_exponent(KEY_RSA_EXPONENT_BITS_MAX + 1, der);
    assert_int_equal(public_key_parse(KEY_RSA, der, length, &key, NULL), ST_TOO_LARGE);
}

struct flags_case {
    const char *tags;
    bool sha256;
    bool mail;
    bool strict;
    bool testing;
};

static void
tags_of_the_record_are_told(void **state)
{
    (void)state;
    static const struct flags_case CASES[] = {
        {"", true, true, false, false},
        {"h=sha1; ", false, true, false, false},
        {"h=sha1:sha256; ", true, true, false, false},
        {"s=tlsrpt; ", true, false, false, false},
        {"s=tlsrpt : *; ", true, true, false, false},
        {"t=s; ", true, true, true, false},
        {"t=y : s; ", true, true, true, true},
    };
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        char text[64];
        struct key_record record;
        (void)snprintf(text, sizeof(text), "v=DKIM1; %sp=", CASES[i].tags);
        assert_int_equal(key_record_parse(text, strlen(text), &record, NULL), ST_OK);
        assert_null(record.key); // revoked
        assert_int_equal(record.allows_sha256, CASES[i].sha256);
        assert_int_equal(record.allows_mail, CASES[i].mail);
        assert_int_equal(record.is_strict, CASES[i].strict);
        assert_int_equal(record.is_testing, CASES[i].testing);
        key_record_done(&record);
    }
}

struct bad_case {
    const char *record;
    const char *reason;
};

static void
what_is_no_key_is_named(void **state)
{
    (void)state;
    static const struct bad_case CASES[] = {
        {"v=DKIM1; k=rsa", "the key record has no p="},
        {"k=rsa; v=DKIM1; p=", "v= of the key record is not DKIM1, or not first"},
        {"v=DKIM2; p=", "v= of the key record is not DKIM1, or not first"},
        {"k=dsa; p=", "k= of the key record is not known"},
        {"p=; p=", "the key record is not a list of tags"},
        {"hello", "the key record is not a list of tags"},
        {"p=AAA", "p= of the key record is no base64"},
        {"p=AAAA", "the key cannot be decoded"},
        {"", "the key record has no p="},
    };
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        struct key_record record;
        struct why why = {.text = ""};
        assert_int_equal(key_record_parse(CASES[i].record, strlen(CASES[i].record), &record, &why),
                         ST_INVALID);
        assert_string_equal(why.text, CASES[i].reason);
    }
}

static void
a_hash_goes_on_after_a_look_at_it(void **state)
{
    (void)state;
    unsigned char a[SHA256_SIZE];
    unsigned char b[SHA256_SIZE];
    AUTO_HASHER *hasher = hasher_new();
    AUTO_HASHER *other = hasher_new();
    hasher_update(hasher, "ab", 2);
    hasher_peek(hasher, a);
    hasher_copy(other, hasher);
    hasher_update(hasher, "c", 1);
    hasher_finish(other, b);
    assert_memory_equal(a, b, SHA256_SIZE);
    hasher_finish(hasher, a);
    hasher_update(other, "abc", 3); // it began anew
    hasher_finish(other, b);
    assert_memory_equal(a, b, SHA256_SIZE);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_forms_of_an_rsa_key_verify),
        cmocka_unit_test(keys_of_another_kind_are_refused),
        cmocka_unit_test(keys_over_the_caps_are_refused),
        cmocka_unit_test(a_long_exponent_is_refused),
        cmocka_unit_test(tags_of_the_record_are_told),
        cmocka_unit_test(what_is_no_key_is_named),
        cmocka_unit_test(a_hash_goes_on_after_a_look_at_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
