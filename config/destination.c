// SPDX-License-Identifier: Apache-2.0
// The `destinations` of mailspur.yaml and of domain files.
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/xalloc.h"
#include "config/array.h"
#include "config/loader.h"
#include "config/secret.h"
#include "config/text.h"

static void
check_url(const struct source *source, const struct node *node, const struct destination_keys *keys)
{
    const struct node *url = node_get(node, "url");
    if (keys->destination.url == NULL || keys->destination.allow_http) {
        return;
    }
    if (strncmp(keys->destination.url, "http://", strlen("http://")) == 0) {
        SOURCE_ERROR(source, url,
                     "'url': http:// sends mail in clear text; use https://, or set "
                     "`allow_http: on` for a network you trust");
    }
}

static void
read_files(const struct source *source, const struct node *node, struct destination_keys *keys)
{
    if (keys->secret_file != NULL) {
        secret_read_keys(source, node_get(node, "secret_file"), keys->secret_file,
                         &keys->destination);
    }
    if (keys->authorization_file != NULL) {
        secret_read_authorization(source, node_get(node, "authorization_file"),
                                  keys->authorization_file, &keys->destination);
    }
    if (node_get(node, "secret_file") == NULL && node_get(node, "authorization_file") == NULL) {
        KEY_WARNING(source, node,
                    "neither 'secret_file' nor 'authorization_file': the endpoint "
                    "cannot tell our requests from a stranger's");
    }
    const char *ca_file = keys->destination.ca_file;
    if (ca_file != NULL && access(ca_file, R_OK) != 0) {
        struct why why;
        (void)why_errno(&why, ST_IO, "'ca_file': %s cannot be read", ca_file);
        SOURCE_ERROR(source, node_get(node, "ca_file"), "%s", why.text);
    }
}

// A time that is not given or was told to be wrong is 0.
static bool
is_longer(int64_t one, int64_t other)
{
    return other > 0 && one > other;
}

// Of two times that do not fit, one that was left at its default gives way to the one written down.
// Both written down is a fault, and true is returned.
static bool
fit_times(const struct node *smaller_node, int64_t *smaller, const struct node *larger_node,
          int64_t *larger)
{
    if (!is_longer(*smaller, *larger)) {
        return false;
    }
    if (larger_node == NULL && smaller_node != NULL) {
        *larger = *smaller;
    } else {
        *smaller = *larger;
    }
    return smaller_node != NULL && larger_node != NULL;
}

static void
check_times(const struct source *source, const struct node *node,
            struct config_destination *destination)
{
    const struct node *connect = node_get(node, "connect_timeout");
    const struct node *retry = node_get(node, "retry");
    const struct node *first = node_get(retry, "first");
    const struct node *most = node_get(retry, "most");
    const struct node *end = node_get(retry, "for");
    if (fit_times(first, &destination->retry_first_ms, end, &destination->retry_for_ms)) {
        SOURCE_ERROR(source, first,
                     "retry: 'first' is longer than 'for', the age at which it ends");
    }
    if (fit_times(most, &destination->retry_most_ms, end, &destination->retry_for_ms)) {
        SOURCE_ERROR(source, most, "retry: 'most' is longer than 'for', the age at which it ends");
    }
    if (fit_times(first, &destination->retry_first_ms, most, &destination->retry_most_ms)) {
        SOURCE_ERROR(source, first, "retry: 'first' is longer than 'most'");
    }
    if (fit_times(connect, &destination->connect_timeout_ms, node_get(node, "timeout"),
                  &destination->timeout_ms)) {
        SOURCE_ERROR(source, connect,
                     "'connect_timeout' is longer than 'timeout', which it is a part of");
    }
}

static void
read_body(const struct source *source, const struct node *node,
          struct config_destination *destination)
{
    struct destination_keys keys = {.secret_file = NULL};
    section_read(source, keys_of_destination(), node, node, SECTION_WITH_DEFAULTS, &keys);
    if (node->kind == NODE_MAPPING) {
        check_url(source, node, &keys);
        check_times(source, node, &keys.destination);
        read_files(source, node, &keys);
    }
    char *key = destination->key;
    char *tenant = destination->tenant;
    *destination = keys.destination;
    destination->key = key;
    destination->tenant = tenant;
    free(keys.secret_file);
    free(keys.authorization_file);
    explicit_bzero(&keys, sizeof(keys)); // the keys for signing
}

static struct config_destination *
add_destination(struct loader *loader, const struct config_domain *domain, const char *name)
{
    struct config *config = &loader->host->config;
    struct config_destination *destination = xcalloc(1, sizeof(*destination));
    destination->key = domain == NULL ? xstrdup(name) : text_resolve(domain->name, name);
    destination->tenant = domain == NULL || domain->tenant == NULL ? NULL : xstrdup(domain->tenant);
    config->destinations = array_grow(config->destinations, config->destination_count,
                                      sizeof(struct config_destination *));
    config->destinations[config->destination_count++] = destination;
    (void)map_put(loader->destinations, destination->key, destination);
    return destination;
}

static void
read_one(struct loader *loader, const struct source *source, const struct node *node,
         const struct config_domain *domain)
{
    struct why why;
    if (text_check_name(node->key, &why) != ST_OK) {
        KEY_ERROR(source, node, "%s", why.text);
        return;
    }
    if (domain != NULL && map_get(loader->destinations, node->key) != NULL) {
        KEY_ERROR(source, node,
                  "destination '%s' is also one of mailspur.yaml, for all domains; give this one "
                  "a name of its own",
                  node->key);
    }
    struct config_destination *destination = add_destination(loader, domain, node->key);
    read_body(source, node, destination);
}

void
destination_read_all(struct loader *loader, const struct source *source, const struct node *node,
                     const struct config_domain *domain)
{
    if (node == NULL || node_is_empty(node)) {
        return;
    }
    if (node->kind != NODE_MAPPING) {
        SOURCE_ERROR(source, node, "'destinations' must be a section (name: settings), not %s",
                     node_kind_name(node));
        return;
    }
    for (size_t i = 0; i < node->count; i++) {
        if (!node->children[i]->is_repeat) {
            read_one(loader, source, node->children[i], domain);
        }
    }
}
