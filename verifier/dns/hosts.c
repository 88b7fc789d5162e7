// SPDX-License-Identifier: Apache-2.0
#include "verifier/dns/hosts.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/map.h"
#include "common/xalloc.h"
#include "verifier/dns/lookups.h"

enum { FAMILIES = 2, DNS_PORT = 53 };

/** One server's name. */
struct host {
    struct brief_value value;
    enum authority_reason reason; /* why it has no address */
    size_t count;
    size_t left_out;
    struct network_address addresses[FAMILIES * DNS_HOST_ADDRESSES_MAX];
};

/** A name that is looked up in this call. */
struct search {
    struct dns_name name;
    struct dns_lookup *lookups[FAMILIES];
    struct host *host;
};

struct searches {
    struct map *by_name; /* of struct search */
    size_t count;
};

static void
name_text(const struct dns_name *name, char out[DNS_NAME_TEXT_SIZE])
{
    dns_name_format(name->wire, name->length, out);
}

static void
free_search(void *value)
{
    struct search *search = value;
    for (size_t i = 0; i < FAMILIES; i++) {
        if (search->lookups[i] != NULL) {
            dns_lookup_done(search->lookups[i]);
            free(search->lookups[i]);
        }
    }
    brief_unref(search->host);
    free(search);
}

static void
add_search(struct searches *searches, struct brief *hosts, struct dns_resolver *resolver,
           struct dns_budget *budget, const struct dns_name *name)
{
    char key[DNS_NAME_TEXT_SIZE];
    name_text(name, key);
    if (map_get(searches->by_name, key) != NULL) {
        return;
    }
    struct search *search = xcalloc(1, sizeof(*search));
    search->name = *name;
    search->host = brief_get(hosts, key);
    for (size_t i = 0; i < FAMILIES && search->host == NULL; i++) {
        search->lookups[i] = xcalloc(1, sizeof(*search->lookups[i]));
        dns_lookup_init(search->lookups[i], resolver, budget, name, i == 0 ? DNS_A : DNS_AAAA);
        searches->count++;
    }
    (void)map_put(searches->by_name, key, search);
}

static void
look_up_all(const struct searches *searches, int64_t deadline)
{
    AUTO_FREE struct dns_lookup **lookups =
        xcalloc(searches->count + 1, sizeof(struct dns_lookup *));
    size_t count = 0;
    size_t cursor = 0;
    const char *key = NULL;
    const struct search *search = NULL;
    while ((search = map_next(searches->by_name, &cursor, &key)) != NULL) {
        for (size_t i = 0; i < FAMILIES && search->host == NULL; i++) {
            lookups[count++] = search->lookups[i];
        }
    }
    dns_lookup_all(lookups, count, deadline);
    dns_lookup_all_unchecked(lookups, count, deadline); // its DNSSEC is not our question
}

static void
add_addresses(const struct dns_lookup *lookup, struct host *host)
{
    const struct dns_reply *reply = &lookup->reply;
    unsigned length = lookup->question.type == DNS_A ? 4 : 16;
    for (size_t i = 0; reply->status == DNS_OK && i < reply->count; i++) {
        if (i == DNS_HOST_ADDRESSES_MAX) {
            host->left_out += reply->count - i;
            return;
        }
        struct network_address *address = &host->addresses[host->count++];
        address->length = length;
        memcpy(address->bytes, reply->data.data + reply->records[i].offset, length);
        network_unmap(address);
    }
}

static struct host *
make_host(const struct search *search)
{
    struct host *host = xcalloc(1, sizeof(*host));
    atomic_init(&host->value.references, 1);
    bool is_known = true;
    for (size_t i = 0; i < FAMILIES; i++) {
        const struct dns_lookup *lookup = search->lookups[i];
        const struct dns_name *end = &lookup->reply.canonical;
        if (!dns_name_equal(end->wire, end->length, search->name.wire, search->name.length)) {
            host->reason = AUTHORITY_NAME_IS_CNAME;
            host->count = 0;
            return host;
        }
        is_known = is_known && lookup->reply.status != DNS_TEMPORARY;
        add_addresses(lookup, host);
    }
    if (host->count == 0) {
        host->reason = is_known ? AUTHORITY_NO_ADDRESS : AUTHORITY_ADDRESS_UNKNOWN;
    }
    return host;
}

static void
keep_hosts(const struct searches *searches, struct brief *hosts)
{
    size_t cursor = 0;
    const char *key = NULL;
    struct search *search = NULL;
    while ((search = map_next(searches->by_name, &cursor, &key)) != NULL) {
        if (search->host == NULL) {
            search->host = make_host(search);
            if (search->host->reason != AUTHORITY_ADDRESS_UNKNOWN) {
                brief_put(hosts, key, search->host);
            }
        }
    }
}

/* ---- zones ----------------------------------------------------------------------------------- */

/** A zone being put together. */
struct draft {
    const struct authority_settings *settings;
    const struct dns_zone_plan *plan;
    size_t count;
    size_t left_out;
    size_t name_offsets[AUTHORITY_SERVERS_MAX]; /* in `text` */
    struct authority_server servers[AUTHORITY_SERVERS_MAX];
    struct dns_server addresses[AUTHORITY_SERVERS_MAX];
    struct strbuf text; /* names, each with its NUL; the zone's own first */
};

enum { TEXT_MAX = (AUTHORITY_NAMES_MAX + 1) * DNS_NAME_TEXT_SIZE };

