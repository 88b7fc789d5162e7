// SPDX-License-Identifier: Apache-2.0
#include "common/workers.h"

#include <assert.h>
#include <errno.h>

#include "common/cleanup.h"
#include "common/xalloc.h"

struct entry {
    void *item;
    struct entry *next;
};

struct workers {
    void (*work)(void *context, void *item);
    void *context;
    pthread_mutex_t mutex; /* protects what follows, up to the threads */
    pthread_cond_t changed;
    struct entry *first;
    struct entry *last;
    bool closing;
    bool leaves_queued; /* closing: what is queued is for `drop` */
    unsigned count;     /* threads that were started */
    pthread_t threads[];
};

static void *
take(struct workers *workers)
{
    struct entry *entry = workers->first;
    workers->first = entry->next;
    if (workers->first == NULL) {
        workers->last = NULL;
    }
    void *item = entry->item;
    free(entry);
    return item;
}

// The next item, or NULL when the thread shall end.
static void *
wait_for_item(struct workers *workers)
{
    AUTO_LOCK(lock, &workers->mutex);
    while (workers->first == NULL && !workers->closing) {
        (void)pthread_cond_wait(&workers->changed, &workers->mutex);
    }
    return workers->first == NULL || workers->leaves_queued ? NULL : take(workers);
}

static void *
run(void *argument)
{
    struct workers *workers = argument;
    void *item;
    while ((item = wait_for_item(workers)) != NULL) {
        workers->work(workers->context, item);
    }
    return NULL;
}

enum status
workers_open(unsigned count, void (*work)(void *context, void *item), void *context,
             struct workers **workers_out, struct why *why)
{
    struct workers *workers = xcalloc(1, sizeof(*workers) + count * sizeof(pthread_t));
    workers->work = work;
    workers->context = context;
    (void)pthread_mutex_init(&workers->mutex, NULL); // neither can fail without attributes
    (void)pthread_cond_init(&workers->changed, NULL);
    while (workers->count < count) {
        errno = pthread_create(&workers->threads[workers->count], NULL, run, workers);
        if (errno != 0) {
            enum status status = why_errno(why, ST_AGAIN, "start a worker thread");
            workers_close(workers, NULL);
            return status;
        }
        workers->count++;
    }
    *workers_out = workers;
    return ST_OK;
}

void
workers_push(struct workers *workers, void *item)
{
    assert(item != NULL);
    struct entry *entry = xcalloc(1, sizeof(*entry));
    entry->item = item;
    AUTO_LOCK(lock, &workers->mutex);
    if (workers->last != NULL) {
        workers->last->next = entry;
    } else {
        workers->first = entry;
    }
    workers->last = entry;
    (void)pthread_cond_signal(&workers->changed);
}

static void
tell_closing(struct workers *workers, bool leaves_queued)
{
    AUTO_LOCK(lock, &workers->mutex);
    workers->closing = true;
    workers->leaves_queued = leaves_queued;
    (void)pthread_cond_broadcast(&workers->changed);
}

void
workers_close(struct workers *workers, void (*drop)(void *context, void *item))
{
    if (workers == NULL) {
        return;
    }
    tell_closing(workers, drop != NULL);
    for (unsigned i = 0; i < workers->count; i++) {
        (void)pthread_join(workers->threads[i], NULL);
    }
    while (drop != NULL && workers->first != NULL) {
        drop(workers->context, take(workers));
    }
    (void)pthread_cond_destroy(&workers->changed);
    (void)pthread_mutex_destroy(&workers->mutex);
    free(workers);
}
