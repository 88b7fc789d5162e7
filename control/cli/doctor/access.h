// SPDX-License-Identifier: Apache-2.0
// Whether a user may get at a file, from owners and modes along its path (no access lists).
#ifndef CONTROL_CLI_DOCTOR_ACCESS_H
#define CONTROL_CLI_DOCTOR_ACCESS_H

#include <sys/types.h>

#include "common/status.h"

enum { ACCESS_GROUPS_MAX = 256 };

struct access_user {
    char name[64];
    uid_t uid;
    gid_t groups[ACCESS_GROUPS_MAX];
    int group_count;
};

/** ST_NOT_FOUND: there is no such user. */
MUST_CHECK enum status access_user_find(const char *name, struct access_user *out);

/**
 * May the user read (4) or write (2) the file?
 *
 * @path  absolute
 * @return  ST_OK; ST_REFUSED where its way ends is in why; ST_NOT_FOUND; ST_IO it cannot be looked
 *          at
 */
MUST_CHECK enum status access_check(const struct access_user *user, const char *path, mode_t wanted,
                                    struct why *why);

#endif
