// SPDX-License-Identifier: Apache-2.0
// map, frame, intake_protocol, unixsock, log: what processes and threads are joined with.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "common/intake_protocol.h"
#include "common/log.h"
#include "common/map.h"
#include "common/unixsock.h"
#include "common/xalloc.h"

static void
a_map_keeps_what_was_put_through_growth_and_removal(void **state)
{
    (void)state;
    enum { COUNT = 2000 };
    static int values[COUNT];
    struct map *map = map_new();
    char key[16];
    for (int i = 0; i < COUNT; i++) {
        (void)snprintf(key, sizeof(key), "key%d", i);
        assert_null(map_put(map, key, &values[i]));
    }
    assert_int_equal(map_count(map), COUNT);
    for (int i = 0; i < COUNT; i += 3) {
        (void)snprintf(key, sizeof(key), "key%d", i);
        assert_ptr_equal(map_remove(map, key), &values[i]);
        assert_null(map_remove(map, key));
    }
    size_t seen = 0;
    const char *at = NULL;
    for (size_t cursor = 0; map_next(map, &cursor, &at) != NULL;) {
        seen++;
    }
    assert_int_equal(seen, map_count(map));
    for (int i = 0; i < COUNT; i++) {
        (void)snprintf(key, sizeof(key), "key%d", i);
        assert_ptr_equal(map_get(map, key), i % 3 == 0 ? NULL : &values[i]);
    }
    assert_ptr_equal(map_put(map, "key1", &values[0]), &values[1]);
    map_free(map, NULL);
}

static const struct intake_commit COMMIT = {
    .queue_id = "4XyZ",
    .mta_name = "mx.example",
    .sender = "",
    .client_address = "192.0.2.1",
    .client_name = "mail.example",
    .helo = "mail",
    .recipients = "a@b.example\nc@b.example",
    .verdict = "{}",
    .hold = "",
    .size = 12345678901234,
    .header_length = 7,
    .received_at = 1,
};

static void
a_frame_comes_out_as_it_went_in(void **state)
{
    (void)state;
    AUTO_STRBUF packet = STRBUF_INIT(FRAME_MAX);
    assert_int_equal(frame_encode(&INTAKE_COMMIT_LAYOUT, &COMMIT, &packet, NULL), ST_OK);
    struct intake_commit out;
    assert_int_equal(frame_decode(&INTAKE_COMMIT_LAYOUT, packet.data, packet.length, &out, NULL),
                     ST_OK);
    assert_string_equal(out.queue_id, COMMIT.queue_id);
    assert_string_equal(out.recipients, COMMIT.recipients);
    assert_string_equal(out.sender, "");
    assert_true(out.size == COMMIT.size && out.header_length == 7);
    struct intake_rcpt other;
    assert_int_equal(frame_decode(&INTAKE_RCPT_LAYOUT, packet.data, packet.length, &other, NULL),
                     ST_INVALID);
}

static void
no_cut_or_changed_frame_is_read_past_its_end(void **state)
{
    (void)state;
    AUTO_STRBUF packet = STRBUF_INIT(FRAME_MAX);
    assert_int_equal(frame_encode(&INTAKE_COMMIT_LAYOUT, &COMMIT, &packet, NULL), ST_OK);
    for (size_t length = 0; length < packet.length; length++) {
        char *exact = xmemdup(packet.data, length);
        exact = xreallocarray(exact, length == 0 ? 1 : length, 1);
        struct intake_commit out;
        enum status status = frame_decode(&INTAKE_COMMIT_LAYOUT, exact, length, &out, NULL);
        assert_true(status == ST_OK || status == ST_INVALID);
        free(exact);
        char *changed = xmemdup(packet.data, packet.length);
        changed[length] = (char)~changed[length];
        (void)!frame_decode(&INTAKE_COMMIT_LAYOUT, changed, packet.length, &out, NULL);
        free(changed);
    }
}

