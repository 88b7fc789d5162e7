// SPDX-License-Identifier: Apache-2.0
// Between tenants: who may have which name. Decisions on rows, without store or network.
#ifndef VERIFIER_DOMAIN_CLAIMS_H
#define VERIFIER_DOMAIN_CLAIMS_H

#include "common/status.h"
#include "store/store.h"

/** True for "a.example.com" and "example.com"; a name is not below itself. A-labels. */
bool claims_is_below(const char *name, const char *parent);

/**
 * May `tenant` add `name` beside this row (not removed)?
 *
 * @return  ST_OK; ST_CONFLICT the name is taken; ST_REFUSED it lies above or below a name of
 *          another tenant
 */
MUST_CHECK enum status claims_check_beside(const struct store_domain *row, const char *tenant,
                                           const char *name, struct why *why);

#endif
