// SPDX-License-Identifier: Apache-2.0
#include "config/folder.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/xalloc.h"
#include "config/text.h"

// Leaves out what editors, dpkg and people put aside.
static int
is_yaml_file(const struct dirent *entry)
{
    const char *name = entry->d_name;
    const char *dot = strrchr(name, '.');
    return name[0] != '.' && strstr(name, ".dpkg-") == NULL && dot != NULL &&
           (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0);
}

static int
compare_names(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name); // not by locale: the same order everywhere
}

enum status
folder_each_yaml(const char *folder, folder_visit *visit, void *context, struct why *why)
{
    struct dirent **entries = NULL;
    int count = scandir(folder, &entries, is_yaml_file, compare_names);
    if (count < 0) {
        return why_errno(why, errno == ENOENT ? ST_NOT_FOUND : ST_IO, "%s cannot be read", folder);
    }
    for (int i = 0; i < count; i++) {
        const char *name = entries[i]->d_name;
        AUTO_FREE char *path = text_resolve(folder, name);
        AUTO_FREE char *stem = xmemdup(name, (size_t)(strrchr(name, '.') - name));
        visit(context, path, stem);
        free(entries[i]);
    }
    free(entries);
    return ST_OK;
}
