// SPDX-License-Identifier: Apache-2.0
// status, strbuf, parse, base64, id, clock: small things about text.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "common/base64.h"
#include "common/clock.h"
#include "common/digest.h"
#include "common/id.h"
#include "common/parse.h"
#include "common/status.h"
#include "common/strbuf.h"

static void
temporary_and_permanent_are_told_apart_in_one_place(void **state)
{
    (void)state;
    const enum status temporary[] = {ST_AGAIN, ST_NO_SPACE, ST_AMBIGUOUS, ST_IO, ST_BUG};
    const enum status permanent[] = {ST_NOT_FOUND, ST_CONFLICT, ST_INVALID, ST_TOO_LARGE,
                                     ST_REFUSED};
    for (size_t i = 0; i < ARRAY_LEN(temporary); i++) {
        assert_true(status_is_temporary(temporary[i]));
    }
    for (size_t i = 0; i < ARRAY_LEN(permanent); i++) {
        assert_false(status_is_temporary(permanent[i]));
    }
    assert_string_equal(status_name(ST_NO_SPACE), "no_space");
}

static void
a_full_disk_is_no_space_whatever_the_caller_expected(void **state)
{
    (void)state;
    struct why why;
    errno = ENOSPC;
    assert_int_equal(why_errno(&why, ST_IO, "write %s", "x"), ST_NO_SPACE);
    assert_non_null(strstr(why.text, "write x: No space left"));
    assert_int_equal(why_set(&why, ST_INVALID, "outer: %s", why.text), ST_INVALID);
    assert_non_null(strstr(why.text, "outer: write x"));
    assert_int_equal(why_set(NULL, ST_INVALID, "nobody asks"), ST_INVALID);
}

static void
strbuf_holds_its_cap_and_not_a_byte_more(void **state)
{
    (void)state;
    AUTO_STRBUF buffer = STRBUF_INIT(8);
    assert_string_equal(strbuf_text(&buffer), "");
    strbuf_puts(&buffer, "12345678");
    assert_false(buffer.overflow);
    strbuf_putc(&buffer, '9');
    assert_true(buffer.overflow);
    assert_string_equal(strbuf_text(&buffer), "12345678");
    strbuf_reset(&buffer);
    strbuf_printf(&buffer, "%d-%s", 42, "ab");
    assert_string_equal(strbuf_text(&buffer), "42-ab");
    strbuf_printf(&buffer, "%s", "too long for it");
    assert_true(buffer.overflow);
    strbuf_reset(&buffer);
    strbuf_append(&buffer, "a\0b", 3);
    AUTO_FREE char *stolen = strbuf_steal(&buffer);
    assert_memory_equal(stolen, "a\0b", 4);
    assert_int_equal(buffer.length, 0);
}

static void
numbers_durations_and_sizes_are_read_strictly(void **state)
{
    (void)state;
    const struct {
        const char *text;
        bool is_size;
        bool good;
        uint64_t value;
    } table[] = {
        {"500ms", false, true, 500},
        {"30s", false, true, 30000},
        {"5m", false, true, 300000},
        {"2h", false, true, 7200000},
        {"7d", false, true, 604800000},
        {"0s", false, true, 0},
        {"5", false, false, 0},
        {"", false, false, 0},
        {"s", false, false, 0},
        {"-5s", false, false, 0},
        {" 5s", false, false, 0},
        {"5 s", false, false, 0},
        {"5S", false, false, 0},
        {"99999999999999999999s", false, false, 0},
        {"9223372036854775807d", false, false, 0},
        {"4096", true, true, 4096},
        {"256K", true, true, 262144},
        {"50M", true, true, 52428800},
        {"20G", true, true, 21474836480},
        {"20g", true, false, 0},
        {"1.5G", true, false, 0},
        {"9223372036854775807G", true, false, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct why why = {.text = ""};
        int64_t ms = -1;
        uint64_t bytes = UINT64_MAX;
        enum status status = table[i].is_size ? parse_size(table[i].text, &bytes, &why)
                                              : parse_duration_ms(table[i].text, &ms, &why);
        uint64_t value = table[i].is_size ? bytes : (uint64_t)ms;
        assert_int_equal(status, table[i].good ? ST_OK : ST_INVALID);
        assert_true(value == (table[i].good ? table[i].value : UINT64_MAX));
        assert_int_equal(why.text[0] != '\0', !table[i].good);
    }
}

static void
a_number_over_its_limit_is_refused(void **state)
{
    (void)state;
    uint64_t value = 7;
    assert_int_equal(parse_uint("100", 100, &value, NULL), ST_OK);
    assert_int_equal(value, 100);
    assert_int_equal(parse_uint("101", 100, &value, NULL), ST_INVALID);
    assert_int_equal(parse_uint("18446744073709551615", UINT64_MAX, &value, NULL), ST_OK);
    assert_true(value == UINT64_MAX);
    assert_int_equal(parse_uint("18446744073709551616", UINT64_MAX, &value, NULL), ST_INVALID);
    assert_int_equal(parse_uint("9", 5, &value, NULL), ST_INVALID);
    assert_true(value == UINT64_MAX);
    bool on = false;
    assert_int_equal(parse_bool("yes", &on, NULL), ST_OK);
    assert_true(on);
    assert_int_equal(parse_bool("maybe", &on, NULL), ST_INVALID);
}

static void
base64_is_that_of_rfc_4648(void **state)
{
    (void)state;
    const char *const table[][2] = {{"", ""},
                                    {"f", "Zg=="},
                                    {"fo", "Zm8="},
                                    {"foo", "Zm9v"},
                                    {"foob", "Zm9vYg=="},
                                    {"fooba", "Zm9vYmE="},
                                    {"foobar", "Zm9vYmFy"}};
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        char encoded[16];
        size_t length = strlen(table[i][0]);
        base64_encode(table[i][0], length, encoded);
        assert_string_equal(encoded, table[i][1]);
        assert_int_equal(base64_encoded_length(length), strlen(encoded));
        unsigned char decoded[16];
        size_t decoded_length = 99;
        assert_int_equal(base64_decode(encoded, decoded, &decoded_length), ST_OK);
        assert_int_equal(decoded_length, length);
        assert_memory_equal(decoded, table[i][0], length);
    }
    const char *const wrong[] = {"Zg=", "Zg", "Z===", "====", "Zm9v\n", "Zm!v", "=m9v"};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        unsigned char decoded[16];
        size_t length = 99;
        assert_int_equal(base64_decode(wrong[i], decoded, &length), ST_INVALID);
        assert_int_equal(length, 99);
    }
}

