// SPDX-License-Identifier: Apache-2.0
// A configuration once it is loaded: looking things up, counting its users, releasing it.
#include "config/config.h"

#include <stdlib.h>
#include <string.h>

#include "common/strbuf.h"
#include "config/loader.h"

enum { PROFILES_TOLD_MAX = 240 }; /* bytes; a sentence has room for them */

static void
free_texts(struct config_texts *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->items[i]);
    }
    free(list->items);
}

static void
free_destination(struct config_destination *destination)
{
    free(destination->key);
    free(destination->url);
    if (destination->authorization != NULL) {
        explicit_bzero(destination->authorization, strlen(destination->authorization));
    }
    free(destination->authorization);
    free(destination->ca_file);
    free(destination->allow_private.items);
    free(destination->tenant);
    explicit_bzero(destination, sizeof(*destination)); // the keys
    free(destination);
}

static void
free_domain(struct config_domain *domain)
{
    for (size_t i = 0; i < domain->route_count; i++) {
        struct config_route *route = &domain->routes[i];
        free(route->name);
        pattern_free(route->recipient);
        free(route->action);
        free(route->destinations);
        free(route->reject);
    }
    free(domain->routes);
    free(domain->name);
    free(domain->file);
    free(domain->tenant);
    free(domain->trusted_networks.items);
    free(domain->forwarders);
    free(domain);
}

static void
free_socket(struct config_socket *socket)
{
    free(socket->path);
    free(socket->group);
}

static void
free_verification(struct config_verification *verification)
{
    free(verification->profiles);
    free(verification->default_profile);
    free(verification->region);
    free(verification->mail_from);
    free(verification->spf_include);
    free(verification->dkim_zone);
    free(verification->dkim_keys);
    free(verification->dmarc_report);
    free(verification->allow_private.items);
    free_texts(&verification->reserved_names);
    free(verification->events);
    free(verification->ses.access_key_file);
    free(verification->ses.secret_key_file);
    free(verification->ses.session_token_file);
    free(verification->ses.endpoint);
    free(verification->ses.ca_file);
    free(verification->ses.installation);
}

static void
free_host(struct host_keys *host)
{
    struct config *config = &host->config;
    for (size_t i = 0; i < config->domain_count; i++) {
        free_domain(config->domains[i]);
    }
    for (size_t i = 0; i < config->destination_count; i++) {
        free_destination(config->destinations[i]);
    }
    for (size_t i = 0; i < config->profile_count; i++) {
        profile_done(&config->profiles[i]);
    }
    free(config->profiles);
    free(config->domains);
    free(config->destinations);
    free(config->path);
    free(config->hostname);
    free(config->authserv_id);
    free(config->inbound_mx);
    free_texts(&config->backup_mx);
    free_verification(&config->verification);
    free_socket(&config->control);
    free_socket(&config->intake);
    free_socket(&config->socketmap);
    for (size_t i = 0; i < config->limits.tenant_count; i++) {
        free(config->limits.tenants[i].name);
    }
    free(config->limits.tenants);
    free(config->store.path);
    free_texts(&config->dns.servers);
    free(config->milter.socket);
    free(config->milter.socket_group);
    free(config->milter.spool);
    free(config->milter.reference_helper);
    free(host->domains);
    free(host->policy.trusted_networks.items);
    free(host->forwarders);
    free(host);
}

static struct host_keys *
host_of(struct config *config)
{
    return (struct host_keys *)config; // its first member
}
_Static_assert(offsetof(struct host_keys, config) == 0, "see host_of");

const struct policy *
config_host_policy(const struct config *config)
{
    return &((const struct host_keys *)config)->policy.policy;
}

const struct config_networks *
config_host_trusted_networks(const struct config *config)
{
    return &((const struct host_keys *)config)->policy.trusted_networks;
}

struct config *
config_ref(struct config *config)
{
    (void)atomic_fetch_add(&host_of(config)->references, 1);
    return config;
}

void
config_unref(struct config *config)
{
    if (config != NULL && atomic_fetch_sub(&host_of(config)->references, 1) == 1) {
        free_host(host_of(config));
    }
}

