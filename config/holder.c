// SPDX-License-Identifier: Apache-2.0
// The lock spans taking the reference: between reading the pointer and counting, a reload could
// free what it points at.
#include <pthread.h>
#include <stdlib.h>

#include "common/xalloc.h"
#include "config/config.h"

struct config_holder {
    pthread_mutex_t mutex; /* protects `current` */
    struct config *current;
};

struct config_holder *
config_holder_new(struct config *first)
{
    struct config_holder *holder = xcalloc(1, sizeof(*holder));
    (void)pthread_mutex_init(&holder->mutex, NULL);
    holder->current = first;
    return holder;
}

void
config_holder_free(struct config_holder *holder)
{
    if (holder == NULL) {
        return;
    }
    config_unref(holder->current);
    (void)pthread_mutex_destroy(&holder->mutex);
    free(holder);
}

struct config *
config_holder_get(struct config_holder *holder)
{
    AUTO_LOCK(lock, &holder->mutex);
    return config_ref(holder->current);
}

static struct config *
exchange(struct config_holder *holder, struct config *next)
{
    AUTO_LOCK(lock, &holder->mutex);
    struct config *before = holder->current;
    holder->current = next;
    return before;
}

void
config_holder_set(struct config_holder *holder, struct config *next)
{
    config_unref(exchange(holder, next)); // freeing a large one takes time: outside the lock
}
