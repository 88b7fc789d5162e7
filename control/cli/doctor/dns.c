// SPDX-License-Identifier: Apache-2.0
// The DNS as this host sees it, and this host as the DNS shows it to senders.
#include "verifier/dns/dns.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/clock.h"
#include "control/cli/doctor/doctor.h"
#include "control/cli/doctor/settings.h"
#include "verifier/dns/authority.h"
#include "verifier/dns/transport.h"

enum {
    CACHE_BYTES = 1024 * 1024,
    TCP_TIMEOUT_MS = 5000,
    OUTSIDE_TIMEOUT_MS = 8000,
    OUTSIDE_QUERIES_MAX = 200, /* one zone, its servers, and those of the zone above */
    ADDRESS_TEXT = INET6_ADDRSTRLEN,
    LINE_SIZE = 512
};

static const char SIGNED_ZONE[] = "org"; /* signed since 2009 */
static const char LOCAL_RESOLVER[] = "dns: servers: [127.0.0.1]";

static void
dns_cleanup(struct dns **dns)
{
    dns_close(*dns);
}
#define AUTO_DNS AUTO(dns_cleanup) struct dns

static enum status
open_dns(const struct config_dns *settings, const char *const *servers, size_t count,
         struct dns **dns_out, struct why *why)
{
    const struct dns_settings wanted = {.servers = servers,
                                        .server_count = count,
                                        .timeout_ms = settings->timeout_ms,
                                        .tries = (unsigned)settings->tries,
                                        .cache_bytes = CACHE_BYTES};
    return dns_open(&wanted, dns_out, why);
}

// ---- the resolvers

static void
ask_by_tcp(const struct dns_server *server, const char *name, struct doctor *doctor)
{
    struct why why;
    struct dns_query query;
    struct dns_question question = {.type = DNS_A};
    static struct dns_message answer; // 64 KB, and one thread
    if (!dns_name_parse(name, &question.name)) {
        return;
    }
    enum status status = dns_codec_build(&question, dns_transport_new_id(), true, &query, &why);
    if (status == ST_OK) {
        const struct dns_wait wait = {.deadline_mono_ms = clock_mono_ms() + TCP_TIMEOUT_MS};
        status = dns_transport_tcp(server, &query, &wait, &answer, &why);
    }
    if (status == ST_OK) {
        doctor_ok(doctor, "resolver-tcp", "%s answers by TCP", server->text);
        return;
    }
    doctor_tell(doctor, DOCTOR_WRONG, "resolver-tcp", DOCTOR_NO_CURE,
                "%s does not answer by TCP, which long records need: %s", server->text, why.text);
}

static void
check_dnssec(struct dns *dns, const struct dns_server *server, struct doctor *doctor)
{
    static const char CHECK[] = "dnssec";
    static const struct doctor_cure LOCAL = {.file = DOCTOR_YAML, .line = LOCAL_RESOLVER};
    if (!server->is_loopback) {
        doctor_tell(doctor, DOCTOR_WARNING, CHECK, LOCAL,
                    "%s is not on this host: its answers can be forged on their way here, and what "
                    "it says of DNSSEC is not believed",
                    server->text);
        return;
    }
    AUTO_ANSWER *answer = dns_get(dns, NULL, SIGNED_ZONE, DNS_SOA);
    if (answer->status != DNS_OK) {
        doctor_tell(doctor, DOCTOR_WARNING, CHECK, DOCTOR_NO_CURE,
                    "not looked at: %s does not tell of %s.", server->text, SIGNED_ZONE);
    } else if (!answer->authenticated) {
        doctor_tell(doctor, DOCTOR_WARNING, CHECK,
                    (struct doctor_cure){.file = "unbound.conf",
                                         .line = "module-config: \"validator iterator\""},
                    "%s does not validate DNSSEC", server->text);
    } else {
        doctor_ok(doctor, CHECK, "%s validates DNSSEC", server->text);
    }
}

static void
check_resolver(const struct doctor_host *host, const char *text, struct doctor *doctor)
{
    struct why why;
    struct dns_server server;
    AUTO_DNS *dns = NULL;
    if (dns_server_parse(text, &server, &why) != ST_OK ||
        open_dns(&host->config->dns, &text, 1, &dns, &why) != ST_OK) {
        doctor_tell(doctor, DOCTOR_WRONG, "resolver",
                    (struct doctor_cure){.file = DOCTOR_YAML, .line = LOCAL_RESOLVER}, "%s",
                    why.text);
        return;
    }
    AUTO_ANSWER *answer = dns_get(dns, NULL, host->config->inbound_mx, DNS_A);
    if (answer->status == DNS_TEMPORARY) {
        doctor_tell(doctor, DOCTOR_WRONG, "resolver",
                    (struct doctor_cure){.file = DOCTOR_YAML, .line = LOCAL_RESOLVER},
                    "%s cannot tell of %s: %s", text, host->config->inbound_mx, answer->problem);
        return;
    }
    doctor_ok(doctor, "resolver", "%s answers", text);
    ask_by_tcp(&server, host->config->inbound_mx, doctor);
    check_dnssec(dns, &server, doctor);
}

