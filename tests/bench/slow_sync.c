// SPDX-License-Identifier: Apache-2.0
// LD_PRELOAD: every fsync and fdatasync takes 5 ms longer and is counted; the count is written to
// the file named by MAILSPUR_SYNC_COUNT after each.
#include <dlfcn.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int fsync(int fd);
int fdatasync(int fd);

static atomic_uint count;

static void
note(void)
{
    const struct timespec pause = {.tv_nsec = 5000000};
    (void)nanosleep(&pause, NULL);
    unsigned now = atomic_fetch_add(&count, 1) + 1;
    const char *path = getenv("MAILSPUR_SYNC_COUNT");
    int fd = path == NULL ? -1 : open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (fd >= 0) {
        char text[16];
        int length = snprintf(text, sizeof(text), "%10u\n", now);
        (void)!pwrite(fd, text, (size_t)length, 0);
        (void)close(fd);
    }
}

static int
call(const char *name, int fd)
{
    int (*real)(int) = NULL;
    void *symbol = dlsym(RTLD_NEXT, name);
    memcpy(&real, &symbol, sizeof(real));
    note();
    return real(fd);
}

int
fsync(int fd)
{
    return call("fsync", fd);
}

int
fdatasync(int fd)
{
    return call("fdatasync", fd);
}
