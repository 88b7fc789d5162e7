// SPDX-License-Identifier: Apache-2.0
// What the answers about one record, and about several, come to.
#include "verifier/domain/check.h"

enum check_outcome
check_outcome_of(enum record_status status)
{
    switch (status) {
    case RECORD_FOUND:
        return CHECK_PASS;
    case RECORD_PROPAGATING:
        return CHECK_PARTIAL;
    case RECORD_MISSING:
    case RECORD_WRONG:
    case RECORD_CONFLICT:
        return CHECK_MISS;
    case RECORD_UNCHECKED:
    case RECORD_UNKNOWN:
        break;
    }
    return CHECK_UNKNOWN;
}

enum check_outcome
check_outcome_worse(enum check_outcome a, enum check_outcome b)
{
    static const int ranks[] = {
        [CHECK_PASS] = 0, [CHECK_PARTIAL] = 1, [CHECK_UNKNOWN] = 2, [CHECK_MISS] = 3};
    return ranks[a] >= ranks[b] ? a : b;
}
