// SPDX-License-Identifier: Apache-2.0
#include "verifier/domain/directory.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/map.h"
#include "common/xalloc.h"

enum { FIRST_ROOM = 64 };

struct directory {
    pthread_rwlock_t lock;          /* protects what follows */
    struct map *by_id;              /* every row, owned */
    struct map *by_name;            /* the row that answers for a name, borrowed from by_id */
    struct store_domain **in_order; /* every row by name and id, borrowed from by_id */
    size_t room;                    /* of in_order */
    bool is_ordered;                /* else it is sorted when a page is asked for */
};

struct directory *
directory_new(void)
{
    struct directory *directory = xcalloc(1, sizeof(*directory));
    (void)pthread_rwlock_init(&directory->lock, NULL);
    directory->by_id = map_new();
    directory->by_name = map_new();
    directory->is_ordered = true;
    return directory;
}

void
directory_free(struct directory *directory)
{
    if (directory == NULL) {
        return;
    }
    free(directory->in_order);
    map_free(directory->by_name, NULL);
    map_free(directory->by_id, free);
    (void)pthread_rwlock_destroy(&directory->lock);
    free(directory);
}

static bool
is_removed(const struct store_domain *row)
{
    return row->status == DOMAIN_REMOVED;
}

// 2 holds the name, 1 held it, 0 would like to.
static int
rank(const struct store_domain *row)
{
    if (is_removed(row)) {
        return 1;
    }
    return row->claims ? 0 : 2;
}

static bool
goes_before(const struct store_domain *row, const struct store_domain *other)
{
    return rank(row) != rank(other) ? rank(row) > rank(other)
                                    : row->removed_at >= other->removed_at;
}

// Rare: the one that answered has stepped back, and perhaps another answers now.
static struct store_domain *
best_of_name(const struct directory *directory, const char *name)
{
    struct store_domain *best = NULL;
    struct store_domain *row;
    size_t cursor = 0;
    while ((row = map_next(directory->by_id, &cursor, NULL)) != NULL) {
        if (strcmp(row->name, name) == 0 && (best == NULL || goes_before(row, best))) {
            best = row;
        }
    }
    return best;
}

static void
take_over(struct directory *directory, struct store_domain *mine, const struct store_domain *row)
{
    int before = rank(mine);
    bool is_new = mine->version == 0;
    *mine = *row;
    struct store_domain *answers = map_get(directory->by_name, mine->name);
    if (answers == mine && !is_new && rank(mine) < before) {
        answers = best_of_name(directory, mine->name);
    } else if (answers == NULL || goes_before(mine, answers)) {
        answers = mine;
    }
    (void)map_put(directory->by_name, mine->name, answers);
}

// Room for one more; the order of names is made when somebody looks at it.
static void
append(struct directory *directory, struct store_domain *row)
{
    size_t count = map_count(directory->by_id);
    if (count == directory->room) {
        directory->room = count == 0 ? FIRST_ROOM : 2 * count;
        directory->in_order =
            xreallocarray(directory->in_order, directory->room, sizeof(*directory->in_order));
    }
    directory->in_order[count] = row;
    directory->is_ordered = false;
}

void
directory_adopt(struct directory *directory, const struct store_domain *row)
{
    (void)pthread_rwlock_wrlock(&directory->lock);
    struct store_domain *mine = map_get(directory->by_id, row->id.text);
    if (mine == NULL) {
        mine = xcalloc(1, sizeof(*mine));
        append(directory, mine);
        (void)map_put(directory->by_id, row->id.text, mine);
    }
    if (mine->version < row->version) {
        take_over(directory, mine, row);
    }
    (void)pthread_rwlock_unlock(&directory->lock);
}

void
directory_each(struct directory *directory, directory_visit *visit, void *context)
{
    size_t cursor = 0;
    const struct store_domain *row;
    (void)pthread_rwlock_rdlock(&directory->lock);
    while ((row = map_next(directory->by_id, &cursor, NULL)) != NULL && visit(context, row)) {
    }
    (void)pthread_rwlock_unlock(&directory->lock);
}

static bool
copy_row(struct directory *directory, const struct map *map, const char *key,
         struct store_domain *row_out)
{
    (void)pthread_rwlock_rdlock(&directory->lock);
    const struct store_domain *row = map_get(map, key);
    if (row != NULL) {
        *row_out = *row;
    }
    (void)pthread_rwlock_unlock(&directory->lock);
    return row != NULL;
}

bool
directory_find_name(struct directory *directory, const char *name, struct store_domain *row_out)
{
    return copy_row(directory, directory->by_name, name, row_out);
}

bool
directory_find_id(struct directory *directory, const char *id, struct store_domain *row_out)
{
    return copy_row(directory, directory->by_id, id, row_out);
}

/* ---- in order ------------------------------------------------------------------------------- */

static int
compare_rows(const void *a, const void *b)
{
    const struct store_domain *left = *(const struct store_domain *const *)a;
    const struct store_domain *right = *(const struct store_domain *const *)b;
    int order = strcmp(left->name, right->name);
    return order != 0 ? order : strcmp(left->id.text, right->id.text); // ids sort by time
}

// Under the lock for reading; sorted first, if rows came since.
static void
lock_ordered(struct directory *directory)
{
    (void)pthread_rwlock_rdlock(&directory->lock);
    while (!directory->is_ordered) {
        (void)pthread_rwlock_unlock(&directory->lock);
        (void)pthread_rwlock_wrlock(&directory->lock);
        qsort(directory->in_order, map_count(directory->by_id), sizeof(*directory->in_order),
              compare_rows);
        directory->is_ordered = true;
        (void)pthread_rwlock_unlock(&directory->lock);
        (void)pthread_rwlock_rdlock(&directory->lock);
    }
}

// The place behind a row.
static size_t
place_behind(const struct directory *directory, const struct store_domain *row)
{
    size_t low = 0;
    size_t high = map_count(directory->by_id);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare_rows(&directory->in_order[middle], &row) <= 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool
is_in(const struct directory_filter *filter, const struct store_domain *row)
{
    bool is_shown = filter->status != NULL ? row->status == *filter->status
                                           : filter->with_removed || !is_removed(row);
    return is_shown && (filter->tenant == NULL || strcmp(filter->tenant, row->tenant) == 0) &&
           (filter->part == NULL || strcasestr(row->name, filter->part) != NULL);
}

bool
directory_page(struct directory *directory, const struct directory_filter *filter,
               const char *after, size_t limit, struct store_domain *rows, size_t *count_out)
{
    lock_ordered(directory);
    const struct store_domain *last = after == NULL ? NULL : map_get(directory->by_id, after);
    bool is_known = after == NULL || last != NULL;
    size_t count = 0;
    size_t all = is_known ? map_count(directory->by_id) : 0;
    for (size_t i = last == NULL ? 0 : place_behind(directory, last); i < all && count < limit;
         i++) {
        if (is_in(filter, directory->in_order[i])) {
            rows[count++] = *directory->in_order[i];
        }
    }
    (void)pthread_rwlock_unlock(&directory->lock);
    *count_out = is_known ? count : *count_out;
    return is_known;
}
