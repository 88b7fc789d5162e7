// SPDX-License-Identifier: Apache-2.0
#include "house.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "common/strbuf.h"
#include "tests/unit/domain/fixture_check.h"
#include "verifier/dns/dns.h"

static const char ROUTES[] = "routes:\n"
                             "  - {name: ticket, recipient: \"ticket+{id}\", destinations: [psa], "
                             "action: note}\n"
                             "  - {name: both, recipient: both, destinations: [psa, crm]}\n"
                             "  - {name: copy, recipient: copy, destinations: [psa], stop: off}\n"
                             "  - {name: copy2, recipient: copy, destinations: [psa, crm]}\n"
                             "  - {name: closed, recipient: closed, reject: gone for good}\n";

static const char *const CONFIGURED[] = {"ours.example",     "sister.example", "other.example",
                                         "early.example",    "held.example",   "spf-lost.example",
                                         "deferred.example", "failed.example"};

static const struct {
    const char *name;
    const char *tenant;
    enum domain_status status;
    bool inbound;
    enum domain_mail mail;
    bool was_never_owned;
} REGISTERED[] = {
    {"ours.example", "acme", DOMAIN_VERIFIED, true, DOMAIN_MAIL_OPEN, false},
    {"sister.example", "acme", DOMAIN_AT_RISK, true, DOMAIN_MAIL_OPEN, false},
    {"other.example", "zenith", DOMAIN_VERIFIED, true, DOMAIN_MAIL_OPEN, false},
    {"bare.example", "acme", DOMAIN_VERIFIED, true, DOMAIN_MAIL_OPEN, false},
    {"pending.example", "acme", DOMAIN_PENDING, false, DOMAIN_MAIL_OPEN, false},
    {"early.example", "acme", DOMAIN_PENDING, true, DOMAIN_MAIL_OPEN, false},
    {"spf-lost.example", "acme", DOMAIN_FAILED, true, DOMAIN_MAIL_OPEN, false},
    {"held.example", "acme", DOMAIN_AT_RISK, true, DOMAIN_MAIL_HELD, false},
    {"deferred.example", "acme", DOMAIN_AT_RISK, true, DOMAIN_MAIL_DEFERRED, false},
    {"failed.example", "acme", DOMAIN_FAILED, true, DOMAIN_MAIL_REFUSED, false},
    {"failed-off.example", "acme", DOMAIN_FAILED, false, DOMAIN_MAIL_OPEN, false},
    {"off.example", "acme", DOMAIN_VERIFIED, false, DOMAIN_MAIL_OPEN, false},
    {"removed.example", "acme", DOMAIN_REMOVED, false, DOMAIN_MAIL_OPEN, false},
    {"returned.example", "acme", DOMAIN_REMOVED, false, DOMAIN_MAIL_OPEN, false},
    {"returned.example", "zenith", DOMAIN_PENDING, false, DOMAIN_MAIL_OPEN, true},
    {"never.example", "acme", DOMAIN_FAILED, false, DOMAIN_MAIL_OPEN, true},
    {"tried.example", "acme", DOMAIN_REMOVED, false, DOMAIN_MAIL_OPEN, true},
};

void
house_write(const struct house *house, const char *name, const char *text)
{
    folder_write(&house->folder, name, text);
}

static void
write_configuration(const struct house *house)
{
    const char *at = house->folder.path;
    AUTO_STRBUF text = STRBUF_INIT(8192);
    strbuf_printf(
        &text,
        "hostname: mx.test.example\n"
        "inbound_mx: mx.test.example\n"
        "sockets:\n"
        "  control: {path: %s/control.sock}\n"
        "  intake: {path: %s/intake.sock}\n"
        "  socketmap: {path: %s/socketmap.sock}\n"
        "store: {path: %s/mailspur.db}\n"
        "limits: {min_free_disk: 0, tenant_share: 100}\n"
        "destinations:\n"
        "  psa: {kind: psa, url: \"https://127.0.0.1:1/psa\", allow_private: [127.0.0.0/8]}\n"
        "  crm: {kind: crm, url: \"https://127.0.0.1:1/crm\", allow_private: [127.0.0.0/8]}\n",
        at, at, at, at);
    house_write(house, "mailspur.yaml", strbuf_text(&text));
    for (size_t i = 0; i < ARRAY_LEN(CONFIGURED); i++) {
        char name[FOLDER_PATH_SIZE];
        (void)snprintf(name, sizeof(name), "domains.d/%s.yaml", CONFIGURED[i]);
        strbuf_reset(&text);
        strbuf_printf(&text, "domain: %s\npolicy: {trusted_networks: [192.0.2.0/24]}\n%s",
                      CONFIGURED[i], ROUTES);
        house_write(house, name, strbuf_text(&text));
    }
}

