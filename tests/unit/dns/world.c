// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/dns/world.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/attrs.h"
#include "tests/unit/dns/replies.h"

enum { TYPE_A = 1, TYPE_NS = 2, TYPE_CNAME = 5, TYPE_SOA = 6, TYPE_TXT = 16, TYPE_AAAA = 28 };
enum { RCODE_ODD = 9 };
enum { FLAG_AA = 0x04, FLAG_CD = 0x10, FLAG_RD = 0x01 };
enum { OLD_SERIAL = 1, NEW_SERIAL = 2, NEGATIVE_TTL = 60 };

static struct server *resolver;
static struct server *servers[WORLD_END];
static atomic_bool is_blocked_now;

/* ---- names ----------------------------------------------------------------------------------- */

static bool
is_zone_label(const char *name)
{
    return name[0] != 0 && strchr("zdbnws", name[0]) != NULL && name[1] == '-';
}

// The zone of a name: the label z-... (or another letter) or child-... it stands at or below.
static const char *
zone_of(const char *name)
{
    for (const char *at = name; at != NULL; at = strchr(at, '.')) {
        at += *at == '.' ? 1 : 0;
        if (is_zone_label(at) || strncmp(at, "child-", 6) == 0) {
            return at;
        }
    }
    return "test";
}

// The next server of a zone, and where to go on.
static const char *
next_server(const char *at, char host[64])
{
    size_t length = strcspn(at, "-.");
    if (at[0] >= '0' && at[0] <= '9') {
        (void)snprintf(host, 64, "a%.*s.host.test", (int)length, at);
    } else {
        (void)snprintf(host, 64, "%.*s.host.test", (int)length, at);
    }
    return at[length] == '-' ? at + length + 1 : NULL;
}

static void
add_servers(struct packet *packet, int section, const char *zone)
{
    char host[64];
    if (strcmp(zone, "test") == 0) {
        packet_add_name(packet, section, zone, TYPE_NS, 300, "a10.host.test");
        return;
    }
    const char *at = strchr(zone, '-') + 1;
    if (strncmp(at, "many", 4) == 0) {
        int count = atoi(at + 4);
        for (int i = 0; i < count; i++) {
            (void)snprintf(host, sizeof(host), "m%02d.host.test", i);
            packet_add_name(packet, section, zone, TYPE_NS, 300, host);
        }
        return;
    }
    while (at != NULL) {
        at = next_server(at, host);
        packet_add_name(packet, section, zone, TYPE_NS, 300, host);
    }
}

static void
add_soa(struct packet *packet, int section, const char *zone, uint32_t serial)
{
    unsigned char data[] = {1, 'm', 0, 1, 'r', 0, 0, 0, 0, (unsigned char)serial, 0, 0, 0, 9, 0, 0,
                            0, 9,   0, 0, 0,   9, 0, 0, 0, NEGATIVE_TTL};
    packet_add(packet, section, zone, TYPE_SOA, 300, data, sizeof(data));
}

/* ---- the resolver ---------------------------------------------------------------------------- */

static void
say_no(const struct exchange *exchange, unsigned rcode)
{
    struct packet packet;
    packet_start(&packet, exchange, rcode);
    add_soa(&packet, SECTION_AUTHORITY, zone_of(exchange->name), NEW_SERIAL);
    reply_with(exchange, &packet);
}

// SERVFAIL with an OPT record that holds an Extended DNS Error: 6, "bogus\n".
static void
say_bogus(const struct exchange *exchange)
{
    enum { SECTION_ADDITIONAL = 10, TYPE_OPT = 41 };
    struct packet packet;
    packet_start(&packet, exchange, RCODE_SERVFAIL);
    packet_add(&packet, SECTION_ADDITIONAL, "", TYPE_OPT, 0, "\0\17\0\10\0\6bogus\n", 12);
    reply_with(exchange, &packet);
}

