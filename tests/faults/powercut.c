// SPDX-License-Identifier: Apache-2.0
// A disk that forgets. For each file under a folder a durable image is kept elsewhere, brought up
// to date only when the file is synced. After SIGKILL at any moment the images are what a power cut
// would have left; README.md tells the model. powercut_calls.c tells it what the program does.
#include "powercut.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "powercut_disk.h"

enum { PAGE = 4096, FILES_MAX = 64, NAME_SIZE = 256, PATH_SIZE = PATH_MAX };

struct disk_file {
    char name[NAME_SIZE]; /* below the folder */
    int live_fd;          /* for reading; never closed while in use, or POSIX locks would go */
    bool is_fresh;        /* created, and its name is not durable yet */
    uint64_t shortest;    /* the shortest it was since the last sync */
    unsigned char *dirty; /* one byte a page */
    size_t dirty_size;
};

enum { FD_OTHER, FD_FOLDER, FD_FILE };

static struct {
    pthread_mutex_t mutex; /* protects everything here */
    char folder[PATH_SIZE];
    char image[PATH_SIZE]; /* "" none */
    struct disk_file files[FILES_MAX];
    size_t file_count;
    unsigned char kind[DISK_FDS_MAX];
    unsigned char file_of[DISK_FDS_MAX];
    unsigned long step;
    unsigned long cut_at; /* 0: never */
    unsigned long syncs;
    unsigned keep_percent; /* pages that reach the disk without a sync */
    unsigned sync_ms;
    bool lies; /* a sync succeeds and makes nothing durable */
    unsigned seed;
    char fault_file[PATH_SIZE];
    enum powercut_fault fault;
} disk = {.mutex = PTHREAD_MUTEX_INITIALIZER};

void *
disk_real(const char *name)
{
    void *function = dlsym(RTLD_NEXT, name);
    if (function == NULL) {
        abort();
    }
    return function;
}

_Noreturn void
disk_die(const char *text)
{
    (void)!REAL(write)(STDERR_FILENO, text, strlen(text));
    abort();
}

void
disk_lock(void)
{
    (void)pthread_mutex_lock(&disk.mutex);
}

void
disk_unlock(void)
{
    int error = errno;
    (void)pthread_mutex_unlock(&disk.mutex);
    errno = error;
}

// ---- images -------------------------------------------------------------------------------------

static int
image_open(const struct disk_file *file, int flags)
{
    char path[PATH_SIZE + NAME_SIZE];
    (void)snprintf(path, sizeof(path), "%s/%s", disk.image, file->name);
    int fd = REAL(open)(path, flags | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0) {
        disk_die("powercut: cannot open an image\n");
    }
    return fd;
}

static void
copy_page(const struct disk_file *file, int image_fd, size_t page)
{
    char bytes[PAGE];
    ssize_t got = pread(file->live_fd, bytes, sizeof(bytes), (off_t)(page * PAGE));
    if (got > 0 && REAL(pwrite)(image_fd, bytes, (size_t)got, (off_t)(page * PAGE)) != got) {
        disk_die("powercut: cannot write an image\n");
    }
}

static void
set_length(int fd, uint64_t length)
{
    if (REAL(ftruncate)(fd, (off_t)length) != 0) {
        disk_die("powercut: cannot cut an image\n");
    }
}

static uint64_t
length_of(int fd)
{
    struct stat status;
    return fstat(fd, &status) == 0 ? (uint64_t)status.st_size : 0;
}

// Everything written to the file so far, and its name, is durable now.
static void
make_durable(struct disk_file *file)
{
    if (disk.image[0] == '\0') {
        return;
    }
    int fd = image_open(file, file->is_fresh ? O_CREAT | O_TRUNC : O_CREAT);
    if (file->shortest < length_of(fd)) {
        set_length(fd, file->shortest);
    }
    for (size_t page = 0; page < file->dirty_size; page++) {
        if (file->dirty[page] != 0) {
            copy_page(file, fd, page);
            file->dirty[page] = 0;
        }
    }
    set_length(fd, length_of(file->live_fd));
    (void)REAL(close)(fd);
    file->is_fresh = false;
    file->shortest = UINT64_MAX;
}

// The names of the folder are durable now: new ones with what was synced, removed ones are gone.
static void
make_names_durable(void)
{
    if (disk.image[0] == '\0') {
        return;
    }
    for (size_t i = 0; i < disk.file_count; i++) {
        struct disk_file *file = &disk.files[i];
        char path[PATH_SIZE + NAME_SIZE];
        (void)snprintf(path, sizeof(path), "%s/%s", disk.folder, file->name);
        if (access(path, F_OK) == 0) {
            if (file->is_fresh) {
                (void)REAL(close)(image_open(file, O_CREAT | O_TRUNC));
                file->is_fresh = false;
            }
        } else {
            (void)snprintf(path, sizeof(path), "%s/%s", disk.image, file->name);
            (void)REAL(unlink)(path); // there may be none
        }
    }
}