static void
register_domains(const struct house *house)
{
    for (size_t i = 0; i < ARRAY_LEN(REGISTERED); i++) {
        struct store_domain domain = {
            .id = id_new(),
            .profile = "inbound",
            .mail = REGISTERED[i].mail,
            .status = REGISTERED[i].status,
            .inbound = REGISTERED[i].inbound,
            .created_at = store_now_ms(house->store),
            .verified_at = store_now_ms(house->store),
        };
        domain.owned_at = REGISTERED[i].was_never_owned ? 0 : domain.created_at;
        (void)snprintf(domain.tenant, sizeof(domain.tenant), "%s", REGISTERED[i].tenant);
        (void)snprintf(domain.name, sizeof(domain.name), "%s", REGISTERED[i].name);
        id_new_token(domain.token);
        if (domain.status == DOMAIN_REMOVED) {
            domain.removed_at = store_now_ms(house->store);
        }
        struct why why;
        const struct store_event event = {.kind = "domain.added", .detail = ""};
        if (store_domain_put(house->store, &domain, 0, &event, &why) != ST_OK) {
            fail_msg("%s: %s", REGISTERED[i].name, why.text);
        }
    }
}

char house_policy_key[65];

struct config *
house_load(const struct house *house)
{
    return folder_load_good(&house->folder);
}

void
house_open_registry(struct house *house)
{
    char path[FOLDER_PATH_SIZE];
    struct why why = {.text = ""};
    clock_guard_init(&house->clock);
    if (dns_open_fixture(folder_path(&house->folder, "zone", path), &house->dns, &why) != ST_OK) {
        fail_msg("dns: %s", why.text);
    }
    const struct registry_settings settings = {.store = house->store,
                                               .dns = house->dns,
                                               .holder = house->holder,
                                               .clock = &house->clock,
                                               .check = fixture_check};
    if (registry_open(&settings, &house->registry, &why) != ST_OK) {
        fail_msg("registry: %s", why.text);
    }
}

void
house_open(struct house *house)
{
    *house = (struct house){.store = NULL};
    folder_make(&house->folder);
    (void)folder_path(&house->folder, "mailspur.yaml", house->config_path);
    (void)folder_path(&house->folder, "mailspur.db", house->database);
    (void)folder_path(&house->folder, "test.sock", house->socket_path);
    house->socket = (struct config_socket){.path = house->socket_path, .mode = 0600};
    write_configuration(house);
    house_write(house, "zone", "# empty\n");

    struct why why = {.text = ""};
    const struct store_settings store = {.path = house->database};
    if (store_open(&store, &house->store, &why) != ST_OK) {
        fail_msg("store: %s", why.text);
    }
    house->limits = limits_new(house->store);
    register_domains(house);
    struct config *config = house_load(house);
    (void)snprintf(house_policy_key, sizeof(house_policy_key), "%s",
                   config->domains[0]->policy_key);
    house->holder = config_holder_new(config);
    house_open_registry(house);
}

void
house_open_dispatcher(struct house *house)
{
    struct why why;
    char path[FOLDER_PATH_SIZE];
    const struct store_settings settings = {.path = folder_path(&house->folder, "idle.db", path)};
    if (store_open(&settings, &house->idle_store, &why) != ST_OK ||
        dispatcher_open(house->idle_store, house->holder, &house->dispatcher, &why) != ST_OK) {
        fail_msg("dispatcher: %s", why.text);
    }
}

void
house_close(struct house *house)
{
    dispatcher_stop(house->dispatcher, 0);
    dispatcher_close(house->dispatcher);
    store_close(house->idle_store);
    limits_free(house->limits);
    registry_close(house->registry);
    dns_close(house->dns);
    store_close(house->store);
    config_holder_free(house->holder);
    folder_remove(&house->folder);
}

void
house_allow_descriptors(size_t count)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_cur < count ? count : limit.rlim_cur;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

uint64_t
house_messages(const struct house *house)
{
    struct store_usage usage;
    store_usage(house->store, "", &usage);
    return usage.messages;
}
