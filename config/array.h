// SPDX-License-Identifier: Apache-2.0
// Arrays that grow by one while a configuration is read.
#ifndef CONFIG_ARRAY_H
#define CONFIG_ARRAY_H

#include <stdbool.h>
#include <stddef.h>

#include "common/xalloc.h"

enum { ARRAY_FIRST = 4 };

/** The array with room for one more than `count`: twice as much each time it is full. */
static inline void *
array_grow(void *items, size_t count, size_t size)
{
    if (count == 0) {
        return xreallocarray(items, ARRAY_FIRST, size);
    }
    bool is_full = count >= ARRAY_FIRST && (count & (count - 1)) == 0;
    return is_full ? xreallocarray(items, 2 * count, size) : items;
}

#endif
