// SPDX-License-Identifier: Apache-2.0
// dns_get against a server that lies, cuts, stalls and forges.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "tests/unit/dns/server.h"
#include "verifier/dns/dns.h"

// Short where the time has to pass, long where it must not: then a busy machine breaks no test.
enum { TIMEOUT_MS = 150, LONG_MS = 20000, SLACK_MS = LONG_MS / 2 };

static struct server *server;
static atomic_uint asked; /* handlers that count for themselves */
static sem_t gate;        /* handlers that wait for the test */

/* ---- handlers -------------------------------------------------------------------------------- */

static void
say_forged(const struct exchange *exchange, size_t byte, unsigned char flip)
{
    struct packet packet;
    packet_start(&packet, exchange, 0);
    packet_add_txt(&packet, NULL, "forged");
    packet.bytes[byte] ^= flip;
    reply_with(exchange, &packet);
}

static void
say_text(const struct exchange *exchange, const char *text)
{
    struct packet packet;
    packet_start(&packet, exchange, 0);
    packet_add_txt(&packet, NULL, text);
    reply_with(exchange, &packet);
}

static void
on_good(const struct exchange *exchange)
{
    say_text(exchange, "hello");
}

static void
on_wrong_id(const struct exchange *exchange)
{
    say_forged(exchange, 1, 1);
}

static void
on_forged_then_good(const struct exchange *exchange)
{
    say_forged(exchange, 0, 0x80);
    say_forged(exchange, 13, 'x' ^ 'f'); // the question's first letter
    say_text(exchange, "real");
}

static void
on_wrong_question_name(const struct exchange *exchange)
{
    say_forged(exchange, 13, 1);
}

static void
on_wrong_question_type(const struct exchange *exchange)
{
    say_forged(exchange, 12 + strlen(exchange->name) + 2 + 1, 1);
}

static void
on_wrong_question_class(const struct exchange *exchange)
{
    say_forged(exchange, 12 + strlen(exchange->name) + 2 + 3, 2);
}

static void
on_no_question(const struct exchange *exchange)
{
    say_forged(exchange, 5, 1);
}

static void
on_query_not_answer(const struct exchange *exchange)
{
    say_forged(exchange, 2, 0x80);
}

static void
on_other_opcode(const struct exchange *exchange)
{
    say_forged(exchange, 2, 0x28);
}

static void
on_wrong_source(const struct exchange *exchange)
{
    struct exchange other = *exchange;
    other.fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    say_text(&other, "forged");
    (void)close(other.fd);
}

static void
on_tiny(const struct exchange *exchange)
{
    struct packet packet;
    packet_start(&packet, exchange, 0);
    packet.length = 11;
    reply_with(exchange, &packet);
}

static void
on_silent(const struct exchange *exchange)
{
    (void)exchange;
}

static void
on_garbage(const struct exchange *exchange)
{
    struct packet packet;
    packet_start(&packet, exchange, 0);
    packet_add(&packet, SECTION_ANSWER, NULL, 16, 300, "\377short", 6);
    reply_with(exchange, &packet);
}

static void
on_more_records_claimed(const struct exchange *exchange)
{
    struct packet packet;
    packet_start(&packet, exchange, 0);
    packet_add_txt(&packet, NULL, "one");
    packet.bytes[SECTION_ANSWER] = 0xff;
    reply_with(exchange, &packet);
}

static void
on_pointer_loop(const struct exchange *exchange)
{
    struct packet packet;
    packet_start(&packet, exchange, 0);
    size_t at = packet.length;
    packet_add_txt(&packet, NULL, "x");
    packet.bytes[at] = (unsigned char)(0xc0 | at >> 8); // the owner points at itself
    packet.bytes[at + 1] = (unsigned char)at;
    reply_with(exchange, &packet);
}

static void
on_short_address(const struct exchange *exchange)
{
    struct packet packet;
    packet_start(&packet, exchange, 0);
    packet_add(&packet, SECTION_ANSWER, NULL, 1, 300, "\1\2\3", 3);
    reply_with(exchange, &packet);
}

static void
say_rcode(const struct exchange *exchange, unsigned rcode)
{
    struct packet packet;
    packet_start(&packet, exchange, rcode);
    reply_with(exchange, &packet);
}

static void
on_servfail(const struct exchange *exchange)
{
    say_rcode(exchange, 2);
}

static void
on_refused(const struct exchange *exchange)
{
    say_rcode(exchange, 5);
}

static void
on_odd_rcode(const struct exchange *exchange)
{
    say_rcode(exchange, 11);
}

static void
on_bare_refusal(const struct exchange *exchange)
{
    struct packet packet;
    packet_start(&packet, exchange, 5);
    packet.bytes[5] = 0;
    packet.length = 12;
    reply_with(exchange, &packet);
}

static void
on_bare_noerror(const struct exchange *exchange)
{
    struct packet packet;
    packet_start(&packet, exchange, 0);
    packet.bytes[5] = 0;
    packet.length = 12;
    reply_with(exchange, &packet);
}

static void
on_no_edns(const struct exchange *exchange)
{
    if (exchange->has_edns) {
        say_rcode(exchange, 1);
    } else {
        say_text(exchange, "plain");
    }
}

static void
say_truncated(const struct exchange *exchange)
{
    struct packet packet;
    packet_start(&packet, exchange, 0);
    packet.bytes[2] |= 0x02;
    reply_with(exchange, &packet);
}