static void
answer_host(const struct exchange *exchange)
{
    struct packet packet;
    packet_start(&packet, exchange, 0);
    unsigned char v4[4] = {127, 0, 0, 0};
    if (exchange->name[0] == 'a' && exchange->type == TYPE_A && exchange->name[1] != 'l') {
        v4[3] = (unsigned char)atoi(exchange->name + 1);
        packet_add(&packet, SECTION_ANSWER, NULL, TYPE_A, 300, v4, 4);
    } else if (exchange->name[0] == 'm' && exchange->type == TYPE_A) { // many: nobody is there
        v4[1] = 1;
        v4[3] = (unsigned char)(1 + atoi(exchange->name + 1));
        packet_add(&packet, SECTION_ANSWER, NULL, TYPE_A, 300, v4, 4);
    } else {
        say_no(exchange, 0);
        return;
    }
    reply_with(exchange, &packet);
}

static void
answer_private(const struct exchange *exchange)
{
    static const unsigned char v4[] = "\12\0\0\1\251\376\0\1\340\0\0\1"; // 10., 169.254., 224.
    static const unsigned char v6[] = "\376\200\0\0\0\0\0\0\0\0\0\0\0\0\0\1";
    struct packet packet;
    packet_start(&packet, exchange, 0);
    for (size_t i = 0; exchange->type == TYPE_A && i < 3; i++) {
        packet_add(&packet, SECTION_ANSWER, NULL, TYPE_A, 300, v4 + 4 * i, 4);
    }
    if (exchange->type == TYPE_AAAA) {
        packet_add(&packet, SECTION_ANSWER, NULL, TYPE_AAAA, 300, v6, 16);
    }
    reply_with(exchange, &packet);
}

static void
answer_alias(const struct exchange *exchange)
{
    struct packet packet;
    packet_start(&packet, exchange, 0);
    packet_add_name(&packet, SECTION_ANSWER, NULL, TYPE_CNAME, 300, "a11.host.test");
    packet_add(&packet, SECTION_ANSWER, "a11.host.test", TYPE_A, 300, "\177\0\0\13", 4);
    reply_with(exchange, &packet);
}

// Nothing can be sent there without a special permit, so there is no way.
static void
answer_broadcast(const struct exchange *exchange)
{
    struct packet packet;
    packet_start(&packet, exchange, 0);
    if (exchange->type == TYPE_A) {
        packet_add(&packet, SECTION_ANSWER, NULL, TYPE_A, 300, "\377\377\377\377", 4);
    }
    reply_with(exchange, &packet);
}

static void
answer_gone(const struct exchange *exchange)
{
    say_no(exchange, RCODE_NXDOMAIN);
}

static void
answer_unknown(const struct exchange *exchange)
{
    reply_rcode(exchange, RCODE_SERVFAIL);
}

// Was it asked for this before? On the resolver's thread only.
static bool
is_repeated(const struct exchange *exchange)
{
    enum { MOST = 16 };
    static char heard[MOST][sizeof(exchange->name) + 8];
    static size_t next;
    char question[sizeof(heard[0])];
    (void)snprintf(question, sizeof(question), "%s %u", exchange->name, exchange->type);
    for (size_t i = 0; i < MOST; i++) {
        if (strcmp(heard[i], question) == 0) {
            return true;
        }
    }
    memcpy(heard[next++ % MOST], question, sizeof(question));
    return false;
}

// Nothing, until it is asked again.
static void
answer_late(const struct exchange *exchange)
{
    struct packet packet;
    if (!is_repeated(exchange)) {
        return;
    }
    packet_start(&packet, exchange, 0);
    if (exchange->type == TYPE_A) {
        packet_add(&packet, SECTION_ANSWER, NULL, TYPE_A, 300, "\177\0\0\13", 4);
    }
    reply_with(exchange, &packet);
}

static const struct {
    const char *name;
    handle_fn *answer;
} HOSTS[] = {
    {"private.host.test", answer_private}, {"alias.host.test", answer_alias},
    {"gone.host.test", answer_gone},       {"broadcast.host.test", answer_broadcast},
    {"unknown.host.test", answer_unknown}, {"late.host.test", answer_late},
};

static void
answer_any_host(const struct exchange *exchange)
{
    for (size_t i = 0; i < ARRAY_LEN(HOSTS); i++) {
        if (strcmp(exchange->name, HOSTS[i].name) == 0) {
            HOSTS[i].answer(exchange);
            return;
        }
    }
    answer_host(exchange);
}

