// SPDX-License-Identifier: Apache-2.0
// One SPF record out of those a domain has and the include it needs: never two records, no term
// twice (RFC 7208, 3.2, 4.6.4).
#ifndef VERIFIER_DOMAIN_SPF_MERGE_H
#define VERIFIER_DOMAIN_SPF_MERGE_H

#include "common/status.h"
#include "verifier/domain/record.h"

enum { SPF_MERGE_RECORDS_MAX = 8, SPF_NOTE_SIZE = FINDING_PROBLEM_SIZE };

struct spf_merged {
    char text[RECORD_VALUE_SIZE];
    bool is_changed;           /* it differs from the only record there was */
    unsigned lookups;          /* terms of this record that ask the DNS; those inside its includes
                                  come on top. More than 10 is an error of every receiver */
    bool has_too_many_lookups; /* by these alone */
    char note[SPF_NOTE_SIZE];  /* sentences on what was changed beside the include; "" */
};

/**
 * The one record to have in the end.
 *
 * Terms keep their order; equal ones stand once; the include comes in front of `all` or redirect.
 * What stood behind `all` moves in front of it, as it was meant. Of one record the first `all` is
 * kept, of several records the softest; `+all` becomes `~all`; a redirect that would lose its
 * effect becomes an include. A record without `all` or redirect gets `~all`.
 *
 * @existing  texts that begin with v=spf1; NULL if count is 0
 * @include   the domain that must be included (A-labels; underscores are fine)
 * @return    ST_OK; ST_INVALID a record or the include breaks the grammar, or there are more than
 *            SPF_MERGE_RECORDS_MAX; ST_TOO_LARGE the result does not fit
 */
MUST_CHECK enum status spf_merge(const char *const *existing, size_t count, const char *include,
                                 struct spf_merged *out, struct why *why);

#endif