static void
say_long_text(const struct exchange *exchange, size_t strings)
{
    struct packet packet;
    unsigned char data[64 * 256];
    memset(data, 'a', sizeof(data));
    for (size_t i = 0; i < strings; i++) {
        data[i * 256] = 255;
    }
    packet_start(&packet, exchange, 0);
    packet_add(&packet, SECTION_ANSWER, NULL, 16, 300, data, strings * 256);
    reply_with(exchange, &packet);
}

static void
on_truncated(const struct exchange *exchange)
{
    if (exchange->is_tcp) {
        say_long_text(exchange, 20);
    } else {
        say_truncated(exchange);
    }
}

static void
on_oversized(const struct exchange *exchange)
{
    if (exchange->is_tcp) {
        say_text(exchange, "by TCP");
    } else {
        say_long_text(exchange, 8);
    }
}

static void
on_truncated_tcp_closes(const struct exchange *exchange)
{
    if (!exchange->is_tcp) {
        say_truncated(exchange);
    } else {
        (void)send(exchange->fd, "\1\0half", 6, MSG_NOSIGNAL);
    }
}

static void
on_truncated_tcp_forged(const struct exchange *exchange)
{
    if (!exchange->is_tcp) {
        say_truncated(exchange);
    } else {
        say_forged(exchange, 1, 1);
    }
}

static void
on_truncated_tcp_empty(const struct exchange *exchange)
{
    if (!exchange->is_tcp) {
        say_truncated(exchange);
    } else {
        (void)send(exchange->fd, "\0\0", 2, MSG_NOSIGNAL);
    }
}

static void
on_truncated_tcp_stalls(const struct exchange *exchange)
{
    if (!exchange->is_tcp) {
        say_truncated(exchange);
    } else {
        (void)send(exchange->fd, "\1", 1, MSG_NOSIGNAL);
        char byte;
        (void)recv(exchange->fd, &byte, 1, 0); // until the client gives up
    }
}

static void
on_loop(const struct exchange *exchange)
{
    struct packet packet;
    packet_start(&packet, exchange, 0);
    packet_add_name(&packet, SECTION_ANSWER, NULL, 5, 300, "loop2.test");
    packet_add_name(&packet, SECTION_ANSWER, "loop2.test", 5, 300, "loop.test");
    reply_with(exchange, &packet);
}

static void
on_self(const struct exchange *exchange)
{
    struct packet packet;
    packet_start(&packet, exchange, 0);
    packet_add_name(&packet, SECTION_ANSWER, NULL, 5, 300, exchange->name);
    reply_with(exchange, &packet);
}

// Goes somewhere else before it loops.
static void
on_far_loop(const struct exchange *exchange)
{
    struct packet packet;
    packet_start(&packet, exchange, 0);
    packet_add_name(&packet, SECTION_ANSWER, NULL, 5, 300, "elsewhere.test");
    packet_add_name(&packet, SECTION_ANSWER, "elsewhere.test", 5, 300, "elsewhere.test");
    reply_with(exchange, &packet);
}

// "chain3.test" is a CNAME to "chain2.test", and so on; one step an answer.
static void
on_chain(const struct exchange *exchange)
{
    int left = atoi(exchange->name + strlen("chain"));
    if (left == 0) {
        say_text(exchange, "end");
        return;
    }
    struct packet packet;
    char next[32];
    (void)snprintf(next, sizeof(next), "chain%d.test", left - 1);
    packet_start(&packet, exchange, 0);
    packet_add_name(&packet, SECTION_ANSWER, NULL, 5, 300, next);
    reply_with(exchange, &packet);
}

static void
on_reversed_chain(const struct exchange *exchange)
{
    struct packet packet;
    packet_start(&packet, exchange, 0);
    packet_add_txt(&packet, "r2.test", "reached");
    packet_add_name(&packet, SECTION_ANSWER, "r1.test", 5, 60, "r2.test");
    packet_add_name(&packet, SECTION_ANSWER, NULL, 5, 300, "R1.test");
    packet_add_txt(&packet, "stranger.test", "stranger");
    reply_with(exchange, &packet);
}

static void
on_foreign_only(const struct exchange *exchange)
{
    struct packet packet;
    packet_start(&packet, exchange, 0);
    packet_add_txt(&packet, "stranger.test", "stranger");
    packet_add_soa(&packet, "test", 60, 60);
    reply_with(exchange, &packet);
}

static void
on_cname_to_nothing(const struct exchange *exchange)
{
    struct packet packet;
    packet_start(&packet, exchange, 3);
    packet_add_name(&packet, SECTION_ANSWER, NULL, 5, 300, "gone.test");
    packet_add_soa(&packet, "test", 60, 60);
    reply_with(exchange, &packet);
}

static void
say_no(const struct exchange *exchange, unsigned rcode, const char *zone, uint32_t minimum)
{
    struct packet packet;
    packet_start(&packet, exchange, rcode);
    if (zone != NULL) {
        packet_add_soa(&packet, zone, 3600, minimum);
    }
    reply_with(exchange, &packet);
}

static void
on_nxdomain(const struct exchange *exchange)
{
    say_no(exchange, 3, "test", 100);
}

static void
on_nodata(const struct exchange *exchange)
{
    say_no(exchange, 0, "test", 5000);
}

static void
on_nxdomain_without_soa(const struct exchange *exchange)
{
    say_no(exchange, 3, NULL, 0);
}

static void
on_nxdomain_foreign_soa(const struct exchange *exchange)
{
    say_no(exchange, 3, "example", 100);
}

