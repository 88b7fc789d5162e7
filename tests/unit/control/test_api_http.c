// SPDX-License-Identifier: Apache-2.0
// What the control socket refuses before a handler sees it: requests as raw bytes.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/strbuf.h"
#include "common/unixsock.h"
#include "control/api/request.h"
#include "house.h"

#define HOST "Host: localhost\r\n"
#define JSON "Content-Type: application/json\r\n"

struct raw_case {
    const char *label, *bytes, *status;
};
static const struct raw_case REFUSED[] = {
    {"two Content-Lengths",
     "POST /v1/domains HTTP/1.1\r\n" HOST JSON "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
     "400"},
    {"two different Content-Lengths",
     "POST /v1/domains HTTP/1.1\r\n" HOST JSON "Content-Length: 2\r\nContent-Length: 40\r\n\r\n{}",
     "400"},
    {"Content-Length with Transfer-Encoding",
     "POST /v1/domains HTTP/1.1\r\n" HOST JSON
     "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     "400"},
    {"chunked",
     "POST /v1/domains HTTP/1.1\r\n" HOST JSON
     "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
     "411"},
    {"Content-Length with a sign",
     "POST /v1/domains HTTP/1.1\r\n" HOST JSON "Content-Length: +2\r\n\r\n{}", "400"},
    {"no Host", "GET /v1/status HTTP/1.1\r\n\r\n", "400"},
    {"two Hosts", "GET /v1/status HTTP/1.1\r\n" HOST HOST "\r\n", "400"},
    {"blank before the colon", "GET /v1/status HTTP/1.1\r\n" HOST "X-Any : 1\r\n\r\n", "400"},
    {"blank before Content-Length's colon",
     "POST /v1/domains HTTP/1.1\r\n" HOST JSON "Content-Length : 2\r\n\r\n{}", "400"},
    {"two Content-Types",
     "POST /v1/domains HTTP/1.1\r\n" HOST JSON JSON "Content-Length: 2\r\n\r\n{}", "400"},
    {"a form's content type",
     "POST /v1/domains HTTP/1.1\r\n" HOST "Content-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}",
     "415"},
    {"no content type", "POST /v1/domains HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\n{}", "415"},
    {"content type that only begins right",
     "POST /v1/domains HTTP/1.1\r\n" HOST
     "Content-Type: application/jsonp\r\nContent-Length: 2\r\n\r\n{}",
     "415"},
    {"no body", "POST /v1/domains HTTP/1.1\r\n" HOST JSON "Content-Length: 0\r\n\r\n", "400"},
    {"a body nobody reads", "GET /v1/status HTTP/1.1\r\n" HOST JSON "Content-Length: 2\r\n\r\n{}",
     "400"},
    {"a parameter nobody reads", "GET /v1/status?x=1 HTTP/1.1\r\n" HOST "\r\n", "400"},
    {"an unknown parameter", "GET /v1/domains?x=1 HTTP/1.1\r\n" HOST "\r\n", "422"},
    {"a parameter twice", "GET /v1/domains?tenant=a&tenant=b HTTP/1.1\r\n" HOST "\r\n", "422"},
    {"a broken parameter", "GET /v1/domains?tenant=%zz HTTP/1.1\r\n" HOST "\r\n", "400"},
    {"NUL in a parameter", "GET /v1/domains?tenant=a%00 HTTP/1.1\r\n" HOST "\r\n", "400"},
    {"unknown path", "GET /v2/status HTTP/1.1\r\n" HOST "\r\n", "404"},
    {"dots in the path", "GET /v1/../v1/status HTTP/1.1\r\n" HOST "\r\n", "404"},
    {"wrong method", "DELETE /v1/status HTTP/1.1\r\n" HOST "\r\n", "405"},
};

// The connection ends by itself: house_send reads until then, and none of these ask for it.
static void
bad_request_is_refused_and_the_connection_closed(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(REFUSED); i++) {
        AUTO_FREE char *answer = house_send(*state, REFUSED[i].bytes, strlen(REFUSED[i].bytes));
        if (strncmp(answer, "HTTP/1.1 ", 9) != 0 ||
            strncmp(answer + 9, REFUSED[i].status, 3) != 0) {
            fail_msg("%s: %.60s", REFUSED[i].label, answer);
        }
    }
}

