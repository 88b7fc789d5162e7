// SPDX-License-Identifier: Apache-2.0
#include "config/keys.h"

#include "common/attrs.h"
#include "common/intake_protocol.h"
#include "config/text.h"

// Limits that several keys share. The longest time leaves room for adding two to a date.
#define TIME_MOST "3650d"
#define TIMEOUT_LEAST "10ms"
#define TIMEOUT_MOST "10m"
#define STORE_MOST "1048576G"

enum { SERVERS_MAX = 8, NETWORKS_MAX = 256 };

#define SECTION(variable, title, table)                                                            \
    static const struct section variable = {                                                       \
        .name = (title), .fields = (table), .count = ARRAY_LEN(table)}

// clang-format off: one key a line
#define AT(type_, member_) .offset = offsetof(type_, member_)

// ---- policy

static const char *const DMARC_WORDS[] = {
    [DMARC_MODE_ENFORCE] = "enforce", [DMARC_MODE_TAG] = "tag", [DMARC_MODE_OFF] = "off", NULL};
static const char *const TEMPERROR_WORDS[] = {
    [TEMPERROR_TAG] = "tag", [TEMPERROR_DEFER] = "defer", NULL};

static const struct field POLICY_FIELDS[] = {
    {.key = "dmarc",
     .type = FIELD_CHOICE,
     AT(struct policy_keys, policy.dmarc),
     .fallback = "enforce",
     .words = DMARC_WORDS},
    {.key = "on_temperror",
     .type = FIELD_CHOICE,
     AT(struct policy_keys, policy.on_temperror),
     .fallback = "tag",
     .words = TEMPERROR_WORDS},
    {.key = "defer_for",
     .type = FIELD_DURATION,
     AT(struct policy_keys, policy.defer_for_ms),
     .fallback = "24h",
     .least = "1m",
     .most = "30d"},
    {.key = "trusted_networks",
     .type = FIELD_NETWORKS,
     AT(struct policy_keys, trusted_networks),
     .fallback = "",
     .items_max = NETWORKS_MAX},
};
SECTION(POLICY, "policy", POLICY_FIELDS);

// ---- destinations

static const char *const KIND_WORDS[] = {
    [DESTINATION_PSA] = "psa", [DESTINATION_CRM] = "crm", [DESTINATION_PORTAL] = "portal", NULL};
static const char *const FORMAT_WORDS[] = {[FORMAT_JSON] = "json", [FORMAT_RAW] = "raw", NULL};

static const struct field RETRY_FIELDS[] = {
    {.key = "first",
     .type = FIELD_DURATION,
     AT(struct destination_keys, destination.retry_first_ms),
     .fallback = "30s",
     .least = "100ms",
     .most = "1d"},
    {.key = "most",
     .type = FIELD_DURATION,
     AT(struct destination_keys, destination.retry_most_ms),
     .fallback = "1h",
     .least = "100ms",
     .most = "7d"},
    {.key = "for",
     .type = FIELD_DURATION,
     AT(struct destination_keys, destination.retry_for_ms),
     .fallback = "3d",
     .least = "1s",
     .most = "365d"},
};
SECTION(RETRY, "retry", RETRY_FIELDS);

