// SPDX-License-Identifier: Apache-2.0
// What good files come to: values, defaults, keys, paths, policies.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support.h"

#define MINUTE_MS (60 * INT64_C(1000))
#define HOUR_MS (60 * MINUTE_MS)
#define DAY_MS (24 * HOUR_MS)

static void
expect_tenant(const struct config *config, const char *tenant,
              const struct config_tenant_limits *wanted)
{
    struct config_tenant_limits got;
    config_tenant_limits(&config->limits, tenant, &got);
    if (memcmp(&got, wanted, sizeof(got)) != 0) {
        fail_msg("%s: %llu bytes, %llu messages, %llu and %llu a minute", tenant,
                 (unsigned long long)got.store_bytes, (unsigned long long)got.store_messages,
                 (unsigned long long)got.messages_per_minute,
                 (unsigned long long)got.recipients_per_minute);
    }
}

static void
a_tenants_limits_are_its_own_or_those_of_all(void **state)
{
    const struct folder *folder = *state;
    folder_write(folder, "mailspur.yaml",
                 HOST_LINES "limits:\n"
                            "  message_size: 1M\n"
                            "  store_size: 1000M\n"
                            "  store_messages: 1000\n"
                            "  tenant_share: 10\n"
                            "  tenant_messages_per_minute: 60\n"
                            "  tenant_recipients_per_minute: 600\n"
                            "tenants:\n"
                            "  zenith: {share: 50, recipients_per_minute: 7}\n"
                            "  like-all: {}\n"
                            "  acme: {store_size: 5M, store_messages: 3, messages_per_minute: 0, "
                            "checks_per_minute: 0}\n");
    AUTO_CONFIG *config = folder_load_good(folder);
    const uint64_t mega = UINT64_C(1) << 20;
    expect_tenant(config, "acme", &(struct config_tenant_limits){5 * mega, 3, 0, 600, 0});
    expect_tenant(config, "zenith", &(struct config_tenant_limits){500 * mega, 500, 60, 7, 120});
    expect_tenant(config, "like-all",
                  &(struct config_tenant_limits){100 * mega, 100, 60, 600, 120});
    expect_tenant(config, "other", &(struct config_tenant_limits){100 * mega, 100, 60, 600, 120});
}