static void
a_frame_with_a_repeated_field_or_a_nul_inside_is_refused(void **state)
{
    (void)state;
    const char twice[] = "\x01\x03\0\0\0\x08\0\0\0\0\0\0\0\x01\x03\0\0\0\x08\0\0\0\0\0\0\0\x01";
    struct intake_rcpt out;
    assert_int_equal(frame_decode(&INTAKE_RCPT_LAYOUT, twice, 14, &out, NULL), ST_OK);
    assert_int_equal(frame_decode(&INTAKE_RCPT_LAYOUT, twice, sizeof(twice) - 1, &out, NULL),
                     ST_INVALID);
    const char nul[] = "\x01\x01\0\0\0\x04"
                       "a\0b";
    assert_int_equal(frame_decode(&INTAKE_RCPT_LAYOUT, nul, sizeof(nul), &out, NULL), ST_INVALID);
}

static void
a_text_over_its_cap_is_refused_when_written(void **state)
{
    (void)state;
    AUTO_STRBUF packet = STRBUF_INIT(FRAME_MAX);
    char text[2049];
    memset(text, 'a', sizeof(text));
    text[2048] = '\0';
    struct intake_rcpt rcpt = {.recipient = text, .client_address = ""};
    assert_int_equal(frame_encode(&INTAKE_RCPT_LAYOUT, &rcpt, &packet, NULL), ST_OK);
    char longer[2050];
    memset(longer, 'a', sizeof(longer));
    longer[2049] = '\0';
    rcpt.recipient = longer;
    struct why why;
    assert_int_equal(frame_encode(&INTAKE_RCPT_LAYOUT, &rcpt, &packet, &why), ST_TOO_LARGE);
    assert_non_null(strstr(why.text, "recipient"));
}

static void
packets_and_descriptors_cross_a_socket(void **state)
{
    (void)state;
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
    unixsock_allow_large_packets(pair[0]);
    AUTO_FD int file = memfd_create("message", MFD_CLOEXEC);
    assert_int_equal(write(file, "hello", 5), 5);
    AUTO_FREE char *large = xcalloc(FRAME_MAX, 1);
    large[FRAME_MAX - 1] = 'z';
    assert_int_equal(unixsock_send(pair[0], large, FRAME_MAX, file, NULL), ST_OK);
    AUTO_FREE char *back = xcalloc(FRAME_MAX, 1);
    size_t length = 0;
    int passed = -2;
    assert_int_equal(unixsock_receive(pair[1], back, FRAME_MAX, &length, &passed, NULL), ST_OK);
    assert_int_equal(length, FRAME_MAX);
    assert_int_equal(back[FRAME_MAX - 1], 'z');
    char text[6] = "";
    assert_int_equal(pread(passed, text, 5, 0), 5);
    assert_string_equal(text, "hello");
    assert_int_equal(fcntl(passed, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    (void)close(passed);
    assert_int_equal(unixsock_send(pair[0], "12345", 5, -1, NULL), ST_OK);
    assert_int_equal(unixsock_receive(pair[1], back, 4, &length, &passed, NULL), ST_TOO_LARGE);
    (void)close(pair[0]);
    assert_int_equal(unixsock_receive(pair[1], back, 4, &length, &passed, NULL), ST_OK);
    assert_int_equal(length, 0);
    assert_int_equal(passed, -1);
    (void)close(pair[1]);
}

static void
a_dead_socket_is_replaced_and_a_living_one_is_not(void **state)
{
    (void)state;
    char folder[] = "/tmp/mailspur-test-XXXXXX";
    assert_non_null(mkdtemp(folder));
    char path[64];
    (void)snprintf(path, sizeof(path), "%s/s", folder);
    const struct unixsock_rights rights = {.mode = 0640};
    int first = -1;
    assert_int_equal(unixsock_listen(path, SOCK_SEQPACKET, &rights, &first, NULL), ST_OK);
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0640);
    int second = -1;
    struct why why;
    assert_int_equal(unixsock_listen(path, SOCK_SEQPACKET, &rights, &second, &why), ST_CONFLICT);
    (void)close(first);
    assert_int_equal(unixsock_connect(path, SOCK_SEQPACKET, &second, NULL), ST_AGAIN);
    assert_int_equal(unixsock_listen(path, SOCK_SEQPACKET, &rights, &second, NULL), ST_OK);
    (void)close(second);
    const struct unixsock_rights no_group = {.mode = 0600, .group = "no-such-group"};
    assert_int_equal(unixsock_listen(path, SOCK_STREAM, &no_group, &second, &why), ST_INVALID);
    assert_int_not_equal(stat(path, &info), 0);
    char long_path[200];
    memset(long_path, 'p', sizeof(long_path));
    long_path[199] = '\0';
    assert_int_equal(unixsock_listen(long_path, SOCK_STREAM, &rights, &second, &why), ST_INVALID);
    (void)rmdir(folder);
}

// It takes the 2 s that unixsock_connect gives a listener, twice.
static void
listener_that_takes_nobody_is_neither_waited_for_nor_replaced(void **state)
{
    (void)state;
    char folder[] = "/tmp/mailspur-connect-XXXXXX";
    assert_non_null(mkdtemp(folder));
    char path[64];
    (void)snprintf(path, sizeof(path), "%s/s", folder);
    const struct unixsock_rights rights = {.mode = 0600};
    AUTO_FD int listener = -1;
    AUTO_FD int first = -1;
    AUTO_FD int second = -1;
    assert_int_equal(unixsock_listen(path, SOCK_SEQPACKET, &rights, &listener, NULL), ST_OK);
    assert_int_equal(listen(listener, 0), 0); // room for one that waits
    assert_int_equal(unixsock_connect(path, SOCK_SEQPACKET, &first, NULL), ST_OK);
    assert_int_equal(unixsock_connect(path, SOCK_SEQPACKET, &second, NULL), ST_AGAIN);
    assert_int_equal(second, -1);
    AUTO_FD int replacement = -1;
    assert_int_equal(unixsock_listen(path, SOCK_SEQPACKET, &rights, &replacement, NULL),
                     ST_CONFLICT); // it is slow, not gone
    assert_int_equal(unixsock_listen(path, SOCK_STREAM, &rights, &replacement, NULL), ST_CONFLICT);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0);
}

