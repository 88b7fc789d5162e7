// SPDX-License-Identifier: Apache-2.0
// store_submit made waiting, for the tests of everything above the store.
#ifndef TESTS_UNIT_STORE_SUBMIT_H
#define TESTS_UNIT_STORE_SUBMIT_H

#include "store/store.h"

/**
 * Submit, and wait for the store's answer.
 *
 * @submission  its `done` and `context` are this function's
 */
struct store_submit_result submission_wait(struct store *store,
                                           const struct store_submission *submission);

/** As submission_wait; fails the test unless it is stored. */
void submission_store(struct store *store, const struct store_submission *submission);

#endif