static void
two_lines_give_all_the_defaults(void **state)
{
    const struct folder *folder = *state;
    AUTO_CONFIG *config = folder_load_good(folder);
    assert_string_equal(config->hostname, "mx.test");
    assert_string_equal(config->authserv_id, "mx.test");
    assert_string_equal(config->inbound_mx, "in.test");
    assert_string_equal(config->control.path, "/run/mailspur/control.sock");
    assert_int_equal(config->control.mode, 0660);
    assert_null(config->control.group);
    assert_string_equal(config->intake.path, "/run/mailspur/intake.sock");
    assert_string_equal(config->socketmap.path, "/var/spool/postfix/mailspur/socketmap.sock");
    assert_string_equal(config->store.path, "/var/lib/mailspur/mailspur.db");
    assert_int_equal(config->store.keep_done_ms, 7 * DAY_MS);
    assert_int_equal(config->store.keep_dead_ms, 0);
    assert_int_equal(config->store.hold_for_ms, 30 * DAY_MS);
    assert_int_equal(config->store.dedupe_for_ms, 3 * DAY_MS);
    assert_int_equal(config->store.keep_evidence_ms, 90 * DAY_MS);
    assert_int_equal(config->limits.message_bytes, 50U << 20);
    assert_int_equal(config->limits.store_bytes, UINT64_C(20) << 30);
    assert_int_equal(config->limits.store_messages, 1000000);
    assert_int_equal(config->limits.min_free_disk, UINT64_C(1) << 30);
    assert_int_equal(config->limits.tenant_percent, 20);
    assert_int_equal(config->limits.recipients, 1000);
    assert_int_equal(config->limits.hops, 50);
    assert_int_equal(config->limits.pending_domains, 100);
    assert_int_equal(config->limits.domains, 10000);
    assert_int_equal(config->limits.tenant_messages_per_minute, 0);
    assert_int_equal(config->limits.tenant_checks_per_minute, 120);
    assert_int_equal(config->limits.tenant_recipients_per_minute, 0);
    assert_int_equal(config->limits.tenant_count, 0);
    const struct config_verification *verification = &config->verification;
    AUTO_STRBUF profiles = STRBUF_INIT(256);
    strbuf_printf(&profiles, "%s/profiles", folder->path);
    assert_string_equal(verification->profiles, strbuf_text(&profiles));
    assert_string_equal(verification->default_profile, "local");
    assert_string_equal(verification->region, "us-east-1");
    assert_string_equal(verification->mail_from, "mail");
    assert_null(verification->spf_include);
    assert_null(verification->dkim_zone);
    assert_string_equal(verification->dkim_keys, "/var/lib/mailspur/dkim");
    assert_string_equal(verification->dmarc_report, "dmarc@{domain}");
    assert_int_equal(verification->mx, CONFIG_MX_WATCH);
    assert_int_equal(verification->inbound_needs, CONFIG_NEEDS_VERIFIED);
    assert_int_equal(verification->pending_for_ms, 3 * DAY_MS);
    assert_int_equal(verification->grace_ms, 3 * DAY_MS);
    assert_int_equal(verification->misses, 6);
    assert_int_equal(verification->confirm_after_ms, 15 * 60 * 1000);
    assert_int_equal(verification->deferred_for_ms, DAY_MS);
    assert_int_equal(verification->checks_at_once, 16);
    assert_int_equal(verification->queries_per_server, 20);
    assert_int_equal(verification->by_hand_every_ms, 3000);
    assert_int_equal(verification->allow_private.count, 0);
    assert_int_equal(verification->reserved_names.count, 0);
    assert_null(verification->events);
    assert_null(verification->ses.access_key_file);
    assert_string_equal(verification->ses.installation, "mailspur");
    assert_int_equal(verification->ses.interval_ms, 1000);
    assert_int_equal(config->backup_mx.count, 0);
    assert_int_equal(config->dns.servers.count, 1);
    assert_string_equal(config->dns.servers.items[0], "127.0.0.1");
    assert_int_equal(config->dns.timeout_ms, 2000);
    assert_int_equal(config->dns.tries, 2);
    assert_int_equal(config->dns.cache_bytes, 16U << 20);
    assert_int_equal(config->dns.queries_per_message, 60);
    assert_int_equal(config->dns.time_per_message_ms, 20000);
    assert_string_equal(config->milter.socket, "unix:/var/spool/postfix/mailspur/milter.sock");
    assert_int_equal(config->milter.socket_mode, 0660);
    assert_null(config->milter.socket_group);
    assert_string_equal(config->milter.spool, "/var/tmp");
    assert_int_equal(config->milter.messages_at_once, 100);
    assert_int_equal(config->milter.helpers, 4);
    assert_int_equal(config->milter.authenticate, CONFIG_AUTHENTICATE_ROUTED);
    assert_int_equal(config->milter.own_mail, CONFIG_OWN_MAIL_TAG);
    assert_int_equal(config_host_policy(config)->dmarc, DMARC_MODE_ENFORCE);
    assert_int_equal(config_host_trusted_networks(config)->count, 0);
    assert_int_equal(config->destination_count, 0);
    assert_int_equal(config->domain_count, 0);
    assert_null(config_find_domain(config, "a.test"));
    assert_null(config_find_destination(config, "psa"));
}