static const struct field DESTINATION_FIELDS[] = {
    {.key = "kind",
     .type = FIELD_CHOICE,
     AT(struct destination_keys, destination.kind),
     .required = true,
     .words = KIND_WORDS},
    {.key = "url",
     .type = FIELD_TEXT,
     AT(struct destination_keys, destination.url),
     .required = true,
     .check = text_check_url},
    {.key = "format",
     .type = FIELD_CHOICE,
     AT(struct destination_keys, destination.format),
     .fallback = "json",
     .words = FORMAT_WORDS},
    {.key = "secret_file", .type = FIELD_PATH, AT(struct destination_keys, secret_file)},
    {.key = "authorization_file",
     .type = FIELD_PATH,
     AT(struct destination_keys, authorization_file)},
    {.key = "ca_file", .type = FIELD_PATH, AT(struct destination_keys, destination.ca_file)},
    {.key = "connect_timeout",
     .type = FIELD_DURATION,
     AT(struct destination_keys, destination.connect_timeout_ms),
     .fallback = "10s",
     .least = TIMEOUT_LEAST,
     .most = TIMEOUT_MOST},
    {.key = "timeout",
     .type = FIELD_DURATION,
     AT(struct destination_keys, destination.timeout_ms),
     .fallback = "30s",
     .least = TIMEOUT_LEAST,
     .most = TIMEOUT_MOST},
    {.key = "concurrency",
     .type = FIELD_NUMBER,
     AT(struct destination_keys, destination.concurrency),
     .fallback = "4",
     .least = "1",
     .most = "100"},
    {.key = "retry", .type = FIELD_SECTION, .section = &RETRY},
    {.key = "allow_http",
     .type = FIELD_SWITCH,
     AT(struct destination_keys, destination.allow_http),
     .fallback = "off"},
    {.key = "allow_private",
     .type = FIELD_NETWORKS,
     AT(struct destination_keys, destination.allow_private),
     .fallback = "",
     .items_max = NETWORKS_MAX},
};
SECTION(DESTINATION, "a destination", DESTINATION_FIELDS);

// ---- domain files

static const struct field DOMAIN_FIELDS[] = {
    {.key = "domain", .type = FIELD_HOST, AT(struct domain_keys, domain), .required = true},
    {.key = "policy", .type = FIELD_NODE, AT(struct domain_keys, policy)},
    {.key = "destinations", .type = FIELD_NODE, AT(struct domain_keys, destinations)},
    {.key = "routes", .type = FIELD_NODE, AT(struct domain_keys, routes)},
};
SECTION(DOMAIN, "a domain's file", DOMAIN_FIELDS);

static const struct field ROUTE_FIELDS[] = {
    {.key = "name",
     .type = FIELD_TEXT,
     AT(struct route_keys, route.name),
     .required = true,
     .check = text_check_name},
    {.key = "recipient",
     .type = FIELD_TEXT,
     AT(struct route_keys, recipient),
     .required = true,
     .check = text_check_line},
    {.key = "destinations", .type = FIELD_NODE, AT(struct route_keys, destinations)},
    {.key = "action",
     .type = FIELD_TEXT,
     AT(struct route_keys, route.action),
     .check = text_check_name},
    {.key = "stop", .type = FIELD_SWITCH, AT(struct route_keys, route.stop), .fallback = "on"},
    {.key = "reject",
     .type = FIELD_TEXT,
     AT(struct route_keys, route.reject),
     .check = text_check_reply},
};
SECTION(ROUTE, "a route", ROUTE_FIELDS);

// ---- mailspur.yaml

static const struct field CONTROL_FIELDS[] = {
    {.key = "path",
     .type = FIELD_PATH,
     AT(struct config_socket, path),
     .fallback = "/run/mailspur/control.sock",
     .check = text_check_socket_path},
    {.key = "mode", .type = FIELD_MODE, AT(struct config_socket, mode), .fallback = "0660"},
    {.key = "group", .type = FIELD_TEXT, AT(struct config_socket, group)},
};
SECTION(CONTROL, "sockets.control", CONTROL_FIELDS);

static const struct field INTAKE_FIELDS[] = {
    {.key = "path",
     .type = FIELD_PATH,
     AT(struct config_socket, path),
     .fallback = "/run/mailspur/intake.sock",
     .check = text_check_socket_path},
    {.key = "mode", .type = FIELD_MODE, AT(struct config_socket, mode), .fallback = "0660"},
    {.key = "group", .type = FIELD_TEXT, AT(struct config_socket, group)},
};
SECTION(INTAKE, "sockets.intake", INTAKE_FIELDS);

static const struct field SOCKETMAP_FIELDS[] = {
    {.key = "path",
     .type = FIELD_PATH,
     AT(struct config_socket, path),
     .fallback = "/var/spool/postfix/mailspur/socketmap.sock",
     .check = text_check_socket_path},
    {.key = "mode", .type = FIELD_MODE, AT(struct config_socket, mode), .fallback = "0660"},
    {.key = "group", .type = FIELD_TEXT, AT(struct config_socket, group)},
};
SECTION(SOCKETMAP, "sockets.socketmap", SOCKETMAP_FIELDS);

