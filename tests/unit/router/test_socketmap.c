// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/netstring.h"
#include "common/strbuf.h"
#include "common/unixsock.h"
#include "house.h"
#include "router/socketmap.h"

enum { TIMEOUT_MS = 10000, TEXT_MAX = 4 * 1024 * 1024 };

static struct house house;
static struct socketmap *map;

static int
setup(void **state)
{
    (void)state;
    struct why why;
    house_open(&house);
    if (socketmap_open(house.registry, house.holder, &house.socket, &map, &why) != ST_OK) {
        print_error("%s\n", why.text);
        return -1;
    }
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    socketmap_close(map);
    house_close(&house);
    return 0;
}

static int
dial(void)
{
    int fd = -1;
    assert_int_equal(unixsock_connect(house.socket_path, SOCK_STREAM, &fd, NULL), ST_OK);
    unixsock_set_timeout(fd, TIMEOUT_MS);
    return fd;
}

static void
send_text(int fd, const char *text, size_t length)
{
    while (length > 0) {
        ssize_t sent = send(fd, text, length, MSG_NOSIGNAL);
        assert_true(sent > 0);
        text += sent;
        length -= (size_t)sent;
    }
}

// Read one answer, byte by byte: nothing of the next is taken.
static void
read_answer(int fd, char *out, size_t size)
{
    char input[1024];
    size_t length = 0;
    struct netstring answer;
    while (netstring_next(input, length, sizeof(input) - 16, &answer) == NETSTRING_PARTIAL) {
        assert_true(length < sizeof(input));
        assert_int_equal(recv(fd, input + length, 1, 0), 1);
        length++;
    }
    assert_true(answer.length < size);
    memcpy(out, answer.bytes, answer.length);
    out[answer.length] = '\0';
}

static void
ask(int fd, const char *request, char *out, size_t size)
{
    AUTO_STRBUF packet = STRBUF_INIT(TEXT_MAX);
    netstring_append(&packet, request, strlen(request));
    send_text(fd, packet.data, packet.length);
    read_answer(fd, out, size);
}

static const struct {
    const char *label;
    const char *request;
    const char *answer; /* its beginning */
} CASES[] = {
    {"ours", "access both@ours.example", "OK OK"},
    {"no such recipient", "access nobody@ours.example", "OK 550 5.1.1 "},
    {"reject route", "access closed@ours.example", "OK 550 5.7.1 gone for good"},
    {"inbound off", "access both@off.example", "OK 550 5.7.1 "},
    {"not configured", "access both@bare.example", "OK 450 4.3.5 "},
    {"removed", "access both@removed.example", "OK 550 5.7.1 this domain was removed"},
    {"removed, and added again by another", "access both@returned.example",
     "OK 550 5.7.1 this domain was removed"},
    {"pending", "access both@pending.example", "NOTFOUND "},
    {"unknown", "access someone@elsewhere.example", "NOTFOUND "},
    {"the domain, as Postfix asks next", "access ours.example", "NOTFOUND "},
    {"its parent", "access example", "NOTFOUND "},
    {"the user alone", "access both@", "NOTFOUND "},
    {"an empty key", "access ", "NOTFOUND "},
    {"another map", "relay both@ours.example", "PERM "},
    {"only a map", "access", "PERM "},
    {"nothing", "", "PERM "},
};

static void
answers_are_those_of_the_gate(void **state)
{
    (void)state;
    AUTO_FD int fd = dial();
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        char answer[512];
        ask(fd, CASES[i].request, answer, sizeof(answer));
        if (strncmp(answer, CASES[i].answer, strlen(CASES[i].answer)) != 0) {
            fail_msg("%s: '%s'", CASES[i].label, answer);
        }
    }
}

static void
not_found_has_an_empty_value_behind_its_blank(void **state)
{
    (void)state;
    AUTO_FD int fd = dial();
    char answer[512];
    ask(fd, "access someone@elsewhere.example", answer, sizeof(answer));
    assert_string_equal(answer, "NOTFOUND ");
}

static void
nul_inside_a_key_is_not_ours(void **state)
{
    (void)state;
    AUTO_FD int fd = dial();
    static const char request[] = "28:access both@ours.example\0xyz,";
    char answer[512];
    send_text(fd, request, sizeof(request) - 1);
    read_answer(fd, answer, sizeof(answer));
    assert_string_equal(answer, "NOTFOUND ");
}

static void
request_in_single_bytes_is_answered(void **state)
{
    (void)state;
    AUTO_FD int fd = dial();
    static const char request[] = "24:access both@ours.example,";
    for (size_t i = 0; i < sizeof(request) - 1; i++) {
        send_text(fd, request + i, 1);
    }
    char answer[512];
    read_answer(fd, answer, sizeof(answer));
    assert_string_equal(answer, "OK OK");
}

