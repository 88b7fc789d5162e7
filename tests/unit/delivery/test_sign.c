// SPDX-License-Identifier: Apache-2.0
#include "router/delivery/sign.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "common/base64.h"

struct vector {
    const char *label;
    const char *key; /* base64, without whsec_ */
    const char *id;
    int64_t timestamp;
    const char *body;
    const char *signature;
};

static const struct vector VECTORS[] = {
    {"of the Standard Webhooks project", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
     "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, "{\"test\": 2432232314}",
     "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="},
    {"key of 32 counting bytes", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "msg_0001",
     1700000000, "{\"type\":\"message.received\",\"data\":{\"id\":\"m1\"}}",
     "v1,Jss1q25kXnTSTCioNZ9NeR91qvZuCs9SGbzg2wV94mk="},
};

static struct config_secret
secret_of(const char *base64)
{
    struct config_secret secret = {.length = 0};
    assert_int_equal(base64_decode(base64, secret.bytes, &secret.length), ST_OK);
    return secret;
}

static void
signatures_match_the_published_vectors(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(VECTORS); i++) {
        const struct vector *vector = &VECTORS[i];
        struct config_secret secret = secret_of(vector->key);
        struct signer signer;
        signer_init(&signer, &secret, 1, vector->id, vector->timestamp);
        signer_update(&signer, vector->body, strlen(vector->body));
        char out[SIGN_SIZE];
        signer_finish(&signer, out);
        signer_done(&signer);
        if (strcmp(out, vector->signature) != 0) {
            fail_msg("%s: %s", vector->label, out);
        }
    }
}

static void
a_body_fed_in_pieces_signs_as_a_whole_one(void **state)
{
    (void)state;
    struct config_secret secret = secret_of(VECTORS[0].key);
    struct signer signer;
    signer_init(&signer, &secret, 1, VECTORS[0].id, VECTORS[0].timestamp);
    for (const char *at = VECTORS[0].body; *at != '\0'; at++) {
        signer_update(&signer, at, 1);
    }
    char out[SIGN_SIZE];
    signer_finish(&signer, out);
    signer_done(&signer);
    assert_string_equal(out, VECTORS[0].signature);
}

static void
two_secrets_give_two_signatures_separated_by_a_space(void **state)
{
    (void)state;
    struct config_secret secrets[] = {secret_of(VECTORS[1].key), secret_of(VECTORS[0].key)};
    struct signer signer;
    signer_init(&signer, secrets, 2, VECTORS[0].id, VECTORS[0].timestamp);
    signer_update(&signer, VECTORS[0].body, strlen(VECTORS[0].body));
    char out[SIGN_SIZE];
    signer_finish(&signer, out);
    signer_done(&signer);
    assert_int_equal(strlen(out), SIGN_SIZE - 1);
    assert_int_equal(out[SIGN_ONE_MAX], ' ');
    assert_string_equal(out + SIGN_ONE_MAX + 1, VECTORS[0].signature);
    assert_memory_not_equal(out, VECTORS[0].signature, SIGN_ONE_MAX);
}

static void
no_secret_gives_no_signature(void **state)
{
    (void)state;
    struct signer signer;
    signer_init(&signer, NULL, 0, "id", 1);
    signer_update(&signer, "x", 1);
    char out[SIGN_SIZE];
    signer_finish(&signer, out);
    signer_done(&signer);
    assert_string_equal(out, "");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signatures_match_the_published_vectors),
        cmocka_unit_test(a_body_fed_in_pieces_signs_as_a_whole_one),
        cmocka_unit_test(two_secrets_give_two_signatures_separated_by_a_space),
        cmocka_unit_test(no_secret_gives_no_signature),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
