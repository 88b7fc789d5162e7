// SPDX-License-Identifier: Apache-2.0
// "Did you mean": the word of a list that a mistyped one is nearest to.
#ifndef CONFIG_SUGGEST_H
#define CONFIG_SUGGEST_H

#include <stddef.h>

enum { SUGGEST_LENGTH_MAX = 64 }; /* longer words are not compared */

struct suggestion {
    const char *typed;
    const char *best; /* NULL: none is near enough. Borrowed from the words offered */
    size_t distance;
};

/** Offer one word after the other; the nearest stays in `best`. */
void suggest_offer(struct suggestion *suggestion, const char *word);

enum { SUGGEST_TEXT_SIZE = SUGGEST_LENGTH_MAX + 24 };

/** "; did you mean 'best'?", or "" when there is none; returns `out`. */
const char *suggest_format(const struct suggestion *suggestion, char out[SUGGEST_TEXT_SIZE]);

#endif
