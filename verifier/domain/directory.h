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

/** The one removed last of those that were proven to be somebody's and are still watched. */
bool directory_find_watched(struct directory *directory, const char *name,
                            struct store_domain *row_out);

bool directory_find_id(struct directory *directory, const char *id, struct store_domain *row_out);

/** Called for each row, in no order, under the lock: it must not block nor call back. False ends.
 */
typedef bool directory_visit(void *context, const struct store_domain *row);
void directory_each(struct directory *directory, directory_visit *visit, void *context);

/** As directory_each, for the rows of this name. */
void directory_each_of_name(struct directory *directory, const char *name, directory_visit *visit,
                            void *context);

/** As directory_each, for at least the rows of names above and below this one. */
void directory_each_near(struct directory *directory, const char *name, directory_visit *visit,
                         void *context);

/** Which rows a page has. */
struct directory_filter {
    bool with_removed;                /* removed ones too */
    const char *tenant;               /* NULL: any; so are the others */
    const char *part;                 /* stands somewhere in the name */
    const enum domain_status *status; /* in this one; also when that is removed */
};

/**
 * Copy the next rows in the order of names and of their adding. Rows that come, go or change
 * meanwhile are in or not; all others are on one page and no other.
 *
 * @after   the id of the last row of the page before; NULL: the first page
 * @rows    room for `limit`
 * @return  false: there never was a row with the id `after`
 */
bool directory_page(struct directory *directory, const struct directory_filter *filter,
                    const char *after, size_t limit, struct store_domain *rows, size_t *count_out);

#endif
