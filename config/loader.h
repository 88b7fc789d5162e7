// SPDX-License-Identifier: Apache-2.0
// What the readers of the single files share while a configuration is loaded.
#ifndef CONFIG_LOADER_H
#define CONFIG_LOADER_H

#include "common/map.h"
#include "config/keys.h"

struct loader {
    struct host_keys *host;
    struct diagnostics *diagnostics;
    struct map *destinations; /* key → struct config_destination *, of host->config */
    struct map *domains;      /* name → its struct config_domain * */
};

/**
 * Read a `destinations` mapping and add what is in it to the configuration. One with faults is
 * added too, so that routes that name it give no further errors.
 *
 * @node    NULL: there is none
 * @domain  whose file it is; NULL: the host's. Keys become "domain/name",
 *          and they are for its tenant only
 */
void destination_read_all(struct loader *loader, const struct source *source,
                          const struct node *node, const struct config_domain *domain);

/** Read the `tenants` mapping into `limits`. NULL: there is none. */
void tenant_read_all(struct loader *loader, const struct source *source, const struct node *node);

/** Read a `routes` list into the domain. NULL: there is none, which is told at `root`. */
void route_read_all(struct loader *loader, const struct source *source, const struct node *node,
                    const struct node *root, struct config_domain *domain);

/** Read all profiles: the operator's of the folder, if there is one, then the built-in ones no file
 *  replaces. `root` is the host's file. */
void profile_read_all(struct loader *loader, const struct source *source, const struct node *root);

/** Release what a profile holds. */
void profile_done(struct config_profile *profile);

/** Read all domain files of the folder that the host's file, at `root`, names. */
void domain_read_folder(struct loader *loader, const struct source *source,
                        const struct node *root);

#endif
