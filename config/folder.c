// SPDX-License-Identifier: Apache-2.0
#include "config/folder.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/status.h"
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

void
folder_each_yaml(const char *folder, struct diagnostics *diagnostics, folder_visit *visit,
                 void *context)
{
    struct dirent **entries = NULL;
    int count = scandir(folder, &entries, is_yaml_file, compare_names);
    if (count < 0) {
        struct why why;
        if (errno != ENOENT) {
            (void)why_errno(&why, ST_IO, "cannot be read");
            diagnostics_error(diagnostics, folder, 0, 0, "%s", why.text);
        }
        return;
    }
    for (int i = 0; i < count; i++) {
        const char *name = entries[i]->d_name;
        AUTO_FREE char *path = text_resolve(folder, name);
        AUTO_FREE char *stem = xmemdup(name, (size_t)(strrchr(name, '.') - name));
        visit(context, path, stem);
        free(entries[i]);
    }
    free(entries);
}
