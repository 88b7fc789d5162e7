// SPDX-License-Identifier: Apache-2.0
// The message buffer: bytes, caps, spill to a file, what the descriptor is like.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/xalloc.h"
#include "milter/message_buffer.h"

enum { PLENTY = 100 * 1024 * 1024 };

static char folder[] = "/tmp/mailspur-buffer-XXXXXX";

static int
make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) == NULL;
}

static int
remove_folder(void **state)
{
    (void)state;
    return rmdir(folder); // fails when a file was left behind
}

static void
buffer_cleanup(struct message_buffer **buffer)
{
    message_buffer_free(*buffer);
}
#define AUTO_BUFFER AUTO(buffer_cleanup) struct message_buffer

static char *
read_whole(const struct message_bytes *bytes)
{
    char *text = xcalloc(bytes->size + 1, 1);
    assert_int_equal(pread(bytes->fd, text, bytes->size + 1, 0), bytes->size);
    return text;
}

static void
add_fill(struct message_buffer *buffer, size_t length)
{
    AUTO_FREE char *fill = xcalloc(length + 1, 1);
    memset(fill, 'x', length);
    message_buffer_add_body(buffer, fill, length);
}

static bool
is_memory(int fd)
{
    return fcntl(fd, F_GET_SEALS) >= 0 && (fcntl(fd, F_GET_SEALS) & F_SEAL_WRITE) != 0;
}