// ---- outwards

static void
authority_cleanup(struct authority **authority)
{
    authority_close(*authority);
}

static void
report_cleanup(struct authority_report **report)
{
    authority_report_free(*report);
}

static void
check_outside(const struct doctor_host *host, struct dns *dns, struct doctor *doctor)
{
    // The person who asks may look at name servers of the house, too.
    static const struct network anywhere[] = {{.address.length = 4}, {.address.length = 16}};
    const struct authority_settings settings = {.dns = dns,
                                                .allow_private = anywhere,
                                                .allow_private_count = ARRAY_LEN(anywhere),
                                                .timeout_ms = host->config->dns.timeout_ms,
                                                .tries = (unsigned)host->config->dns.tries};
    const struct authority_question question = {.name = host->config->inbound_mx, .type = DNS_SOA};
    AUTO(authority_cleanup) struct authority *authority = NULL;
    AUTO(report_cleanup) struct authority_report *report = NULL;
    struct dns_budget budget = {.deadline_mono_ms = clock_mono_ms() + OUTSIDE_TIMEOUT_MS,
                                .queries_left = OUTSIDE_QUERIES_MAX};
    struct why why;
    if (authority_open(&settings, &authority, &why) != ST_OK ||
        authority_ask(authority, &question, 1, &budget, &report, &why) != ST_OK) {
        doctor_tell(doctor, DOCTOR_WARNING, "port-53", DOCTOR_NO_CURE, "not looked at: %s",
                    why.text);
        return;
    }
    const struct authority_result *result = &report->results[0];
    if (result->zone == NULL) {
        doctor_tell(doctor, DOCTOR_WARNING, "port-53", DOCTOR_NO_CURE, "not looked at: %s",
                    result->problem);
    } else if (report->is_port_blocked || report->no_server_answered) {
        doctor_tell(
            doctor, DOCTOR_WARNING, "port-53",
            (struct doctor_cure){.file = "firewall", .line = "let port 53 out, UDP and TCP"},
            "no name server of %s answers this host: where port 53 is closed, domains are "
            "verified by what the resolver says alone",
            result->zone->name);
    } else {
        doctor_ok(doctor, "port-53", "name servers of %s answer this host", result->zone->name);
    }
}

// ---- this host's own names

static bool
is_of_this_host(const struct ifaddrs *list, const struct network_address *address)
{
    for (const struct ifaddrs *at = list; at != NULL; at = at->ifa_next) {
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        if (at->ifa_addr == NULL) {
            continue;
        }
        if (at->ifa_addr->sa_family == AF_INET && address->length == 4) {
            memcpy(&v4, at->ifa_addr, sizeof(v4));
            if (memcmp(&v4.sin_addr, address->bytes, 4) == 0) {
                return true;
            }
        }
        if (at->ifa_addr->sa_family == AF_INET6 && address->length == 16) {
            memcpy(&v6, at->ifa_addr, sizeof(v6));
            if (memcmp(&v6.sin6_addr, address->bytes, 16) == 0) {
                return true;
            }
        }
    }
    return false;
}

static void
address_text(const struct network_address *address, char out[ADDRESS_TEXT])
{
    out[0] = '\0';
    (void)inet_ntop(address->length == 4 ? AF_INET : AF_INET6, address->bytes, out, ADDRESS_TEXT);
}

// "1.2.0.192.in-addr.arpa" (RFC 1035, 3.5), or nibbles under ip6.arpa (RFC 3596, 2.5).
static void
reverse_name(const struct network_address *address, struct strbuf *out)
{
    for (size_t i = address->length; i-- > 0;) {
        if (address->length == 4) {
            strbuf_printf(out, "%u.", address->bytes[i]);
        } else {
            strbuf_printf(out, "%x.%x.", address->bytes[i] & 15U, address->bytes[i] >> 4U);
        }
    }
    strbuf_puts(out, address->length == 4 ? "in-addr.arpa" : "ip6.arpa");
}

static bool
has_address(struct dns *dns, const char *name, const struct network_address *address)
{
    AUTO_ANSWER *answer = dns_get(dns, NULL, name, address->length == 4 ? DNS_A : DNS_AAAA);
    for (size_t i = 0; i < answer->count; i++) {
        if (answer->records[i].length == address->length &&
            memcmp(answer->records[i].data, address->bytes, address->length) == 0) {
            return true;
        }
    }
    return false;
}

static void
check_reverse(struct dns *dns, const struct network_address *address, struct doctor *doctor)
{
    static const char CHECK[] = "ptr";
    char text[ADDRESS_TEXT];
    AUTO_STRBUF name = STRBUF_INIT(LINE_SIZE);
    address_text(address, text);
    reverse_name(address, &name);
    AUTO_ANSWER *answer = dns_get(dns, NULL, strbuf_text(&name), DNS_PTR);
    if (answer->status == DNS_TEMPORARY) {
        doctor_tell(doctor, DOCTOR_WARNING, CHECK, DOCTOR_NO_CURE, "PTR of %s: %s", text,
                    answer->problem);
        return;
    }
    for (size_t i = 0; i < answer->count; i++) {
        if (has_address(dns, answer->records[i].data, address)) {
            doctor_ok(doctor, CHECK, "%s is %s, and that is %s", text, answer->records[i].data,
                      text);
            return;
        }
    }
    doctor_tell(
        doctor, DOCTOR_WARNING, CHECK, DOCTOR_NO_CURE,
        answer->count == 0
            ? "%s has no PTR record: what Postfix sends itself, such as bounces, is refused "
              "by many; ask the owner of the address for it"
            : "%s has a PTR record whose name does not lead back to it",
        text);
}