void
disk_wrote(struct disk_file *file, uint64_t offset, uint64_t length)
{
    if (length == 0) {
        return;
    }
    size_t first = (size_t)(offset / PAGE);
    size_t last = (size_t)((offset + length - 1) / PAGE);
    if (last >= file->dirty_size) {
        size_t size = (last + 1) * 2;
        file->dirty = realloc(file->dirty, size);
        if (file->dirty == NULL) {
            abort();
        }
        memset(file->dirty + file->dirty_size, 0, size - file->dirty_size);
        file->dirty_size = size;
    }
    memset(file->dirty + first, 1, last - first + 1);
    if (disk.keep_percent == 0 || disk.image[0] == '\0' || file->is_fresh) {
        return;
    }
    int fd = image_open(file, 0);
    for (size_t page = first; page <= last; page++) {
        if ((unsigned)rand_r(&disk.seed) % 100 < disk.keep_percent) {
            copy_page(file, fd, page);
        }
    }
    (void)REAL(close)(fd);
}

// ---- which file ---------------------------------------------------------------------------------

const char *
disk_name_below(const char *path)
{
    size_t length = strlen(disk.folder);
    if (length == 0 || strncmp(path, disk.folder, length) != 0 || path[length] != '/') {
        return NULL;
    }
    const char *name = path + length + 1;
    size_t name_length = strlen(name);
    // Shared memory is lost with the power; nothing in it is worth an image.
    bool is_shm = name_length > 4 && strcmp(name + name_length - 4, "-shm") == 0;
    return is_shm || strchr(name, '/') != NULL || name_length >= NAME_SIZE ? NULL : name;
}

static struct disk_file *
find_file(const char *name)
{
    for (size_t i = 0; i < disk.file_count; i++) {
        if (strcmp(disk.files[i].name, name) == 0) {
            return &disk.files[i];
        }
    }
    if (disk.file_count == FILES_MAX) {
        disk_die("powercut: too many files\n");
    }
    struct disk_file *file = &disk.files[disk.file_count++];
    (void)snprintf(file->name, sizeof(file->name), "%s", name);
    file->live_fd = -1;
    file->shortest = UINT64_MAX;
    return file;
}

static unsigned char
kind_of(int fd)
{
    return fd >= 0 && fd < DISK_FDS_MAX ? __atomic_load_n(&disk.kind[fd], __ATOMIC_RELAXED)
                                        : (unsigned char)FD_OTHER;
}

static void
set_kind(int fd, unsigned char kind)
{
    __atomic_store_n(&disk.kind[fd], kind, __ATOMIC_RELAXED);
}

bool
disk_watches(int fd)
{
    return kind_of(fd) != FD_OTHER;
}

const char *
disk_folder(void)
{
    return disk.folder;
}

struct disk_file *
disk_file_of(int fd)
{
    return kind_of(fd) == FD_FILE ? &disk.files[disk.file_of[fd]] : NULL;
}

void
disk_step(void)
{
    disk.step++;
    if (disk.cut_at != 0 && disk.step >= disk.cut_at) {
        (void)raise(SIGKILL);
    }
}

static enum powercut_fault
fault_now(void)
{
    if (disk.fault_file[0] == '\0') {
        return disk.fault;
    }
    static const char *const WORDS[] = {[POWERCUT_FULL] = "full",
                                        [POWERCUT_SYNC] = "sync",
                                        [POWERCUT_QUOTA] = "quota",
                                        [POWERCUT_READONLY] = "readonly"};
    char word[16] = "";
    int fd = REAL(open)(disk.fault_file, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        (void)!read(fd, word, sizeof(word) - 1);
        (void)REAL(close)(fd);
    }
    for (int i = POWERCUT_NONE + 1; i <= POWERCUT_READONLY; i++) {
        if (strcmp(word, WORDS[i]) == 0) {
            return (enum powercut_fault)i;
        }
    }
    return POWERCUT_NONE;
}

bool
disk_is_full(struct disk_file *file, uint64_t end)
{
    enum powercut_fault fault = fault_now();
    if (fault == POWERCUT_READONLY) {
        errno = EROFS;
        return true;
    }
    if ((fault != POWERCUT_FULL && fault != POWERCUT_QUOTA) || end <= length_of(file->live_fd)) {
        return false;
    }
    errno = fault == POWERCUT_QUOTA ? EDQUOT : ENOSPC;
    return true;
}

// ---- setting up ---------------------------------------------------------------------------------

