// SPDX-License-Identifier: Apache-2.0
#include "config/keys.h"

#include "common/attrs.h"
#include "common/forwarder.h"
#include "common/intake_protocol.h"
#include "config/template.h"
#include "config/text.h"

// Limits that several keys share. The longest time leaves room for adding two to a date.
#define TIME_MOST "3650d"
#define TIMEOUT_LEAST "10ms"
#define TIMEOUT_MOST "10m"
#define STORE_MOST "1048576G"
#define MESSAGES_MOST "1000000000000"
#define RATE_MOST "1000000000"

enum { SERVERS_MAX = 8, NETWORKS_MAX = 256, NAMES_MAX = 256 };

#define SECTION(variable, title, table)                                                            \
    static const struct section variable = {                                                       \
        .name = (title), .fields = (table), .count = ARRAY_LEN(table)}

// A key, the type of its value, and the member of TARGET that it sets.
#define KEY(word, kind, member, ...)                                                               \
    {                                                                                              \
        .key = (word), .type = FIELD_##kind, .offset = offsetof(TARGET, member), __VA_ARGS__       \
    }
// A key without default or limits.
#define PLAIN(word, kind, member) KEY(word, kind, member, .fallback = NULL)
// A key with its default, least and most value.
#define RANGE(word, kind, member, fallback_, least_, most_)                                        \
    KEY(word, kind, member, .fallback = (fallback_), .least = (least_), .most = (most_))
// A key whose entries are read by code of their own, each by its table.
#define ENTRIES(word, member, shape_, section_)                                                    \
    KEY(word, NODE, member, .shape = (shape_), .section = (section_))
// A section whose keys set members of TARGET itself.
#define PART(word, table)                                                                          \
    {                                                                                              \
        .key = (word), .type = FIELD_SECTION, .section = &(table)                                  \
    }

// One key a line.
// clang-format off

// ---- policy

static const char *const DMARC_WORDS[] = {
    [DMARC_MODE_ENFORCE] = "enforce", [DMARC_MODE_TAG] = "tag", [DMARC_MODE_OFF] = "off", NULL};
static const char *const TEMPERROR_WORDS[] = {
    [TEMPERROR_TAG] = "tag", [TEMPERROR_DEFER] = "defer", NULL};

#define TARGET struct forwarder_keys
static const struct field FORWARDER_FIELDS[] = {
    KEY("name", TEXT, name, .required = true),
    KEY("arc_sealers", TEXTS, arc_sealers, .fallback = "", .items_max = FORWARDER_SEALERS_MAX),
    KEY("networks", TEXTS, networks, .fallback = "", .items_max = FORWARDER_NETWORKS_MAX),
};
SECTION(FORWARDER, "a forwarder", FORWARDER_FIELDS);

#undef TARGET
#define TARGET struct policy_keys
static const struct field POLICY_FIELDS[] = {
    KEY("dmarc", CHOICE, policy.dmarc, .fallback = "enforce", .words = DMARC_WORDS),
    KEY("on_temperror", CHOICE, policy.on_temperror, .fallback = "tag", .words = TEMPERROR_WORDS),
    RANGE("defer_for", DURATION, policy.defer_for_ms, "24h", "1m", "30d"),
    KEY("trusted_networks", NETWORKS, trusted_networks, .fallback = "", .items_max = NETWORKS_MAX),
    ENTRIES("forwarders", forwarders, SHAPE_LIST_OR_NAMES, &FORWARDER),
};
SECTION(POLICY, "policy", POLICY_FIELDS);

// ---- destinations

static const char *const KIND_WORDS[] = {
    [DESTINATION_PSA] = "psa", [DESTINATION_CRM] = "crm", [DESTINATION_PORTAL] = "portal", NULL};
static const char *const FORMAT_WORDS[] = {[FORMAT_JSON] = "json", [FORMAT_RAW] = "raw", NULL};

#undef TARGET
#define TARGET struct destination_keys
static const struct field RETRY_FIELDS[] = {
    RANGE("first", DURATION, destination.retry_first_ms, "30s", "100ms", "1d"),
    RANGE("most", DURATION, destination.retry_most_ms, "1h", "100ms", "7d"),
    RANGE("for", DURATION, destination.retry_for_ms, "3d", "1s", "365d"),
};
SECTION(RETRY, "retry", RETRY_FIELDS);

