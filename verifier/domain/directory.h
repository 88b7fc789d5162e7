// SPDX-License-Identifier: Apache-2.0
// The registry's rows in memory, found by name and by id. Any thread; readers do not wait for
// readers, nor for the store.
#ifndef VERIFIER_DOMAIN_DIRECTORY_H
#define VERIFIER_DOMAIN_DIRECTORY_H

#include <stdbool.h>
#include <stddef.h>

#include "store/store.h"

struct directory;

struct directory *directory_new(void);
void directory_free(struct directory *directory);

/** Take over a row of the store, unless a newer version of it is here. */
void directory_adopt(struct directory *directory, const struct store_domain *row);

/** The row that answers for a name: its holder, before the one removed last, before those that only
 *  claim it. */
bool directory_find_name(struct directory *directory, const char *name,
                         struct store_domain *row_out);
bool directory_find_id(struct directory *directory, const char *id, struct store_domain *row_out);

/** Called for each row, in no order, under the lock: it must not block nor call back. False ends.
 */
typedef bool directory_visit(void *context, const struct store_domain *row);
void directory_each(struct directory *directory, directory_visit *visit, void *context);

/** A copy of the rows, in the order of names and of their adding. free() releases it. */
struct store_domain *directory_copy(struct directory *directory, bool with_removed,
                                    size_t *count_out);

#endif
