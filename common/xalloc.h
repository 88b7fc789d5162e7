// SPDX-License-Identifier: Apache-2.0
// Allocation of small things of fixed or already capped size. Out of memory ends the process: the
// supervisor restarts it and the sender's MTA keeps the mail. What a stranger can make large goes
// through strbuf, which has a cap.
#ifndef COMMON_XALLOC_H
#define COMMON_XALLOC_H

#include <stddef.h>

/** Zeroed memory for `count` objects of `size` bytes; never NULL. Release with free(). */
void *xcalloc(size_t count, size_t size);

/** As realloc() for `count` objects of `size` bytes; never NULL; new bytes are not zeroed. */
void *xreallocarray(void *pointer, size_t count, size_t size);

/** A copy of the text, or NULL for NULL. Release with free(). */
char *xstrdup(const char *text);

/** A NUL-terminated copy of `length` bytes. Release with free(). */
char *xmemdup(const void *data, size_t length);

#endif
