// SPDX-License-Identifier: Apache-2.0
#include "support.h"

#include <assert.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { FORMAT_MAX = 1024 * 1024 };

const char *
folder_path(const struct folder *folder, const char *name, char out[FOLDER_PATH_SIZE])
{
    int length = snprintf(out, FOLDER_PATH_SIZE, "%s/%s", folder->path, name);
    assert(length > 0 && length < FOLDER_PATH_SIZE);
    return out;
}

void
folder_make(struct folder *folder)
{
    (void)snprintf(folder->path, sizeof(folder->path), "/tmp/mailspur-config-XXXXXX");
    assert(mkdtemp(folder->path) != NULL);
    folder_mkdir(folder, "domains.d");
}

static int
remove_entry(const char *path, const struct stat *info, int type, struct FTW *walk)
{
    (void)info;
    (void)type;
    (void)walk;
    return remove(path);
}

void
folder_remove(const struct folder *folder)
{
    (void)nftw(folder->path, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

void
folder_mkdir(const struct folder *folder, const char *name)
{
    char path[FOLDER_PATH_SIZE];
    (void)folder_path(folder, name, path);
    assert(mkdir(path, 0700) == 0);
}

void
folder_write(const struct folder *folder, const char *name, const char *text)
{
    char path[FOLDER_PATH_SIZE];
    (void)folder_path(folder, name, path);
    FILE *file = fopen(path, "w");
    assert(file != NULL);
    assert(fputs(text, file) >= 0);
    assert(fclose(file) == 0);
    assert(chmod(path, 0600) == 0);
}

void
folder_chmod(const struct folder *folder, const char *name, mode_t mode)
{
    char path[FOLDER_PATH_SIZE];
    (void)folder_path(folder, name, path);
    assert(chmod(path, mode) == 0);
}

struct config *
folder_load(const struct folder *folder, struct diagnostics *diagnostics)
{
    char path[FOLDER_PATH_SIZE];
    (void)folder_path(folder, "mailspur.yaml", path);
    struct config *config = NULL;
    enum status status = config_load(path, diagnostics, &config);
    assert((status == ST_OK) == (config != NULL));
    assert((status == ST_INVALID) == (diagnostics->errors > 0));
    return config;
}

struct config *
folder_load_good(const struct folder *folder)
{
    struct diagnostics diagnostics = {.items = NULL};
    struct config *config = folder_load(folder, &diagnostics);
    for (size_t i = 0; config == NULL && i < diagnostics.count; i++) {
        AUTO_FREE char *line = diagnostic_format(&diagnostics.items[i]);
        (void)fprintf(stderr, "%s\n", line);
    }
    assert(config != NULL);
    diagnostics_done(&diagnostics);
    return config;
}

char *
folder_format(const struct folder *folder, const struct diagnostics *diagnostics, bool errors)
{
    AUTO_STRBUF out = STRBUF_INIT(FORMAT_MAX);
    for (size_t i = 0; i < diagnostics->count; i++) {
        if (diagnostics->items[i].is_error != errors) {
            continue;
        }
        AUTO_FREE char *line = diagnostic_format(&diagnostics->items[i]);
        const char *at = line;
        for (const char *hit = strstr(at, folder->path); hit != NULL;
             hit = strstr(at, folder->path)) {
            strbuf_append(&out, at, (size_t)(hit - at));
            strbuf_putc(&out, '$');
            at = hit + strlen(folder->path);
        }
        strbuf_puts(&out, at);
        strbuf_putc(&out, '\n');
    }
    return strbuf_steal(&out);
}

int
folder_setup(void **state)
{
    static struct folder folder;
    folder_make(&folder);
    folder_write(&folder, "mailspur.yaml", HOST_LINES);
    *state = &folder;
    return 0;
}

int
folder_teardown(void **state)
{
    folder_remove(*state);
    return 0;
}