static const struct field SOCKETS_FIELDS[] = {
    {.key = "control",
     .type = FIELD_SECTION,
     AT(struct host_keys, config.control),
     .section = &CONTROL},
    {.key = "intake",
     .type = FIELD_SECTION,
     AT(struct host_keys, config.intake),
     .section = &INTAKE},
    {.key = "socketmap",
     .type = FIELD_SECTION,
     AT(struct host_keys, config.socketmap),
     .section = &SOCKETMAP},
};
SECTION(SOCKETS, "sockets", SOCKETS_FIELDS);

static const struct field STORE_FIELDS[] = {
    {.key = "path",
     .type = FIELD_PATH,
     AT(struct config_store, path),
     .fallback = "/var/lib/mailspur/mailspur.db"},
    {.key = "keep_done",
     .type = FIELD_DURATION,
     AT(struct config_store, keep_done_ms),
     .fallback = "7d",
     .least = "0s",
     .most = TIME_MOST},
    {.key = "keep_dead",
     .type = FIELD_DURATION,
     AT(struct config_store, keep_dead_ms),
     .fallback = "0s",
     .least = "0s",
     .most = TIME_MOST},
    {.key = "hold_for",
     .type = FIELD_DURATION,
     AT(struct config_store, hold_for_ms),
     .fallback = "30d",
     .least = "1m",
     .most = TIME_MOST},
    {.key = "dedupe_for",
     .type = FIELD_DURATION,
     AT(struct config_store, dedupe_for_ms),
     .fallback = "3d",
     .least = "0s",
     .most = "30d"},
};
SECTION(STORE, "store", STORE_FIELDS);

static const struct field LIMITS_FIELDS[] = {
    {.key = "message_size",
     .type = FIELD_SIZE,
     AT(struct config_limits, message_bytes),
     .fallback = "50M",
     .least = "1K",
     .most = "1G"},
    {.key = "store_size",
     .type = FIELD_SIZE,
     AT(struct config_limits, store_bytes),
     .fallback = "20G",
     .least = "1M",
     .most = STORE_MOST},
    {.key = "store_messages",
     .type = FIELD_NUMBER,
     AT(struct config_limits, store_messages),
     .fallback = "1000000",
     .least = "1",
     .most = "1000000000000"},
    {.key = "min_free_disk",
     .type = FIELD_SIZE,
     AT(struct config_limits, min_free_disk),
     .fallback = "1G",
     .least = "0",
     .most = STORE_MOST},
    {.key = "tenant_share",
     .type = FIELD_NUMBER,
     AT(struct config_limits, tenant_percent),
     .fallback = "20",
     .least = "1",
     .most = "100"},
    {.key = "recipients",
     .type = FIELD_NUMBER,
     AT(struct config_limits, recipients),
     .fallback = "1000",
     .least = "1",
     .most = "1000"}, /* INTAKE_RECIPIENTS_MAX */
    {.key = "hops",
     .type = FIELD_NUMBER,
     AT(struct config_limits, hops),
     .fallback = "50",
     .least = "5",
     .most = "1000"},
    {.key = "pending_domains",
     .type = FIELD_NUMBER,
     AT(struct config_limits, pending_domains),
     .fallback = "100",
     .least = "1",
     .most = "1000000"},
};
SECTION(LIMITS, "limits", LIMITS_FIELDS);
_Static_assert(INTAKE_RECIPIENTS_MAX == 1000, "the limit of `recipients` above");

