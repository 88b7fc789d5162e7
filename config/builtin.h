// SPDX-License-Identifier: Apache-2.0
// The files of conf/profiles, built into the program: they are there wherever it runs.
#ifndef CONFIG_BUILTIN_H
#define CONFIG_BUILTIN_H

#include <stddef.h>

struct builtin_file {
    const char *stem; /* the file's name without ".yaml" */
    const char *text;
    size_t length;
};

/** Made by cmake/Embed.cmake. */
extern const struct builtin_file BUILTIN_PROFILES[];
extern const size_t BUILTIN_PROFILES_COUNT;

#endif
