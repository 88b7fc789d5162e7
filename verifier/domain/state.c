// SPDX-License-Identifier: Apache-2.0
#include "verifier/domain/state.h"

static const char *
pass(struct store_domain *domain, int64_t now)
{
    domain->checked_at = now;
    if (domain->status == DOMAIN_VERIFIED) {
        return "domain.checked";
    }
    domain->status = DOMAIN_VERIFIED;
    domain->verified_at = now;
    return "domain.verified";
}

const char *
domain_state_step(struct store_domain *domain, enum domain_happening happening, int64_t now)
{
    if (domain->status == DOMAIN_REMOVED) {
        return NULL; // for good: who adds the name again gets a new row
    }
    switch (happening) {
    case DOMAIN_CHECK_PASSED:
        return pass(domain, now);
    case DOMAIN_CHECK_FAILED: // one miss takes nothing away
        domain->checked_at = now;
        return "domain.check_failed";
    case DOMAIN_CHECK_UNKNOWN:
        return NULL;
    case DOMAIN_REMOVE:
        domain->status = DOMAIN_REMOVED;
        domain->inbound = false;
        domain->removed_at = now;
        return "domain.removed";
    }
    return NULL;
}