static size_t
draft_name(struct draft *draft, const struct dns_name *name)
{
    char text[DNS_NAME_TEXT_SIZE];
    size_t offset = draft->text.length;
    name_text(name, text);
    strbuf_append(&draft->text, text, strlen(text) + 1);
    return offset;
}

static void
draft_server(struct draft *draft, size_t name_offset, enum authority_reason reason,
             const struct dns_server *address)
{
    if (draft->count == AUTHORITY_SERVERS_MAX) {
        draft->left_out++;
        return;
    }
    struct authority_server *server = &draft->servers[draft->count];
    server->not_asked = reason;
    if (address != NULL) {
        (void)snprintf(server->address, sizeof(server->address), "%.45s", address->text);
        draft->addresses[draft->count] = *address;
    }
    draft->name_offsets[draft->count++] = name_offset;
}

static bool
has_address(const struct draft *draft, const char *text)
{
    for (size_t i = 0; i < draft->count; i++) {
        if (strcmp(draft->servers[i].address, text) == 0) {
            return true;
        }
    }
    return false;
}

// An address that stands behind two names is one server.
static void
draft_address(struct draft *draft, size_t name_offset, const struct network_address *address)
{
    const struct authority_settings *settings = draft->settings;
    struct dns_server server;
    dns_server_init(address, settings->port == 0 ? DNS_PORT : settings->port, &server);
    if (!has_address(draft, server.text)) {
        bool may_be_asked =
            network_is_public(address) ||
            network_list_contains(settings->allow_private, settings->allow_private_count, address);
        draft_server(draft, name_offset,
                     may_be_asked ? AUTHORITY_NO_REASON : AUTHORITY_PRIVATE_ADDRESS, &server);
    }
}

// The referral's addresses of a server's name; false if there are none.
static bool
draft_glue(struct draft *draft, size_t name_offset, const struct dns_name *name)
{
    bool has_any = false;
    const struct dns_referral *referral = draft->plan->referral;
    for (size_t i = 0; referral != NULL && i < referral->glue_count; i++) {
        const struct dns_name *owner = &referral->names[referral->glue[i].name];
        if (dns_name_equal(owner->wire, owner->length, name->wire, name->length)) {
            draft_address(draft, name_offset, &referral->glue[i].address);
            has_any = true;
        }
    }
    return has_any;
}

static void
draft_host(struct draft *draft, const struct dns_name *name, const struct host *host)
{
    size_t name_offset = draft_name(draft, name);
    draft->left_out += host->left_out;
    for (size_t i = 0; i < host->count; i++) {
        draft_address(draft, name_offset, &host->addresses[i]);
    }
    if (host->count == 0 && !draft_glue(draft, name_offset, name)) {
        draft_server(draft, name_offset, host->reason, NULL);
    }
}

// One block: the zone, its servers, their addresses, the names.
static struct dns_zone *
finish_draft(const struct draft *draft)
{
    size_t count = draft->count;
    struct dns_zone *zone = xcalloc(1, sizeof(*zone) + count * sizeof(draft->addresses[0]) +
                                           count * sizeof(draft->servers[0]) + draft->text.length);
    struct dns_server *addresses = (struct dns_server *)(zone + 1);
    struct authority_server *servers = (struct authority_server *)(addresses + count);
    char *text = (char *)(servers + count);
    memcpy(addresses, draft->addresses, count * sizeof(*addresses));
    memcpy(servers, draft->servers, count * sizeof(*servers));
    memcpy(text, draft->text.data, draft->text.length);
    for (size_t i = 0; i < count; i++) {
        servers[i].name = text + draft->name_offsets[i];
    }
    atomic_init(&zone->value.references, 1);
    zone->name = draft->plan->zone;
    zone->addresses = addresses;
    zone->view = (struct authority_zone){
        .name = text,
        .server_count = count,
        .servers = servers,
        .left_out = draft->left_out,
        .is_from_parent = draft->plan->is_from_parent,
    };
    return zone;
}

static struct dns_zone *
make_zone(const struct authority_settings *settings, const struct dns_zone_plan *plan,
          const struct searches *searches)
{
    AUTO_FREE struct draft *draft = xcalloc(1, sizeof(*draft));
    draft->settings = settings;
    draft->plan = plan;
    draft->left_out = plan->left_out;
    draft->text = STRBUF_INIT(TEXT_MAX);
    (void)draft_name(draft, &plan->zone);
    for (size_t i = 0; i < plan->count; i++) {
        char key[DNS_NAME_TEXT_SIZE];
        name_text(&plan->names[i], key);
        const struct search *search = map_get(searches->by_name, key);
        draft_host(draft, &plan->names[i], search->host);
    }
    struct dns_zone *zone = finish_draft(draft);
    strbuf_done(&draft->text);
    return zone;
}

void
dns_hosts_make_zones(const struct authority_settings *settings, struct brief *hosts,
                     struct dns_budget *budget, struct dns_zone_plan *plans, size_t count,
                     int64_t deadline_mono_ms)
{
    struct searches searches = {.by_name = map_new()};
    struct dns_resolver *resolver = dns_resolver_of(settings->dns);
    for (size_t i = 0; i < count; i++) {
        for (size_t name = 0; name < plans[i].count; name++) {
            add_search(&searches, hosts, resolver, budget, &plans[i].names[name]);
        }
    }
    look_up_all(&searches, deadline_mono_ms);
    keep_hosts(&searches, hosts);
    for (size_t i = 0; i < count; i++) {
        plans[i].made = make_zone(settings, &plans[i], &searches);
    }
    map_free(searches.by_name, free_search);
}