void
powercut_watch(const char *folder)
{
    if (realpath(folder, disk.folder) == NULL) {
        disk_die("powercut: no such folder\n");
    }
}

static unsigned long
number_from(const char *name)
{
    const char *text = getenv(name);
    return text == NULL ? 0 : strtoul(text, NULL, 10);
}

// Programs that this one starts shall have a good disk.
static void
hide_from_children(void)
{
    static const char *const names[] = {"LD_PRELOAD",
                                        "MAILSPUR_POWERCUT_DIR",
                                        "MAILSPUR_POWERCUT_IMAGE",
                                        "MAILSPUR_POWERCUT_AT",
                                        "MAILSPUR_POWERCUT_KEEP",
                                        "MAILSPUR_POWERCUT_SEED",
                                        "MAILSPUR_POWERCUT_SYNC_MS",
                                        "MAILSPUR_POWERCUT_LIE",
                                        "MAILSPUR_POWERCUT_FAULT"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        (void)unsetenv(names[i]);
    }
}

__attribute__((constructor)) static void
powercut_start(void)
{
    const char *folder = getenv("MAILSPUR_POWERCUT_DIR");
    const char *image = getenv("MAILSPUR_POWERCUT_IMAGE");
    const char *fault_file = getenv("MAILSPUR_POWERCUT_FAULT");
    if (folder == NULL) {
        return;
    }
    powercut_watch(folder);
    disk.cut_at = number_from("MAILSPUR_POWERCUT_AT");
    disk.keep_percent = (unsigned)number_from("MAILSPUR_POWERCUT_KEEP");
    disk.seed = (unsigned)number_from("MAILSPUR_POWERCUT_SEED");
    disk.sync_ms = (unsigned)number_from("MAILSPUR_POWERCUT_SYNC_MS");
    disk.lies = number_from("MAILSPUR_POWERCUT_LIE") != 0;
    if (fault_file != NULL) {
        (void)snprintf(disk.fault_file, sizeof(disk.fault_file), "%s", fault_file);
    }
    if (image != NULL && realpath(image, disk.image) == NULL) {
        disk_die("powercut: no such image folder\n");
    }
    hide_from_children();
}

void
powercut_set_fault(enum powercut_fault fault)
{
    disk_lock();
    disk.fault = fault;
    disk_unlock();
}

unsigned long
powercut_syncs(void)
{
    disk_lock();
    unsigned long syncs = disk.syncs;
    disk_unlock();
    return syncs;
}

// ---- what the calls tell
// --------------------------------------------------------------------------

void
disk_opened(int fd, const char *path, const char *name, bool existed, int flags)
{
    struct disk_file *file = find_file(name);
    if (!existed || file->live_fd < 0) {
        if (file->live_fd >= 0) {
            (void)REAL(close)(file->live_fd); // of the file that had this name before
        }
        file->live_fd = REAL(open)(path, O_RDONLY | O_CLOEXEC);
        if (file->dirty_size > 0) {
            memset(file->dirty, 0, file->dirty_size);
        }
        file->is_fresh = !existed;
        file->shortest = UINT64_MAX;
    }
    if ((flags & O_TRUNC) != 0) {
        file->shortest = 0;
    }
    disk.file_of[fd] = (unsigned char)(file - disk.files);
    set_kind(fd, FD_FILE);
}

void
disk_opened_folder(int fd)
{
    set_kind(fd, FD_FOLDER);
}

void
disk_closed(int fd)
{
    set_kind(fd, FD_OTHER);
}

void
disk_truncated(struct disk_file *file, uint64_t length)
{
    file->shortest = length < file->shortest ? length : file->shortest;
}

static void
wait_for_slow_disk(void)
{
    if (disk.sync_ms > 0) {
        (void)nanosleep(&(struct timespec){.tv_sec = disk.sync_ms / 1000,
                                           .tv_nsec = disk.sync_ms % 1000 * 1000000L},
                        NULL);
    }
}

static int
sync_watched(int fd, int (*sync)(int fd))
{
    disk_step();
    disk.syncs++;
    if (fault_now() == POWERCUT_SYNC) {
        errno = EIO;
        return -1;
    }
    if (disk.lies) {
        return 0;
    }
    // With images the real sync adds nothing: the process is killed, not the machine.
    if (disk.image[0] == '\0') {
        return sync(fd);
    }
    struct disk_file *file = disk_file_of(fd);
    if (file != NULL) {
        make_durable(file);
    } else {
        make_names_durable();
    }
    return 0;
}

int
disk_sync(int fd, int (*sync)(int fd))
{
    wait_for_slow_disk();
    disk_lock();
    int result = sync_watched(fd, sync);
    disk_unlock();
    return result;
}