static const struct field DESTINATION_FIELDS[] = {
    KEY("kind", CHOICE, destination.kind, .required = true, .words = KIND_WORDS),
    KEY("url", TEXT, destination.url, .required = true, .check = text_check_url),
    KEY("format", CHOICE, destination.format, .fallback = "json", .words = FORMAT_WORDS),
    PLAIN("secret_file", PATH, secret_file),
    PLAIN("authorization_file", PATH, authorization_file),
    PLAIN("ca_file", PATH, destination.ca_file),
    RANGE("connect_timeout", DURATION, destination.connect_timeout_ms,
          "10s", TIMEOUT_LEAST, TIMEOUT_MOST),
    RANGE("timeout", DURATION, destination.timeout_ms, "30s", TIMEOUT_LEAST, TIMEOUT_MOST),
    RANGE("concurrency", NUMBER, destination.concurrency, "4", "1", "100"),
    PART("retry", RETRY),
    KEY("allow_http", SWITCH, destination.allow_http, .fallback = "off"),
    KEY("allow_private", NETWORKS, destination.allow_private, .fallback = "",
        .items_max = NETWORKS_MAX),
};
SECTION(DESTINATION, "a destination", DESTINATION_FIELDS);

// ---- domain files

#undef TARGET
#define TARGET struct route_keys
static const struct field ROUTE_FIELDS[] = {
    KEY("name", TEXT, route.name, .required = true, .check = text_check_name),
    KEY("recipient", TEXT, recipient, .required = true, .check = text_check_line),
    ENTRIES("destinations", destinations, SHAPE_NAMES, NULL),
    KEY("action", TEXT, route.action, .check = text_check_name),
    KEY("stop", SWITCH, route.stop, .fallback = "on"),
    KEY("reject", TEXT, route.reject, .check = text_check_reply),
};
SECTION(ROUTE, "a route", ROUTE_FIELDS);

#undef TARGET
#define TARGET struct domain_keys
static const struct field DOMAIN_FIELDS[] = {
    KEY("domain", HOST, domain, .required = true),
    KEY("tenant", TEXT, tenant, .check = text_check_name),
    ENTRIES("policy", policy, SHAPE_SECTION, &POLICY),
    ENTRIES("destinations", destinations, SHAPE_MAP, &DESTINATION),
    ENTRIES("routes", routes, SHAPE_LIST, &ROUTE),
};
SECTION(DOMAIN, "a domain's file", DOMAIN_FIELDS);

// ---- profiles

static const char *const DKIM_WORDS[] = {
    [CONFIG_DKIM_NONE] = "none", [CONFIG_DKIM_MADE] = "made", [CONFIG_DKIM_SES] = "ses",
    [CONFIG_DKIM_LOCAL] = "local", NULL};
static const char *const KEY_WORDS[] = {
    [CONFIG_KEY_REQUIRED] = "required", [CONFIG_KEY_OPTIONAL] = "optional",
    [CONFIG_KEY_BY_CNAME] = "by_cname", NULL};

#undef TARGET
#define TARGET struct config_record
static const struct field RECORD_FIELDS[] = {
    KEY("purpose", CHOICE, purpose, .required = true, .words = RECORD_PURPOSE_WORDS),
    KEY("for", CHOICE, needed_for, .required = true, .words = RECORD_FOR_WORDS),
    KEY("required", SWITCH, required, .fallback = "on"),
    KEY("type", CHOICE, type, .required = true, .words = RECORD_TYPE_WORDS),
    KEY("name", TEXT, name, .required = true, .check = template_check),
    KEY("value", TEXT, value, .required = true, .check = template_check),
    RANGE("preference", NUMBER, preference, "10", "0", "65000"),
    RANGE("ttl", DURATION, ttl_ms, "1h", "1s", "7d"),
    KEY("key", CHOICE, key, .fallback = "required", .words = KEY_WORDS),
};
SECTION(RECORD, "a record", RECORD_FIELDS);

