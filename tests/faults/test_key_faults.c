// SPDX-License-Identifier: Apache-2.0
// The power goes right behind "domain added": the keys, whose public halves are about to be
// published, are on the disk, and so are the names they are found by. fsync is the test's own here:
// it notes what was there to be synced, and fails where it is told to.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/attrs.h"
#include "tests/unit/config/support.h"
#include "verifier/domain/local_keys.h"

#define DOMAIN "client.example"
#define TOKEN "abcdefghijklmnopqrstuvwxyz234567"

enum { SYNCS_MAX = 64 };

static struct {
    char path[PATH_MAX];
    size_t keys; /* names in it that end in ".pem"; of a folder */
} syncs[SYNCS_MAX];
static size_t sync_count;
static const char *failing; /* path whose sync fails; NULL: none */

static size_t
count_keys(const char *path)
{
    size_t count = 0;
    DIR *folder = opendir(path);
    const struct dirent *entry = NULL;
    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        size_t length = strlen(entry->d_name);
        count += entry->d_name[0] != '.' && length > 4 &&
                 strcmp(entry->d_name + length - 4, ".pem") == 0;
    }
    if (folder != NULL) {
        (void)closedir(folder);
    }
    return count;
}

int fsync(int fd);

int
fsync(int fd)
{
    char link[64];
    assert_true(sync_count < SYNCS_MAX);
    char *path = syncs[sync_count].path;
    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    assert_true(length > 0);
    path[length] = '\0';
    syncs[sync_count++].keys = count_keys(path);
    if (failing != NULL && strcmp(path, failing) == 0) {
        errno = EIO;
        return -1;
    }
    return (int)syscall(SYS_fsync, fd);
}

struct disk {
    struct folder folder;
    char parent[PATH_MAX];
    char keys[PATH_MAX];
};

static int
set_up(void **state)
{
    struct disk *disk = calloc(1, sizeof(*disk));
    folder_make(&disk->folder);
    assert_non_null(realpath(disk->folder.path, disk->parent));
    (void)snprintf(disk->keys, sizeof(disk->keys), "%.4000s/dkim", disk->parent);
    sync_count = 0;
    failing = NULL;
    *state = disk;
    return 0;
}

static int
tear_down(void **state)
{
    struct disk *disk = *state;
    folder_remove(&disk->folder);
    free(disk);
    return 0;
}

// The most keys that were there when this folder was synced; -1: it never was.
static int
synced_with(const char *path)
{
    int most = -1;
    for (size_t i = 0; i < sync_count; i++) {
        if (strcmp(syncs[i].path, path) == 0 && (int)syncs[i].keys > most) {
            most = (int)syncs[i].keys;
        }
    }
    return most;
}

static void
new_keys_and_the_folder_they_are_in_survive_a_power_cut(void **state)
{
    const struct disk *disk = *state;
    assert_int_equal(local_keys_ensure(disk->keys, DOMAIN, TOKEN, NULL), ST_OK);
    assert_int_equal(synced_with(disk->keys), LOCAL_KEYS); // their names
    assert_int_equal(synced_with(disk->parent), 0);        // the folder's own
    size_t files = 0;
    for (size_t i = 0; i < sync_count; i++) {
        files += strncmp(syncs[i].path, disk->keys, strlen(disk->keys)) == 0 &&
                 strcmp(syncs[i].path, disk->keys) != 0;
    }
    assert_int_equal(files, LOCAL_KEYS); // what is in them
}

// A process that died between making the folder and syncing its name left one that is not safe yet.
static void
a_folder_that_was_there_is_made_sure_of_with_the_first_keys_in_it(void **state)
{
    const struct disk *disk = *state;
    assert_int_equal(mkdir(disk->keys, S_IRWXU), 0);
    assert_int_equal(local_keys_ensure(disk->keys, DOMAIN, TOKEN, NULL), ST_OK);
    assert_int_equal(synced_with(disk->parent), 0);
    sync_count = 0;
    assert_int_equal(local_keys_ensure(disk->keys, DOMAIN, TOKEN, NULL), ST_OK);
    assert_int_equal(sync_count, 0); // nothing is new: a check costs no sync
}

static void
keys_that_could_not_be_made_sure_of_are_not_taken_for_safe_later(void **state)
{
    const struct disk *disk = *state;
    const char *const paths[] = {disk->parent, disk->keys};
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        struct why why = {.text = ""};
        failing = paths[i];
        assert_int_equal(local_keys_ensure(disk->keys, DOMAIN, TOKEN, &why), ST_IO);
        assert_non_null(strstr(why.text, "synced"));
        failing = NULL;
        sync_count = 0;
        assert_int_equal(local_keys_ensure(disk->keys, DOMAIN, TOKEN, &why), ST_OK);
        assert_int_equal(synced_with(paths[i]), i == 0 ? 0 : LOCAL_KEYS);
        assert_int_equal(local_keys_delete(disk->keys, DOMAIN, TOKEN, &why), ST_OK);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(new_keys_and_the_folder_they_are_in_survive_a_power_cut,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_folder_that_was_there_is_made_sure_of_with_the_first_keys_in_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            keys_that_could_not_be_made_sure_of_are_not_taken_for_safe_later, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
