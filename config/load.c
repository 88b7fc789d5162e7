// SPDX-License-Identifier: Apache-2.0
// From files to one configuration: the host's file, then the domains' files, then what can only be
// judged over all of them.
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/xalloc.h"
#include "config/forwarders.h"
#include "config/loader.h"
#include "config/suggest.h"
#include "config/text.h"

static atomic_uint_fast64_t last_generation;

static void
check_sockets(const struct source *source, const struct node *root, const struct config *config)
{
    const struct {
        const char *key;
        const struct config_socket *socket;
    } sockets[] = {
        {"control", &config->control},
        {"intake", &config->intake},
        {"socketmap", &config->socketmap},
    };
    const struct node *section = node_get(root, "sockets");
    for (size_t i = 1; i < ARRAY_LEN(sockets); i++) {
        for (size_t j = 0; j < i; j++) {
            const char *path = sockets[i].socket->path;
            const char *other = sockets[j].socket->path;
            if (path != NULL && other != NULL && strcmp(path, other) == 0) {
                const struct node *node = node_get(section, sockets[i].key);
                SOURCE_ERROR(source, node == NULL ? root : node,
                             "sockets '%s' and '%s' have the same path", sockets[j].key,
                             sockets[i].key);
            }
        }
    }
    const struct node *mode = node_get(node_get(section, "control"), "mode");
    if (mode != NULL && (config->control.mode & S_IRWXO) != 0) {
        SOURCE_WARNING(source, mode, "everybody on this host is an administrator of mailspur");
    }
}

static void
check_limits(const struct source *source, const struct node *root,
             const struct config_limits *limits)
{
    uint64_t share = limits->store_bytes / 100 * limits->tenant_percent;
    if (share > 0 && limits->message_bytes > share) {
        const struct node *node = node_get(root, "limits");
        KEY_ERROR(source, node == NULL ? root : node,
                  "a message of 'message_size' does not fit a tenant's share of the store "
                  "('store_size' and 'tenant_share')");
    }
}

static void
check_verification(const struct source *source, const struct node *root,
                   const struct config_verification *verification)
{
    const struct config_ses *ses = &verification->ses;
    const struct node *section = node_get(root, "verification");
    if ((ses->access_key_file == NULL) != (ses->secret_key_file == NULL)) {
        SOURCE_ERROR(source, node_get(section, "ses"),
                     "'access_key_file' and 'secret_key_file' need each other");
    }
    if ((verification->spf_include == NULL) != (verification->dkim_zone == NULL)) {
        KEY_WARNING(source, section,
                    "only one of 'spf_include' and 'dkim_zone' is set: profile local leaves out "
                    "the records of the other");
    }
}

static void
check_own_mail(const struct source *source, const struct node *root,
               const struct config_milter *milter)
{
    const struct node *node = node_get(node_get(root, "milter"), "own_mail");
    if (node != NULL && milter->own_mail == CONFIG_OWN_MAIL_ENFORCE &&
        milter->authenticate == CONFIG_AUTHENTICATE_ROUTED) {
        SOURCE_WARNING(source, node,
                       "'own_mail: enforce' does nothing without 'authenticate: all'");
    }
}

static void
read_host(struct loader *loader, const struct source *source, const struct node *root)
{
    struct host_keys *host = loader->host;
    struct config *config = &host->config;
    section_read(source, keys_of_host(), root, root, SECTION_WITH_DEFAULTS, host);
    if (config->authserv_id == NULL) {
        config->authserv_id = xstrdup(config->hostname);
    }
    host->forwarders = forwarders_read(source, host->policy.forwarders);
    host->policy.forwarders = NULL; // part of the tree
    check_sockets(source, root, config);
    check_limits(source, root, &config->limits);
    tenant_read_all(loader, source, host->tenants);
    host->tenants = NULL; // part of the tree
    check_verification(source, root, &config->verification);
    check_own_mail(source, root, &config->milter);
}

static int
compare_destinations(const void *a, const void *b)
{
    const struct config_destination *const *left = a;
    const struct config_destination *const *right = b;
    return strcmp((*left)->key, (*right)->key);
}

