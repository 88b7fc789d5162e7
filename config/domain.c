// SPDX-License-Identifier: Apache-2.0
// The folder of the domains' files.
#include <string.h>

#include "common/xalloc.h"
#include "config/array.h"
#include "config/folder.h"
#include "config/loader.h"
#include "config/policy.h"

static struct config_domain *
add_domain(struct loader *loader, const struct source *source, const struct node *root, char *name)
{
    struct config *config = &loader->host->config;
    struct config_domain *domain = xcalloc(1, sizeof(*domain));
    domain->name = name == NULL ? xstrdup("") : name; // told already; its file is read nevertheless
    domain->file = xstrdup(source->file);
    config->domains =
        array_grow(config->domains, config->domain_count, sizeof(struct config_domain *));
    config->domains[config->domain_count++] = domain;
    const struct config_domain *other = map_get(loader->domains, domain->name);
    if (other != NULL) {
        SOURCE_ERROR(source, node_get(root, "domain"), "%s has a file already: %s", domain->name,
                     other->file);
    } else if (name != NULL) {
        (void)map_put(loader->domains, domain->name, domain);
    }
    return domain;
}

static void
read_file(struct loader *loader, const char *folder, const char *path)
{
    AUTO_NODE *root = NULL;
    document_read(path, loader->diagnostics, &root);
    if (root == NULL) {
        return;
    }
    struct source source = {.file = path, .folder = folder, .diagnostics = loader->diagnostics};
    struct domain_keys keys = {.domain = NULL};
    section_read(&source, keys_of_domain(), root, root, SECTION_WITH_DEFAULTS, &keys);
    if (root->kind != NODE_MAPPING) {
        return;
    }
    struct config_domain *domain = add_domain(loader, &source, root, keys.domain);
    domain->tenant = keys.tenant;
    policy_read(&source, loader->host, keys.policy, domain);
    destination_read_all(loader, &source, keys.destinations, domain);
    route_read_all(loader, &source, keys.routes, root, domain);
}

struct visit_context {
    struct loader *loader;
    const char *folder;
};

static void
visit_file(void *context, const char *path, const char *stem)
{
    (void)stem; // the domain's name stands inside
    const struct visit_context *visit = context;
    read_file(visit->loader, visit->folder, path);
}

// A folder that is not there is no folder without files: a mount that is missing, or a wrong path.
// All domains would lose their routes.
void
domain_read_folder(struct loader *loader, const struct source *source, const struct node *root)
{
    const char *folder = loader->host->domains;
    const struct node *node = node_get(root, "domains");
    struct visit_context context = {.loader = loader, .folder = folder};
    struct why why;
    if (folder_each_yaml(folder, visit_file, &context, &why) != ST_OK) {
        SOURCE_ERROR(source, node == NULL ? root : node, "'domains': %s", why.text);
    }
}
