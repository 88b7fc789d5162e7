// SPDX-License-Identifier: Apache-2.0
// The YAML files of a folder, in the order of their names.
#ifndef CONFIG_FOLDER_H
#define CONFIG_FOLDER_H

#include "common/status.h"

/** `path` is the file's, `stem` its name without ".yaml". */
typedef void folder_visit(void *context, const char *path, const char *stem);

/**
 * Call `visit` for each; what editors and packages put aside is passed over.
 *
 * @return  ST_OK; ST_NOT_FOUND: there is no such folder; ST_IO: it cannot be read
 */
MUST_CHECK enum status folder_each_yaml(const char *folder, folder_visit *visit, void *context,
                                        struct why *why);

#endif