static void
what_is_set_replaces_the_defaults(void **state)
{
    const struct folder *folder = *state;
    folder_write(folder, "mailspur.yaml",
                 "hostname: B\xc3\xbc"
                 "cher.Example.\n"
                 "authserv_id: auth.test\n"
                 "inbound_mx: in.test\n"
                 "sockets:\n"
                 "  control: {path: run/c.sock, mode: 0600, group: mail}\n"
                 "store: {path: ../m.db, keep_dead: 90d}\n"
                 "limits:\n"
                 "dns: {servers: [192.0.2.1, '[2001:db8::1]:5353', '192.0.2.2:54']}\n"
                 "backup_mx: [in2.test, B\xc3\xbc"
                 "cher.test]\n"
                 "verification: {mx: required, inbound_needs: ownership, misses: 1, grace: 0s,\n"
                 "  spf_include: _spf.ours.test, dkim_zone: dkim.ours.test, mail_from: b-1,\n"
                 "  dmarc_report: 'd+x@r.{domain}', reserved_names: [Ours.test.],\n"
                 "  allow_private: [127.0.0.0/8], ses: {endpoint: 'http://127.0.0.1:1',\n"
                 "  access_key_file: a, secret_key_file: s, installation: x1}}\n"
                 "milter: {socket: 'inet:8891@127.0.0.1', authenticate: all, own_mail: enforce}\n"
                 "policy: {on_temperror: defer, trusted_networks: [192.0.2.0/24]}\n");
    AUTO_CONFIG *config = folder_load_good(folder);
    assert_string_equal(config->hostname, "xn--bcher-kva.example");
    assert_string_equal(config->authserv_id, "auth.test");
    AUTO_STRBUF expected = STRBUF_INIT(256);
    strbuf_printf(&expected, "%s/run/c.sock", folder->path);
    assert_string_equal(config->control.path, strbuf_text(&expected));
    assert_int_equal(config->control.mode, 0600);
    assert_string_equal(config->control.group, "mail");
    assert_int_equal(config->store.keep_dead_ms, 90 * DAY_MS);
    assert_int_equal(config->limits.hops, 50);
    assert_int_equal(config->dns.servers.count, 3);
    assert_string_equal(config->dns.servers.items[1], "[2001:db8::1]:5353");
    assert_string_equal(config->milter.socket, "inet:8891@127.0.0.1");
    assert_int_equal(config->milter.authenticate, CONFIG_AUTHENTICATE_ALL);
    assert_int_equal(config->milter.own_mail, CONFIG_OWN_MAIL_ENFORCE);
    assert_int_equal(config_host_policy(config)->on_temperror, TEMPERROR_DEFER);
    assert_int_equal(config_host_trusted_networks(config)->count, 1);
    const struct config_verification *verification = &config->verification;
    assert_int_equal(config->backup_mx.count, 2);
    assert_string_equal(config->backup_mx.items[1], "xn--bcher-kva.test");
    assert_int_equal(verification->mx, CONFIG_MX_REQUIRED);
    assert_int_equal(verification->inbound_needs, CONFIG_NEEDS_OWNERSHIP);
    assert_int_equal(verification->misses, 1);
    assert_int_equal(verification->grace_ms, 0);
    assert_string_equal(verification->spf_include, "_spf.ours.test");
    assert_string_equal(verification->dkim_zone, "dkim.ours.test");
    assert_string_equal(verification->dmarc_report, "d+x@r.{domain}");
    assert_string_equal(verification->reserved_names.items[0], "ours.test");
    assert_int_equal(verification->allow_private.count, 1);
    strbuf_reset(&expected);
    strbuf_printf(&expected, "%s/a", folder->path);
    assert_string_equal(verification->ses.access_key_file, strbuf_text(&expected));
}

