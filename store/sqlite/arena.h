// SPDX-License-Identifier: Apache-2.0
// Copies of texts that live and go together: the strings of a page of rows.
#ifndef STORE_SQLITE_ARENA_H
#define STORE_SQLITE_ARENA_H

#include "common/cleanup.h"

struct arena_block;
struct arena {
    struct arena_block *blocks; /* newest first */
};

/** A copy that lives until arena_done. Never NULL. */
const char *arena_text(struct arena *arena, const char *text);

/** Free all copies; the arena may be used again. NULL-safe. */
void arena_done(struct arena *arena);

#define AUTO_ARENA AUTO(arena_done) struct arena

#endif
