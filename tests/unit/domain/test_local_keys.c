// SPDX-License-Identifier: Apache-2.0
// Keys of our own: made once, for one user's eyes, and good for signing.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base64.h"
#include "config/text.h"
#include "tests/unit/config/support.h"
#include "verifier/domain/key_pair.h"
#include "verifier/domain/local_keys.h"

#define DOMAIN "client.example"
#define TOKEN "abcdefghijklmnopqrstuvwxyz234567"

struct keys {
    struct folder folder;
    char path[128]; /* of the keys; not made yet */
};

static int
setup(void **state)
{
    struct keys *keys = calloc(1, sizeof(*keys));
    assert_non_null(keys);
    folder_make(&keys->folder);
    (void)snprintf(keys->path, sizeof(keys->path), "%s/dkim", keys->folder.path);
    *state = keys;
    return 0;
}

static int
teardown(void **state)
{
    struct keys *keys = *state;
    folder_remove(&keys->folder);
    free(keys);
    return 0;
}

static void
ensure(const struct keys *keys)
{
    struct why why = {.text = ""};
    if (local_keys_ensure(keys->path, DOMAIN, TOKEN, &why) != ST_OK) {
        fail_msg("%s", why.text);
    }
}

static void
key_path(const struct keys *keys, size_t index, char out[256])
{
    char label[LOCAL_KEY_LABEL_SIZE];
    local_key_label(DOMAIN, TOKEN, index, label);
    (void)snprintf(out, 256, "%s/%s.pem", keys->path, label);
}

static void
read_key(const struct keys *keys, size_t index, struct strbuf *out)
{
    char path[256];
    key_path(keys, index, path);
    assert_int_equal(text_read_file(path, out, NULL, NULL), ST_OK);
}

static size_t
count_files(const char *path)
{
    DIR *folder = opendir(path);
    assert_non_null(folder);
    size_t count = 0;
    while (readdir(folder) != NULL) {
        count++;
    }
    assert_int_equal(closedir(folder), 0);
    return count - 2; // "." and ".."
}

