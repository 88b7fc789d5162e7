// SPDX-License-Identifier: Apache-2.0
// Optimal string alignment distance: letters inserted, dropped, changed, or two swapped.
#include "config/suggest.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static size_t
smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t
edit_distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
    // rows[i % 3]: the distances of the first i bytes of `a` to all beginnings of `b`.
    size_t rows[3][SUGGEST_LENGTH_MAX + 1];
    for (size_t j = 0; j <= b_length; j++) {
        rows[0][j] = j;
    }
    for (size_t i = 1; i <= a_length; i++) {
        size_t *row = rows[i % 3];
        const size_t *above = rows[(i + 2) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            size_t change = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
            row[j] = smaller(change, smaller(row[j - 1], above[j]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                row[j] = smaller(row[j], rows[(i + 1) % 3][j - 2] + 1);
            }
        }
    }
    return rows[a_length % 3][b_length];
}

void
suggest_offer(struct suggestion *suggestion, const char *word)
{
    size_t typed_length = strlen(suggestion->typed);
    size_t length = strlen(word);
    if (typed_length > SUGGEST_LENGTH_MAX || length > SUGGEST_LENGTH_MAX) {
        return;
    }
    size_t distance = edit_distance(suggestion->typed, typed_length, word, length);
    // A third of the letters may be wrong, but never all of a short word.
    bool is_near = distance <= (length + 2) / 3 && distance < length;
    if (is_near && (suggestion->best == NULL || distance < suggestion->distance)) {
        suggestion->best = word;
        suggestion->distance = distance;
    }
}

const char *
suggest_format(const struct suggestion *suggestion, char out[SUGGEST_TEXT_SIZE])
{
    out[0] = '\0';
    if (suggestion->best != NULL) {
        (void)snprintf(out, SUGGEST_TEXT_SIZE, "; did you mean '%s'?", suggestion->best);
    }
    return out;
}
