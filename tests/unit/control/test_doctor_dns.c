// SPDX-License-Identifier: Apache-2.0
// What `mailspur doctor dns` makes of a resolver and of this host's names, told by a DNS server
// that says what each case needs.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "control/cli/doctor/doctor.h"
#include "control/cli/doctor/settings.h"
#include "tests/unit/dns/server.h"

enum { TYPE_A = 1, TYPE_SOA = 6, TYPE_PTR = 12, AD_BYTE = 3, AD = 0x20, TTL = 60 };
enum { NXDOMAIN = 3, SERVFAIL = 2 };

static char mx[] = "mx.test.example";
static char hostname[] = "host.test.example";
#define PTR "4.4.8.8.in-addr.arpa"

struct dns_case {
    const char *label;
    const char *ptr; /* NULL: none; "!": SERVFAIL */
    bool with_ad;
    bool no_tcp;
    const char *proxy_interfaces;
    const char *check;
    enum doctor_level level;
    const char *words;
};
static const struct dns_case CASES[] = {
    {.label = "forward-confirmed",
     .ptr = mx,
     .check = "ptr",
     .level = DOCTOR_OK,
     .words = "8.8.4.4 is mx.test.example, and that is 8.8.4.4"},
    {.label = "no PTR", .check = "ptr", .level = DOCTOR_WARNING, .words = "has no PTR record"},
    {.label = "PTR to elsewhere",
     .ptr = hostname,
     .check = "ptr",
     .level = DOCTOR_WARNING,
     .words = "does not lead back"},
    {.label = "PTR not told",
     .ptr = "!",
     .check = "ptr",
     .level = DOCTOR_WARNING,
     .words = "PTR of 8.8.4.4: "},
    {.label = "validates",
     .with_ad = true,
     .check = "dnssec",
     .level = DOCTOR_OK,
     .words = "validates DNSSEC"},
    {.label = "does not",
     .check = "dnssec",
     .level = DOCTOR_WARNING,
     .words = "does not validate DNSSEC"},
    {.label = "no TCP",
     .no_tcp = true,
     .check = "resolver-tcp",
     .level = DOCTOR_WRONG,
     .words = "does not answer by TCP"},
    {.label = "TCP", .check = "resolver-tcp", .level = DOCTOR_OK, .words = "answers by TCP"},
    {.label = "foreign address",
     .check = "inbound-mx",
     .level = DOCTOR_WARNING,
     .words = "no address of this host"},
    {.label = "behind NAT, and Postfix knows",
     .proxy_interfaces = "8.8.4.4",
     .check = "inbound-mx",
     .level = DOCTOR_OK,
     .words = "is 8.8.4.4"},
    {.label = "host with address",
     .check = "hostname",
     .level = DOCTOR_OK,
     .words = "is in the DNS"},
    {.label = "zone not found",
     .check = "port-53",
     .level = DOCTOR_WARNING,
     .words = "not looked at"},
};
static const struct dns_case *the_case;

static void
answer(const struct exchange *exchange)
{
    static const unsigned char ADDRESS[] = {8, 8, 4, 4};
    static const unsigned char OTHER[] = {8, 8, 8, 8};
    static const unsigned char SOA[22] = {0}; // two names that are the root, five numbers
    static struct packet packet;
    bool is_ptr = strcmp(exchange->name, PTR) == 0 && the_case->ptr != NULL;
    if (exchange->is_tcp && the_case->no_tcp) {
        return;
    }
    bool is_host = strcmp(exchange->name, mx) == 0 || strcmp(exchange->name, hostname) == 0;
    bool is_org = strcmp(exchange->name, "org") == 0;
    bool is_failing = is_ptr && strcmp(the_case->ptr, "!") == 0;
    unsigned rcode = is_failing ? SERVFAIL : is_host || is_org || is_ptr ? 0 : NXDOMAIN;
    packet_start(&packet, exchange, rcode);
    if (is_host && exchange->type == TYPE_A) {
        const unsigned char *address = strcmp(exchange->name, mx) == 0 ? ADDRESS : OTHER;
        packet_add(&packet, SECTION_ANSWER, NULL, TYPE_A, TTL, address, 4);
    } else if (is_org && exchange->type == TYPE_SOA) {
        packet_add(&packet, SECTION_ANSWER, NULL, TYPE_SOA, TTL, SOA, sizeof(SOA));
    } else if (is_ptr && !is_failing) {
        packet_add_name(&packet, SECTION_ANSWER, NULL, TYPE_PTR, TTL, the_case->ptr);
    }
    packet.bytes[AD_BYTE] |= the_case->with_ad ? AD : 0;
    reply_with(exchange, &packet);
}

static void
examine(const struct server *server, struct doctor *doctor)
{
    char text[64];
    char *servers[] = {text};
    (void)snprintf(text, sizeof(text), "%s", server_text(server));
    const struct config config = {
        .inbound_mx = mx,
        .hostname = hostname,
        .dns = {.servers = {.items = servers, .count = 1}, .timeout_ms = 500, .tries = 1}};
    AUTO_POSTFIX_SETTINGS *settings = postfix_settings_new();
    if (the_case->proxy_interfaces != NULL) {
        char line[64];
        (void)snprintf(line, sizeof(line), "proxy_interfaces = %s\n", the_case->proxy_interfaces);
        postfix_settings_read(settings, line);
    }
    const struct doctor_host host = {.config = &config, .postfix = settings};
    doctor_check_dns(&host, doctor);
}

static void
names_and_resolvers_are_told_for_what_they_are(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        the_case = &CASES[i];
        struct server *server = server_start(answer);
        struct doctor doctor = {.items = NULL};
        examine(server, &doctor);
        bool found = false;
        for (size_t j = 0; j < doctor.count; j++) {
            const struct doctor_finding *item = &doctor.items[j];
            found = found ||
                    (strcmp(item->check, the_case->check) == 0 && item->level == the_case->level &&
                     strstr(item->text, the_case->words) != NULL);
        }
        if (!found) {
            for (size_t j = 0; j < doctor.count; j++) {
                print_error("%s: %s\n", doctor.items[j].check, doctor.items[j].text);
            }
            fail_msg("%s", the_case->label);
        }
        doctor_done(&doctor);
        server_stop(server);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_resolvers_are_told_for_what_they_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
