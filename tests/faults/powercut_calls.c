// SPDX-License-Identifier: Apache-2.0
// File operations of libc, interposed: each one on a watched file is told to the disk (powercut.c)
// and done. Those on other files go straight through.
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "powercut_disk.h"

enum { PATH_SIZE = PATH_MAX };

// ---- open, close --------------------------------------------------------------------------------

static int
do_open(int at, const char *path, int flags, mode_t mode)
{
    char full[PATH_SIZE * 2];
    char base[PATH_SIZE] = "";
    if (disk_folder()[0] == '\0' || (flags & O_TMPFILE) == O_TMPFILE) {
        return REAL(openat)(at, path, flags, mode);
    }
    if (path[0] != '/') {
        char link[64];
        (void)snprintf(link, sizeof(link), at == AT_FDCWD ? "/proc/self/cwd" : "/proc/self/fd/%d",
                       at);
        ssize_t length = readlink(link, base, sizeof(base) - 2);
        base[length < 0 ? 0 : length] = '\0';
        strcat(base, "/");
    }
    (void)snprintf(full, sizeof(full), "%s%s", base, path);
    const char *name = disk_name_below(full);
    bool is_folder = strcmp(full, disk_folder()) == 0;
    if (name == NULL && !is_folder) {
        return REAL(openat)(at, path, flags, mode);
    }
    disk_lock();
    bool existed = access(full, F_OK) == 0;
    if (name != NULL && (!existed || (flags & O_TRUNC) != 0) && (flags & O_CREAT) != 0) {
        disk_step();
    }
    int fd = REAL(openat)(at, path, flags, mode);
    if (fd >= DISK_FDS_MAX) {
        disk_die("powercut: too many descriptors\n");
    }
    if (fd >= 0 && name != NULL) {
        disk_opened(fd, full, name, existed, flags);
    } else if (fd >= 0) {
        disk_opened_folder(fd);
    }
    disk_unlock();
    return fd;
}

static mode_t
mode_of(int flags, va_list args)
{
    return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(args, mode_t) : 0;
}

#define DEFINE_OPEN(function)                                                                      \
    int function(const char *path, int flags, ...)                                                 \
    {                                                                                              \
        va_list args;                                                                              \
        va_start(args, flags);                                                                     \
        mode_t mode = mode_of(flags, args);                                                        \
        va_end(args);                                                                              \
        return do_open(AT_FDCWD, path, flags, mode);                                               \
    }
#define DEFINE_OPENAT(function)                                                                    \
    int function(int at, const char *path, int flags, ...)                                         \
    {                                                                                              \
        va_list args;                                                                              \
        va_start(args, flags);                                                                     \
        mode_t mode = mode_of(flags, args);                                                        \
        va_end(args);                                                                              \
        return do_open(at, path, flags, mode);                                                     \
    }
DEFINE_OPEN(open)
DEFINE_OPEN(open64)
DEFINE_OPENAT(openat)
DEFINE_OPENAT(openat64)

int
close(int fd)
{
    if (!disk_watches(fd)) {
        return REAL(close)(fd);
    }
    disk_lock();
    disk_closed(fd);
    int result = REAL(close)(fd);
    disk_unlock();
    return result;
}

// ---- writing ------------------------------------------------------------------------------------

// Around a write of `length` bytes at `offset` (-1: at the file position).
#define WATCHED_WRITE(fd, offset, length, call)                                                    \
    struct disk_file *file = disk_file_of(fd);                                                     \
    if (file == NULL) {                                                                            \
        return (call);                                                                             \
    }                                                                                              \
    disk_lock();                                                                                   \
    disk_step();                                                                                   \
    off_t start = (offset) < 0 ? lseek(fd, 0, SEEK_CUR) : (offset);                                \
    ssize_t result = disk_is_full(file, (uint64_t)start + (length)) ? -1 : (call);                 \
    if (result > 0) {                                                                              \
        /* O_APPEND: where it went is known only now */                                            \
        start = (offset) < 0 ? lseek(fd, 0, SEEK_CUR) - result : start;                            \
        disk_wrote(file, (uint64_t)start, (uint64_t)result);                                       \
    }                                                                                              \
    disk_unlock();                                                                                 \
    return result

static size_t
vector_length(const struct iovec *parts, int count)
{
    size_t length = 0;
    for (int i = 0; i < count; i++) {
        length += parts[i].iov_len;
    }
    return length;
}