static void
on_referral(const struct exchange *exchange)
{
    struct packet packet;
    packet_start(&packet, exchange, 0);
    packet_add_name(&packet, SECTION_AUTHORITY, "test", 2, 300, "ns.test");
    reply_with(exchange, &packet);
}

static void
on_strings(const struct exchange *exchange)
{
    struct packet packet;
    packet_start(&packet, exchange, 0);
    packet_add(&packet, SECTION_ANSWER, NULL, 16, 300, "\2ab\0\3c\0d", 8);
    packet_add(&packet, SECTION_ANSWER, NULL, 16, 300, "\0", 1);
    reply_with(exchange, &packet);
}

static void
on_types(const struct exchange *exchange)
{
    struct packet packet;
    packet_start(&packet, exchange, 0);
    switch (exchange->type) {
    case 1:
        packet_add(&packet, SECTION_ANSWER, NULL, 1, 300, "\300\0\2\1", 4);
        break;
    case 28:
        packet_add(&packet, SECTION_ANSWER, NULL, 28, 300, "0123456789abcdef", 16);
        break;
    case 15:
        packet_add(&packet, SECTION_ANSWER, NULL, 15, 300, "\0\12\2MX\4test\0", 11);
        packet_add(&packet, SECTION_ANSWER, NULL, 15, 300, "\0\0\0", 3);
        break;
    default:
        packet_add_name(&packet, SECTION_ANSWER, NULL, exchange->type, 300, "Odd name.test");
        break;
    }
    reply_with(exchange, &packet);
}

static void
say_addresses(const struct exchange *exchange, unsigned count)
{
    struct packet packet;
    packet_start(&packet, exchange, 0);
    for (unsigned i = 0; i < count; i++) {
        unsigned char data[4] = {10, 0, (unsigned char)(i >> 8), (unsigned char)i};
        packet_add(&packet, SECTION_ANSWER, NULL, 1, 300, data, 4);
    }
    if (exchange->is_tcp) {
        reply_with(exchange, &packet);
    } else {
        say_truncated(exchange);
    }
}

static void
on_256(const struct exchange *exchange)
{
    say_addresses(exchange, 256);
}

static void
on_257(const struct exchange *exchange)
{
    say_addresses(exchange, 257);
}

static void
say_with_ttl(const struct exchange *exchange, uint32_t ttl)
{
    struct packet packet;
    packet_start(&packet, exchange, 0);
    packet_add(&packet, SECTION_ANSWER, NULL, 16, ttl, "\1x", 2);
    reply_with(exchange, &packet);
}

static void
on_ttl_week(const struct exchange *exchange)
{
    say_with_ttl(exchange, 7 * 86400);
}

static void
on_ttl_negative(const struct exchange *exchange)
{
    say_with_ttl(exchange, 0x80000001U);
}

static void
on_authenticated(const struct exchange *exchange)
{
    struct packet packet;
    packet_start(&packet, exchange, 0);
    packet.bytes[3] |= 0x20;
    packet_add_txt(&packet, NULL, "signed");
    reply_with(exchange, &packet);
}

static void
on_gated(const struct exchange *exchange)
{
    atomic_fetch_add(&asked, 1);
    (void)sem_wait(&gate);
    say_text(exchange, "gated");
}

static void
on_second_time(const struct exchange *exchange)
{
    if (atomic_fetch_add(&asked, 1) > 0) {
        say_text(exchange, "second");
    }
}

static const struct {
    const char *name;
    handle_fn *handle;
} HANDLERS[] = {
    {"good.test", on_good},
    {"wrong-id.test", on_wrong_id},
    {"forged-then-good.test", on_forged_then_good},
    {"wrong-question-name.test", on_wrong_question_name},
    {"wrong-question-type.test", on_wrong_question_type},
    {"wrong-question-class.test", on_wrong_question_class},
    {"no-question.test", on_no_question},
    {"query-not-answer.test", on_query_not_answer},
    {"other-opcode.test", on_other_opcode},
    {"wrong-source.test", on_wrong_source},
    {"tiny.test", on_tiny},
    {"silent.test", on_silent},
    {"garbage.test", on_garbage},
    {"more-records-claimed.test", on_more_records_claimed},
    {"pointer-loop.test", on_pointer_loop},
    {"short-address.test", on_short_address},
    {"servfail.test", on_servfail},
    {"refused.test", on_refused},
    {"odd-rcode.test", on_odd_rcode},
    {"bare-refusal.test", on_bare_refusal},
    {"bare-noerror.test", on_bare_noerror},
    {"no-edns.test", on_no_edns},
    {"truncated.test", on_truncated},
    {"oversized.test", on_oversized},
    {"truncated-tcp-closes.test", on_truncated_tcp_closes},
    {"truncated-tcp-forged.test", on_truncated_tcp_forged},
    {"truncated-tcp-empty.test", on_truncated_tcp_empty},
    {"truncated-tcp-stalls.test", on_truncated_tcp_stalls},
    {"loop.test", on_loop},
    {"self.test", on_self},
    {"reversed-chain.test", on_reversed_chain},
    {"foreign-only.test", on_foreign_only},
    {"cname-to-nothing.test", on_cname_to_nothing},
    {"nxdomain.test", on_nxdomain},
    {"nodata.test", on_nodata},
    {"nxdomain-without-soa.test", on_nxdomain_without_soa},
    {"nxdomain-foreign-soa.test", on_nxdomain_foreign_soa},
    {"referral.test", on_referral},
    {"strings.test", on_strings},
    {"types.test", on_types},
    {"256.test", on_256},
    {"257.test", on_257},
    {"ttl-week.test", on_ttl_week},
    {"ttl-negative.test", on_ttl_negative},
    {"authenticated.test", on_authenticated},
    {"gated.test", on_gated},
    {"second-time.test", on_second_time},
};