static void
a_destination_is_read_whole(void **state)
{
    const struct folder *folder = *state;
    folder_write(folder, "psa.secret", "\n" KEY_64 "\r\n\n  " KEY_24);
    folder_write(folder, "psa.auth", "Bearer abc\n");
    folder_write(folder, "ca.pem", "");
    folder_write(folder, "mailspur.yaml",
                 HOST_LINES
                 "destinations:\n"
                 "  psa:\n"
                 "    kind: crm\n"
                 "    url: http://[2001:db8::5]:8080/hook?x=1\n"
                 "    format: raw\n"
                 "    secret_file: psa.secret\n"
                 "    authorization_file: psa.auth\n"
                 "    ca_file: ca.pem\n"
                 "    connect_timeout: 1s\n"
                 "    timeout: 2s\n"
                 "    concurrency: 9\n"
                 "    retry: {first: 1s, most: 1m, for: 1h}\n"
                 "    allow_http: on\n"
                 "    allow_private: [10.1.0.0/16, '::1']\n"
                 "  aaa: {kind: portal, url: 'https://a.test', secret_file: psa.secret}\n");
    struct diagnostics diagnostics = {.items = NULL};
    AUTO_CONFIG *config = folder_load(folder, &diagnostics);
    assert_int_equal(diagnostics.count, 0);
    assert_int_equal(config->destination_count, 2);
    assert_string_equal(config->destinations[0]->key, "aaa");
    const struct config_destination *psa = config_find_destination(config, "psa");
    assert_ptr_equal(psa, config->destinations[1]);
    assert_int_equal(psa->kind, DESTINATION_CRM);
    assert_int_equal(psa->format, FORMAT_RAW);
    assert_int_equal(psa->secret_count, 2);
    assert_int_equal(psa->secrets[0].length, 64);
    assert_int_equal(psa->secrets[0].bytes[63], 63);
    assert_int_equal(psa->secrets[1].length, 24);
    assert_string_equal(psa->authorization, "Bearer abc");
    assert_int_equal(psa->connect_timeout_ms, 1000);
    assert_int_equal(psa->timeout_ms, 2000);
    assert_int_equal(psa->concurrency, 9);
    assert_int_equal(psa->retry_first_ms, 1000);
    assert_int_equal(psa->retry_most_ms, MINUTE_MS);
    assert_int_equal(psa->retry_for_ms, HOUR_MS);
    assert_true(psa->allow_http);
    assert_int_equal(psa->allow_private.count, 2);
    const struct config_destination *other = config->destinations[0];
    assert_int_equal(other->format, FORMAT_JSON);
    assert_null(other->authorization);
    assert_int_equal(other->connect_timeout_ms, 10000);
    assert_int_equal(other->timeout_ms, 30000);
    assert_int_equal(other->concurrency, 4);
    assert_int_equal(other->retry_first_ms, 30000);
    assert_int_equal(other->retry_most_ms, HOUR_MS);
    assert_int_equal(other->retry_for_ms, 3 * DAY_MS);
    assert_false(other->allow_http);
}

static void
a_time_left_at_its_default_gives_way_to_one_written_down(void **state)
{
    const struct folder *folder = *state;
    static const struct {
        const char *times;
        int64_t connect_timeout_ms;
        int64_t timeout_ms;
        int64_t retry_first_ms;
        int64_t retry_most_ms;
        int64_t retry_for_ms;
    } rows[] = {
        {"timeout: 5s", 5000, 5000, 30000, HOUR_MS, 3 * DAY_MS},
        {"connect_timeout: 40s", 40000, 40000, 30000, HOUR_MS, 3 * DAY_MS},
        {"retry: {first: 2h}", 10000, 30000, 2 * HOUR_MS, 2 * HOUR_MS, 3 * DAY_MS},
        {"retry: {most: 10s}", 10000, 30000, 10000, 10000, 3 * DAY_MS},
        {"retry: {for: 10s}", 10000, 30000, 10000, 10000, 10000},
        {"retry: {first: 1d}", 10000, 30000, DAY_MS, DAY_MS, 3 * DAY_MS},
        {"retry: {most: 4d}", 10000, 30000, 30000, 4 * DAY_MS, 4 * DAY_MS},
        {"timeout: 10s, retry: {first: 1h, most: 1h, for: 1h}", 10000, 10000, HOUR_MS, HOUR_MS,
         HOUR_MS},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO_STRBUF text = STRBUF_INIT(1024);
        strbuf_printf(&text, HOST_LINES "destinations: {a: {kind: psa, url: 'https://a.test', %s}}",
                      rows[i].times);
        folder_write(folder, "mailspur.yaml", strbuf_text(&text));
        AUTO_CONFIG *config = folder_load_good(folder);
        const struct config_destination *told = config->destinations[0];
        assert_int_equal(told->connect_timeout_ms, rows[i].connect_timeout_ms);
        assert_int_equal(told->timeout_ms, rows[i].timeout_ms);
        assert_int_equal(told->retry_first_ms, rows[i].retry_first_ms);
        assert_int_equal(told->retry_most_ms, rows[i].retry_most_ms);
        assert_int_equal(told->retry_for_ms, rows[i].retry_for_ms);
    }
}

