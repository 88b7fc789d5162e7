// SPDX-License-Identifier: Apache-2.0
// A wall clock that jumps, for LD_PRELOAD: CLOCK_REALTIME is off by whole seconds of the
// milliseconds (an int64_t) that stand at the start of the file MAILSPUR_CLOCKJUMP names. Other
// clocks go on as they are.
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t id, struct timespec *out);
int gettimeofday(struct timeval *restrict out, void *restrict zone);
time_t time(time_t *out);

static const volatile int64_t *offset_ms;

__attribute__((constructor)) static void
open_offset(void)
{
    const char *path = getenv("MAILSPUR_CLOCKJUMP");
    int fd = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    void *map = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED) {
        abort(); // a test without its jump would pass for nothing
    }
    offset_ms = map;
    (void)close(fd);
}

int
clock_gettime(clockid_t id, struct timespec *out)
{
    int result = (int)syscall(SYS_clock_gettime, id, out);
    bool is_wall = id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE;
    if (result == 0 && is_wall && offset_ms != NULL) {
        out->tv_sec += *offset_ms / 1000;
    }
    return result;
}

int
gettimeofday(struct timeval *restrict out, void *restrict zone)
{
    (void)zone;
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now); // cannot fail for this id
    *out = (struct timeval){.tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000};
    return 0;
}

time_t
time(time_t *out)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now); // cannot fail for this id
    if (out != NULL) {
        *out = now.tv_sec;
    }
    return now.tv_sec;
}