static void
handle(const struct exchange *exchange)
{
    if (strncmp(exchange->name, "chain", 5) == 0) {
        on_chain(exchange);
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(HANDLERS); i++) {
        if (strcmp(exchange->name, HANDLERS[i].name) == 0) {
            HANDLERS[i].handle(exchange);
            return;
        }
    }
    fprintf(stderr, "no handler for %s\n", exchange->name);
    abort();
}

/* ---- set-up ---------------------------------------------------------------------------------- */

static struct dns *
open_with(const char *const *servers, size_t count, int64_t timeout_ms, unsigned tries)
{
    const struct dns_settings settings = {
        .servers = servers,
        .server_count = count,
        .timeout_ms = timeout_ms,
        .tries = tries,
        .cache_bytes = 1 << 20,
    };
    struct dns *dns = NULL;
    struct why why;
    assert_int_equal(dns_open(&settings, &dns, &why), ST_OK);
    return dns;
}

static int
start_server(void **state)
{
    server = server_start(handle);
    atomic_store(&asked, 0);
    (void)sem_init(&gate, 0, 0);
    const char *servers[] = {server_text(server)};
    *state = open_with(servers, 1, LONG_MS, 1);
    return 0;
}

static int
stop_server(void **state)
{
    clock_fake_off();
    dns_close(*state);
    server_stop(server);
    (void)sem_destroy(&gate);
    return 0;
}

static void
assert_text(const struct dns_answer *answer, const char *text)
{
    assert_int_equal(answer->status, DNS_OK);
    assert_int_equal(answer->count, 1);
    assert_int_equal(answer->records[0].length, strlen(text));
    assert_string_equal(answer->records[0].data, text);
}

static void
assert_temporary(const struct dns_answer *answer)
{
    assert_int_equal(answer->status, DNS_TEMPORARY);
    assert_int_equal(answer->count, 0);
    assert_string_not_equal(answer->problem, "");
}

/* ---- answers --------------------------------------------------------------------------------- */

static void
an_answer_comes_back_as_sent(void **state)
{
    AUTO_ANSWER *answer = dns_get(*state, NULL, "Good.Test.", DNS_TXT);
    assert_text(answer, "hello");
    assert_int_equal(answer->type, DNS_TXT);
    assert_int_equal(answer->ttl, 300);
    assert_string_equal(answer->canonical, "good.test");
    assert_string_equal(answer->problem, "");
    assert_false(answer->authenticated);
    AUTO_ANSWER *authenticated = dns_get(*state, NULL, "authenticated.test", DNS_TXT);
    assert_true(authenticated->authenticated); // the server is on loopback
}

static void
strings_of_one_record_are_joined_by_length(void **state)
{
    AUTO_ANSWER *answer = dns_get(*state, NULL, "strings.test", DNS_TXT);
    assert_int_equal(answer->status, DNS_OK);
    assert_int_equal(answer->count, 2);
    assert_int_equal(answer->records[0].length, 5);
    assert_memory_equal(answer->records[0].data, "abc\0d", 6);
    assert_int_equal(answer->records[1].length, 0);
}

static void
each_type_has_its_form(void **state)
{
    AUTO_ANSWER *a = dns_get(*state, NULL, "types.test", DNS_A);
    assert_int_equal(a->records[0].length, 4);
    assert_memory_equal(a->records[0].data, "\300\0\2\1", 4);
    AUTO_ANSWER *aaaa = dns_get(*state, NULL, "types.test", DNS_AAAA);
    assert_int_equal(aaaa->records[0].length, 16);
    AUTO_ANSWER *mx = dns_get(*state, NULL, "types.test", DNS_MX);
    assert_int_equal(mx->count, 2);
    assert_int_equal(mx->records[0].preference, 10);
    assert_string_equal(mx->records[0].data, "mx.test");
    assert_string_equal(mx->records[1].data, ".");
    static const enum dns_type names[] = {DNS_NS, DNS_PTR, DNS_CNAME};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        AUTO_ANSWER *name = dns_get(*state, NULL, "types.test", names[i]);
        assert_int_equal(name->status, DNS_OK);
        assert_string_equal(name->records[0].data, "odd\\032name.test");
    }
}

