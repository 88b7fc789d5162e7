// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/scratch.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static char folder[] = "/tmp/mailspur-fuzz-XXXXXX";

static int
remove_one(const char *path, const struct stat *status, int kind, struct FTW *place)
{
    (void)status;
    (void)kind;
    (void)place;
    return remove(path);
}

static void
clean(void)
{
    enum { OPEN_MOST = 4 };
    (void)nftw(folder, remove_one, OPEN_MOST, FTW_DEPTH | FTW_PHYS);
}

void
scratch_make(const char *inside)
{
    AUTO_STRBUF path = STRBUF_INIT(256);
    if (mkdtemp(folder) == NULL || atexit(clean) != 0) {
        abort();
    }
    scratch_path(&path, inside);
    if (mkdir(strbuf_text(&path), S_IRWXU) != 0) {
        abort();
    }
}

void
scratch_path(struct strbuf *out, const char *name)
{
    strbuf_printf(out, "%s/%s", folder, name);
}

void
scratch_write(const char *name, const void *data, size_t size)
{
    AUTO_STRBUF path = STRBUF_INIT(256);
    scratch_path(&path, name);
    FILE *file = fopen(strbuf_text(&path), "w");
    if (file == NULL || fwrite(data, 1, size, file) != size || fclose(file) != 0) {
        abort();
    }
}
