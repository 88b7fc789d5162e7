// SPDX-License-Identifier: Apache-2.0
#include "router/delivery/ssrf.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct {
    const char *address;
    bool allowed;
} ADDRESSES[] = {
    {"8.8.8.8", true},
    {"2a00:1450:4001::1", true},
    {"0.0.0.0", false},
    {"9.255.255.255", true},
    {"10.0.0.0", false},
    {"10.255.255.255", false},
    {"11.0.0.0", true},
    {"100.63.255.255", true},
    {"100.64.0.1", false},
    {"100.127.255.255", false},
    {"100.128.0.0", true},
    {"127.0.0.1", false},
    {"127.255.255.255", false},
    {"169.254.169.254", false},
    {"172.15.255.255", true},
    {"172.16.0.1", false},
    {"172.31.255.255", false},
    {"172.32.0.0", true},
    {"192.0.0.8", false},
    {"192.168.1.1", false},
    {"192.169.0.0", true},
    {"198.18.0.1", false},
    {"198.19.255.255", false},
    {"198.20.0.0", true},
    {"223.255.255.255", true},
    {"224.0.0.1", false},
    {"255.255.255.255", false},
    {"::", false},
    {"::1", false},
    {"::127.0.0.1", false},
    {"::ffff:127.0.0.1", false},
    {"::ffff:10.0.0.1", false},
    {"64:ff9b::7f00:1", false},
    {"2002:7f00:1::", false},
    {"fc00::1", false},
    {"fdff::1", false},
    {"fe80::1", false},
    {"febf::1", false},
    {"fec0::1", false},
    {"ff02::1", false},
    {"2001:db8::1", false},
    {"::ffff:0:127.0.0.1", false},
    {"2001::1", false},
    {"2001:2::1", false},
    {"2001:20::1", false},
    {"2001:200::1", true},
    {"3fff:fff::1", false},
    {"3fff:1000::1", true},
    {"5f00::1", false},
    {"192.88.99.1", false},
    {"2600::1", true},
};

static void
addresses_that_are_not_public_are_refused(void **state)
{
    (void)state;
    struct config_networks none = {.count = 0};
    for (size_t i = 0; i < ARRAY_LEN(ADDRESSES); i++) {
        struct network_address address;
        assert_int_equal(network_parse_address(ADDRESSES[i].address, &address, NULL), ST_OK);
        if (ssrf_allows(&none, &address) != ADDRESSES[i].allowed) {
            fail_msg("%s", ADDRESSES[i].address);
        }
    }
}

static void
only_the_networks_of_the_destination_are_exempt(void **state)
{
    (void)state;
    struct network network;
    assert_int_equal(network_parse("10.1.0.0/16", &network, NULL), ST_OK);
    struct config_networks allow = {.items = &network, .count = 1};
    struct network_address address;
    assert_int_equal(network_parse_address("10.1.2.3", &address, NULL), ST_OK);
    assert_true(ssrf_allows(&allow, &address));
    assert_int_equal(network_parse_address("10.2.0.1", &address, NULL), ST_OK);
    assert_false(ssrf_allows(&allow, &address));
    assert_int_equal(network_parse_address("8.8.8.8", &address, NULL), ST_OK);
    assert_true(ssrf_allows(&allow, &address));
}

// Spellings of loopback and metadata addresses that curl resolves by itself.
static const char *const URLS[] = {
    "http://127.0.0.1:1/",          "http://0x7f.1:1/",
    "http://2130706433:1/",         "http://[::1]:1/",
    "http://[::ffff:127.0.0.1]:1/", "http://0.0.0.0:1/",
    "http://localhost:1/",          "http://169.254.169.254/",
};

static void
curl_opens_no_socket_to_a_refused_address(void **state)
{
    (void)state;
    struct config_networks none = {.count = 0};
    for (size_t i = 0; i < ARRAY_LEN(URLS); i++) {
        struct ssrf_guard guard = {.allow = &none};
        CURL *easy = curl_easy_init();
        assert_non_null(easy);
        (void)curl_easy_setopt(easy, CURLOPT_URL, URLS[i]);
        (void)curl_easy_setopt(easy, CURLOPT_PROXY, "");
        ssrf_attach(easy, &guard);
        CURLcode code = curl_easy_perform(easy);
        curl_easy_cleanup(easy);
        if (code != CURLE_COULDNT_CONNECT || guard.refused[0] == '\0') {
            fail_msg("%s: %s, refused \"%s\"", URLS[i], curl_easy_strerror(code), guard.refused);
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_that_are_not_public_are_refused),
        cmocka_unit_test(only_the_networks_of_the_destination_are_exempt),
        cmocka_unit_test(curl_opens_no_socket_to_a_refused_address),
    };
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    curl_global_cleanup();
    return failed;
}