static const struct field DNS_FIELDS[] = {
    {.key = "servers",
     .type = FIELD_TEXTS,
     AT(struct config_dns, servers),
     .fallback = "127.0.0.1",
     .check = text_check_server,
     .items_max = SERVERS_MAX,
     .items_needed = true},
    {.key = "timeout",
     .type = FIELD_DURATION,
     AT(struct config_dns, timeout_ms),
     .fallback = "2s",
     .least = TIMEOUT_LEAST,
     .most = "1m"},
    {.key = "tries",
     .type = FIELD_NUMBER,
     AT(struct config_dns, tries),
     .fallback = "2",
     .least = "1",
     .most = "10"},
    {.key = "cache_size",
     .type = FIELD_SIZE,
     AT(struct config_dns, cache_bytes),
     .fallback = "16M",
     .least = "0",
     .most = "4G"},
    {.key = "queries_per_message",
     .type = FIELD_NUMBER,
     AT(struct config_dns, queries_per_message),
     .fallback = "60",
     .least = "10",
     .most = "1000"},
    {.key = "time_per_message",
     .type = FIELD_DURATION,
     AT(struct config_dns, time_per_message_ms),
     .fallback = "20s",
     .least = "1s",
     .most = "4m"},
};
SECTION(DNS, "dns", DNS_FIELDS);

static const struct field MILTER_FIELDS[] = {
    {.key = "socket",
     .type = FIELD_TEXT,
     AT(struct config_milter, socket),
     .fallback = "unix:/var/spool/postfix/mailspur/milter.sock",
     .check = text_check_milter_socket},
    {.key = "socket_mode",
     .type = FIELD_MODE,
     AT(struct config_milter, socket_mode),
     .fallback = "0660"},
    {.key = "socket_group", .type = FIELD_TEXT, AT(struct config_milter, socket_group)},
    {.key = "spool", .type = FIELD_PATH, AT(struct config_milter, spool), .fallback = "/var/tmp"},
    {.key = "messages_at_once",
     .type = FIELD_NUMBER,
     AT(struct config_milter, messages_at_once),
     .fallback = "100",
     .least = "1",
     .most = "10000"},
    {.key = "reference_helper",
     .type = FIELD_PATH,
     AT(struct config_milter, reference_helper),
     .fallback = "/usr/libexec/mailspur/mailspur-reference"},
    {.key = "helpers",
     .type = FIELD_NUMBER,
     AT(struct config_milter, helpers),
     .fallback = "4",
     .least = "1",
     .most = "64"},
};
SECTION(MILTER, "milter", MILTER_FIELDS);

static const struct field HOST_FIELDS[] = {
    {.key = "hostname",
     .type = FIELD_HOST,
     AT(struct host_keys, config.hostname),
     .required = true},
    {.key = "authserv_id", .type = FIELD_HOST, AT(struct host_keys, config.authserv_id)},
    {.key = "inbound_mx",
     .type = FIELD_HOST,
     AT(struct host_keys, config.inbound_mx),
     .required = true},
    {.key = "domains", .type = FIELD_PATH, AT(struct host_keys, domains), .fallback = "domains.d"},
    {.key = "sockets", .type = FIELD_SECTION, .section = &SOCKETS},
    {.key = "store", .type = FIELD_SECTION, AT(struct host_keys, config.store), .section = &STORE},
    {.key = "limits",
     .type = FIELD_SECTION,
     AT(struct host_keys, config.limits),
     .section = &LIMITS},
    {.key = "dns", .type = FIELD_SECTION, AT(struct host_keys, config.dns), .section = &DNS},
    {.key = "milter",
     .type = FIELD_SECTION,
     AT(struct host_keys, config.milter),
     .section = &MILTER},
    {.key = "policy", .type = FIELD_SECTION, AT(struct host_keys, policy), .section = &POLICY},
    {.key = "destinations", .type = FIELD_NODE, AT(struct host_keys, destinations)},
};
SECTION(HOST, "mailspur.yaml", HOST_FIELDS);
// clang-format on

const struct section *
keys_of_host(void)
{
    return &HOST;
}

const struct section *
keys_of_policy(void)
{
    return &POLICY;
}

const struct section *
keys_of_destination(void)
{
    return &DESTINATION;
}

const struct section *
keys_of_domain(void)
{
    return &DOMAIN;
}

const struct section *
keys_of_route(void)
{
    return &ROUTE;
}