#define GLOBAL_PSA "destinations:\n  psa: {kind: psa, url: 'https://psa.test'}\n"

static void
routes_find_their_own_destinations_and_the_global_ones(void **state)
{
    const struct folder *folder = *state;
    folder_write(folder, "mailspur.yaml", HOST_LINES GLOBAL_PSA);
    folder_write(folder, "domains.d/b.yaml",
                 "domain: B.test.\n"
                 "destinations:\n"
                 "  crm: {kind: crm, url: 'https://crm.test'}\n"
                 "routes:\n"
                 "  - {name: one, recipient: Help@b.TEST, destinations: [psa, crm], stop: off}\n"
                 "  - {name: two, recipient: 'vm-{n}@', destinations: [crm], action: note}\n"
                 "  - {name: no, recipient: '*', reject: not here}\n");
    folder_write(folder, "domains.d/a.yaml",
                 "domain: a.test\n"
                 "destinations:\n"
                 "  crm: {kind: crm, url: 'https://other.test'}\n");
    AUTO_CONFIG *config = folder_load_good(folder);
    assert_int_equal(config->domain_count, 2);
    assert_string_equal(config->domains[0]->name, "a.test");
    assert_int_equal(config->destination_count, 3);
    assert_string_equal(config->destinations[0]->key, "a.test/crm");
    const struct config_domain *domain = config_find_domain(config, "b.test");
    assert_int_equal(domain->route_count, 3);
    const struct config_route *one = &domain->routes[0];
    assert_string_equal(one->name, "one");
    assert_string_equal(pattern_text(one->recipient), "Help");
    assert_string_equal(one->action, "");
    assert_false(one->stop);
    assert_null(one->reject);
    assert_int_equal(one->destination_count, 2);
    assert_ptr_equal(one->destinations[0], config_find_destination(config, "psa"));
    assert_ptr_equal(one->destinations[1], config_find_destination(config, "b.test/crm"));
    assert_string_equal(one->destinations[1]->url, "https://crm.test");
    assert_true(domain->routes[1].stop);
    assert_string_equal(domain->routes[1].action, "note");
    assert_string_equal(domain->routes[2].reject, "not here");
    assert_int_equal(domain->routes[2].destination_count, 0);
}

static void
routes_that_only_overlap_are_all_reached(void **state)
{
    const struct folder *folder = *state;
    folder_write(folder, "mailspur.yaml", HOST_LINES GLOBAL_PSA);
    folder_write(folder, "domains.d/a.yaml",
                 "domain: a.test\n"
                 "routes:\n"
                 "  - {name: all, recipient: '*', destinations: [psa], stop: off}\n"
                 "  - {name: a, recipient: 'x+{n}', destinations: [psa]}\n"
                 "  - {name: b, recipient: 'x+*', destinations: [psa]}\n" // also takes "x+"
                 "  - {name: c, recipient: 'x{n}', destinations: [psa]}\n"
                 "  - {name: d, recipient: '{n}', destinations: [psa]}\n");
    config_unref(folder_load_good(folder));
}