static void
keys_are_for_one_user_and_nothing_else_is_left(void **state)
{
    const struct keys *keys = *state;
    mode_t before = umask(0);
    ensure(keys);
    (void)umask(before);
    struct stat info;
    assert_int_equal(stat(keys->path, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0700);
    for (size_t i = 0; i < LOCAL_KEYS; i++) {
        char path[256];
        key_path(keys, i, path);
        assert_int_equal(stat(path, &info), 0);
        assert_int_equal(info.st_mode & 07777, 0600);
        assert_int_equal(info.st_nlink, 1);
        AUTO_STRBUF pem = STRBUF_INIT(8192);
        read_key(keys, i, &pem);
        assert_non_null(strstr(strbuf_text(&pem), "-----BEGIN PRIVATE KEY-----"));
    }
    assert_int_equal(count_files(keys->path), LOCAL_KEYS);
}

static void
keys_that_are_there_stay(void **state)
{
    const struct keys *keys = *state;
    ensure(keys);
    AUTO_STRBUF first = STRBUF_INIT(8192);
    AUTO_STRBUF again = STRBUF_INIT(8192);
    AUTO_STRBUF third = STRBUF_INIT(8192);
    read_key(keys, 0, &first);
    read_key(keys, 2, &third);
    char path[256];
    key_path(keys, 1, path);
    assert_int_equal(unlink(path), 0);
    ensure(keys);
    read_key(keys, 0, &again);
    assert_string_equal(strbuf_text(&first), strbuf_text(&again));
    strbuf_reset(&again);
    read_key(keys, 2, &again);
    assert_string_equal(strbuf_text(&third), strbuf_text(&again));
    assert_int_equal(access(path, R_OK), 0);
}

// Signs with the private key and checks with what the record publishes, both by OpenSSL's tool.
static void
expect_signing(const struct keys *keys, size_t index, const unsigned char *public, size_t length)
{
    char path[256];
    key_path(keys, index, path);
    AUTO_STRBUF name = STRBUF_INIT(256);
    strbuf_printf(&name, "%s/public.der", keys->folder.path);
    FILE *file = fopen(strbuf_text(&name), "w");
    assert_non_null(file);
    assert_int_equal(fwrite(public, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
    AUTO_STRBUF command = STRBUF_INIT(2048);
    const char *raw = index == 2 ? " -rawin" : "";
    strbuf_printf(&command,
                  "cd %s && printf 12345678901234567890123456789012 > message && "
                  "openssl pkeyutl -sign%s -inkey %s -in message -out signature && "
                  "openssl pkeyutl -verify%s -pubin -keyform DER -inkey public.der -in message "
                  "-sigfile signature > answer && grep -q Success answer",
                  keys->folder.path, raw, path, raw);
    assert_int_equal(system(strbuf_text(&command)), 0);
}

static void
the_records_publish_the_keys_that_sign(void **state)
{
    const struct keys *keys = *state;
    ensure(keys);
    for (size_t i = 0; i < LOCAL_KEYS; i++) {
        char text[LOCAL_KEY_TEXT_MAX];
        assert_int_equal(local_key_text(keys->path, DOMAIN, TOKEN, i, text, NULL), ST_OK);
        const char *begin = i < 2 ? "v=DKIM1; k=rsa; p=" : "v=DKIM1; k=ed25519; p=";
        assert_memory_equal(text, begin, strlen(begin));
        unsigned char bytes[LOCAL_KEY_TEXT_MAX + 16];
        size_t length = 0;
        static const unsigned char ed25519_head[] = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03,
                                                     0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};
        size_t head = i < 2 ? 0 : sizeof(ed25519_head); // the record has the bare key
        memcpy(bytes, ed25519_head, head);
        assert_int_equal(base64_decode(text + strlen(begin), bytes + head, &length), ST_OK);
        assert_int_equal(length, i < 2 ? 294 : 32);
        expect_signing(keys, i, bytes, length + head);
    }
}

static void
zone_lines_are_taken_by_nsd(void **state)
{
    const struct keys *keys = *state;
    ensure(keys);
    AUTO_STRBUF lines = STRBUF_INIT(LOCAL_KEYS_LINES_MAX);
    assert_int_equal(
        local_keys_zone_lines(keys->path, "dkim.ours.test", DOMAIN, TOKEN, &lines, NULL), ST_OK);
    const char *text = strbuf_text(&lines);
    assert_memory_equal(text, "; client.example\n", strlen("; client.example\n"));
    for (size_t i = 0; i < LOCAL_KEYS; i++) {
        char label[LOCAL_KEY_LABEL_SIZE];
        AUTO_STRBUF line = STRBUF_INIT(256);
        local_key_label(DOMAIN, TOKEN, i, label);
        strbuf_printf(&line, "\n%s.dkim.ours.test. 3600 IN TXT \"v=DKIM1; k=%s; p=", label,
                      i < 2 ? "rsa" : "ed25519");
        assert_non_null(strstr(text, strbuf_text(&line)));
    }
    AUTO_STRBUF zone = STRBUF_INIT(2 * LOCAL_KEYS_LINES_MAX);
    strbuf_printf(&zone,
                  "dkim.ours.test. 60 IN SOA ns.ours.test. h.ours.test. 1 60 60 60 60\n"
                  "dkim.ours.test. 60 IN NS ns.ours.test.\n%s",
                  text);
    folder_write(&keys->folder, "zone", strbuf_text(&zone));
    AUTO_STRBUF command = STRBUF_INIT(256);
    strbuf_printf(&command, "PATH=$PATH:/usr/sbin nsd-checkzone dkim.ours.test %s/zone",
                  keys->folder.path);
    assert_int_equal(system(strbuf_text(&command)), 0);
}

static void
each_fault_is_told_and_makes_nothing(void **state)
{
    const struct keys *keys = *state;
    struct why why;
    char text[LOCAL_KEY_TEXT_MAX] = "untouched";
    AUTO_STRBUF lines = STRBUF_INIT(LOCAL_KEYS_LINES_MAX);
    assert_int_equal(local_key_text(keys->path, DOMAIN, TOKEN, 0, text, &why), ST_NOT_FOUND);
    assert_int_equal(local_keys_zone_lines(keys->path, "d.test", DOMAIN, TOKEN, &lines, &why),
                     ST_NOT_FOUND);
    assert_string_equal(text, "untouched");
    assert_int_equal(lines.length, 0);
    assert_int_equal(local_keys_ensure("/nowhere/at/all", DOMAIN, TOKEN, &why), ST_IO);
    ensure(keys);
    char path[256];
    key_path(keys, 0, path);
    char other[256];
    key_path(keys, 2, other);
    assert_int_equal(rename(path, other), 0); // an RSA key where Ed25519 belongs
    assert_int_equal(local_keys_ensure(keys->path, DOMAIN, TOKEN, &why), ST_INVALID);
    assert_non_null(strstr(why.text, "holds no private key of the kind Ed25519"));
    assert_int_equal(local_key_text(keys->path, DOMAIN, TOKEN, 2, text, &why), ST_INVALID);
    char large[5000];
    memset(large, 'a', sizeof(large) - 1);
    large[sizeof(large) - 1] = '\0';
    char label[LOCAL_KEY_LABEL_SIZE];
    local_key_label(DOMAIN, TOKEN, 0, label);
    AUTO_STRBUF name = STRBUF_INIT(256);
    strbuf_printf(&name, "dkim/%s.pem", label);
    folder_write(&keys->folder, strbuf_text(&name), large);
    assert_int_equal(local_keys_ensure(keys->path, DOMAIN, TOKEN, &why), ST_INVALID);
    folder_write(&keys->folder, strbuf_text(&name), "");
    assert_int_equal(local_keys_ensure(keys->path, DOMAIN, TOKEN, &why), ST_INVALID);
}

static void
a_zone_whose_names_get_too_long_is_told(void **state)
{
    const struct keys *keys = *state;
    ensure(keys);
#define LABEL_60 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define LONG LABEL_60 "." LABEL_60 "." LABEL_60 "."
    static const char fits[] = LONG "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"; // 234
    static const char too_long[] = LONG "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
    assert_int_equal(strlen(fits), 253 - 19);
    AUTO_STRBUF lines = STRBUF_INIT(LOCAL_KEYS_LINES_MAX);
    assert_int_equal(local_keys_zone_lines(keys->path, fits, DOMAIN, TOKEN, &lines, NULL), ST_OK);
    assert_int_equal(local_keys_zone_lines(keys->path, too_long, DOMAIN, TOKEN, &lines, NULL),
                     ST_TOO_LARGE);
}

static void
deleting_takes_this_domain_s_keys_only(void **state)
{
    const struct keys *keys = *state;
    assert_int_equal(local_keys_delete(keys->path, DOMAIN, TOKEN, NULL), ST_OK); // no folder yet
    ensure(keys);
    assert_int_equal(local_keys_ensure(keys->path, DOMAIN, "another", NULL), ST_OK);
    assert_int_equal(count_files(keys->path), 2 * LOCAL_KEYS);
    assert_int_equal(local_keys_delete(keys->path, DOMAIN, "another", NULL), ST_OK);
    assert_int_equal(local_keys_delete(keys->path, DOMAIN, "another", NULL), ST_OK);
    assert_int_equal(count_files(keys->path), LOCAL_KEYS);
    AUTO_STRBUF pem = STRBUF_INIT(8192);
    read_key(keys, 0, &pem);
}

static void *
ensure_in_thread(void *context)
{
    ensure(context);
    return NULL;
}

static void
callers_at_once_end_with_the_same_keys(void **state)
{
    struct keys *keys = *state;
    pthread_t threads[4];
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, ensure_in_thread, keys), 0);
    }
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_int_equal(count_files(keys->path), LOCAL_KEYS);
    char text[LOCAL_KEY_TEXT_MAX];
    assert_int_equal(local_key_text(keys->path, DOMAIN, TOKEN, 2, text, NULL), ST_OK);
}

