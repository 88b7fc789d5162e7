// SPDX-License-Identifier: Apache-2.0
// How often something may be done, by key: so many times at once, then one in a while. Bounded.
#ifndef VERIFIER_DOMAIN_TURNS_H
#define VERIFIER_DOMAIN_TURNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct turns;

/** @most  keys that are remembered */
struct turns *turns_new(size_t most);

/** NULL-safe. */
void turns_free(struct turns *turns);

/**
 * Take a turn, if there is one now.
 *
 * @at_once   turns of a key that was not used for long
 * @every_ms  one more comes each so many milliseconds
 * @return    false: none now, or as many keys as can be remembered have used theirs up
 * @thread    one at a time
 */
bool turns_take(struct turns *turns, const char *key, unsigned at_once, int64_t every_ms,
                int64_t now_mono_ms);

/** How many keys are remembered. For tests. */
size_t turns_count(const struct turns *turns);

#endif
