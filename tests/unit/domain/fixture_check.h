// SPDX-License-Identifier: Apache-2.0
// A check of records against a DNS from a file, where there are no name servers to ask: TXT records
// must be equal, an MX must name the host. The real one is domain_check.
#ifndef TESTS_UNIT_DOMAIN_FIXTURE_CHECK_H
#define TESTS_UNIT_DOMAIN_FIXTURE_CHECK_H

#include "verifier/domain/check.h"

void fixture_check(const struct check_context *context, const struct check_subject *subject,
                   struct domain_records *records, struct check_summary *summary_out);

#endif
