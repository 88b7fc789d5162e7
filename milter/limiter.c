// SPDX-License-Identifier: Apache-2.0
#include "milter/limiter.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#include "common/cleanup.h"
#include "common/condition.h"
#include "common/xalloc.h"

struct limiter {
    pthread_mutex_t mutex; /* of all below */
    pthread_cond_t left;
    uint64_t most;
    uint64_t inside;
    bool closed;
};

struct limiter *
limiter_new(uint64_t most)
{
    struct limiter *limiter = xcalloc(1, sizeof(*limiter));
    limiter->most = most;
    (void)pthread_mutex_init(&limiter->mutex, NULL);
    condition_init(&limiter->left);
    return limiter;
}

void
limiter_free(struct limiter *limiter)
{
    if (limiter == NULL) {
        return;
    }
    (void)pthread_cond_destroy(&limiter->left);
    (void)pthread_mutex_destroy(&limiter->mutex);
    free(limiter);
}

bool
limiter_enter(struct limiter *limiter)
{
    AUTO_LOCK(lock, &limiter->mutex);
    if (limiter->closed || limiter->inside >= limiter->most) {
        return false;
    }
    limiter->inside++;
    return true;
}

void
limiter_leave(struct limiter *limiter)
{
    AUTO_LOCK(lock, &limiter->mutex);
    assert(limiter->inside > 0);
    limiter->inside--;
    (void)pthread_cond_broadcast(&limiter->left);
}

bool
limiter_close(struct limiter *limiter, int timeout_ms)
{
    struct timespec until = condition_deadline(timeout_ms);
    AUTO_LOCK(lock, &limiter->mutex);
    limiter->closed = true;
    while (limiter->inside > 0) {
        if (pthread_cond_timedwait(&limiter->left, &limiter->mutex, &until) != 0) {
            break;
        }
    }
    return limiter->inside == 0;
}
