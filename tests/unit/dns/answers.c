// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/dns/answers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/attrs.h"
#include "tests/unit/dns/replies.h"
#include "verifier/dns/dns.h"

atomic_uint answers_asked;
sem_t answers_gate;

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
say_forged_text(const struct exchange *exchange)
{
    say_text(exchange, "forged");
}

static void
on_wrong_source(const struct exchange *exchange)
{
    reply_from_elsewhere(exchange, say_forged_text);
}

static void
on_tiny(const struct exchange *exchange)
{
    struct packet packet;
    packet_start(&packet, exchange, 0);
    packet.length = 11;
    reply_with(exchange, &packet);
}

void
answers_garbage(const struct exchange *exchange)
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

void
answers_servfail(const struct exchange *exchange)
{
    reply_rcode(exchange, RCODE_SERVFAIL);
}

void
answers_refused(const struct exchange *exchange)
{
    reply_rcode(exchange, RCODE_REFUSED);
}

static void
on_odd_rcode(const struct exchange *exchange)
{
    reply_rcode(exchange, 11);
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
say_plain(const struct exchange *exchange)
{
    say_text(exchange, "plain");
}

static void
on_no_edns(const struct exchange *exchange)
{
    reply_without_edns(exchange, say_plain);
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
say_twenty_strings(const struct exchange *exchange)
{
    say_long_text(exchange, 20);
}

static void
on_truncated(const struct exchange *exchange)
{
    reply_by_tcp(exchange, say_twenty_strings);
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
say_half(const struct exchange *exchange)
{
    (void)send(exchange->fd, "\\1\\0half", 6, MSG_NOSIGNAL);
}

static void
on_truncated_tcp_closes(const struct exchange *exchange)
{
    reply_by_tcp(exchange, say_half);
}

static void
on_truncated_tcp_forged(const struct exchange *exchange)
{
    reply_by_tcp(exchange, on_wrong_id);
}

static void
say_length_zero(const struct exchange *exchange)
{
    (void)send(exchange->fd, "\\0\\0", 2, MSG_NOSIGNAL);
}

static void
on_truncated_tcp_empty(const struct exchange *exchange)
{
    reply_by_tcp(exchange, say_length_zero);
}

static void
on_truncated_tcp_stalls(const struct exchange *exchange)
{
    reply_by_tcp(exchange, reply_a_byte);
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
void
answers_far_loop(const struct exchange *exchange)
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
    reply_with(exchange, &packet);
}

static void
say_256(const struct exchange *exchange)
{
    say_addresses(exchange, 256);
}

static void
say_257(const struct exchange *exchange)
{
    say_addresses(exchange, 257);
}

static void
on_256(const struct exchange *exchange)
{
    reply_by_tcp(exchange, say_256);
}

static void
on_257(const struct exchange *exchange)
{
    reply_by_tcp(exchange, say_257);
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
    atomic_fetch_add(&answers_asked, 1);
    (void)sem_wait(&answers_gate);
    say_text(exchange, "gated");
}

static void
on_second_time(const struct exchange *exchange)
{
    if (atomic_fetch_add(&answers_asked, 1) > 0) {
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
    {"silent.test", reply_nothing},
    {"garbage.test", answers_garbage},
    {"more-records-claimed.test", on_more_records_claimed},
    {"pointer-loop.test", on_pointer_loop},
    {"short-address.test", on_short_address},
    {"servfail.test", answers_servfail},
    {"refused.test", answers_refused},
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

void
answers_by_name(const struct exchange *exchange)
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
