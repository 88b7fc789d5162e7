// SPDX-License-Identifier: Apache-2.0
#include "store/sqlite/arena.h"

#include <string.h>

#include "common/xalloc.h"

enum { BLOCK_SIZE = 8192 };

struct arena_block {
    struct arena_block *next;
    size_t used;
    size_t size;
    char bytes[];
};

const char *
arena_text(struct arena *arena, const char *text)
{
    size_t size = strlen(text) + 1;
    struct arena_block *block = arena->blocks;
    if (block == NULL || size > block->size - block->used) {
        size_t room = size > BLOCK_SIZE ? size : (size_t)BLOCK_SIZE;
        block = xreallocarray(NULL, 1, sizeof(*block) + room);
        *block = (struct arena_block){.next = arena->blocks, .size = room};
        arena->blocks = block;
    }
    char *copy = block->bytes + block->used;
    memcpy(copy, text, size);
    block->used += size;
    return copy;
}

void
arena_done(struct arena *arena)
{
    while (arena != NULL && arena->blocks != NULL) {
        struct arena_block *block = arena->blocks;
        arena->blocks = block->next;
        free(block);
    }
}