static void
what_does_not_fit_or_is_encrypted_is_refused(void **state)
{
    (void)state;
    AUTO_STRBUF small = STRBUF_INIT(64);
    assert_int_equal(key_pair_make(KEY_PAIR_ED25519, &small, NULL), ST_TOO_LARGE);
    AUTO_STRBUF pem = STRBUF_INIT(4096);
    assert_int_equal(key_pair_make(KEY_PAIR_ED25519, &pem, NULL), ST_OK);
    AUTO_STRBUF tiny = STRBUF_INIT(10);
    assert_int_equal(
        key_pair_public_text(KEY_PAIR_ED25519, strbuf_text(&pem), pem.length, &tiny, NULL),
        ST_TOO_LARGE);
    AUTO_STRBUF text = STRBUF_INIT(512);
    assert_int_equal(
        key_pair_public_text(KEY_PAIR_RSA_2048, strbuf_text(&pem), pem.length, &text, NULL),
        ST_INVALID);
    static const char encrypted[] = "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
                                    "MIGjMF8GCSqGSIb3DQEFDTBSMDEGCSqGSIb3DQEFDDAkBBA=\n"
                                    "-----END ENCRYPTED PRIVATE KEY-----\n";
    assert_int_equal(
        key_pair_public_text(KEY_PAIR_ED25519, encrypted, sizeof(encrypted) - 1, &text, NULL),
        ST_INVALID);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(keys_are_for_one_user_and_nothing_else_is_left, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(keys_that_are_there_stay, setup, teardown),
        cmocka_unit_test_setup_teardown(the_records_publish_the_keys_that_sign, setup, teardown),
        cmocka_unit_test_setup_teardown(zone_lines_are_taken_by_nsd, setup, teardown),
        cmocka_unit_test_setup_teardown(each_fault_is_told_and_makes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(a_zone_whose_names_get_too_long_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(deleting_takes_this_domain_s_keys_only, setup, teardown),
        cmocka_unit_test_setup_teardown(callers_at_once_end_with_the_same_keys, setup, teardown),
        cmocka_unit_test(what_does_not_fit_or_is_encrypted_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
