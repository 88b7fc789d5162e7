// SPDX-License-Identifier: Apache-2.0
#include "verifier/domain/directory.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/map.h"
#include "common/xalloc.h"

enum { FIRST_ROOM = 64 };

struct entry {
    struct store_domain row;
    struct entry *next; /* of the same name: the one added before */
};

struct directory {
    pthread_rwlock_t lock; /* protects what follows */
    struct map *by_id;     /* every entry, owned */
    struct map *by_name;   /* the last added of a name, borrowed from by_id */
    struct map *parents;   /* names with a dot that some name is below of; the value says nothing */
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
    directory->parents = map_new();
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
    map_free(directory->parents, NULL);
    map_free(directory->by_name, NULL);
    map_free(directory->by_id, free);
    (void)pthread_rwlock_destroy(&directory->lock);
    free(directory);
}

/* ---- writing --------------------------------------------------------------------------------- */

// The next name above, or NULL. A name of one label is no domain here.
static const char *
parent_of(const char *name)
{
    const char *dot = strchr(name, '.');
    return dot == NULL || strchr(dot + 1, '.') == NULL ? NULL : dot + 1;
}

// Room for one more; the order of names is made when somebody looks at it.
static void
append(struct directory *directory, struct store_domain *row)
{
    size_t count = map_count(directory->by_id);
    if (count == directory->room) {
        directory->room = count == 0 ? FIRST_ROOM : 2 * count;
        directory->in_order = xreallocarray(directory->in_order, directory->room, sizeof(void *));
    }
    directory->in_order[count] = row;
    directory->is_ordered = false;
}

static void
insert(struct directory *directory, const struct store_domain *row)
{
    struct entry *entry = xcalloc(1, sizeof(*entry));
    entry->row = *row;
    append(directory, &entry->row);
    (void)map_put(directory->by_id, row->id.text, entry);
    entry->next = map_put(directory->by_name, row->name, entry);
    for (const char *name = parent_of(row->name); name != NULL; name = parent_of(name)) {
        (void)map_put(directory->parents, name, directory);
    }
}

void
directory_adopt(struct directory *directory, const struct store_domain *row)
{
    (void)pthread_rwlock_wrlock(&directory->lock);
    struct entry *mine = map_get(directory->by_id, row->id.text);
    if (mine == NULL) {
        insert(directory, row);
    } else if (mine->row.version < row->version) {
        mine->row = *row; // neither id nor name ever change
    }
    (void)pthread_rwlock_unlock(&directory->lock);
}

/* ---- looking up ------------------------------------------------------------------------------ */

static bool
is_removed(const struct store_domain *row)
{
    return row->status == DOMAIN_REMOVED;
}

// 3 holds the name, 2 held it, 1 would like to, 0 held it once.
static int
rank(const struct store_domain *row)
{
    if (is_removed(row)) {
        return row->forgotten ? 0 : 2;
    }
    return row->claims ? 1 : 3;
}

static bool
goes_before(const struct store_domain *row, const struct store_domain *other)
{
    return rank(row) != rank(other) ? rank(row) > rank(other) : row->removed_at > other->removed_at;
}

static bool
is_watched(const struct store_domain *row)
{
    return is_removed(row) && !row->forgotten && row->owned_at != 0;
}

static bool
find_best(struct directory *directory, const char *name, bool watched, struct store_domain *row_out)
{
    const struct store_domain *best = NULL;
    (void)pthread_rwlock_rdlock(&directory->lock);
    const struct entry *entry = map_get(directory->by_name, name);
    for (; entry != NULL; entry = entry->next) {
        const struct store_domain *row = &entry->row;
        if ((!watched || is_watched(row)) && (best == NULL || goes_before(row, best))) {
            best = row;
        }
    }
    if (best != NULL) {
        *row_out = *best;
    }
    (void)pthread_rwlock_unlock(&directory->lock);
    return best != NULL;
}

bool
directory_find_name(struct directory *directory, const char *name, struct store_domain *row_out)
{
    return find_best(directory, name, false, row_out);
}

bool
directory_find_watched(struct directory *directory, const char *name, struct store_domain *row_out)
{
    return find_best(directory, name, true, row_out);
}

bool
directory_find_id(struct directory *directory, const char *id, struct store_domain *row_out)
{
    (void)pthread_rwlock_rdlock(&directory->lock);
    const struct entry *entry = map_get(directory->by_id, id);
    if (entry != NULL) {
        *row_out = entry->row;
    }
    (void)pthread_rwlock_unlock(&directory->lock);
    return entry != NULL;
}

/* ---- visiting -------------------------------------------------------------------------------- */

static bool
visit_name(const struct directory *directory, const char *name, directory_visit *visit,
           void *context)
{
    const struct entry *entry = map_get(directory->by_name, name);
    while (entry != NULL && visit(context, &entry->row)) {
        entry = entry->next;
    }
    return entry == NULL;
}

static bool
visit_all(const struct directory *directory, directory_visit *visit, void *context)
{
    size_t cursor = 0;
    const struct entry *entry;
    while ((entry = map_next(directory->by_id, &cursor, NULL)) != NULL) {
        if (!visit(context, &entry->row)) {
            return false;
        }
    }
    return true;
}

void
directory_each(struct directory *directory, directory_visit *visit, void *context)
{
    (void)pthread_rwlock_rdlock(&directory->lock);
    (void)visit_all(directory, visit, context);
    (void)pthread_rwlock_unlock(&directory->lock);
}

void
directory_each_of_name(struct directory *directory, const char *name, directory_visit *visit,
                       void *context)
{
    (void)pthread_rwlock_rdlock(&directory->lock);
    (void)visit_name(directory, name, visit, context);
    (void)pthread_rwlock_unlock(&directory->lock);
}

void
directory_each_near(struct directory *directory, const char *name, directory_visit *visit,
                    void *context)
{
    (void)pthread_rwlock_rdlock(&directory->lock);
    if (map_get(directory->parents, name) != NULL) { // hardly ever: names below it are not indexed
        (void)visit_all(directory, visit, context);
    } else {
        const char *above = parent_of(name);
        while (above != NULL && visit_name(directory, above, visit, context)) {
            above = parent_of(above);
        }
    }
    (void)pthread_rwlock_unlock(&directory->lock);
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
        qsort(directory->in_order, map_count(directory->by_id), sizeof(void *), compare_rows);
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
    const struct entry *last = after == NULL ? NULL : map_get(directory->by_id, after);
    bool is_known = after == NULL || last != NULL;
    size_t count = 0;
    size_t all = is_known ? map_count(directory->by_id) : 0;
    for (size_t i = last == NULL ? 0 : place_behind(directory, &last->row);
         i < all && count < limit; i++) {
        if (is_in(filter, directory->in_order[i])) {
            rows[count++] = *directory->in_order[i];
        }
    }
    (void)pthread_rwlock_unlock(&directory->lock);
    *count_out = is_known ? count : *count_out;
    return is_known;
}
