// SPDX-License-Identifier: Apache-2.0
// Recipient patterns of routes: "support", "ticket+{ticket_id}", "*". Literal text is compared
// without regard to ASCII case; {name} takes one or more bytes and keeps them as the sender wrote
// them; * takes any bytes, none too. Matches the whole local part.
#ifndef CONFIG_PATTERN_H
#define CONFIG_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

#include "common/address.h"
#include "common/status.h"

enum {
    PATTERN_LENGTH_MAX = 128,
    PATTERN_PARTS_MAX = 16,
    CAPTURE_NAME_SIZE = 33, /* [a-z][a-z0-9_]{0,31} and NUL */
};

struct pattern;

struct capture {
    const char *name; /* borrowed from the pattern */
    char value[LOCAL_PART_SIZE];
};

struct captures {
    struct capture items[PATTERN_PARTS_MAX];
    size_t count;
};

/** Compile. ST_INVALID says what is wrong: adjacent wildcards, bad or repeated names, too long. */
MUST_CHECK enum status pattern_compile(const char *text, struct pattern **pattern_out,
                                       struct why *why);
void pattern_free(struct pattern *pattern);

/** Does the local part match? Fills the captures if so. Time is bounded by length × parts. */
bool pattern_match(const struct pattern *pattern, const char *local_part, struct captures *out);

/** The text it was compiled from. */
const char *pattern_text(const struct pattern *pattern);

/** True for a pattern that takes every local part. */
bool pattern_is_catch_all(const struct pattern *pattern);

#endif