static void
wrong_method_is_told_the_right_ones(void **state)
{
    static const char REQUEST[] = "PUT /v1/domains HTTP/1.1\r\n" HOST "\r\n";
    AUTO_FREE char *answer = house_send(*state, REQUEST, sizeof(REQUEST) - 1);
    assert_non_null(strstr(answer, "Allow: GET, POST\r\n"));
}

// `padding` bytes inside a JSON text, so that the body has exactly `length` bytes.
static int
post_of_length(const struct house *house, size_t length)
{
    static const char HEAD[] = "{\"domain\":\"";
    AUTO_STRBUF body = STRBUF_INIT(2 * REQUEST_BODY_MAX);
    strbuf_puts(&body, HEAD);
    while (body.length < length - 2) {
        strbuf_putc(&body, 'a');
    }
    strbuf_puts(&body, "\"}");
    return house_ask(house, "POST", "/v1/domains", strbuf_text(&body), NULL);
}

static void
body_may_have_the_limit_and_not_a_byte_more(void **state)
{
    assert_int_equal(post_of_length(*state, REQUEST_BODY_MAX), 422); // read, and its domain refused
    assert_int_equal(post_of_length(*state, REQUEST_BODY_MAX + 1), 413);
}

static void
every_answer_has_the_security_headers(void **state)
{
    static const char REQUEST[] = "GET /v1/status HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n";
    static const char *const WANTED[] = {
        "Content-Type: application/json\r\n", "Cache-Control: no-store\r\n",
        "X-Content-Type-Options: nosniff\r\n",
        "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n"};
    AUTO_FREE char *answer = house_send(*state, REQUEST, sizeof(REQUEST) - 1);
    for (size_t i = 0; i < ARRAY_LEN(WANTED); i++) {
        if (strstr(answer, WANTED[i]) == NULL) {
            fail_msg("no %s in %s", WANTED[i], answer);
        }
    }
}

static void
two_requests_share_a_connection(void **state)
{
    static const char REQUESTS[] = "GET /v1/domains HTTP/1.1\r\n" HOST "\r\n"
                                   "HEAD /v1/domains HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n";
    AUTO_FREE char *answer = house_send(*state, REQUESTS, sizeof(REQUESTS) - 1);
    const char *second = strstr(answer, "{\"domains\":[],\"next\":null}HTTP/1.1 200 ");
    assert_non_null(second);
    assert_null(strstr(second + 14, "{\"domains\"")); // a HEAD has no body
}

static void
idle_connections_do_not_lock_others_out(void **state)
{
    enum { IDLE = 100 };
    struct house *house = *state;
    int idle[IDLE];
    for (size_t i = 0; i < IDLE; i++) {
        assert_int_equal(unixsock_connect(house->socket_path, SOCK_STREAM, &idle[i], NULL), ST_OK);
    }
    assert_int_equal(house_ask(house, "GET", "/v1/status", NULL, NULL), 200);
    for (size_t i = 0; i < IDLE; i++) {
        assert_int_equal(close(idle[i]), 0);
    }
}

static void
socket_has_the_rights_asked_for_and_goes_with_the_api(void **state)
{
    struct house *house = *state;
    struct stat info;
    assert_int_equal(stat(house->socket_path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    api_close(house->api);
    house->api = NULL;
    assert_int_not_equal(stat(house->socket_path, &info), 0);
}

static void
second_api_on_the_socket_is_refused(void **state)
{
    struct house *house = *state;
    const struct api_context context = {.store = house->store,
                                        .registry = house->registry,
                                        .holder = house->holder,
                                        .dispatcher = house->dispatcher,
                                        .limits = house->limits};
    struct api *second = NULL;
    struct why why;
    assert_int_equal(api_open(&context, &house->socket, &second, &why), ST_CONFLICT);
    assert_null(second);
    assert_int_equal(house_ask(house, "GET", "/v1/status", NULL, NULL), 200);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_HOUSE(bad_request_is_refused_and_the_connection_closed),
        WITH_HOUSE(wrong_method_is_told_the_right_ones),
        WITH_HOUSE(body_may_have_the_limit_and_not_a_byte_more),
        WITH_HOUSE(every_answer_has_the_security_headers),
        WITH_HOUSE(two_requests_share_a_connection),
        WITH_HOUSE(idle_connections_do_not_lock_others_out),
        WITH_HOUSE(second_api_on_the_socket_is_refused),
        WITH_HOUSE(socket_has_the_rights_asked_for_and_goes_with_the_api),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