#undef TARGET
#define TARGET struct profile_keys
static const struct field PROFILE_FIELDS[] = {
    KEY("description", TEXT, profile.description, .fallback = "-", .check = text_check_reply),
    KEY("dkim", CHOICE, profile.dkim, .fallback = "none", .words = DKIM_WORDS),
    KEY("records", NODE, records, .required = true, .shape = SHAPE_LIST, .section = &RECORD),
};
SECTION(PROFILE, "a profile", PROFILE_FIELDS);

// ---- mailspur.yaml

#undef TARGET
#define TARGET struct config_socket
static const struct field CONTROL_FIELDS[] = {
    KEY("path", PATH, path, .fallback = "/run/mailspur/control.sock",
        .check = text_check_socket_path),
    KEY("mode", MODE, mode, .fallback = "0660"),
    PLAIN("group", TEXT, group),
};
SECTION(CONTROL, "sockets.control", CONTROL_FIELDS);

static const struct field INTAKE_FIELDS[] = {
    KEY("path", PATH, path, .fallback = "/run/mailspur/intake.sock",
        .check = text_check_socket_path),
    KEY("mode", MODE, mode, .fallback = "0660"),
    PLAIN("group", TEXT, group),
};
SECTION(INTAKE, "sockets.intake", INTAKE_FIELDS);

static const struct field SOCKETMAP_FIELDS[] = {
    KEY("path", PATH, path, .fallback = "/var/spool/postfix/mailspur/socketmap.sock",
        .check = text_check_socket_path),
    KEY("mode", MODE, mode, .fallback = "0660"),
    PLAIN("group", TEXT, group),
};
SECTION(SOCKETMAP, "sockets.socketmap", SOCKETMAP_FIELDS);

#undef TARGET
#define TARGET struct host_keys
static const struct field SOCKETS_FIELDS[] = {
    KEY("control", SECTION, config.control, .section = &CONTROL),
    KEY("intake", SECTION, config.intake, .section = &INTAKE),
    KEY("socketmap", SECTION, config.socketmap, .section = &SOCKETMAP),
};
SECTION(SOCKETS, "sockets", SOCKETS_FIELDS);

#undef TARGET
#define TARGET struct config_store
static const struct field STORE_FIELDS[] = {
    KEY("path", PATH, path, .fallback = "/var/lib/mailspur/mailspur.db"),
    RANGE("keep_done", DURATION, keep_done_ms, "7d", "0s", TIME_MOST),
    RANGE("keep_dead", DURATION, keep_dead_ms, "0s", "0s", TIME_MOST),
    RANGE("hold_for", DURATION, hold_for_ms, "30d", "1m", TIME_MOST),
    RANGE("dedupe_for", DURATION, dedupe_for_ms, "3d", "0s", "30d"),
    RANGE("keep_evidence", DURATION, keep_evidence_ms, "90d", "0s", TIME_MOST),
};
SECTION(STORE, "store", STORE_FIELDS);

#undef TARGET
#define TARGET struct config_limits
static const struct field LIMITS_FIELDS[] = {
    RANGE("message_size", SIZE, message_bytes, "50M", "1K", "1G"),
    RANGE("store_size", SIZE, store_bytes, "20G", "1M", STORE_MOST),
    RANGE("store_messages", NUMBER, store_messages, "1000000", "1", MESSAGES_MOST),
    RANGE("min_free_disk", SIZE, min_free_disk, "1G", "0", STORE_MOST),
    RANGE("tenant_share", NUMBER, tenant_percent, "20", "1", "100"),
    RANGE("recipients", NUMBER, recipients, "1000", "1", "1000"), // INTAKE_RECIPIENTS_MAX
    RANGE("hops", NUMBER, hops, "50", "5", "1000"),
    RANGE("pending_domains", NUMBER, pending_domains, "100", "1", "1000000"),
    RANGE("domains", NUMBER, domains, "10000", "1", "1000000"),
    RANGE("tenant_messages_per_minute", NUMBER, tenant_messages_per_minute, "0", "0", RATE_MOST),
    RANGE("tenant_recipients_per_minute", NUMBER, tenant_recipients_per_minute,
          "0", "0", RATE_MOST),
    RANGE("tenant_checks_per_minute", NUMBER, tenant_checks_per_minute, "120", "0", "60000"),
};
SECTION(LIMITS, "limits", LIMITS_FIELDS);