static int
compare_name_to_domain(const void *key, const void *item)
{
    const struct config_domain *const *domain = item;
    return strcmp(key, (*domain)->name);
}

static int
compare_key_to_destination(const void *key, const void *item)
{
    const struct config_destination *const *destination = item;
    return strcmp(key, (*destination)->key);
}

const struct config_domain *
config_find_domain(const struct config *config, const char *name)
{
    if (config->domain_count == 0) {
        return NULL;
    }
    struct config_domain **found = bsearch(name, config->domains, config->domain_count,
                                           sizeof(struct config_domain *), compare_name_to_domain);
    return found == NULL ? NULL : *found;
}

static int
compare_name_to_profile(const void *key, const void *item)
{
    const struct config_profile *profile = item;
    return strcmp(key, profile->name);
}

const struct config_profile *
config_find_profile(const struct config *config, const char *name)
{
    if (config->profile_count == 0) {
        return NULL;
    }
    return bsearch(name, config->profiles, config->profile_count, sizeof(struct config_profile),
                   compare_name_to_profile);
}

static void
list_profiles(const struct config *config, bool with_description, struct strbuf *out)
{
    for (size_t i = 0; i < config->profile_count; i++) {
        const struct config_profile *profile = &config->profiles[i];
        bool is_described = strcmp(profile->description, "-") != 0; // what it is without one
        strbuf_printf(out, "%s%s", i == 0 ? "" : ", ", profile->name);
        if (with_description && is_described) {
            strbuf_printf(out, " (%s)", profile->description);
        }
    }
}

enum status
config_get_profile(const struct config *config, const char *name, const struct config_profile **out,
                   struct why *why)
{
    const struct config_profile *profile = config_find_profile(config, name);
    if (profile != NULL) {
        *out = profile;
        return ST_OK;
    }
    AUTO_STRBUF described = STRBUF_INIT(PROFILES_TOLD_MAX);
    AUTO_STRBUF names = STRBUF_INIT(PROFILES_TOLD_MAX);
    list_profiles(config, true, &described);
    list_profiles(config, false, &names);
    return why_set(why, ST_INVALID, "there is no profile '%.40s'; there are: %s", name,
                   !described.overflow ? strbuf_text(&described)
                   : names.overflow    ? "many"
                                       : strbuf_text(&names));
}

const struct config_destination *
config_find_destination(const struct config *config, const char *key)
{
    if (config->destination_count == 0) {
        return NULL;
    }
    struct config_destination **found =
        bsearch(key, config->destinations, config->destination_count,
                sizeof(struct config_destination *), compare_key_to_destination);
    return found == NULL ? NULL : *found;
}

static bool
same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool
same_secrets(const struct config_destination *a, const struct config_destination *b)
{
    bool same = a->secret_count == b->secret_count;
    for (size_t i = 0; same && i < a->secret_count; i++) {
        same = a->secrets[i].length == b->secrets[i].length &&
               memcmp(a->secrets[i].bytes, b->secrets[i].bytes, a->secrets[i].length) == 0;
    }
    return same;
}

static bool
same_networks(const struct config_networks *a, const struct config_networks *b)
{
    bool same = a->count == b->count;
    for (size_t i = 0; same && i < a->count; i++) {
        const struct network_address *left = &a->items[i].address;
        const struct network_address *right = &b->items[i].address;
        same = a->items[i].prefix == b->items[i].prefix && left->length == right->length &&
               memcmp(left->bytes, right->bytes, left->length) == 0;
    }
    return same;
}

bool
config_same_endpoint(const struct config_destination *a, const struct config_destination *b)
{
    return strcmp(a->url, b->url) == 0 && a->format == b->format && a->kind == b->kind &&
           same_secrets(a, b) && same_text(a->authorization, b->authorization) &&
           same_text(a->ca_file, b->ca_file) && a->connect_timeout_ms == b->connect_timeout_ms &&
           a->timeout_ms == b->timeout_ms && a->allow_http == b->allow_http &&
           same_networks(&a->allow_private, &b->allow_private);
}
