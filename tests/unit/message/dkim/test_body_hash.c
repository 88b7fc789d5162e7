// SPDX-License-Identifier: Apache-2.0
#include "support.h"

#include <string.h>

#include "verifier/message/body_hash.h"

static const char BODY[] = "one  two \r\nthree\r\n\r\n";
static const char RELAXED[] = "one two\r\nthree\r\n";
static const char SIMPLE[] = "one  two \r\nthree\r\n";

static void
expect_hash(const struct body_hash *hashes, enum canon canon, uint64_t length, const char *text,
            size_t text_length)
{
    unsigned char wanted[SHA256_SIZE];
    unsigned char got[SHA256_SIZE];
    AUTO_DIGEST *digest = digest_new_sha256();
    digest_update(digest, text, text_length);
    digest_finish(digest, wanted);
    assert_int_equal(body_hash_get(hashes, canon, length, got), ST_OK);
    assert_memory_equal(got, wanted, SHA256_SIZE);
}

static void
each_wish_gets_the_hash_of_its_length(void **state)
{
    (void)state;
    static const uint64_t LENGTHS[] = {9, BODY_HASH_WHOLE, 0, 16, 9, 3};
    struct body_hash *hashes = body_hash_new();
    for (size_t i = 0; i < ARRAY_LEN(LENGTHS); i++) {
        body_hash_want(hashes, CANON_RELAXED, LENGTHS[i]);
    }
    body_hash_want(hashes, CANON_SIMPLE, BODY_HASH_WHOLE);
    body_hash_feed(hashes, BODY, 4);
    body_hash_feed(hashes, BODY + 4, strlen(BODY) - 4);
    body_hash_finish(hashes);
    for (size_t i = 0; i < ARRAY_LEN(LENGTHS); i++) {
        size_t length = LENGTHS[i] == BODY_HASH_WHOLE ? strlen(RELAXED) : (size_t)LENGTHS[i];
        expect_hash(hashes, CANON_RELAXED, LENGTHS[i], RELAXED, length);
    }
    expect_hash(hashes, CANON_SIMPLE, BODY_HASH_WHOLE, SIMPLE, strlen(SIMPLE));
    assert_int_equal(body_hash_length(hashes, CANON_RELAXED), strlen(RELAXED));
    body_hash_free(hashes);
}

static void
a_length_past_the_body_is_told(void **state)
{
    (void)state;
    unsigned char out[SHA256_SIZE];
    struct body_hash *hashes = body_hash_new();
    body_hash_want(hashes, CANON_RELAXED, strlen(RELAXED));
    body_hash_want(hashes, CANON_RELAXED, strlen(RELAXED) + 1);
    body_hash_want(hashes, CANON_RELAXED, UINT64_MAX - 1);
    body_hash_feed(hashes, BODY, strlen(BODY));
    body_hash_finish(hashes);
    expect_hash(hashes, CANON_RELAXED, strlen(RELAXED), RELAXED, strlen(RELAXED));
    assert_int_equal(body_hash_get(hashes, CANON_RELAXED, strlen(RELAXED) + 1, out), ST_TOO_LARGE);
    assert_int_equal(body_hash_get(hashes, CANON_RELAXED, UINT64_MAX - 1, out), ST_TOO_LARGE);
    body_hash_free(hashes);
}

static void
the_length_is_known_when_only_a_part_is_hashed(void **state)
{
    (void)state;
    struct body_hash *hashes = body_hash_new();
    body_hash_want(hashes, CANON_RELAXED, 3);
    body_hash_feed(hashes, BODY, strlen(BODY));
    body_hash_finish(hashes);
    expect_hash(hashes, CANON_RELAXED, 3, RELAXED, 3);
    assert_int_equal(body_hash_length(hashes, CANON_RELAXED), strlen(RELAXED));
    body_hash_free(hashes);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_wish_gets_the_hash_of_its_length),
        cmocka_unit_test(a_length_past_the_body_is_told),
        cmocka_unit_test(the_length_is_known_when_only_a_part_is_hashed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