static void
nothing_forged_or_broken_is_taken(void **state)
{
    static const struct {
        const char *name;
        enum dns_type type;
        bool waits; /* the try's time has to pass: what came was dropped */
    } cases[] = {
        {"wrong-id.test", DNS_TXT, true},
        {"wrong-question-name.test", DNS_TXT, true},
        {"wrong-question-type.test", DNS_TXT, true},
        {"wrong-question-class.test", DNS_TXT, true},
        {"no-question.test", DNS_TXT, true},
        {"query-not-answer.test", DNS_TXT, true},
        {"other-opcode.test", DNS_TXT, true},
        {"wrong-source.test", DNS_TXT, true},
        {"tiny.test", DNS_TXT, true},
        {"bare-noerror.test", DNS_TXT, true},
        {"silent.test", DNS_TXT, true},
        {"truncated-tcp-stalls.test", DNS_TXT, true},
        {"garbage.test", DNS_TXT, false},
        {"more-records-claimed.test", DNS_TXT, false},
        {"pointer-loop.test", DNS_TXT, false},
        {"short-address.test", DNS_A, false},
        {"servfail.test", DNS_TXT, false},
        {"refused.test", DNS_TXT, false},
        {"odd-rcode.test", DNS_TXT, false},
        {"bare-refusal.test", DNS_TXT, false},
        {"truncated-tcp-closes.test", DNS_TXT, false},
        {"truncated-tcp-forged.test", DNS_TXT, false},
        {"truncated-tcp-empty.test", DNS_TXT, false},
        {"loop.test", DNS_TXT, false},
        {"self.test", DNS_TXT, false},
        {"257.test", DNS_A, false},
        {"referral.test", DNS_TXT, false},
    };
    const char *servers[] = {server_text(server)};
    struct dns *short_of_time = open_with(servers, 1, TIMEOUT_MS, 1);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t start = clock_mono_ms();
        struct dns *dns = cases[i].waits ? short_of_time : *state;
        AUTO_ANSWER *answer = dns_get(dns, NULL, cases[i].name, cases[i].type);
        int64_t took = clock_mono_ms() - start;
        if (answer->status != DNS_TEMPORARY || answer->count != 0 || answer->problem[0] == '\0' ||
            took > SLACK_MS || (cases[i].waits && took < TIMEOUT_MS)) {
            fail_msg("%s: status %d, %zu records, '%s', %lld ms", cases[i].name, answer->status,
                     answer->count, answer->problem, (long long)took);
        }
    }
    dns_close(short_of_time);
}

static void
a_forged_answer_does_not_end_the_wait_for_the_real_one(void **state)
{
    AUTO_ANSWER *answer = dns_get(*state, NULL, "forged-then-good.test", DNS_TXT);
    assert_text(answer, "real");
}

static void
a_truncated_answer_is_fetched_by_tcp(void **state)
{
    AUTO_ANSWER *answer = dns_get(*state, NULL, "truncated.test", DNS_TXT);
    assert_int_equal(answer->status, DNS_OK);
    assert_int_equal(answer->records[0].length, 20 * 255);
    assert_int_equal(server_tcp_count(server), 1);
}

static void
a_datagram_larger_than_announced_is_fetched_by_tcp(void **state)
{
    AUTO_ANSWER *answer = dns_get(*state, NULL, "oversized.test", DNS_TXT);
    assert_text(answer, "by TCP");
}

static void
a_server_without_edns_is_asked_without(void **state)
{
    AUTO_ANSWER *answer = dns_get(*state, NULL, "no-edns.test", DNS_TXT);
    assert_text(answer, "plain");
    assert_int_equal(server_udp_count(server), 2);
}

static void
as_many_records_as_allowed_are_taken(void **state)
{
    AUTO_ANSWER *answer = dns_get(*state, NULL, "256.test", DNS_A);
    assert_int_equal(answer->status, DNS_OK);
    assert_int_equal(answer->count, DNS_RECORDS_MAX);
    assert_memory_equal(answer->records[255].data, "\12\0\0\377", 4);
}

static void
a_chain_of_cnames_is_followed_to_its_cap(void **state)
{
    AUTO_ANSWER *eight = dns_get(*state, NULL, "chain8.test", DNS_TXT);
    assert_text(eight, "end");
    assert_string_equal(eight->canonical, "chain0.test");
    assert_int_equal(server_udp_count(server), 9);
    AUTO_ANSWER *nine = dns_get(*state, NULL, "chain9.test", DNS_TXT);
    assert_temporary(nine);
}

static void
a_chain_in_any_order_leads_past_strangers(void **state)
{
    AUTO_ANSWER *answer = dns_get(*state, NULL, "reversed-chain.test", DNS_TXT);
    assert_text(answer, "reached");
    assert_string_equal(answer->canonical, "r2.test");
    assert_int_equal(answer->ttl, 60); // the smallest on the chain
    AUTO_ANSWER *foreign = dns_get(*state, NULL, "foreign-only.test", DNS_TXT);
    assert_int_equal(foreign->status, DNS_NODATA);
}

static void
no_such_name_and_no_such_record_are_told_apart(void **state)
{
    AUTO_ANSWER *nxdomain = dns_get(*state, NULL, "nxdomain.test", DNS_TXT);
    assert_int_equal(nxdomain->status, DNS_NXDOMAIN);
    assert_int_equal(nxdomain->ttl, 100); // the SOA's minimum
    AUTO_ANSWER *nodata = dns_get(*state, NULL, "nodata.test", DNS_TXT);
    assert_int_equal(nodata->status, DNS_NODATA);
    assert_int_equal(nodata->ttl, 3600); // the SOA's own TTL
    AUTO_ANSWER *nothing = dns_get(*state, NULL, "cname-to-nothing.test", DNS_TXT);
    assert_int_equal(nothing->status, DNS_NXDOMAIN);
    assert_string_equal(nothing->canonical, "gone.test");
}

static void
bad_names_are_not_asked(void **state)
{
    static const char long_label[] =
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.test";
    static const char *const names[] = {"", ".", "a..test", ".test", long_label, "a\\"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        AUTO_ANSWER *answer = dns_get(*state, NULL, names[i], DNS_TXT);
        if (answer->status != DNS_BAD_NAME) {
            fail_msg("'%s' is asked", names[i]);
        }
    }
    assert_int_equal(server_udp_count(server), 0);
}

/* ---- several servers ------------------------------------------------------------------------- */

