// SPDX-License-Identifier: Apache-2.0
// Release by scope: AUTO_FREE char *p, AUTO_FD int fd, AUTO_FILE FILE *f, AUTO_UNLOCK(mutex).
// A constructor builds into an AUTO variable and hands over with STEAL at its end, so that every
// early return is safe.
#ifndef COMMON_CLEANUP_H
#define COMMON_CLEANUP_H

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void
cleanup_free(void *pointer)
{
    free(*(void **)pointer);
}

static inline void
cleanup_fd(const int *fd)
{
    if (*fd >= 0) {
        (void)close(*fd); // nothing can be done; durable writers close by hand and check
    }
}

static inline void
cleanup_file(FILE **file)
{
    if (*file != NULL) {
        (void)fclose(*file); // as above
    }
}

static inline void
cleanup_unlock(pthread_mutex_t **mutex)
{
    if (*mutex != NULL) {
        (void)pthread_mutex_unlock(*mutex);
    }
}

static inline pthread_mutex_t *
cleanup_lock(pthread_mutex_t *mutex)
{
    (void)pthread_mutex_lock(mutex);
    return mutex;
}

#define AUTO(function) __attribute__((cleanup(function)))
#define AUTO_FREE AUTO(cleanup_free)
#define AUTO_FD AUTO(cleanup_fd)
#define AUTO_FILE AUTO(cleanup_file)

/** Holds the mutex to the end of the enclosing block. */
#define AUTO_LOCK(name, mutex)                                                                     \
    AUTO(cleanup_unlock) __attribute__((unused)) pthread_mutex_t *name = cleanup_lock(mutex)

/** The pointer's value; the variable becomes NULL. */
#define STEAL(pointer)                                                                             \
    (__extension__({                                                                               \
        __typeof__(pointer) steal_value_ = (pointer);                                              \
        (pointer) = NULL;                                                                          \
        steal_value_;                                                                              \
    }))

/** The descriptor; the variable becomes -1. */
#define STEAL_FD(fd)                                                                               \
    (__extension__({                                                                               \
        int steal_fd_ = (fd);                                                                      \
        (fd) = -1;                                                                                 \
        steal_fd_;                                                                                 \
    }))

#endif
