// SPDX-License-Identifier: Apache-2.0
// The disk that forgets, as the interposed calls (powercut_calls.c) tell it what happens. All but
// disk_watches and disk_file_of are called with the lock held.
#ifndef TESTS_FAULTS_POWERCUT_DISK_H
#define TESTS_FAULTS_POWERCUT_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DISK_FDS_MAX = 4096 };

struct disk_file;

/** The function of libc that is hidden by ours. */
void *disk_real(const char *name);

// The real function `name`, called with the type of the function of that name.
#define REAL(name)                                                                                 \
    (__extension__({                                                                               \
        static __typeof__(name) *cached;                                                           \
        if (cached == NULL) {                                                                      \
            *(void **)&cached = disk_real(#name);                                                  \
        }                                                                                          \
        cached;                                                                                    \
    }))

/** Say why on standard error, and abort. */
_Noreturn void disk_die(const char *text);

void disk_lock(void);
void disk_unlock(void); /* keeps errno */

/** The watched folder; "" when there is none. */
const char *disk_folder(void);

/** The name below the folder, NULL if the path is elsewhere, or not worth an image. */
const char *disk_name_below(const char *path);

/** True for descriptors of the folder and of files in it. Any thread, without the lock, so that the
 *  sockets of the program are not slowed down. */
bool disk_watches(int fd);

/** The file behind the descriptor; NULL for all others. */
struct disk_file *disk_file_of(int fd);

/** One numbered step on the watched files; the cut comes before it. */
void disk_step(void);

/** True, with errno, when the file is to become longer, up to `end`, and the disk is full. */
bool disk_is_full(struct disk_file *file, uint64_t end);

void disk_opened(int fd, const char *path, const char *name, bool existed, int flags);
void disk_opened_folder(int fd);
void disk_closed(int fd);
void disk_wrote(struct disk_file *file, uint64_t offset, uint64_t length);
void disk_truncated(struct disk_file *file, uint64_t length);

/** A sync of a watched descriptor, by the real function where that still means something. Takes
 *  the lock itself, behind the time that a slow disk needs. */
int disk_sync(int fd, int (*sync)(int fd));

#endif