static int
compare_domains(const void *a, const void *b)
{
    const struct config_domain *const *left = a;
    const struct config_domain *const *right = b;
    return strcmp((*left)->name, (*right)->name);
}

static int
compare_profiles(const void *a, const void *b)
{
    const struct config_profile *left = a;
    const struct config_profile *right = b;
    return strcmp(left->name, right->name);
}

static void
sort(struct config *config)
{
    if (config->profile_count > 0) {
        qsort(config->profiles, config->profile_count, sizeof(struct config_profile),
              compare_profiles);
    }
    if (config->destination_count > 0) {
        qsort(config->destinations, config->destination_count, sizeof(struct config_destination *),
              compare_destinations);
    }
    if (config->domain_count > 0) {
        qsort(config->domains, config->domain_count, sizeof(struct config_domain *),
              compare_domains);
    }
}

static void
check_events(const struct loader *loader, const struct source *source, const struct node *root)
{
    const char *events = loader->host->config.verification.events;
    if (events != NULL && map_get(loader->destinations, events) == NULL) {
        SOURCE_ERROR(source, node_get(node_get(root, "verification"), "events"),
                     "'events': there is no destination '%.60s' in this file", events);
    }
}

static void
check_default_profile(const struct source *source, const struct node *root,
                      const struct config *config)
{
    const char *name = config->verification.default_profile;
    const struct node *node = node_get(node_get(root, "verification"), "default_profile");
    struct suggestion suggestion = {.typed = name};
    if (name == NULL) {
        return; // its own fault is told
    }
    for (size_t i = 0; i < config->profile_count; i++) {
        if (strcmp(config->profiles[i].name, name) == 0) {
            return;
        }
        suggest_offer(&suggestion, config->profiles[i].name);
    }
    char hint[SUGGEST_TEXT_SIZE];
    SOURCE_ERROR(source, node == NULL ? root : node,
                 "'default_profile': there is no profile '%.60s'%s", name,
                 suggest_format(&suggestion, hint));
}

enum scope { SCOPE_HOST, SCOPE_ALL };

static void
read_files(struct loader *loader, const char *path, enum scope scope)
{
    AUTO_NODE *root = NULL;
    document_read(path, loader->diagnostics, &root);
    if (root == NULL) {
        return;
    }
    AUTO_FREE char *folder = text_folder(path);
    struct source source = {.file = path, .folder = folder, .diagnostics = loader->diagnostics};
    struct host_keys *host = loader->host;
    read_host(loader, &source, root);
    if (host->config.verification.profiles != NULL) {
        profile_read_all(loader, &source, root);
        check_default_profile(&source, root, &host->config);
    }
    if (scope == SCOPE_ALL) {
        destination_read_all(loader, &source, host->destinations, NULL);
        check_events(loader, &source, root);
    }
    host->destinations = NULL; // part of the tree
    if (scope == SCOPE_ALL && host->domains != NULL) {
        domain_read_folder(loader, &source, root);
    }
    sort(&host->config);
}

static enum status
load(const char *path, enum scope scope, struct diagnostics *diagnostics,
     struct config **config_out)
{
    size_t errors_before = diagnostics->errors;
    struct host_keys *host = xcalloc(1, sizeof(*host));
    atomic_init(&host->references, 1);
    host->config.path = xstrdup(path);
    AUTO_CONFIG *config = &host->config;
    struct loader loader = {
        .host = host,
        .diagnostics = diagnostics,
        .destinations = map_new(),
        .domains = map_new(),
    };
    read_files(&loader, path, scope);
    map_free(loader.destinations, NULL);
    map_free(loader.domains, NULL);
    if (diagnostics->errors > errors_before) {
        return ST_INVALID;
    }
    config->generation = atomic_fetch_add(&last_generation, 1) + 1;
    *config_out = STEAL(config);
    return ST_OK;
}

enum status
config_load(const char *path, struct diagnostics *diagnostics, struct config **config_out)
{
    return load(path, SCOPE_ALL, diagnostics, config_out);
}

enum status
config_load_host(const char *path, struct diagnostics *diagnostics, struct config **config_out)
{
    return load(path, SCOPE_HOST, diagnostics, config_out);
}