static void
a_dead_server_costs_no_time(void **state)
{
    (void)state;
    char dead[32];
    dead_server_text(dead);
    const char *servers[] = {dead, server_text(server)};
    struct dns *dns = open_with(servers, 2, LONG_MS, 2);
    int64_t start = clock_mono_ms();
    AUTO_ANSWER *answer = dns_get(dns, NULL, "good.test", DNS_TXT);
    assert_text(answer, "hello");
    assert_true(clock_mono_ms() - start < LONG_MS);
    dns_close(dns);
}

static void
only_dead_servers_are_a_temporary_failure_at_once(void **state)
{
    (void)state;
    char dead[32];
    dead_server_text(dead);
    const char *servers[] = {dead, dead};
    struct dns *dns = open_with(servers, 2, LONG_MS, 3);
    int64_t start = clock_mono_ms();
    AUTO_ANSWER *answer = dns_get(dns, NULL, "good.test", DNS_TXT);
    assert_temporary(answer);
    assert_true(clock_mono_ms() - start < LONG_MS);
    dns_close(dns);
}

static void
a_silent_server_is_passed_over_and_then_asked_last(void **state)
{
    (void)state;
    struct server *silent = server_start(on_silent);
    const char *servers[] = {server_text(silent), server_text(server)};
    struct dns *dns = open_with(servers, 2, 1000, 2);
    AUTO_ANSWER *first = dns_get(dns, NULL, "good.test", DNS_TXT);
    assert_text(first, "hello");
    AUTO_ANSWER *second = dns_get(dns, NULL, "strings.test", DNS_TXT);
    assert_int_equal(second->status, DNS_OK);
    assert_int_equal(server_udp_count(silent), 1);
    dns_close(dns);
    server_stop(silent);
}

static void
a_server_that_fails_leaves_it_to_the_next(void **state)
{
    (void)state;
    static const struct {
        const char *label;
        handle_fn *handle;
    } cases[] = {{"SERVFAIL", on_servfail},
                 {"REFUSED", on_refused},
                 {"garbage", on_garbage},
                 {"loop", on_far_loop}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct server *bad = server_start(cases[i].handle);
        const char *servers[] = {server_text(bad), server_text(server)};
        struct dns *dns = open_with(servers, 2, LONG_MS, 3);
        AUTO_ANSWER *answer = dns_get(dns, NULL, "good.test", DNS_TXT);
        if (answer->status != DNS_OK || answer->count != 1 || server_udp_count(bad) != 1) {
            fail_msg("%s: status %d, asked %u times", cases[i].label, answer->status,
                     server_udp_count(bad));
        }
        dns_close(dns);
        server_stop(bad);
    }
}

static void
a_server_that_failed_is_not_asked_again(void **state)
{
    (void)state;
    const char *servers[] = {server_text(server)};
    struct dns *dns = open_with(servers, 1, LONG_MS, 3);
    AUTO_ANSWER *answer = dns_get(dns, NULL, "servfail.test", DNS_TXT);
    assert_temporary(answer);
    assert_int_equal(server_udp_count(server), 1);
    dns_close(dns);
}

static void
a_silent_server_is_tried_as_often_as_set(void **state)
{
    (void)state;
    const char *servers[] = {server_text(server)};
    struct dns *dns = open_with(servers, 1, 30, 3);
    AUTO_ANSWER *answer = dns_get(dns, NULL, "silent.test", DNS_TXT);
    assert_temporary(answer);
    assert_int_equal(server_udp_count(server), 3);
    dns_close(dns);
}

/* ---- budget ---------------------------------------------------------------------------------- */

static struct dns_budget
budget_of(int64_t ms, unsigned queries)
{
    return (struct dns_budget){.deadline_mono_ms = clock_mono_ms() + ms, .queries_left = queries};
}

static void
the_budget_counts_queries_and_hits(void **state)
{
    struct dns_budget budget = budget_of(LONG_MS, 4);
    AUTO_ANSWER *first = dns_get(*state, &budget, "good.test", DNS_TXT);
    AUTO_ANSWER *again = dns_get(*state, &budget, "good.test", DNS_TXT);
    assert_ptr_equal(first, again);
    AUTO_ANSWER *chain = dns_get(*state, &budget, "chain2.test", DNS_TXT);
    assert_text(chain, "end");
    assert_int_equal(budget.queries, 4);
    assert_int_equal(budget.hits, 1);
    assert_int_equal(budget.queries_left, 0);
    AUTO_ANSWER *hit = dns_get(*state, &budget, "good.test", DNS_TXT);
    assert_text(hit, "hello"); // hits are free
    AUTO_ANSWER *none_left = dns_get(*state, &budget, "strings.test", DNS_TXT);
    assert_temporary(none_left);
    struct dns_counts counts;
    dns_counts(*state, &counts);
    assert_int_equal(counts.queries, 4);
    assert_int_equal(counts.hits, 2);
    assert_int_equal(counts.temporary, 1);
}

static void
what_one_budget_could_not_pay_another_can(void **state)
{
    struct dns_budget poor = budget_of(LONG_MS, 0);
    AUTO_ANSWER *refused = dns_get(*state, &poor, "good.test", DNS_TXT);
    assert_temporary(refused);
    struct dns_budget late = budget_of(-1, 9);
    AUTO_ANSWER *too_late = dns_get(*state, &late, "good.test", DNS_TXT);
    assert_temporary(too_late);
    assert_int_equal(late.queries, 0);
    AUTO_ANSWER *answer = dns_get(*state, NULL, "good.test", DNS_TXT);
    assert_text(answer, "hello");
}

