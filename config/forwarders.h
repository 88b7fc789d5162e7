// SPDX-License-Identifier: Apache-2.0
// `forwarders` of a policy: names of well-known ones, or {name, arc_sealers, networks}.
#ifndef CONFIG_FORWARDERS_H
#define CONFIG_FORWARDERS_H

#include "config/keys.h"

/**
 * Read the list; what is wrong is told.
 *
 * @node    NULL: none
 * @return  the text of common/forwarder.h, "" for none; free() it
 */
char *forwarders_read(const struct source *source, const struct node *node);

#endif
