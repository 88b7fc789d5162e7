// SPDX-License-Identifier: Apache-2.0
// Referrals and Extended DNS Errors: what is taken of them, and what is left.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "tests/unit/dns/server.h"
#include "verifier/dns/codec.h"

enum { SECTION_ADDITIONAL = 10, TYPE_A = 1, TYPE_NS = 2, TYPE_AAAA = 28, TYPE_OPT = 41 };

static struct dns_query
new_query(const char *name)
{
    struct dns_question question = {.type = DNS_NS, .is_iterative = true};
    struct dns_query query;
    assert_true(dns_name_parse(name, &question.name));
    assert_int_equal(dns_codec_build(&question, 1, true, &query, NULL), ST_OK);
    return query;
}

static void
start(const struct dns_query *query, const char *name, struct packet *packet)
{
    struct exchange exchange = {.type = DNS_NS, .query = query->bytes};
    (void)snprintf(exchange.name, sizeof(exchange.name), "%s", name);
    packet_start(packet, &exchange, 0);
}

static struct dns_name
name_of(const char *text)
{
    struct dns_name name = {.length = 0};
    assert_true(dns_name_parse(text, &name));
    return name;
}

static void
flags_of_a_query_are_as_asked(void **state)
{
    (void)state;
    struct dns_query query = new_query("a.test");
    assert_int_equal(query.bytes[2], 0); // no RD
    assert_int_equal(query.bytes[3], 0); // neither AD nor CD
    struct dns_question question = {.name = name_of("a.test"), .type = DNS_A, .is_unchecked = true};
    assert_int_equal(dns_codec_build(&question, 1, true, &query, NULL), ST_OK);
    assert_int_equal(query.bytes[2], 1);
    assert_int_equal(query.bytes[3], 0x30); // AD, CD
}

static void
a_referral_tells_zone_names_and_glue(void **state)
{
    (void)state;
    struct dns_query query = new_query("b.a.test");
    struct dns_name parent = name_of("test");
    struct packet packet;
    struct dns_referral referral;
    start(&query, "b.a.test", &packet);
    packet_add_name(&packet, SECTION_AUTHORITY, "a.test", TYPE_NS, 300, "ns.a.test");
    packet_add_name(&packet, SECTION_AUTHORITY, "A.test", TYPE_NS, 300, "ns.example");
    packet_add_name(&packet, SECTION_AUTHORITY, "test", TYPE_NS, 300, "up.test");
    packet_add_name(&packet, SECTION_AUTHORITY, "other.test", TYPE_NS, 300, "aside.test");
    packet_add(&packet, SECTION_ADDITIONAL, "ns.a.test", TYPE_A, 300, "\1\2\3\4", 4);
    packet_add(&packet, SECTION_ADDITIONAL, "ns.a.test", TYPE_AAAA, 300,
               "\0\0\0\0\0\0\0\0\0\0\377\377\12\0\0\1", 16);
    packet_add(&packet, SECTION_ADDITIONAL, "ns.a.test", TYPE_A, 300, "\1\2\3", 3); // broken
    packet_add(&packet, SECTION_ADDITIONAL, "ns.example", TYPE_A, 300, "\6\6\6\6", 4);
    packet_add(&packet, SECTION_ADDITIONAL, "stranger.test", TYPE_A, 300, "\7\7\7\7", 4);
    assert_false(dns_codec_read_referral(&query, packet.bytes, packet.length, &parent, &referral));
    start(&query, "b.a.test", &packet); // and without the broken one
    packet_add_name(&packet, SECTION_AUTHORITY, "a.test", TYPE_NS, 300, "ns.a.test");
    packet_add_name(&packet, SECTION_AUTHORITY, "A.test", TYPE_NS, 300, "ns.example");
    packet_add_name(&packet, SECTION_AUTHORITY, "test", TYPE_NS, 300, "up.test");
    packet_add_name(&packet, SECTION_AUTHORITY, "other.test", TYPE_NS, 300, "aside.test");
    packet_add(&packet, SECTION_ADDITIONAL, "ns.a.test", TYPE_A, 300, "\1\2\3\4", 4);
    packet_add(&packet, SECTION_ADDITIONAL, "ns.a.test", TYPE_AAAA, 300,
               "\0\0\0\0\0\0\0\0\0\0\377\377\12\0\0\1", 16);
    packet_add(&packet, SECTION_ADDITIONAL, "ns.example", TYPE_A, 300, "\6\6\6\6", 4);
    packet_add(&packet, SECTION_ADDITIONAL, "stranger.test", TYPE_A, 300, "\7\7\7\7", 4);
    assert_true(dns_codec_read_referral(&query, packet.bytes, packet.length, &parent, &referral));
    struct dns_name zone = name_of("a.test");
    assert_true(dns_name_equal(referral.zone.wire, referral.zone.length, zone.wire, zone.length));
    assert_int_equal(referral.count, 2);
    assert_int_equal(referral.glue_count, 2); // what stands outside of the parent is not believed
    assert_int_equal(referral.glue[0].name, 0);
    assert_memory_equal(referral.glue[0].address.bytes, "\1\2\3\4", 4);
    assert_int_equal(referral.glue[1].address.length, 4); // ::ffff:10.0.0.1 is 10.0.0.1
    assert_memory_equal(referral.glue[1].address.bytes, "\12\0\0\1", 4);
}

