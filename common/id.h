// SPDX-License-Identifier: Apache-2.0
// Identifiers: UUID version 7 (RFC 9562, 5.7). Made before the commit, so that an ambiguous commit
// can be repeated; in the order of their making, so that they index well.
#ifndef COMMON_ID_H
#define COMMON_ID_H

#include <stdbool.h>
#include <stdint.h>

enum { ID_SIZE = 37 };

struct id {
    char text[ID_SIZE]; /* 36 lower-case characters and NUL; "" is no id */
};

/** A new id. Later calls of the same process sort behind earlier ones. Any thread. */
struct id id_new(void);

/** The id that sorts before all made at this moment or later, and behind all made before it. */
struct id id_floor(int64_t wall_ms);

/** True for 36 characters of the form xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx, lower case. */
bool id_is_valid(const char *text);

enum { TOKEN_SIZE = 33 };

/** 160 random bits as 32 characters a-z2-7, and NUL: an ownership token. Any thread. */
void id_new_token(char out[TOKEN_SIZE]);

#endif
