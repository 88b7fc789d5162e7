// SPDX-License-Identifier: Apache-2.0
// One value of the configuration: from a node, by the type its field says, into a struct's member.
#ifndef CONFIG_VALUE_H
#define CONFIG_VALUE_H

#include "config/schema.h"

/** Set the member from the node; what is wrong is told and leaves the member as it was. */
void value_read(const struct source *source, const struct field *field, const struct node *node,
                void *target);

/** Set the member to the field's default, which must be a good value of its type. */
void value_set_default(const struct source *source, const struct field *field, void *target);

#endif
