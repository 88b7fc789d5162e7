// SPDX-License-Identifier: Apache-2.0
// The folder of the domains' files.
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/xalloc.h"
#include "config/array.h"
#include "config/loader.h"
#include "config/policy.h"
#include "config/text.h"

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
    policy_read(&source, loader->host, keys.policy, domain);
    destination_read_all(loader, &source, keys.destinations, domain->name);
    route_read_all(loader, &source, keys.routes, root, domain);
}

// Leaves out what editors, dpkg and people put aside.
static int
is_domain_file(const struct dirent *entry)
{
    const char *name = entry->d_name;
    const char *dot = strrchr(name, '.');
    return name[0] != '.' && strstr(name, ".dpkg-") == NULL && dot != NULL &&
           (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0);
}

static int
compare_names(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name); // not by locale: the same order everywhere
}

void
domain_read_folder(struct loader *loader, const char *folder)
{
    struct dirent **entries = NULL;
    int count = scandir(folder, &entries, is_domain_file, compare_names);
    if (count < 0) {
        struct why why;
        if (errno != ENOENT) {
            (void)why_errno(&why, ST_IO, "cannot be read");
            diagnostics_error(loader->diagnostics, folder, 0, 0, "%s", why.text);
        }
        return;
    }
    for (int i = 0; i < count; i++) {
        AUTO_FREE char *path = text_resolve(folder, entries[i]->d_name);
        read_file(loader, folder, path);
        free(entries[i]);
    }
    free(entries);
}
