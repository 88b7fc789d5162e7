// SPDX-License-Identifier: Apache-2.0
// A copy of the store while it works: page after page on the writer's connection, between its
// transactions, so that nothing is locked and what is written meanwhile is in the copy too.
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/xalloc.h"
#include "store/sqlite/internal.h"

enum {
    STEP_PAGES = 256, /* 2 MB: a commit that comes meanwhile waits for no more */
    FILE_MODE = 0600
};

struct backup {
    const char *path;
    struct sql_copy *copy;
    bool is_done;
};

// On the writer thread, between transactions.
static enum status
run_step(void *context, struct sql *sql, struct why *why)
{
    struct backup *backup = context;
    enum status status = ST_OK;
    if (backup->copy == NULL) {
        status = sql_copy_start(sql, backup->path, &backup->copy, why);
    }
    if (status == ST_OK) {
        status = sql_copy_step(backup->copy, STEP_PAGES, &backup->is_done, why);
    }
    if (backup->is_done || status != ST_OK) {
        sql_copy_end(STEAL(backup->copy));
    }
    return status;
}

static enum status
sync_folder(const char *path, struct why *why)
{
    AUTO_FREE char *copy = xstrdup(path);
    AUTO_FD int folder = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return folder < 0 || fsync(folder) != 0 ? why_errno(why, ST_IO, "sync the folder of %s", path)
                                            : ST_OK;
}

static enum status
copy_all(struct store *store, const char *path, struct why *why)
{
    struct backup backup = {.path = path};
    struct operation operation = {.run = run_step, .context = &backup, .is_alone = true};
    enum status status = ST_OK;
    while (!backup.is_done && status == ST_OK) {
        status = writer_call(store->writer, &operation, why);
    }
    return status == ST_OK ? sync_folder(path, why) : status;
}

enum status
store_backup(struct store *store, const char *path, struct store_backup_result *result_out,
             struct why *why)
{
    int64_t started = clock_mono_ms();
    if (path[0] != '/') {
        return why_set(why, ST_INVALID, "backup: '%s' is no absolute path", path);
    }
    AUTO_FD int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, FILE_MODE);
    if (fd < 0) {
        return errno == EEXIST
                   ? why_set(why, ST_CONFLICT, "backup: %s is there already; name a new file", path)
                   : why_errno(why, ST_IO, "backup: create %s", path);
    }
    enum status status = copy_all(store, path, why);
    struct stat info;
    if (status == ST_OK && fstat(fd, &info) != 0) {
        status = why_errno(why, ST_IO, "backup: look at %s", path);
    }
    if (status != ST_OK) {
        (void)unlink(path); // half a copy is none
        return status;
    }
    *result_out = (struct store_backup_result){.bytes = (uint64_t)info.st_size,
                                               .duration_ms = clock_mono_ms() - started};
    return ST_OK;
}
