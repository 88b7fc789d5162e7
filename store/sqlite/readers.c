// SPDX-License-Identifier: Apache-2.0
#include "store/sqlite/readers.h"

#include "common/xalloc.h"

enum { READERS = 4 };

struct readers {
    pthread_mutex_t mutex; /* protects what follows */
    pthread_cond_t returned;
    struct sql *free[READERS];
    size_t free_count;
};

void
readers_close(struct readers *readers)
{
    if (readers == NULL) {
        return;
    }
    for (size_t i = 0; i < readers->free_count; i++) {
        sql_close(readers->free[i]);
    }
    (void)pthread_cond_destroy(&readers->returned);
    (void)pthread_mutex_destroy(&readers->mutex);
    free(readers);
}

static void
readers_cleanup(struct readers **readers)
{
    readers_close(*readers);
}

enum status
readers_open(const char *path, struct readers **readers_out, struct why *why)
{
    AUTO(readers_cleanup) struct readers *readers = xcalloc(1, sizeof(*readers));
    (void)pthread_mutex_init(&readers->mutex, NULL);
    (void)pthread_cond_init(&readers->returned, NULL);
    while (readers->free_count < READERS) {
        enum status status = sql_open(path, SQL_READER, &readers->free[readers->free_count], why);
        if (status != ST_OK) {
            return status;
        }
        readers->free_count++;
    }
    *readers_out = STEAL(readers);
    return ST_OK;
}

struct reader
reader_borrow(struct readers *readers)
{
    AUTO_LOCK(lock, &readers->mutex);
    while (readers->free_count == 0) {
        (void)pthread_cond_wait(&readers->returned, &readers->mutex);
    }
    return (struct reader){.owner = readers, .sql = readers->free[--readers->free_count]};
}

void
reader_return(struct reader *reader)
{
    if (reader->owner == NULL) {
        return;
    }
    AUTO_LOCK(lock, &reader->owner->mutex);
    reader->owner->free[reader->owner->free_count++] = reader->sql;
    (void)pthread_cond_signal(&reader->owner->returned);
    reader->owner = NULL;
}
