// SPDX-License-Identifier: Apache-2.0
// A domain's policy: the host's, with what the domain's file says in its place.
#ifndef CONFIG_POLICY_H
#define CONFIG_POLICY_H

#include "config/keys.h"

/**
 * Give the domain its policy, its networks (the host's and its own), its forwarders (its own, or
 * the host's) and its policy key.
 *
 * @node  the domain file's `policy`; NULL: it has none
 */
void policy_read(const struct source *source, const struct host_keys *host, const struct node *node,
                 struct config_domain *domain);

#endif
