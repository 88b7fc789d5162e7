// SPDX-License-Identifier: Apache-2.0
// A folder of files for a fuzz target, below /tmp and gone at exit. A fault ends the process.
#ifndef TESTS_FUZZ_SCRATCH_H
#define TESTS_FUZZ_SCRATCH_H

#include <stddef.h>

#include "common/strbuf.h"

/** Make it, with one empty folder inside. Once a process. */
void scratch_make(const char *inside);

/** Append the path of a file in it, such as "inside/own.yaml". */
void scratch_path(struct strbuf *out, const char *name);

void scratch_write(const char *name, const void *data, size_t size);

#endif