static void
no_lookup_outlives_its_deadline(void **state)
{
    (void)state;
    const char *servers[] = {server_text(server)};
    struct dns *dns = open_with(servers, 1, LONG_MS, 2);
    static const char *const names[] = {"silent.test", "wrong-id.test",
                                        "truncated-tcp-stalls.test"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct dns_budget budget = budget_of(50, 9);
        int64_t start = clock_mono_ms();
        AUTO_ANSWER *answer = dns_get(dns, &budget, names[i], DNS_TXT);
        assert_temporary(answer);
        assert_true(clock_mono_ms() - start < SLACK_MS);
    }
    dns_close(dns);
}

/* ---- cache ----------------------------------------------------------------------------------- */

static void
answers_are_kept_as_long_as_they_may_be(void **state)
{
    enum { HOUR = 3600, QUARTER = 900 };
    static const struct {
        const char *name;
        int64_t seconds;
    } cases[] = {
        {"good.test", 300},     {"ttl-week.test", HOUR},          {"ttl-negative.test", 0},
        {"nxdomain.test", 100}, {"nodata.test", QUARTER},         {"nxdomain-without-soa.test", 0},
        {"servfail.test", 5},   {"nxdomain-foreign-soa.test", 0}, {"reversed-chain.test", 60},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t now = 1000000;
        clock_fake_set(now, now);
        unsigned before = server_udp_count(server);
        dns_answer_release(dns_get(*state, NULL, cases[i].name, DNS_TXT));
        clock_fake_set(now, now + cases[i].seconds * 1000 - 1);
        dns_answer_release(dns_get(*state, NULL, cases[i].name, DNS_TXT));
        unsigned within = server_udp_count(server) - before;
        clock_fake_set(now, now + cases[i].seconds * 1000);
        dns_answer_release(dns_get(*state, NULL, cases[i].name, DNS_TXT));
        unsigned after = server_udp_count(server) - before;
        unsigned kept = cases[i].seconds > 0 ? 1 : 2;
        if (within != kept || after != kept + 1) {
            fail_msg("%s: %u queries within, %u after", cases[i].name, within, after);
        }
    }
}

static void
a_fresh_question_passes_over_the_cache_and_renews_it(void **state)
{
    struct dns_budget budget = budget_of(LONG_MS, 9);
    AUTO_ANSWER *first = dns_get(*state, &budget, "good.test", DNS_TXT);
    budget.fresh = true;
    AUTO_ANSWER *second = dns_get(*state, &budget, "good.test", DNS_TXT);
    assert_ptr_not_equal(first, second);
    budget.fresh = false;
    AUTO_ANSWER *third = dns_get(*state, &budget, "good.test", DNS_TXT);
    assert_ptr_equal(second, third);
    assert_int_equal(server_udp_count(server), 2);
}

struct asker {
    pthread_t thread;
    struct dns *dns;
    const char *name;
    int64_t budget_ms;
    atomic_uint *started;
    enum dns_status status;
};

static void *
ask(void *context)
{
    struct asker *asker = context;
    struct dns_budget budget = budget_of(asker->budget_ms, 9);
    atomic_fetch_add(asker->started, 1);
    AUTO_ANSWER *answer = dns_get(asker->dns, &budget, asker->name, DNS_TXT);
    asker->status = answer->status;
    return NULL;
}

static void
start_asker(struct asker *asker)
{
    assert_int_equal(pthread_create(&asker->thread, NULL, ask, asker), 0);
}

static void
wait_until(atomic_uint *counter, unsigned value)
{
    while (atomic_load(counter) < value) {
        (void)sched_yield();
    }
}

static void
equal_questions_at_once_are_sent_once(void **state)
{
    (void)state;
    enum { ASKERS = 8 };
    const char *servers[] = {server_text(server)};
    struct dns *dns = open_with(servers, 1, LONG_MS, 1);
    struct asker askers[ASKERS];
    atomic_uint started = 0;
    for (size_t i = 0; i < ASKERS; i++) {
        askers[i] = (struct asker){
            .dns = dns, .name = "gated.test", .budget_ms = LONG_MS, .started = &started};
        start_asker(&askers[i]);
    }
    wait_until(&started, ASKERS);
    wait_until(&asked, 1);
    (void)sem_post(&gate);
    for (size_t i = 0; i < ASKERS; i++) {
        (void)pthread_join(askers[i].thread, NULL);
        assert_int_equal(askers[i].status, DNS_OK);
    }
    assert_int_equal(server_udp_count(server), 1);
    dns_close(dns);
}

static void
who_waits_for_anothers_query_gives_up_at_its_own_deadline(void **state)
{
    (void)state;
    const char *servers[] = {server_text(server)};
    struct dns *dns = open_with(servers, 1, LONG_MS, 1);
    atomic_uint started = 0;
    struct asker leader = {
        .dns = dns, .name = "gated.test", .budget_ms = LONG_MS, .started = &started};
    start_asker(&leader);
    wait_until(&asked, 1);
    struct dns_budget budget = budget_of(30, 9);
    AUTO_ANSWER *answer = dns_get(dns, &budget, "gated.test", DNS_TXT);
    assert_temporary(answer);
    (void)sem_post(&gate);
    (void)pthread_join(leader.thread, NULL);
    assert_int_equal(leader.status, DNS_OK);
    dns_close(dns);
}