static void
check_mx_address(const struct doctor_host *host, struct dns *dns, const struct ifaddrs *ours,
                 const struct dns_record *record, struct doctor *doctor)
{
    static const char CHECK[] = "inbound-mx";
    const char *name = host->config->inbound_mx;
    char text[ADDRESS_TEXT];
    char line[LINE_SIZE];
    struct network_address address = {.length = (unsigned)record->length};
    memcpy(address.bytes, record->data, record->length);
    address_text(&address, text);
    (void)snprintf(line, sizeof(line), "proxy_interfaces = %s", text);
    if (!network_is_public(&address)) {
        doctor_tell(doctor, DOCTOR_WARNING, CHECK, DOCTOR_NO_CURE,
                    "%s is %s, which no sender on the Internet can reach", name, text);
        return;
    }
    bool is_proxied =
        host->postfix != NULL &&
        postfix_list_has(postfix_setting_text(host->postfix, "proxy_interfaces"), text);
    if (is_of_this_host(ours, &address) || is_proxied) {
        doctor_ok(doctor, CHECK, "%s is %s, an address of this host", name, text);
    } else {
        doctor_tell(doctor, DOCTOR_WARNING, CHECK,
                    (struct doctor_cure){.file = DOCTOR_MAIN_CF, .line = line},
                    "%s is %s, no address of this host: right behind NAT or a load balancer, if "
                    "Postfix knows it for its own (the second lock needs that)",
                    name, text);
    }
    check_reverse(dns, &address, doctor);
}

static size_t
check_mx_family(const struct doctor_host *host, struct dns *dns, const struct ifaddrs *ours,
                enum dns_type type, struct doctor *doctor)
{
    const char *name = host->config->inbound_mx;
    AUTO_ANSWER *answer = dns_get(dns, NULL, name, type);
    if (answer->status == DNS_OK && strcasecmp(answer->canonical, name) != 0) {
        doctor_tell(doctor, DOCTOR_WARNING, "inbound-mx", DOCTOR_NO_CURE,
                    "%s is a CNAME; MX records must not lead to one (RFC 2181, 10.3)", name);
    }
    for (size_t i = 0; i < answer->count; i++) {
        check_mx_address(host, dns, ours, &answer->records[i], doctor);
    }
    // Not known is not the same as not there.
    return answer->count + (answer->status == DNS_TEMPORARY ? 1 : 0);
}

static void
check_inbound_mx(const struct doctor_host *host, struct dns *dns, struct doctor *doctor)
{
    struct ifaddrs *ours = NULL;
    if (getifaddrs(&ours) != 0) {
        ours = NULL; // then no address is ours, and that is told
    }
    size_t count = check_mx_family(host, dns, ours, DNS_A, doctor) +
                   check_mx_family(host, dns, ours, DNS_AAAA, doctor);
    if (ours != NULL) {
        freeifaddrs(ours);
    }
    if (count == 0) {
        char line[LINE_SIZE];
        (void)snprintf(line, sizeof(line), "%s. A <address of this host>",
                       host->config->inbound_mx);
        doctor_tell(
            doctor, DOCTOR_WRONG, "inbound-mx", (struct doctor_cure){.file = "DNS", .line = line},
            "%s, where tenants point their MX to, has no address", host->config->inbound_mx);
    }
}

static void
check_hostname(const struct doctor_host *host, struct dns *dns, struct doctor *doctor)
{
    const char *name = host->config->hostname;
    AUTO_ANSWER *v4 = dns_get(dns, NULL, name, DNS_A);
    AUTO_ANSWER *v6 = dns_get(dns, NULL, name, DNS_AAAA);
    if (v4->status == DNS_OK || v6->status == DNS_OK) {
        doctor_ok(doctor, "hostname", "%s is in the DNS", name);
    } else {
        doctor_tell(doctor, DOCTOR_WARNING, "hostname", DOCTOR_NO_CURE,
                    "hostname %s has no address in the DNS", name);
    }
}

void
doctor_check_dns(const struct doctor_host *host, struct doctor *doctor)
{
    const struct config_texts *servers = &host->config->dns.servers;
    for (size_t i = 0; i < servers->count; i++) {
        check_resolver(host, servers->items[i], doctor);
    }
    AUTO_DNS *dns = NULL;
    if (open_dns(&host->config->dns, (const char *const *)servers->items, servers->count, &dns,
                 NULL) != ST_OK) {
        return; // told above
    }
    check_outside(host, dns, doctor);
    check_inbound_mx(host, dns, doctor);
    check_hostname(host, dns, doctor);
}