static void
a_referral_elsewhere_is_none(void **state)
{
    (void)state;
    static const char *const owners[] = {"test", "other.test", "c.b.a.test", "example"};
    struct dns_query query = new_query("b.a.test");
    struct dns_name parent = name_of("test");
    for (size_t i = 0; i < ARRAY_LEN(owners); i++) {
        struct packet packet;
        struct dns_referral referral;
        start(&query, "b.a.test", &packet);
        packet_add_name(&packet, SECTION_AUTHORITY, owners[i], TYPE_NS, 300, "ns.test");
        assert_false(
            dns_codec_read_referral(&query, packet.bytes, packet.length, &parent, &referral));
    }
}

static void
names_and_glue_of_a_referral_are_capped(void **state)
{
    (void)state;
    struct dns_query query = new_query("a.test");
    struct dns_name parent = name_of("test");
    struct packet packet;
    struct dns_referral referral;
    char name[32];
    start(&query, "a.test", &packet);
    for (int i = 0; i <= DNS_REFERRAL_NAMES_MAX; i++) {
        (void)snprintf(name, sizeof(name), "n%d.test", i);
        packet_add_name(&packet, SECTION_AUTHORITY, "a.test", TYPE_NS, 300, name);
    }
    for (int i = 0; i <= DNS_REFERRAL_GLUE_MAX; i++) {
        packet_add(&packet, SECTION_ADDITIONAL, "n0.test", TYPE_A, 300, "\1\2\3\4", 4);
    }
    assert_true(dns_codec_read_referral(&query, packet.bytes, packet.length, &parent, &referral));
    assert_int_equal(referral.count, DNS_REFERRAL_NAMES_MAX);
    assert_int_equal(referral.glue_count, DNS_REFERRAL_GLUE_MAX);
}

static void
an_error_is_read_from_its_option(void **state)
{
    (void)state;
    static const struct {
        const char *options;
        size_t length;
        int code;
        const char *text;
    } cases[] = {
        {"", 0, -1, ""},
        {"\0\17\0\2\0\6", 6, 6, ""},
        {"\0\17\0\5\0\11abc", 9, 9, "abc"},
        {"\0\12\0\1x\0\17\0\4\0\7\t\377", 13, 7, "??"}, // behind another option
        {"\0\17\0\1\0", 5, -1, ""},                     // no room for a code
        {"\0\17\0\11\0\6", 6, -1, ""},                  // longer than there is
        {"\0\12\377\377", 4, -1, ""},
        {"\0\17", 2, -1, ""},
    };
    struct dns_query query = new_query("a.test");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct packet packet;
        struct dns_error error;
        start(&query, "a.test", &packet);
        packet_add(&packet, SECTION_ADDITIONAL, "", TYPE_OPT, 0, cases[i].options, cases[i].length);
        dns_codec_read_error(packet.bytes, packet.length, &error);
        if (error.code != cases[i].code || strcmp(error.text, cases[i].text) != 0) {
            fail_msg("case %zu: %d '%s'", i, error.code, error.text);
        }
    }
}

static void
a_long_error_text_is_cut(void **state)
{
    (void)state;
    unsigned char options[4 + 2 + 400] = {0, 15, 1, 146, 0, 22};
    struct dns_query query = new_query("a.test");
    struct packet packet;
    struct dns_error error;
    memset(options + 6, 'x', 400);
    start(&query, "a.test", &packet);
    packet_add(&packet, SECTION_ADDITIONAL, "", TYPE_OPT, 0, options, sizeof(options));
    dns_codec_read_error(packet.bytes, packet.length, &error);
    assert_int_equal(error.code, 22);
    assert_int_equal(strlen(error.text), DNS_ERROR_TEXT_SIZE - 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flags_of_a_query_are_as_asked),
        cmocka_unit_test(a_referral_tells_zone_names_and_glue),
        cmocka_unit_test(a_referral_elsewhere_is_none),
        cmocka_unit_test(names_and_glue_of_a_referral_are_capped),
        cmocka_unit_test(an_error_is_read_from_its_option),
        cmocka_unit_test(a_long_error_text_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