#undef TARGET
#define TARGET struct tenant_keys
static const struct field TENANT_FIELDS[] = {
    RANGE("share", NUMBER, tenant.percent, NULL, "1", "100"),
    RANGE("store_size", SIZE, tenant.store_bytes, NULL, "1M", STORE_MOST),
    RANGE("store_messages", NUMBER, tenant.store_messages, NULL, "1", MESSAGES_MOST),
    RANGE("messages_per_minute", NUMBER, tenant.messages_per_minute, NULL, "0", RATE_MOST),
    RANGE("recipients_per_minute", NUMBER, tenant.recipients_per_minute, NULL, "0", RATE_MOST),
    RANGE("checks_per_minute", NUMBER, tenant.checks_per_minute, NULL, "0", "60000"),
};
SECTION(TENANT, "a tenant", TENANT_FIELDS);
_Static_assert(INTAKE_RECIPIENTS_MAX == 1000, "the limit of `recipients` above");

#undef TARGET
#define TARGET struct config_dns
static const struct field DNS_FIELDS[] = {
    KEY("servers", TEXTS, servers, .fallback = "127.0.0.1", .check = text_check_server,
        .items_max = SERVERS_MAX, .items_needed = true),
    RANGE("timeout", DURATION, timeout_ms, "2s", TIMEOUT_LEAST, "1m"),
    RANGE("tries", NUMBER, tries, "2", "1", "10"),
    RANGE("cache_size", SIZE, cache_bytes, "16M", "0", "4G"),
    RANGE("queries_per_message", NUMBER, queries_per_message, "60", "10", "1000"),
    RANGE("time_per_message", DURATION, time_per_message_ms, "20s", "1s", "4m"),
};
SECTION(DNS, "dns", DNS_FIELDS);

static const char *const DISCOVERY_WORDS[] = {
    [CONFIG_DISCOVERY_TREEWALK] = "treewalk", [CONFIG_DISCOVERY_PSL] = "psl", NULL};
static const char *const AUTHENTICATE_WORDS[] = {
    [CONFIG_AUTHENTICATE_ROUTED] = "routed", [CONFIG_AUTHENTICATE_ALL] = "all", NULL};
static const char *const OWN_MAIL_WORDS[] = {
    [CONFIG_OWN_MAIL_TAG] = "tag", [CONFIG_OWN_MAIL_ENFORCE] = "enforce", NULL};

#undef TARGET
#define TARGET struct config_milter
static const struct field MILTER_FIELDS[] = {
    KEY("socket", TEXT, socket, .fallback = "unix:/var/spool/postfix/mailspur/milter.sock",
        .check = text_check_milter_socket),
    KEY("socket_mode", MODE, socket_mode, .fallback = "0660"),
    PLAIN("socket_group", TEXT, socket_group),
    KEY("spool", PATH, spool, .fallback = "/var/tmp"),
    RANGE("messages_at_once", NUMBER, messages_at_once, "100", "1", "10000"),
    KEY("authenticate", CHOICE, authenticate, .fallback = "routed", .words = AUTHENTICATE_WORDS),
    KEY("own_mail", CHOICE, own_mail, .fallback = "tag", .words = OWN_MAIL_WORDS),
    KEY("dmarc_discovery", CHOICE, dmarc_discovery, .fallback = "treewalk",
        .words = DISCOVERY_WORDS),
    KEY("received_spf", SWITCH, received_spf, .fallback = "off"),
    KEY("shadow", SWITCH, shadow, .fallback = "off"),
    KEY("reference_helper", PATH, reference_helper,
        .fallback = "/usr/libexec/mailspur/mailspur-reference"),
    RANGE("helpers", NUMBER, helpers, "4", "1", "64"),
};
SECTION(MILTER, "milter", MILTER_FIELDS);

// ---- verification

static const char *const MX_WORDS[] = {
    [CONFIG_MX_WATCH] = "watch", [CONFIG_MX_REQUIRED] = "required", NULL};
static const char *const INBOUND_NEEDS_WORDS[] = {
    [CONFIG_NEEDS_VERIFIED] = "verified", [CONFIG_NEEDS_OWNERSHIP] = "ownership", NULL};