static void
requests_in_a_row_are_answered_in_order(void **state)
{
    (void)state;
    enum { ROUNDS = 20000 };
    AUTO_FD int fd = dial();
    // More than the socket buffers hold in either direction, while nobody reads.
    AUTO_STRBUF all = STRBUF_INIT(TEXT_MAX);
    for (int i = 0; i < ROUNDS; i++) {
        strbuf_puts(&all, "24:access both@ours.example,26:access nobody@ours.example,");
    }
    assert_false(all.overflow);
    size_t sent = 0;
    char answer[512];
    for (int i = 0; i < ROUNDS; i++) {
        while (sent < all.length) {
            ssize_t some =
                send(fd, all.data + sent, all.length - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
            if (some <= 0) {
                break; // the server answers first
            }
            sent += (size_t)some;
        }
        read_answer(fd, answer, sizeof(answer));
        assert_string_equal(answer, "OK OK");
        read_answer(fd, answer, sizeof(answer));
        assert_memory_equal(answer, "OK 550 5.1.1", 12);
    }
}

static void
expect_perm_and_end(const char *label, const char *input, size_t length)
{
    AUTO_FD int fd = dial();
    send_text(fd, input, length);
    char answer[512];
    read_answer(fd, answer, sizeof(answer));
    char byte;
    if (strncmp(answer, "PERM ", 5) != 0 || recv(fd, &byte, 1, 0) != 0) {
        fail_msg("%s: '%s'", label, answer);
    }
}

static void
garbage_ends_its_own_connection_only(void **state)
{
    (void)state;
    AUTO_FD int other = dial();
    expect_perm_and_end("garbage", "GET / HTTP/1.1\r\n", 16);
    expect_perm_and_end("no comma", "3:abcd", 6);
    expect_perm_and_end("over the cap", "2049:", 5);
    char answer[512];
    ask(other, "access both@ours.example", answer, sizeof(answer));
    assert_string_equal(answer, "OK OK");
}

static void
request_at_the_cap_is_answered(void **state)
{
    (void)state;
    AUTO_FD int fd = dial();
    char request[2049] = "access ";
    memset(request + 7, 'a', 2048 - 7);
    request[2048] = '\0';
    char answer[512];
    ask(fd, request, answer, sizeof(answer));
    assert_string_equal(answer, "NOTFOUND ");
}

static void
answers_before_garbage_are_still_sent(void **state)
{
    (void)state;
    AUTO_FD int fd = dial();
    static const char input[] = "24:access both@ours.example,nonsense";
    send_text(fd, input, sizeof(input) - 1);
    char answer[512];
    read_answer(fd, answer, sizeof(answer));
    assert_string_equal(answer, "OK OK");
    read_answer(fd, answer, sizeof(answer));
    assert_memory_equal(answer, "PERM ", 5);
    char byte;
    assert_int_equal(recv(fd, &byte, 1, 0), 0);
}

static void
many_connections_are_served_at_once(void **state)
{
    (void)state;
    enum { MANY = 100 };
    int fds[MANY];
    for (size_t i = 0; i < MANY; i++) {
        fds[i] = dial();
    }
    for (size_t i = 0; i < MANY; i++) {
        char answer[512];
        ask(fds[MANY - 1 - i], "access both@ours.example", answer, sizeof(answer));
        assert_string_equal(answer, "OK OK");
    }
    for (size_t i = 0; i < MANY; i++) {
        (void)close(fds[i]);
    }
}

static void
closing_removes_the_socket(void **state)
{
    (void)state;
    socketmap_close(map);
    map = NULL;
    int fd = -1;
    assert_int_equal(access(house.socket_path, F_OK), -1);
    assert_int_not_equal(unixsock_connect(house.socket_path, SOCK_STREAM, &fd, NULL), ST_OK);
}

static void
second_listener_is_refused(void **state)
{
    (void)state;
    struct socketmap *second = NULL;
    assert_int_equal(socketmap_open(house.registry, house.holder, &house.socket, &second, NULL),
                     ST_CONFLICT);
    assert_null(second);
    AUTO_FD int fd = dial(); // the first one still listens
    char answer[512];
    ask(fd, "access both@ours.example", answer, sizeof(answer));
    assert_string_equal(answer, "OK OK");
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

static void
one_connection_above_the_limit_is_turned_away(void **state)
{
    (void)state;
    enum { LIMIT = SOCKETMAP_CONNECTIONS_MAX };
    static int fds[LIMIT];
    house_allow_descriptors(2 * LIMIT + 100);
    for (int i = 0; i < LIMIT; i++) {
        assert_int_equal(unixsock_connect(house.socket_path, SOCK_STREAM, &fds[i], NULL), ST_OK);
    }
    AUTO_FD int over = -1;
    assert_int_equal(unixsock_connect(house.socket_path, SOCK_STREAM, &over, NULL), ST_OK);
    char byte;
    assert_int_equal(read(over, &byte, 1), 0); // closed
    static const char question[] = "24:access both@ours.example,";
    assert_int_equal(write(fds[LIMIT - 1], question, sizeof(question) - 1),
                     (ssize_t)sizeof(question) - 1);
    assert_int_equal(read(fds[LIMIT - 1], &byte, 1), 1); // the others are answered
    for (int i = 0; i < LIMIT; i++) {
        (void)close(fds[i]);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(answers_are_those_of_the_gate),
        CASE(not_found_has_an_empty_value_behind_its_blank),
        CASE(nul_inside_a_key_is_not_ours),
        CASE(request_in_single_bytes_is_answered),
        CASE(requests_in_a_row_are_answered_in_order),
        CASE(garbage_ends_its_own_connection_only),
        CASE(one_connection_above_the_limit_is_turned_away),
        CASE(request_at_the_cap_is_answered),
        CASE(answers_before_garbage_are_still_sent),
        CASE(many_connections_are_served_at_once),
        CASE(closing_removes_the_socket),
        CASE(second_listener_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