static void
hashes_are_those_of_rfc_6234_and_rfc_4231(void **state)
{
    (void)state;
    unsigned char long_key[131];
    memset(long_key, 0xaa, sizeof(long_key));
    const struct {
        const char *data;
        const void *key; /* NULL: SHA-256 */
        size_t key_length;
        const char *hash;
    } table[] = {
        {"abc", NULL, 0, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"", NULL, 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"what do ya want for nothing?", "Jefe", 4,
         "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
        {"Test Using Larger Than Block-Size Key - Hash Key First", long_key, sizeof(long_key),
         "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
    };
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        AUTO_DIGEST *digest = table[i].key == NULL
                                  ? digest_new_sha256()
                                  : digest_new_hmac_sha256(table[i].key, table[i].key_length);
        for (const char *c = table[i].data; *c != '\0'; c++) {
            digest_update(digest, c, 1);
        }
        unsigned char hash[SHA256_SIZE];
        char hex[SHA256_HEX_SIZE];
        digest_finish(digest, hash);
        digest_hex(hash, hex);
        assert_string_equal(hex, table[i].hash);
    }
}

static void
ids_are_uuids_in_the_order_of_their_making(void **state)
{
    (void)state;
    struct id last = id_new();
    for (int i = 0; i < 10000; i++) {
        struct id next = id_new();
        assert_true(id_is_valid(next.text));
        assert_true(strcmp(last.text, next.text) < 0);
        last = next;
    }
    assert_int_equal(last.text[14], '7');
    assert_false(id_is_valid("0192-"));
    assert_false(id_is_valid("00000000-0000-7000-8000-00000000000G"));
    char a[TOKEN_SIZE];
    char b[TOKEN_SIZE];
    id_new_token(a);
    id_new_token(b);
    assert_int_equal(strlen(a), TOKEN_SIZE - 1);
    assert_string_not_equal(a, b);
}

static void
times_are_written_as_iso_8601_in_utc(void **state)
{
    (void)state;
    char text[CLOCK_ISO_SIZE];
    assert_string_equal(clock_format_iso(1700000000123, text), "2023-11-14T22:13:20.123Z");
    assert_string_equal(clock_format_iso(-1, text), "");
    clock_fake_set(5000, 7);
    assert_int_equal(clock_wall_ms(), 5000);
    assert_int_equal(clock_mono_ms(), 7);
    clock_fake_off();
    assert_true(clock_wall_ms() > 1700000000123);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(temporary_and_permanent_are_told_apart_in_one_place),
        cmocka_unit_test(a_full_disk_is_no_space_whatever_the_caller_expected),
        cmocka_unit_test(strbuf_holds_its_cap_and_not_a_byte_more),
        cmocka_unit_test(numbers_durations_and_sizes_are_read_strictly),
        cmocka_unit_test(a_number_over_its_limit_is_refused),
        cmocka_unit_test(base64_is_that_of_rfc_4648),
        cmocka_unit_test(hashes_are_those_of_rfc_6234_and_rfc_4231),
        cmocka_unit_test(ids_are_uuids_in_the_order_of_their_making),
        cmocka_unit_test(times_are_written_as_iso_8601_in_utc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
