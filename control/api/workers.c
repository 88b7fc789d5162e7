// SPDX-License-Identifier: Apache-2.0
#include "control/api/workers.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "common/cleanup.h"
#include "common/xalloc.h"

struct job {
    struct job *next;
    void *what;
};

struct api_workers {
    pthread_mutex_t lock; /* protects first, last, closing */
    pthread_cond_t changed;
    struct job *first;
    struct job *last;
    bool closing;
    void (*run)(void *job);
    pthread_t *threads;
    size_t thread_count;
};

// The next job; NULL when closing and all are done. Waits.
static void *
take(struct api_workers *workers)
{
    AUTO_LOCK(held, &workers->lock);
    while (workers->first == NULL && !workers->closing) {
        (void)pthread_cond_wait(&workers->changed, held);
    }
    AUTO_FREE struct job *job = workers->first;
    if (job == NULL) {
        return NULL;
    }
    workers->first = job->next;
    if (workers->first == NULL) {
        workers->last = NULL;
    }
    return job->what;
}

static void *
work(void *context)
{
    struct api_workers *workers = context;
    for (void *what = take(workers); what != NULL; what = take(workers)) {
        workers->run(what);
    }
    return NULL;
}

enum status
api_workers_open(size_t count, void (*run)(void *job), struct api_workers **workers_out,
                 struct why *why)
{
    struct api_workers *workers = xcalloc(1, sizeof(*workers));
    workers->run = run;
    workers->threads = xcalloc(count, sizeof(*workers->threads));
    (void)pthread_mutex_init(&workers->lock, NULL); // cannot fail without attributes
    (void)pthread_cond_init(&workers->changed, NULL);
    for (; workers->thread_count < count; workers->thread_count++) {
        errno = pthread_create(&workers->threads[workers->thread_count], NULL, work, workers);
        if (errno != 0) {
            enum status status = why_errno(why, ST_AGAIN, "start a thread");
            api_workers_close(workers);
            return status;
        }
    }
    *workers_out = workers;
    return ST_OK;
}

void
api_workers_submit(struct api_workers *workers, void *what)
{
    assert(what != NULL);
    struct job *job = xcalloc(1, sizeof(*job));
    job->what = what;
    AUTO_LOCK(held, &workers->lock);
    if (workers->last == NULL) {
        workers->first = job;
    } else {
        workers->last->next = job;
    }
    workers->last = job;
    (void)pthread_cond_signal(&workers->changed);
}

static void
announce_close(struct api_workers *workers)
{
    AUTO_LOCK(held, &workers->lock);
    workers->closing = true;
    (void)pthread_cond_broadcast(&workers->changed);
}

void
api_workers_close(struct api_workers *workers)
{
    if (workers == NULL) {
        return;
    }
    announce_close(workers);
    for (size_t i = 0; i < workers->thread_count; i++) {
        (void)pthread_join(workers->threads[i], NULL);
    }
    (void)pthread_cond_destroy(&workers->changed);
    (void)pthread_mutex_destroy(&workers->lock);
    free(workers->threads);
    free(workers);
}
