// SPDX-License-Identifier: Apache-2.0
#include "common/xalloc.h"

#include <stdlib.h>
#include <string.h>

static void *
check(void *pointer)
{
    if (pointer == NULL) {
        abort();
    }
    return pointer;
}

void *
xcalloc(size_t count, size_t size)
{
    return check(calloc(count == 0 ? 1 : count, size));
}

void *
xreallocarray(void *pointer, size_t count, size_t size)
{
    return check(reallocarray(pointer, count == 0 ? 1 : count, size));
}

char *
xstrdup(const char *text)
{
    return text == NULL ? NULL : check(strdup(text));
}

char *
xmemdup(const void *data, size_t length)
{
    char *copy = xcalloc(length + 1, 1);
    if (length > 0) {
        memcpy(copy, data, length);
    }
    return copy;
}