static void
only_domain_files_of_the_folder_are_read(void **state)
{
    const struct folder *folder = *state;
    static const char *const ignored[] = {
        "domains.d/.hidden.yaml",     "domains.d/a.yaml~", "domains.d/a.yaml.dpkg-old",
        "domains.d/a.dpkg-dist.yaml", "domains.d/README",  "domains.d/a.yaml.bak",
    };
    for (size_t i = 0; i < ARRAY_LEN(ignored); i++) {
        folder_write(folder, ignored[i], "this is: [no configuration");
    }
    folder_write(folder, "domains.d/b.yml", "domain: b.test\n");
    folder_write(folder, "domains.d/a.yaml", "domain: a.test\n");
    AUTO_CONFIG *config = folder_load_good(folder);
    assert_int_equal(config->domain_count, 2);
    assert_non_null(config_find_domain(config, "a.test"));
    assert_non_null(config_find_domain(config, "b.test"));
    assert_non_null(strstr(config->domains[1]->file, "/domains.d/b.yml"));
}

static void
an_empty_domains_folder_has_no_domains(void **state)
{
    const struct folder *folder = *state;
    folder_write(folder, "mailspur.yaml", HOST_LINES);
    AUTO_CONFIG *config = folder_load_good(folder);
    assert_int_equal(config->domain_count, 0);
}

// mailspur-milter runs as another user than the daemon, who alone may read secrets.
static void
the_host_part_alone_needs_no_secrets_and_no_domains(void **state)
{
    const struct folder *folder = *state;
    folder_write(folder, "mailspur.yaml",
                 HOST_LINES "destinations:\n"
                            "  a: {kind: psa, url: 'https://a.test', secret_file: none}\n");
    folder_write(folder, "domains.d/a.yaml", "not: [good");
    AUTO_STRBUF path = STRBUF_INIT(256);
    strbuf_printf(&path, "%s/mailspur.yaml", folder->path);
    struct diagnostics diagnostics = {.items = NULL};
    AUTO_CONFIG *config = NULL;
    assert_int_equal(config_load_host(strbuf_text(&path), &diagnostics, &config), ST_OK);
    assert_int_equal(diagnostics.count, 0);
    assert_string_equal(config->hostname, "mx.test");
    assert_int_equal(config->destination_count, 0);
    assert_int_equal(config->domain_count, 0);
    folder_write(folder, "mailspur.yaml", HOST_LINES "limits: {hops: many}\n");
    AUTO_CONFIG *none = NULL;
    assert_int_equal(config_load_host(strbuf_text(&path), &diagnostics, &none), ST_INVALID);
    assert_null(none);
    diagnostics_done(&diagnostics);
}

static const struct config_domain *
load_with_policies(const struct folder *folder, const char *of_host, const char *of_domain,
                   struct config **config_out)
{
    AUTO_STRBUF host = STRBUF_INIT(4096);
    AUTO_STRBUF domain = STRBUF_INIT(4096);
    strbuf_printf(&host, HOST_LINES "policy: %s\n", of_host);
    strbuf_printf(&domain, "domain: a.test\npolicy: %s\n", of_domain);
    folder_write(folder, "mailspur.yaml", strbuf_text(&host));
    folder_write(folder, "domains.d/a.yaml", strbuf_text(&domain));
    *config_out = folder_load_good(folder);
    return config_find_domain(*config_out, "a.test");
}

