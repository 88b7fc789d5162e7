// SPDX-License-Identifier: Apache-2.0
// Runs a fuzz target over the files of a folder, so that what once was found stays found.
#include "tests/fuzz/target.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/strbuf.h"

enum { INPUT_MAX = 1 << 20 };

static void
close_folder(DIR **folder)
{
    if (*folder != NULL) {
        (void)closedir(*folder);
    }
}

static int
replay_file(const char *folder, const char *name)
{
    char path[4096];
    char buffer[4096];
    AUTO_STRBUF input = STRBUF_INIT(INPUT_MAX);
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    AUTO_FILE FILE *file = fopen(path, "re");
    if (file == NULL) {
        perror(path);
        return 1;
    }
    for (size_t got = 0; (got = fread(buffer, 1, sizeof(buffer), file)) > 0;) {
        strbuf_append(&input, buffer, got);
    }
    // A copy of the exact size: the sanitizer sees one byte too far.
    AUTO_FREE char *exact = malloc(input.length == 0 ? 1 : input.length);
    if (exact == NULL || input.overflow || ferror(file) != 0) {
        (void)fprintf(stderr, "%s: cannot be read\n", path);
        return 1;
    }
    if (input.length > 0) {
        memcpy(exact, input.data, input.length);
    }
    return LLVMFuzzerTestOneInput((const uint8_t *)exact, input.length);
}

int
main(int argc, char **argv)
{
    AUTO(close_folder) DIR *folder = argc == 2 ? opendir(argv[1]) : NULL;
    if (folder == NULL) {
        (void)fprintf(stderr, "usage: %s FOLDER, which must be there\n", argv[0]);
        return 2;
    }
    unsigned count = 0;
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (entry->d_name[0] == '.') {
            continue;
        }
        if (replay_file(argv[1], entry->d_name) != 0) {
            return 1;
        }
        count++;
    }
    (void)printf("%u inputs\n", count);
    return count > 0 ? 0 : 1;
}