ssize_t
write(int fd, const void *data, size_t size)
{
    WATCHED_WRITE(fd, (off_t)-1, size, REAL(write)(fd, data, size));
}

ssize_t
pwrite(int fd, const void *data, size_t size, off_t offset)
{
    WATCHED_WRITE(fd, offset, size, REAL(pwrite)(fd, data, size, offset));
}

ssize_t
pwrite64(int fd, const void *data, size_t size, off64_t offset)
{
    WATCHED_WRITE(fd, offset, size, REAL(pwrite)(fd, data, size, offset));
}

ssize_t
writev(int fd, const struct iovec *parts, int count)
{
    WATCHED_WRITE(fd, (off_t)-1, vector_length(parts, count), REAL(writev)(fd, parts, count));
}

ssize_t
pwritev(int fd, const struct iovec *parts, int count, off_t offset)
{
    WATCHED_WRITE(fd, offset, vector_length(parts, count), REAL(pwritev)(fd, parts, count, offset));
}

ssize_t
pwritev64(int fd, const struct iovec *parts, int count, off64_t offset)
{
    WATCHED_WRITE(fd, offset, vector_length(parts, count), REAL(pwritev)(fd, parts, count, offset));
}

static int
do_truncate(int fd, off_t length)
{
    disk_lock();
    struct disk_file *file = disk_file_of(fd);
    if (file != NULL) {
        disk_step();
        disk_truncated(file, (uint64_t)length);
    }
    int result = REAL(ftruncate)(fd, length);
    disk_unlock();
    return result;
}

int
ftruncate(int fd, off_t length)
{
    return do_truncate(fd, length);
}

int
ftruncate64(int fd, off64_t length)
{
    return do_truncate(fd, length);
}

static int
do_fallocate(int fd, int mode, off_t offset, off_t length)
{
    disk_lock();
    struct disk_file *file = disk_file_of(fd);
    int result = -1;
    if (file != NULL) {
        disk_step();
    }
    if (file == NULL || !disk_is_full(file, (uint64_t)(offset + length))) {
        result = REAL(fallocate)(fd, mode, offset, length);
    }
    disk_unlock();
    return result;
}

int
fallocate(int fd, int mode, off_t offset, off_t length)
{
    return do_fallocate(fd, mode, offset, length);
}

int
fallocate64(int fd, int mode, off64_t offset, off64_t length)
{
    return do_fallocate(fd, mode, offset, length);
}

int
posix_fallocate(int fd, off_t offset, off_t length)
{
    return do_fallocate(fd, 0, offset, length) == 0 ? 0 : errno;
}

int
posix_fallocate64(int fd, off64_t offset, off64_t length)
{
    return do_fallocate(fd, 0, offset, length) == 0 ? 0 : errno;
}

// ---- syncing and names --------------------------------------------------------------------------

int
fsync(int fd)
{
    return disk_watches(fd) ? disk_sync(fd, REAL(fsync)) : REAL(fsync)(fd);
}

int
fdatasync(int fd)
{
    return disk_watches(fd) ? disk_sync(fd, REAL(fdatasync)) : REAL(fdatasync)(fd);
}

int
unlink(const char *path)
{
    disk_lock();
    if (disk_name_below(path) != NULL) {
        disk_step();
    }
    int result = REAL(unlink)(path);
    disk_unlock();
    return result;
}

int
rename(const char *from, const char *to)
{
    if (disk_folder()[0] != '\0' &&
        (disk_name_below(from) != NULL || disk_name_below(to) != NULL)) {
        disk_die("powercut: rename is not modelled\n");
    }
    return REAL(rename)(from, to);
}

// The sanitizers map memory before we can look up the real function; they go without this guard.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
static void
refuse_shared_mapping(int fd, int protection, int flags)
{
    if (disk_file_of(fd) != NULL && (flags & MAP_SHARED) != 0 && (protection & PROT_WRITE) != 0) {
        disk_die("powercut: writing through a mapping is not modelled\n");
    }
}

void *
mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset)
{
    if (fd >= 0) {
        refuse_shared_mapping(fd, protection, flags);
    }
    return REAL(mmap)(address, length, protection, flags, fd, offset);
}

void *
mmap64(void *address, size_t length, int protection, int flags, int fd, off64_t offset)
{
    if (fd >= 0) {
        refuse_shared_mapping(fd, protection, flags);
    }
    return REAL(mmap)(address, length, protection, flags, fd, offset);
}
#endif