static void
log_lines_cannot_be_forged_by_a_value(void **state)
{
    (void)state;
    AUTO_FD int file = memfd_create("log", 0);
    int saved = dup(STDERR_FILENO);
    assert_int_equal(dup2(file, STDERR_FILENO), STDERR_FILENO);
    log_info("test.event", LOG_STR("plain", "abc"), LOG_STR("evil", "a\nb=\"c\x1b"),
             LOG_INT("n", -5), LOG_STR("none", NULL), LOG_STR("empty", ""));
    log_debug("test.hidden", LOG_INT("n", 1));
    assert_int_equal(dup2(saved, STDERR_FILENO), STDERR_FILENO);
    (void)close(saved);
    char text[512] = "";
    assert_true(pread(file, text, sizeof(text) - 1, 0) > 0);
    assert_string_equal(
        text, "<6>test.event plain=abc evil=\"a\\x0ab=\\\"c\\x1b\" n=-5 none=- empty=\"\"\n");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_map_keeps_what_was_put_through_growth_and_removal),
        cmocka_unit_test(a_frame_comes_out_as_it_went_in),
        cmocka_unit_test(no_cut_or_changed_frame_is_read_past_its_end),
        cmocka_unit_test(a_frame_with_a_repeated_field_or_a_nul_inside_is_refused),
        cmocka_unit_test(a_text_over_its_cap_is_refused_when_written),
        cmocka_unit_test(packets_and_descriptors_cross_a_socket),
        cmocka_unit_test(a_dead_socket_is_replaced_and_a_living_one_is_not),
        cmocka_unit_test(listener_that_takes_nobody_is_neither_waited_for_nor_replaced),
        cmocka_unit_test(log_lines_cannot_be_forged_by_a_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