static void
answer_zone(const struct exchange *exchange, const char *zone)
{
    struct packet packet;
    packet_start(&packet, exchange, 0);
    if (exchange->type == TYPE_NS && zone == exchange->name) {
        add_servers(&packet, SECTION_ANSWER, zone);
    } else if (exchange->type == TYPE_TXT) {
        packet_add(&packet, SECTION_ANSWER, NULL, TYPE_TXT, 120, "\6cached", 7);
    } else {
        add_soa(&packet, SECTION_AUTHORITY, zone, NEW_SERIAL);
    }
    reply_with(exchange, &packet);
}

static bool
is_slow(const struct exchange *exchange, const char *zone)
{
    return (zone[0] == 's' || (zone[0] == 'w' && exchange->type == TYPE_NS)) &&
           !is_repeated(exchange);
}

static void
on_resolver(const struct exchange *exchange)
{
    const char *zone = zone_of(exchange->name);
    bool is_unchecked = (exchange->query[3] & FLAG_CD) != 0;
    if (strstr(exchange->name, ".host.test") != NULL) {
        answer_any_host(exchange);
    } else if (strcmp(exchange->name, "test") == 0) {
        answer_zone(exchange, exchange->name);
    } else if (is_slow(exchange, zone)) {
        return;
    } else if (zone[0] == 'd') {
        reply_rcode(exchange, RCODE_SERVFAIL);
    } else if (zone[0] == 'b' && !is_unchecked) {
        say_bogus(exchange);
    } else if (strcmp(zone, "test") == 0 || zone[0] == 'n') {
        say_no(exchange, RCODE_NXDOMAIN);
    } else {
        answer_zone(exchange, zone);
    }
}

/* ---- the servers ----------------------------------------------------------------------------- */

static void
start(struct packet *packet, const struct exchange *exchange)
{
    packet_start(packet, exchange, 0);
    packet->bytes[2] |= FLAG_AA;
}

// The zone's TXT, or its SOA; for other types the SOA that says no.
static void
start_data(struct packet *packet, const struct exchange *exchange, const char *text,
           uint32_t serial)
{
    start(packet, exchange);
    if (exchange->type == TYPE_TXT) {
        packet_add_txt(packet, NULL, text);
    } else {
        add_soa(packet, exchange->type == TYPE_SOA ? SECTION_ANSWER : SECTION_AUTHORITY,
                zone_of(exchange->name), serial);
    }
}

static void
say_data(const struct exchange *exchange, const char *text, uint32_t serial)
{
    struct packet packet;
    start_data(&packet, exchange, text, serial);
    reply_with(exchange, &packet);
}

static void
on_good(const struct exchange *exchange)
{
    say_data(exchange, "new", NEW_SERIAL);
}

static void
on_late(const struct exchange *exchange)
{
    say_data(exchange, "old", OLD_SERIAL);
}

static void
on_refuses(const struct exchange *exchange)
{
    reply_rcode(exchange, RCODE_REFUSED);
}

static void
on_servfails(const struct exchange *exchange)
{
    reply_rcode(exchange, RCODE_SERVFAIL);
}

static void
on_odd_rcode(const struct exchange *exchange)
{
    reply_rcode(exchange, RCODE_ODD);
}

static void
say_flipped(const struct exchange *exchange, size_t byte)
{
    struct packet packet;
    start_data(&packet, exchange, "forged", NEW_SERIAL);
    packet.bytes[byte] ^= 1;
    reply_with(exchange, &packet);
}

static void
on_wrong_id(const struct exchange *exchange)
{
    say_flipped(exchange, 1);
}

static void
on_wrong_question(const struct exchange *exchange)
{
    say_flipped(exchange, 13);
}

static void
say_forged(const struct exchange *exchange)
{
    say_data(exchange, "forged", NEW_SERIAL);
}

static void
on_wrong_source(const struct exchange *exchange)
{
    reply_from_elsewhere(exchange, say_forged);
}

static void
on_truncates(const struct exchange *exchange)
{
    reply_by_tcp(exchange, on_good);
}

static void
on_truncates_tcp_dead(const struct exchange *exchange)
{
    reply_by_tcp(exchange, reply_nothing);
}

