// SPDX-License-Identifier: Apache-2.0
// The codec against every single-byte change of an answer, and against every cut.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/xalloc.h"
#include "tests/unit/dns/server.h"
#include "verifier/dns/codec.h"
#include "verifier/dns/transport.h"

static struct dns_query
new_query(const char *name, enum dns_type type, bool edns)
{
    struct dns_question question = {.type = type};
    struct dns_query query;
    assert_true(dns_name_parse(name, &question.name));
    assert_int_equal(dns_codec_build(&question, 0x1234, edns, &query, NULL), ST_OK);
    return query;
}

static void
a_query_is_on_the_wire_as_the_rfc_has_it(void **state)
{
    (void)state;
    static const unsigned char expected[] = "\x12\x34\x01\x20\0\1\0\0\0\0\0\1" // RD, AD; one OPT
                                            "\1a\4test\0\0\x10\0\1"
                                            "\0\0\x29\x04\xd0\0\0\0\0\0";
    struct dns_query query = new_query("A.test", DNS_TXT, true);
    assert_int_equal(query.length, 12 + 12 + 11);
    assert_memory_equal(query.bytes, expected, query.length);
    struct dns_query plain = new_query("a.test", DNS_TXT, false);
    assert_int_equal(plain.length, 12 + 12);
    assert_int_equal(plain.bytes[11], 0);
}

static void
start_answer(const struct dns_query *query, struct packet *packet)
{
    const struct exchange exchange = {
        .name = "a.test", .type = (uint16_t)query->question.type, .query = query->bytes};
    packet_start(packet, &exchange, 0);
}

// In a block of exactly its length, so that the address sanitizer sees every byte too many.
static void
read_exactly(const struct dns_query *query, const unsigned char *bytes, size_t length,
             struct dns_reply *reply)
{
    AUTO_FREE unsigned char *exact = malloc(length + (length == 0 ? 1 : 0));
    memcpy(exact, bytes, length);
    dns_reply_init(reply, &query->question.name);
    if (dns_codec_is_answer(query, exact, length)) {
        dns_codec_read(query, exact, length, true, reply);
    }
}

static void
check_caps(const struct dns_reply *reply)
{
    assert_true(reply->count <= DNS_RECORDS_MAX && reply->cnames <= DNS_CNAME_MAX);
    assert_true(reply->status == DNS_OK || reply->count == 0);
    assert_true(reply->status != DNS_OK || reply->count > 0);
    for (size_t i = 0; i < reply->count; i++) {
        assert_true(reply->records[i].offset + reply->records[i].length < reply->data.length);
    }
    dns_answer_release(dns_answer_new(reply, DNS_TXT, 0));
}

static void
build(enum dns_type type, const struct dns_query *query, struct packet *packet)
{
    start_answer(query, packet);
    packet_add_name(packet, SECTION_ANSWER, NULL, 5, 300, "b.test");
    switch ((int)type) {
    case DNS_TXT:
        packet_add(packet, SECTION_ANSWER, "b.test", 16, 300, "\3one\3two", 8);
        break;
    case DNS_MX:
        packet_add(packet, SECTION_ANSWER, "b.test", 15, 300, "\0\12\1m\4test\0", 10);
        break;
    default:
        packet_add(packet, SECTION_ANSWER, "b.test", 1, 300, "\1\2\3\4", 4);
        break;
    }
    packet_add_soa(packet, "test", 60, 60);
}

static void
no_change_of_a_byte_and_no_cut_breaks_the_codec(void **state)
{
    (void)state;
    static const enum dns_type types[] = {DNS_TXT, DNS_MX, DNS_A};
    AUTO_FREE struct packet *packet = xcalloc(1, sizeof(*packet));
    for (size_t t = 0; t < ARRAY_LEN(types); t++) {
        struct dns_query query = new_query("a.test", types[t], true);
        build(types[t], &query, packet);
        AUTO_REPLY whole;
        read_exactly(&query, packet->bytes, packet->length, &whole);
        assert_int_equal(whole.status, DNS_OK);
        for (size_t length = 0; length < packet->length; length++) {
            AUTO_REPLY cut;
            read_exactly(&query, packet->bytes, length, &cut);
            assert_int_equal(cut.status, DNS_TEMPORARY);
            check_caps(&cut);
        }
        for (size_t at = 0; at < packet->length; at++) {
            unsigned char good = packet->bytes[at];
            for (unsigned value = 0; value < 256; value++) {
                packet->bytes[at] = (unsigned char)value;
                AUTO_REPLY reply;
                read_exactly(&query, packet->bytes, packet->length, &reply);
                check_caps(&reply);
            }
            packet->bytes[at] = good;
        }
    }
}

static void
ad_counts_only_where_it_is_trusted(void **state)
{
    (void)state;
    AUTO_FREE struct packet *packet = xcalloc(1, sizeof(*packet));
    struct dns_query query = new_query("a.test", DNS_TXT, true);
    start_answer(&query, packet);
    packet_add_txt(packet, NULL, "x");
    packet->bytes[3] |= 0x20;
    for (int trusted = 0; trusted < 2; trusted++) {
        AUTO_REPLY reply;
        dns_reply_init(&reply, &query.question.name);
        dns_codec_read(&query, packet->bytes, packet->length, trusted == 1, &reply);
        assert_int_equal(reply.authenticated, trusted == 1);
    }
}

static void
server_addresses_are_read_strictly(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        unsigned port; /* 0: refused */
        bool is_loopback;
    } cases[] = {
        {"192.0.2.53", 53, false},
        {"127.0.0.1:5353", 5353, true},
        {"127.3.2.1", 53, true},
        {"::1", 53, true},
        {"[::1]:65535", 65535, true},
        {"[2001:db8::1]", 53, false},
        {"2001:db8::1", 53, false},
        {"::ffff:127.0.0.1", 53, true},
        {"", 0, false},
        {"resolver.example", 0, false},
        {"127.0.0.1:", 0, false},
        {"127.0.0.1:0", 0, false},
        {"127.0.0.1:65536", 0, false},
        {"127.0.0.1:53x", 0, false},
        {"[::1", 0, false},
        {"[::1]x", 0, false},
        {"[]", 0, false},
        {"[::1]:", 0, false},
        {"1.2.3.4, 5.6.7.8", 0, false},
        {"00000000000000000000000000000000000000000000000000000000000000000001", 0, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct dns_server server_address = {.address_length = 0};
        struct why why = {.text = ""};
        enum status status = dns_server_parse(cases[i].text, &server_address, &why);
        struct sockaddr_in address; // the port stands at the same place for IPv6
        memcpy(&address, &server_address.address, sizeof(address));
        unsigned port = status == ST_OK ? ntohs(address.sin_port) : 0;
        if (port != cases[i].port || server_address.is_loopback != cases[i].is_loopback ||
            (status != ST_OK && (status != ST_INVALID || why.text[0] == '\0'))) {
            fail_msg("'%s': %s, port %u", cases[i].text, status_name(status), port);
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_query_is_on_the_wire_as_the_rfc_has_it),
        cmocka_unit_test(no_change_of_a_byte_and_no_cut_breaks_the_codec),
        cmocka_unit_test(ad_counts_only_where_it_is_trusted),
        cmocka_unit_test(server_addresses_are_read_strictly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