static void
folding_becomes_crlf_and_other_bytes_stay(void **state)
{
    (void)state;
    static const struct {
        const char *label;
        const char *value;
        const char *wanted;
    } CASES[] = {
        {"leading space", " a", "F: a\r\n"},
        {"no leading space", "a", "F:a\r\n"},
        {"empty", "", "F:\r\n"},
        {"folded", " a\n\tb\n c", "F: a\r\n\tb\r\n c\r\n"},
        {"LF first", "\n a", "F:\r\n a\r\n"},
        {"two LF", " a\n\n b", "F: a\r\n\r\n b\r\n"},
        {"CRLF already", " a\r\n b", "F: a\r\n b\r\n"},
        {"lone CR, 8-bit", " a\rb\xe4\xff", "F: a\rb\xe4\xff\r\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        AUTO_BUFFER *buffer = message_buffer_new(folder, PLENTY);
        message_buffer_add_field(buffer, "F", CASES[i].value);
        message_buffer_end_fields(buffer);
        struct message_bytes bytes;
        assert_int_equal(message_buffer_finish(buffer, MESSAGE_FORM_FILE, &bytes, NULL), ST_OK);
        AUTO_FREE char *text = read_whole(&bytes);
        size_t wanted = strlen(CASES[i].wanted);
        if (bytes.size != wanted + 2 || memcmp(text, CASES[i].wanted, wanted) != 0) {
            fail_msg("%s: got '%s'", CASES[i].label, text);
        }
        assert_string_equal(text + wanted, "\r\n");
        assert_int_equal(bytes.header_length, wanted + 2);
    }
}

static void
message_in_memory_becomes_a_sealed_descriptor(void **state)
{
    (void)state;
    AUTO_BUFFER *buffer = message_buffer_new(folder, PLENTY);
    message_buffer_add_field(buffer, "Subject", " x");
    message_buffer_end_fields(buffer);
    message_buffer_add_body(buffer, "one\r", 4);
    message_buffer_add_body(buffer, "\ntwo\0", 5);
    struct message_bytes bytes;
    assert_int_equal(message_buffer_finish(buffer, MESSAGE_FORM_FILE, &bytes, NULL), ST_OK);
    AUTO_FREE char *text = read_whole(&bytes);
    assert_int_equal(bytes.size, 12 + 2 + 9);
    assert_int_equal(bytes.header_length, 14);
    assert_memory_equal(text, "Subject: x\r\n\r\none\r\ntwo\0", 23);
    assert_true(is_memory(bytes.fd));
    assert_memory_equal(bytes.data + 14, bytes.data + bytes.header_length, 9);
    assert_int_equal(pwrite(bytes.fd, "y", 1, 0), -1);
}

static void
small_message_to_be_read_here_makes_no_file(void **state)
{
    (void)state;
    for (size_t large = 0; large <= 1; large++) {
        struct message_buffer *buffer = message_buffer_new(folder, 2 * MESSAGE_BUFFER_MEMORY_MAX);
        static char body[MESSAGE_BUFFER_MEMORY_MAX];
        memset(body, 'x', sizeof(body));
        message_buffer_add_field(buffer, "From", " a");
        message_buffer_end_fields(buffer);
        message_buffer_add_body(buffer, body, large == 0 ? 3 : sizeof(body));
        struct message_bytes bytes;
        assert_int_equal(message_buffer_finish(buffer, MESSAGE_FORM_ANY, &bytes, NULL), ST_OK);
        assert_int_equal(bytes.data == NULL, large);
        assert_int_equal(bytes.fd >= 0, large);
        if (bytes.data != NULL) {
            assert_memory_equal(bytes.data, "From: a\r\n\r\nxxx", 14);
        }
        message_buffer_free(buffer);
    }
}

static void
message_of_256_kb_stays_in_memory_and_one_byte_more_goes_to_an_unlinked_file(void **state)
{
    (void)state;
    for (size_t more = 0; more <= 1; more++) {
        AUTO_BUFFER *buffer = message_buffer_new(folder, PLENTY);
        message_buffer_add_field(buffer, "A", "b"); // 5 bytes, and 2 of the empty line
        message_buffer_end_fields(buffer);
        add_fill(buffer, MESSAGE_BUFFER_MEMORY_MAX - 7);
        add_fill(buffer, more);
        struct message_bytes bytes;
        assert_int_equal(message_buffer_finish(buffer, MESSAGE_FORM_FILE, &bytes, NULL), ST_OK);
        assert_int_equal(bytes.size, MESSAGE_BUFFER_MEMORY_MAX + more);
        assert_int_equal(is_memory(bytes.fd), more == 0);
        struct stat info;
        assert_int_equal(fstat(bytes.fd, &info), 0);
        assert_int_equal(info.st_nlink, 0);
        AUTO_FREE char *text = read_whole(&bytes);
        assert_memory_equal(text, "A:b\r\n\r\nxxx", 10);
        assert_int_equal(text[bytes.size - 1], 'x');
    }
}

static void
spilled_message_keeps_the_order_of_many_chunks(void **state)
{
    (void)state;
    AUTO_BUFFER *buffer = message_buffer_new(folder, PLENTY);
    message_buffer_end_fields(buffer);
    char line[17];
    for (unsigned i = 0; i < 100000; i++) {
        (void)snprintf(line, sizeof(line), "%014u\r\n", i);
        message_buffer_add_body(buffer, line, 16);
    }
    struct message_bytes bytes;
    assert_int_equal(message_buffer_finish(buffer, MESSAGE_FORM_FILE, &bytes, NULL), ST_OK);
    assert_int_equal(bytes.size, 1600002);
    AUTO_FREE char *text = read_whole(&bytes);
    for (unsigned i = 0; i < 100000; i++) {
        (void)snprintf(line, sizeof(line), "%014u\r\n", i);
        assert_memory_equal(text + 2 + (size_t)i * 16, line, 16);
    }
}

static void
message_over_its_limit_is_too_large_and_one_at_the_limit_is_not(void **state)
{
    (void)state;
    static const struct {
        const char *label;
        uint64_t limit;
        size_t body;
        enum status wanted;
    } CASES[] = {
        {"at the limit", 107, 100, ST_OK},
        {"one over", 106, 100, ST_TOO_LARGE},
        {"large, at the limit", 1000007, 1000000, ST_OK},
        {"large, one over", 1000006, 1000000, ST_TOO_LARGE},
        {"header alone is over", 4, 0, ST_TOO_LARGE},
    };
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        AUTO_BUFFER *buffer = message_buffer_new(folder, CASES[i].limit);
        message_buffer_add_field(buffer, "A", "b");
        message_buffer_end_fields(buffer);
        add_fill(buffer, CASES[i].body);
        struct message_bytes bytes = {.fd = -7};
        struct why why = {""};
        enum status status = message_buffer_finish(buffer, MESSAGE_FORM_FILE, &bytes, &why);
        if (status != CASES[i].wanted) {
            fail_msg("%s: %s", CASES[i].label, status_name(status));
        }
        assert_int_equal(bytes.fd == -7, status != ST_OK); // untouched on failure
    }
}

