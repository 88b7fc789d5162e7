// SPDX-License-Identifier: Apache-2.0
// Letters that look like others: names made to be mistaken for somebody else's.
#ifndef VERIFIER_DOMAIN_LOOKALIKE_H
#define VERIFIER_DOMAIN_LOOKALIKE_H

#include <stdint.h>

#include "common/address.h"
#include "common/status.h"

/**
 * Judge the labels of a name.
 *
 * Refused: letters of several scripts in one label, but for those that are written together
 * (Chinese, Japanese, Korean, each with Latin); a label whose letters all look like Latin ones, in
 * front of a Latin top level; letters that no language writes and that look like "a" or "g".
 *
 * @name      code points in lower case, labels separated by '.', ends with 0
 * @meant_out the name in Latin letters that it looks like; "" when there is none. May be NULL;
 *            written on ST_INVALID only
 * @return    ST_OK; ST_INVALID says which character, and of which script it is
 */
MUST_CHECK enum status lookalike_check(const uint32_t *name, char meant_out[DOMAIN_NAME_SIZE],
                                       struct why *why);

/** The ASCII character that people meant by this punctuation, such as '-' by a dash; '\0' for what
 *  nobody sees; -1: neither. */
int lookalike_punctuation(uint32_t character);

#endif
