// SPDX-License-Identifier: Apache-2.0
#include "verifier/domain/directory.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/map.h"
#include "common/xalloc.h"

struct directory {
    pthread_rwlock_t lock; /* protects what follows */
    struct map *by_id;     /* every row, owned */
    struct map *by_name;   /* the row that answers for a name, borrowed from by_id */
};

struct directory *
directory_new(void)
{
    struct directory *directory = xcalloc(1, sizeof(*directory));
    (void)pthread_rwlock_init(&directory->lock, NULL);
    directory->by_id = map_new();
    directory->by_name = map_new();
    return directory;
}

void
directory_free(struct directory *directory)
{
    if (directory == NULL) {
        return;
    }
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

void
directory_adopt(struct directory *directory, const struct store_domain *row)
{
    (void)pthread_rwlock_wrlock(&directory->lock);
    struct store_domain *mine = map_get(directory->by_id, row->id.text);
    if (mine == NULL) {
        mine = xcalloc(1, sizeof(*mine));
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

static int
compare_rows(const void *a, const void *b)
{
    const struct store_domain *left = a;
    const struct store_domain *right = b;
    int order = strcmp(left->name, right->name);
    return order != 0 ? order : strcmp(left->id.text, right->id.text); // ids sort by time
}

struct store_domain *
directory_copy(struct directory *directory, bool with_removed, size_t *count_out)
{
    size_t count = 0;
    size_t cursor = 0;
    const struct store_domain *row;
    (void)pthread_rwlock_rdlock(&directory->lock);
    struct store_domain *rows = xcalloc(map_count(directory->by_id) + 1, sizeof(*rows));
    while ((row = map_next(directory->by_id, &cursor, NULL)) != NULL) {
        if (with_removed || !is_removed(row)) {
            rows[count++] = *row;
        }
    }
    (void)pthread_rwlock_unlock(&directory->lock);
    qsort(rows, count, sizeof(*rows), compare_rows);
    *count_out = count;
    return rows;
}