static void
on_truncates_tcp_stalls(const struct exchange *exchange)
{
    reply_by_tcp(exchange, reply_a_byte);
}

static void
on_truncates_tcp_forged(const struct exchange *exchange)
{
    reply_by_tcp(exchange, on_wrong_id);
}

static void
say_referral(const struct exchange *exchange, const char *zone)
{
    struct packet packet;
    packet_start(&packet, exchange, 0);
    add_servers(&packet, SECTION_AUTHORITY, zone);
    reply_with(exchange, &packet);
}

static void
on_refers_up(const struct exchange *exchange)
{
    say_referral(exchange, "test");
}

// AA is set, which it should not be.
static void
on_refers_down(const struct exchange *exchange)
{
    struct packet packet;
    char child[300];
    (void)snprintf(child, sizeof(child), "%s%s", strncmp(exchange->name, "x.", 2) == 0 ? "" : "x.",
                   exchange->name);
    start(&packet, exchange);
    packet_add_name(&packet, SECTION_AUTHORITY, child, TYPE_NS, 300, "a11.host.test");
    reply_with(exchange, &packet);
}

static void
on_not_authoritative(const struct exchange *exchange)
{
    struct packet packet;
    packet_start(&packet, exchange, 0);
    packet_add_txt(&packet, NULL, "new");
    reply_with(exchange, &packet);
}

static void
say_authoritative_no(const struct exchange *exchange, unsigned rcode)
{
    struct packet packet;
    packet_start(&packet, exchange, rcode);
    packet.bytes[2] |= FLAG_AA;
    add_soa(&packet, SECTION_AUTHORITY, zone_of(exchange->name), NEW_SERIAL);
    reply_with(exchange, &packet);
}

static void
on_nxdomain(const struct exchange *exchange)
{
    say_authoritative_no(exchange, RCODE_NXDOMAIN);
}

static void
on_nodata(const struct exchange *exchange)
{
    say_authoritative_no(exchange, 0);
}

// And what it says about the target, which it knows nothing about.
static void
on_cname_out(const struct exchange *exchange)
{
    struct packet packet;
    start(&packet, exchange);
    packet_add_name(&packet, SECTION_ANSWER, NULL, TYPE_CNAME, 300, "victim.example");
    packet_add_txt(&packet, "victim.example", "forged");
    reply_with(exchange, &packet);
}

static void
on_cname_in(const struct exchange *exchange)
{
    struct packet packet;
    char target[300];
    (void)snprintf(target, sizeof(target), "target.%s", zone_of(exchange->name));
    start(&packet, exchange);
    packet_add_name(&packet, SECTION_ANSWER, NULL, TYPE_CNAME, 30, target);
    packet_add_txt(&packet, target, "new");
    reply_with(exchange, &packet);
}

static void
on_cname_loop(const struct exchange *exchange)
{
    struct packet packet;
    start(&packet, exchange);
    packet_add_name(&packet, SECTION_ANSWER, NULL, TYPE_CNAME, 30, exchange->name);
    reply_with(exchange, &packet);
}

static void
on_garbage(const struct exchange *exchange)
{
    struct packet packet;
    start(&packet, exchange);
    packet_add(&packet, SECTION_ANSWER, NULL, TYPE_TXT, 300, "\377short", 6);
    reply_with(exchange, &packet);
}

static void
on_no_edns(const struct exchange *exchange)
{
    reply_without_edns(exchange, on_good);
}

// `test` delegates what stands below it.
static void
on_parent(const struct exchange *exchange)
{
    const char *zone = zone_of(exchange->name);
    if (strcmp(zone, "test") == 0) {
        say_data(exchange, "parent", NEW_SERIAL);
    } else {
        say_referral(exchange, zone);
    }
}