#undef TARGET
#define TARGET struct config_ses
static const struct field SES_FIELDS[] = {
    PLAIN("access_key_file", PATH, access_key_file),
    PLAIN("secret_key_file", PATH, secret_key_file),
    PLAIN("session_token_file", PATH, session_token_file),
    KEY("endpoint", TEXT, endpoint, .check = text_check_url),
    PLAIN("ca_file", PATH, ca_file),
    KEY("installation", TEXT, installation, .fallback = "mailspur", .check = text_check_name),
    RANGE("interval", DURATION, interval_ms, "1s", "0s", "1m"),
};
SECTION(SES, "verification.ses", SES_FIELDS);

#undef TARGET
#define TARGET struct config_verification
static const struct field VERIFICATION_FIELDS[] = {
    KEY("profiles", PATH, profiles, .fallback = "profiles"),
    KEY("default_profile", TEXT, default_profile, .fallback = "local", .check = text_check_name),
    KEY("region", TEXT, region, .fallback = "us-east-1", .check = text_check_region),
    KEY("mail_from", TEXT, mail_from, .fallback = "mail", .check = text_check_label),
    PLAIN("spf_include", HOST, spf_include),
    PLAIN("dkim_zone", HOST, dkim_zone),
    KEY("dkim_keys", PATH, dkim_keys, .fallback = "/var/lib/mailspur/dkim"),
    KEY("dmarc_report", TEXT, dmarc_report, .fallback = "dmarc@{domain}",
        .check = text_check_report_address),
    KEY("mx", CHOICE, mx, .fallback = "watch", .words = MX_WORDS),
    KEY("inbound_needs", CHOICE, inbound_needs, .fallback = "verified",
        .words = INBOUND_NEEDS_WORDS),
    RANGE("pending_for", DURATION, pending_for_ms, "72h", "1s", "365d"),
    RANGE("grace", DURATION, grace_ms, "72h", "0s", "365d"),
    RANGE("misses", NUMBER, misses, "6", "1", "1000"),
    RANGE("confirm_after", DURATION, confirm_after_ms, "15m", "1s", "7d"),
    RANGE("deferred_for", DURATION, deferred_for_ms, "24h", "0s", "365d"),
    RANGE("checks_at_once", NUMBER, checks_at_once, "16", "1", "128"),
    RANGE("by_hand_every", DURATION, by_hand_every_ms, "3s", "0s", "1m"),
    RANGE("queries_per_server", NUMBER, queries_per_server, "20", "0", "100000"),
    KEY("allow_private", NETWORKS, allow_private, .fallback = "", .items_max = NETWORKS_MAX),
    KEY("reserved_names", HOSTS, reserved_names, .fallback = "", .items_max = NAMES_MAX),
    KEY("events", TEXT, events, .check = text_check_name),
    KEY("ses", SECTION, ses, .section = &SES),
};
SECTION(VERIFICATION, "verification", VERIFICATION_FIELDS);

#undef TARGET
#define TARGET struct host_keys
static const struct field HOST_FIELDS[] = {
    KEY("hostname", HOST, config.hostname, .required = true),
    PLAIN("authserv_id", HOST, config.authserv_id),
    KEY("inbound_mx", HOST, config.inbound_mx, .required = true),
    KEY("backup_mx", HOSTS, config.backup_mx, .fallback = "", .items_max = CONFIG_BACKUP_MX_MAX),
    KEY("domains", PATH, domains, .fallback = "domains.d"),
    PART("sockets", SOCKETS),
    KEY("store", SECTION, config.store, .section = &STORE),
    KEY("limits", SECTION, config.limits, .section = &LIMITS),
    KEY("dns", SECTION, config.dns, .section = &DNS),
    KEY("verification", SECTION, config.verification, .section = &VERIFICATION),
    KEY("milter", SECTION, config.milter, .section = &MILTER),
    KEY("policy", SECTION, policy, .section = &POLICY),
    ENTRIES("tenants", tenants, SHAPE_MAP, &TENANT),
    ENTRIES("destinations", destinations, SHAPE_MAP, &DESTINATION),
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
keys_of_forwarder(void)
{
    return &FORWARDER;
}

const struct section *
keys_of_tenant(void)
{
    return &TENANT;
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

const struct section *
keys_of_profile(void)
{
    return &PROFILE;
}

const struct section *
keys_of_record(void)
{
    return &RECORD;
}