static void
a_domain_overrides_the_policy_key_by_key_and_adds_networks(void **state)
{
    const struct folder *folder = *state;
    AUTO_CONFIG *config = NULL;
    const struct config_domain *domain = load_with_policies(
        folder, "{dmarc: tag, defer_for: 2h, trusted_networks: [192.0.2.0/24]}",
        "{on_temperror: defer, trusted_networks: [2001:db8::/32, 192.0.2.0/24]}", &config);
    assert_int_equal(domain->policy.dmarc, DMARC_MODE_TAG);
    assert_int_equal(domain->policy.on_temperror, TEMPERROR_DEFER);
    assert_int_equal(domain->policy.defer_for_ms, 2 * HOUR_MS);
    assert_int_equal(domain->trusted_networks.count, 2); // one of them stood in both
    AUTO_CONFIG *other = NULL;
    domain = load_with_policies(folder, "", "", &other);
    assert_int_equal(domain->policy.dmarc, DMARC_MODE_ENFORCE);
    assert_int_equal(domain->policy.on_temperror, TEMPERROR_TAG);
    assert_int_equal(domain->policy.defer_for_ms, DAY_MS);
    assert_int_equal(domain->trusted_networks.count, 0);
}

static void
policies_have_equal_keys_exactly_when_they_do_the_same(void **state)
{
    const struct folder *folder = *state;
    static const struct {
        const char *of_host;
        const char *of_domain;
        bool is_same;
    } rows[] = {
        {"{dmarc: tag, trusted_networks: [10.0.0.0/8, 192.0.2.1]}", "", true},
        {"", "{dmarc: tag, trusted_networks: [192.0.2.1/32, 10.0.0.0/8]}", true},
        {"{dmarc: tag, trusted_networks: [192.0.2.1]}", "{trusted_networks: [10.0.0.0/8]}", true},
        {"{dmarc: off}", "{dmarc: tag, trusted_networks: [192.0.2.1, 10.0.0.0/8]}", true},
        {"{defer_for: 1h}", "{dmarc: tag, trusted_networks: [192.0.2.1, 10.0.0.0/8]}", true},
        {"", "{dmarc: off, trusted_networks: [192.0.2.1, 10.0.0.0/8]}", false},
        {"", "{dmarc: tag, trusted_networks: [10.0.0.0/8]}", false},
        {"", "{dmarc: tag, trusted_networks: [192.0.2.1, 10.0.0.0/9]}", false},
        {"", "{dmarc: tag, on_temperror: defer, trusted_networks: [192.0.2.1, 10.0.0.0/8]}", false},
        {"", "{dmarc: tag, forwarders: [], trusted_networks: [192.0.2.1, 10.0.0.0/8]}", true},
        {"", "{dmarc: tag, forwarders: [google], trusted_networks: [192.0.2.1, 10.0.0.0/8]}",
         false},
    };
    char first[65] = "";
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO_CONFIG *config = NULL;
        const struct config_domain *domain =
            load_with_policies(folder, rows[i].of_host, rows[i].of_domain, &config);
        assert_int_equal(strlen(domain->policy_key), 64);
        if (i == 0) {
            memcpy(first, domain->policy_key, sizeof(first));
        }
        if ((strcmp(first, domain->policy_key) == 0) != rows[i].is_same) {
            fail_msg("row %zu", i);
        }
    }
    AUTO_CONFIG *one = NULL;
    AUTO_CONFIG *two = NULL;
    assert_string_not_equal(
        load_with_policies(folder, "{on_temperror: defer}", "{defer_for: 1h}", &one)->policy_key,
        load_with_policies(folder, "{on_temperror: defer}", "{defer_for: 2h}", &two)->policy_key);
}

