// SPDX-License-Identifier: Apache-2.0
// The YAML files of a folder, in the order of their names.
#ifndef CONFIG_FOLDER_H
#define CONFIG_FOLDER_H

#include "config/diagnostics.h"

/** `path` is the file's, `stem` its name without ".yaml". */
typedef void folder_visit(void *context, const char *path, const char *stem);

/** Call `visit` for each; what editors and packages put aside is passed over. A folder that does
 *  not exist has none; one that cannot be read is told. */
void folder_each_yaml(const char *folder, struct diagnostics *diagnostics, folder_visit *visit,
                      void *context);

#endif