static void
a_leader_out_of_time_leaves_the_lead_to_who_waits(void **state)
{
    (void)state;
    const char *servers[] = {server_text(server)};
    struct dns *dns = open_with(servers, 1, LONG_MS, 1);
    atomic_uint started = 0;
    struct asker leader = {
        .dns = dns, .name = "second-time.test", .budget_ms = 200, .started = &started};
    start_asker(&leader);
    wait_until(&asked, 1);
    struct dns_budget budget = budget_of(LONG_MS, 9);
    AUTO_ANSWER *answer = dns_get(dns, &budget, "second-time.test", DNS_TXT);
    assert_text(answer, "second");
    (void)pthread_join(leader.thread, NULL);
    assert_int_equal(leader.status, DNS_TEMPORARY);
    dns_close(dns);
}

static void *
ask_many(void *context)
{
    struct asker *asker = context;
    static const char *const names[] = {"good.test",     "strings.test",  "chain3.test",
                                        "nxdomain.test", "servfail.test", "truncated.test"};
    for (size_t i = 0; i < 200; i++) {
        struct dns_budget budget = {
            .deadline_mono_ms = INT64_MAX, .queries_left = 99, .fresh = i % 3 == 0};
        dns_answer_release(dns_get(asker->dns, &budget, names[i % ARRAY_LEN(names)], DNS_TXT));
    }
    return NULL;
}

static void
many_threads_ask_at_once(void **state)
{
    struct asker askers[6];
    for (size_t i = 0; i < ARRAY_LEN(askers); i++) {
        askers[i].dns = *state;
        assert_int_equal(pthread_create(&askers[i].thread, NULL, ask_many, &askers[i]), 0);
    }
    for (size_t i = 0; i < ARRAY_LEN(askers); i++) {
        (void)pthread_join(askers[i].thread, NULL);
    }
    AUTO_ANSWER *answer = dns_get(*state, NULL, "good.test", DNS_TXT);
    assert_text(answer, "hello");
}

/* ---- settings -------------------------------------------------------------------------------- */

static void
settings_that_cannot_work_are_refused(void **state)
{
    (void)state;
    static const char *const nine[] = {"1.1.1.1", "1.1.1.2", "1.1.1.3", "1.1.1.4", "1.1.1.5",
                                       "1.1.1.6", "1.1.1.7", "1.1.1.8", "1.1.1.9"};
    static const char *const named[] = {"resolver.example"};
    static const struct {
        const char *label;
        struct dns_settings settings;
    } cases[] = {
        {"no server", {.servers = nine, .server_count = 0, .timeout_ms = 1, .tries = 1}},
        {"nine servers", {.servers = nine, .server_count = 9, .timeout_ms = 1, .tries = 1}},
        {"no address", {.servers = named, .server_count = 1, .timeout_ms = 1, .tries = 1}},
        {"no time", {.servers = nine, .server_count = 1, .timeout_ms = 0, .tries = 1}},
        {"no try", {.servers = nine, .server_count = 1, .timeout_ms = 1, .tries = 0}},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct dns *dns = NULL;
        struct why why = {.text = ""};
        if (dns_open(&cases[i].settings, &dns, &why) != ST_INVALID || dns != NULL ||
            why.text[0] == '\0') {
            fail_msg("%s", cases[i].label);
        }
    }
    const struct dns_settings eight = {
        .servers = nine, .server_count = 8, .timeout_ms = 1, .tries = 1};
    struct dns *dns = NULL;
    assert_int_equal(dns_open(&eight, &dns, NULL), ST_OK);
    dns_close(dns);
    dns_close(NULL);
}

#define WITH_SERVER(test) cmocka_unit_test_setup_teardown(test, start_server, stop_server)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SERVER(an_answer_comes_back_as_sent),
        WITH_SERVER(strings_of_one_record_are_joined_by_length),
        WITH_SERVER(each_type_has_its_form),
        WITH_SERVER(nothing_forged_or_broken_is_taken),
        WITH_SERVER(a_forged_answer_does_not_end_the_wait_for_the_real_one),
        WITH_SERVER(a_truncated_answer_is_fetched_by_tcp),
        WITH_SERVER(a_datagram_larger_than_announced_is_fetched_by_tcp),
        WITH_SERVER(a_server_without_edns_is_asked_without),
        WITH_SERVER(as_many_records_as_allowed_are_taken),
        WITH_SERVER(a_chain_of_cnames_is_followed_to_its_cap),
        WITH_SERVER(a_chain_in_any_order_leads_past_strangers),
        WITH_SERVER(no_such_name_and_no_such_record_are_told_apart),
        WITH_SERVER(bad_names_are_not_asked),
        WITH_SERVER(a_dead_server_costs_no_time),
        WITH_SERVER(only_dead_servers_are_a_temporary_failure_at_once),
        WITH_SERVER(a_silent_server_is_passed_over_and_then_asked_last),
        WITH_SERVER(a_server_that_fails_leaves_it_to_the_next),
        WITH_SERVER(a_server_that_failed_is_not_asked_again),
        WITH_SERVER(a_silent_server_is_tried_as_often_as_set),
        WITH_SERVER(the_budget_counts_queries_and_hits),
        WITH_SERVER(what_one_budget_could_not_pay_another_can),
        WITH_SERVER(no_lookup_outlives_its_deadline),
        WITH_SERVER(answers_are_kept_as_long_as_they_may_be),
        WITH_SERVER(a_fresh_question_passes_over_the_cache_and_renews_it),
        WITH_SERVER(equal_questions_at_once_are_sent_once),
        WITH_SERVER(who_waits_for_anothers_query_gives_up_at_its_own_deadline),
        WITH_SERVER(a_leader_out_of_time_leaves_the_lead_to_who_waits),
        WITH_SERVER(many_threads_ask_at_once),
        cmocka_unit_test(settings_that_cannot_work_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
