// SPDX-License-Identifier: Apache-2.0
#include "control/cli/doctor/access.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { WAY = 1 /* search, of a folder */ };

enum status
access_user_find(const char *name, struct access_user *out)
{
    const struct passwd *entry = getpwnam(name);
    if (entry == NULL) {
        return ST_NOT_FOUND;
    }
    struct access_user user = {.uid = entry->pw_uid, .group_count = ACCESS_GROUPS_MAX};
    (void)snprintf(user.name, sizeof(user.name), "%s", name);
    if (getgrouplist(name, entry->pw_gid, user.groups, &user.group_count) < 0) {
        user.group_count = ACCESS_GROUPS_MAX; // more than these: the first ones
    }
    *out = user;
    return ST_OK;
}

static bool
is_member(const struct access_user *user, gid_t group)
{
    for (int i = 0; i < user->group_count; i++) {
        if (user->groups[i] == group) {
            return true;
        }
    }
    return false;
}

static bool
may(const struct access_user *user, const struct stat *file, mode_t wanted)
{
    if (user->uid == 0) {
        return true;
    }
    unsigned shift = file->st_uid == user->uid ? 6 : is_member(user, file->st_gid) ? 3 : 0;
    return ((file->st_mode >> shift) & wanted) == wanted;
}

static enum status
check_one(const struct access_user *user, const char *path, mode_t wanted, struct why *why)
{
    struct stat file;
    if (stat(path, &file) != 0) {
        return why_errno(why, errno == ENOENT ? ST_NOT_FOUND : ST_IO, "%s", path);
    }
    if (!may(user, &file, wanted)) {
        return why_set(why, ST_REFUSED, "%s (mode %04o) is closed to the user %s", path,
                       (unsigned)file.st_mode & 07777, user->name);
    }
    return ST_OK;
}

enum status
access_check(const struct access_user *user, const char *path, mode_t wanted, struct why *why)
{
    char part[PATH_MAX];
    if (path[0] != '/' || strlen(path) >= sizeof(part)) {
        return why_set(why, ST_IO, "%.250s is no absolute path", path);
    }
    for (const char *slash = path; slash != NULL; slash = strchr(slash + 1, '/')) {
        (void)snprintf(part, sizeof(part), "%.*s", slash == path ? 1 : (int)(slash - path), path);
        enum status status = check_one(user, part, WAY, why);
        if (status != ST_OK) {
            return status;
        }
    }
    return check_one(user, path, wanted, why);
}