static void
failure_stays_although_later_bytes_would_fit(void **state)
{
    (void)state;
    AUTO_BUFFER *buffer = message_buffer_new(folder, 20);
    message_buffer_end_fields(buffer);
    add_fill(buffer, 30);
    add_fill(buffer, 1);
    struct message_bytes bytes;
    struct why why = {""};
    assert_int_equal(message_buffer_finish(buffer, MESSAGE_FORM_FILE, &bytes, &why), ST_TOO_LARGE);
    assert_non_null(strstr(why.text, "20 bytes"));
}

static void
header_block_has_a_cap_of_its_own(void **state)
{
    (void)state;
    for (size_t more = 0; more <= 1; more++) {
        AUTO_BUFFER *buffer = message_buffer_new(folder, PLENTY);
        AUTO_FREE char *value = xcalloc(MESSAGE_BUFFER_HEADER_MAX, 1);
        memset(value, 'v', MESSAGE_BUFFER_HEADER_MAX - 4 + more); // "A:" and CRLF
        message_buffer_add_field(buffer, "A", value);
        message_buffer_end_fields(buffer);
        struct message_bytes bytes;
        enum status status = message_buffer_finish(buffer, MESSAGE_FORM_FILE, &bytes, NULL);
        assert_int_equal(status, more == 0 ? ST_OK : ST_TOO_LARGE);
    }
}

static void
spool_folder_that_does_not_exist_is_a_local_fault(void **state)
{
    (void)state;
    AUTO_BUFFER *buffer = message_buffer_new("/nonexistent/mailspur", PLENTY);
    message_buffer_end_fields(buffer);
    add_fill(buffer, MESSAGE_BUFFER_MEMORY_MAX + 1);
    struct message_bytes bytes;
    struct why why = {""};
    assert_int_equal(message_buffer_finish(buffer, MESSAGE_FORM_FILE, &bytes, &why), ST_IO);
    assert_non_null(strstr(why.text, "/nonexistent/mailspur"));
}

static void
write_that_fails_half_way_is_told_at_the_end(void **state)
{
    (void)state;
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    struct rlimit small = {.rlim_cur = 512 * 1024, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    AUTO_BUFFER *buffer = message_buffer_new(folder, PLENTY);
    message_buffer_end_fields(buffer);
    for (int i = 0; i < 10; i++) {
        add_fill(buffer, 100 * 1024);
    }
    struct message_bytes bytes;
    enum status status = message_buffer_finish(buffer, MESSAGE_FORM_FILE, &bytes, NULL);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    (void)signal(SIGXFSZ, handler);
    assert_int_equal(status, ST_IO);
}

static void
message_without_end_of_header_gets_one(void **state)
{
    (void)state;
    AUTO_BUFFER *buffer = message_buffer_new(folder, PLENTY);
    message_buffer_add_field(buffer, "A", "b");
    struct message_bytes bytes;
    assert_int_equal(message_buffer_finish(buffer, MESSAGE_FORM_FILE, &bytes, NULL), ST_OK);
    assert_int_equal(bytes.size, 7);
    assert_int_equal(bytes.header_length, 7);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_message_to_be_read_here_makes_no_file),
        cmocka_unit_test(folding_becomes_crlf_and_other_bytes_stay),
        cmocka_unit_test(message_in_memory_becomes_a_sealed_descriptor),
        cmocka_unit_test(
            message_of_256_kb_stays_in_memory_and_one_byte_more_goes_to_an_unlinked_file),
        cmocka_unit_test(spilled_message_keeps_the_order_of_many_chunks),
        cmocka_unit_test(message_over_its_limit_is_too_large_and_one_at_the_limit_is_not),
        cmocka_unit_test(failure_stays_although_later_bytes_would_fit),
        cmocka_unit_test(header_block_has_a_cap_of_its_own),
        cmocka_unit_test(spool_folder_that_does_not_exist_is_a_local_fault),
        cmocka_unit_test(write_that_fails_half_way_is_told_at_the_end),
        cmocka_unit_test(message_without_end_of_header_gets_one),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