static void
forwarders_are_the_domains_or_else_the_hosts(void **state)
{
    static const struct {
        const char *of_host;
        const char *of_domain;
        const char *forwarders;
    } rows[] = {
        {"{}", "{}", ""},
        {"{forwarders: [google]}", "", "google s:google.com\n"},
        {"{forwarders: [google]}", "{dmarc: tag}", "google s:google.com\n"},
        {"{forwarders: [google]}", "{forwarders: [microsoft365]}",
         "microsoft365 s:microsoft.com\n"},
        {"{forwarders: [google]}", "{forwarders: []}", ""},
        {"{forwarders: [google]}", "{forwarders: }", ""},
        {"", "{forwarders: [google, {name: gw, arc_sealers: [Seal.Test, XN--mller-kva.test.]}]}",
         "google s:google.com\ngw s:seal.test s:xn--mller-kva.test\n"},
        {"", "{forwarders: [{name: gw, networks: [192.0.2.0/28, '2001:db8::/32', 192.0.2.99]}]}",
         "gw n:192.0.2.0/28 n:2001:db8::/32 n:192.0.2.99/32\n"},
        {"", "{forwarders: [{name: google, networks: [192.0.2.0/28]}]}",
         "google s:google.com n:192.0.2.0/28\n"},
        {"", "{forwarders: [{name: google, arc_sealers: [seal.test]}]}", "google s:seal.test\n"},
    };
    const struct folder *folder = *state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO_CONFIG *config = NULL;
        const struct config_domain *domain =
            load_with_policies(folder, rows[i].of_host, rows[i].of_domain, &config);
        assert_string_equal(domain->forwarders, rows[i].forwarders);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, folder_setup, folder_teardown)

// What a request is made of, and nothing else.
static void
endpoints_differ_by_what_a_request_is_made_of(void **state)
{
    (void)state;
    struct network network = {.address = {.bytes = {127, 0, 0, 1}, .length = 4}, .prefix = 8};
    struct network wider = {.address = {.bytes = {127, 0, 0, 1}, .length = 4}, .prefix = 7};
    char key[] = "a";
    char url[] = "https://a.test/";
    char text[] = "another";
    const struct config_destination base = {
        .key = key,
        .url = url,
        .secrets = {{.bytes = "k", .length = 1}},
        .secret_count = 1,
        .authorization = key,
        .timeout_ms = 2,
        .connect_timeout_ms = 1,
        .allow_private = {.items = &network, .count = 1},
    };
    enum { VARIANTS = 14, SAME = 3 }; // the first ones are the same
    struct config_destination others[VARIANTS];
    for (size_t i = 0; i < VARIANTS; i++) {
        others[i] = base;
    }
    struct config_destination *other = others;
    (other++)->concurrency = 7;
    (other++)->retry_first_ms = 7;
    (other++)->key = text;
    (other++)->url = text;
    (other++)->kind = DESTINATION_CRM;
    (other++)->format = FORMAT_RAW;
    (other++)->secret_count = 2;
    (other++)->secrets[0].bytes[0] = 'l';
    (other++)->authorization = NULL;
    (other++)->ca_file = text;
    (other++)->timeout_ms = 3;
    (other++)->connect_timeout_ms = 2;
    (other++)->allow_http = true;
    (other++)->allow_private.items = &wider;
    assert_ptr_equal(other, others + VARIANTS);
    for (size_t i = 0; i < VARIANTS; i++) {
        if (config_same_endpoint(&base, &others[i]) != (i < SAME)) {
            fail_msg("variant %zu", i);
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(two_lines_give_all_the_defaults),
        TEST(a_tenants_limits_are_its_own_or_those_of_all),
        TEST(what_is_set_replaces_the_defaults),
        TEST(a_destination_is_read_whole),
        TEST(a_time_left_at_its_default_gives_way_to_one_written_down),
        TEST(routes_find_their_own_destinations_and_the_global_ones),
        TEST(routes_that_only_overlap_are_all_reached),
        TEST(only_domain_files_of_the_folder_are_read),
        TEST(an_empty_domains_folder_has_no_domains),
        TEST(endpoints_differ_by_what_a_request_is_made_of),
        TEST(the_host_part_alone_needs_no_secrets_and_no_domains),
        TEST(forwarders_are_the_domains_or_else_the_hosts),
        TEST(a_domain_overrides_the_policy_key_by_key_and_adds_networks),
        TEST(policies_have_equal_keys_exactly_when_they_do_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
