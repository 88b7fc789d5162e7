// SPDX-License-Identifier: Apache-2.0
// A temporary folder with configuration files, and what loading them says.
#ifndef TESTS_UNIT_CONFIG_SUPPORT_H
#define TESTS_UNIT_CONFIG_SUPPORT_H

#include <sys/types.h>

#include "common/strbuf.h"
#include "config/config.h"

enum { FOLDER_PATH_SIZE = 256 };

struct folder {
    char path[64];
};

/** The least that mailspur.yaml must hold: two lines. */
#define HOST_LINES "hostname: mx.test\ninbound_mx: in.test\n"

/** A key of 24 bytes, the fewest, and one of 64, the most. */
#define KEY_24 "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"
#define KEY_64                                                                                     \
    "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+"   \
    "Pw=="

/** Made below /tmp; with an empty domains.d. */
void folder_make(struct folder *folder);
void folder_remove(const struct folder *folder);

/** cmocka setup and teardown: *state is a folder whose mailspur.yaml holds HOST_LINES. */
int folder_setup(void **state);
int folder_teardown(void **state);

/** The path of what is called so in it; returns out. */
const char *folder_path(const struct folder *folder, const char *name, char out[FOLDER_PATH_SIZE]);

/** Make a folder inside it. */
void folder_mkdir(const struct folder *folder, const char *name);

/** Write a file with mode 0600; the name may be "domains.d/x.yaml". */
void folder_write(const struct folder *folder, const char *name, const char *text);
void folder_chmod(const struct folder *folder, const char *name, mode_t mode);

/** Load its mailspur.yaml; NULL when it is refused. */
struct config *folder_load(const struct folder *folder, struct diagnostics *diagnostics);

/** As folder_load, but any fault is printed and fails the test. */
struct config *folder_load_good(const struct folder *folder);

/** The errors (or the warnings) one a line, with "$" for the folder's path; free() it. */
char *folder_format(const struct folder *folder, const struct diagnostics *diagnostics,
                    bool errors);

#endif