static handle_fn *const HANDLERS[WORLD_END] = {
    [WORLD_PARENT] = on_parent,
    [WORLD_GOOD] = on_good,
    [WORLD_LATE] = on_late,
    [WORLD_REFUSES] = on_refuses,
    [WORLD_SERVFAILS] = on_servfails,
    [WORLD_SILENT] = reply_nothing,
    [WORLD_WRONG_ID] = on_wrong_id,
    [WORLD_WRONG_QUESTION] = on_wrong_question,
    [WORLD_TRUNCATES] = on_truncates,
    [WORLD_TRUNCATES_TCP_DEAD] = on_truncates_tcp_dead,
    [WORLD_REFERS_UP] = on_refers_up,
    [WORLD_NOT_AUTHORITATIVE] = on_not_authoritative,
    [WORLD_NXDOMAIN] = on_nxdomain,
    [WORLD_NODATA] = on_nodata,
    [WORLD_CNAME_OUT] = on_cname_out,
    [WORLD_GARBAGE] = on_garbage,
    [WORLD_REFERS_DOWN] = on_refers_down,
    [WORLD_CNAME_IN] = on_cname_in,
    [WORLD_NO_EDNS] = on_no_edns,
    [WORLD_ODD_RCODE] = on_odd_rcode,
    [WORLD_WRONG_SOURCE] = on_wrong_source,
    [WORLD_TRUNCATES_TCP_STALLS] = on_truncates_tcp_stalls,
    [WORLD_TRUNCATES_TCP_FORGED] = on_truncates_tcp_forged,
    [WORLD_CNAME_LOOP] = on_cname_loop,
};

static void
on_server(const struct exchange *exchange)
{
    int number = atoi(exchange->server + strlen("127.0.0."));
    // Who is asked like a resolver would answer anything: authority is asked without RD.
    if (!atomic_load(&is_blocked_now) && (exchange->query[2] & FLAG_RD) == 0) {
        HANDLERS[number](exchange);
    }
}

/* ---- life ------------------------------------------------------------------------------------ */

static void
stop_servers(void)
{
    for (int i = WORLD_PARENT; i < WORLD_END; i++) {
        if (servers[i] != NULL) {
            server_stop(servers[i]);
            servers[i] = NULL;
        }
    }
}

// All at one port; false if it is taken at one of the addresses.
static bool
start_servers(void)
{
    uint16_t port = 0;
    for (int i = WORLD_PARENT; i < WORLD_END; i++) {
        char address[32];
        (void)snprintf(address, sizeof(address), "127.0.0.%d", i);
        servers[i] = server_start_at(address, port, on_server);
        if (servers[i] == NULL) {
            stop_servers();
            return false;
        }
        port = server_port(servers[i]);
    }
    return true;
}

int
world_start(void **state)
{
    (void)state;
    resolver = server_start(on_resolver);
    while (!start_servers()) {
    }
    return 0;
}

int
world_stop(void **state)
{
    (void)state;
    stop_servers();
    server_stop(resolver);
    return 0;
}

struct dns *
world_dns(void)
{
    const char *text = server_text(resolver);
    const struct dns_settings settings = {
        .servers = &text, .server_count = 1, .timeout_ms = 20000, .tries = 1};
    struct dns *dns = NULL;
    return dns_open(&settings, &dns, NULL) == ST_OK ? dns : NULL;
}

struct authority_settings
world_settings(struct dns *dns, int64_t timeout_ms)
{
    static const struct network allowed[] = {
        {.address = {.bytes = {127}, .length = 4}, .prefix = 8},
        {.address = {.bytes = {255, 255, 255, 255}, .length = 4}, .prefix = 32},
    };
    return (struct authority_settings){
        .dns = dns,
        .allow_private = allowed,
        .allow_private_count = ARRAY_LEN(allowed),
        .port = server_port(servers[WORLD_PARENT]),
        .timeout_ms = timeout_ms,
        .tries = 1,
    };
}

unsigned
world_count(int server)
{
    return server_udp_count(servers[server]);
}

unsigned
world_resolver_count(void)
{
    return server_udp_count(resolver);
}

unsigned
world_count_all(void)
{
    unsigned count = server_udp_count(resolver) + server_tcp_count(resolver);
    for (int i = WORLD_PARENT; i < WORLD_END; i++) {
        count += server_udp_count(servers[i]) + server_tcp_count(servers[i]);
    }
    return count;
}

void
world_block(bool is_blocked)
{
    atomic_store(&is_blocked_now, is_blocked);
}
