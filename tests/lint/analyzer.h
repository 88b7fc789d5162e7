// SPDX-License-Identifier: Apache-2.0
// For clang-tidy alone (.clang-tidy includes it): the analyzer looks at one file at a time and
// cannot know that the two hand on the status they were given. So it is told.
#ifndef TESTS_LINT_ANALYZER_H
#define TESTS_LINT_ANALYZER_H

#include "common/status.h"

static inline enum status
analyzer_returned(enum status given, enum status result)
{
    (void)result;
    return given;
}

#define why_set(why, status, ...) analyzer_returned(status, (why_set)(why, status, __VA_ARGS__))
#define why_errno(why, status, ...) analyzer_returned(status, (why_errno)(why, status, __VA_ARGS__))

#endif
