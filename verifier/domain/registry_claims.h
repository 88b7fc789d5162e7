// SPDX-License-Identifier: Apache-2.0
// The registry's part of what is between tenants (claims.h); private to it.
#ifndef VERIFIER_DOMAIN_REGISTRY_CLAIMS_H
#define VERIFIER_DOMAIN_REGISTRY_CLAIMS_H

#include "verifier/domain/claims.h"
#include "verifier/domain/registry_parts.h"

/** The living row that holds a name; false: none does. */
bool registry_find_holder(struct registry *registry, const char *name,
                          struct store_domain *holder_out);

/** True when the name is here as more than a claim: the tenant's own, or proven to be another's.
 * What nobody has proven troubles nobody else. */
bool registry_has_name(struct registry *registry, const char *name, const char *tenant);

/**
 * To be asked before a row is proven for the first time: `needs_approval` is set when another
 * tenant holds a name above or below it by now. Under the write mutex; store errors.
 */
MUST_CHECK enum status registry_ask_approval(struct registry *registry, struct store_domain *domain,
                                             struct why *why);

/** What a row needs to wait for no longer: a claim of a name that nobody else holds becomes an
 * entry like any other, and nobody is asked for approval for names that went. Else unchanged. */
MUST_CHECK enum status registry_promote(struct registry *registry, const struct id *id,
                                        struct store_domain *domain_out, struct why *why);

/** A name lost its holder: the oldest claim of it, if there is one, is promoted. */
void registry_name_is_free(struct registry *registry, const char *name);

/**
 * After a check of a row with `claims`: look at the holder's proof too, and move the name when it
 * is time.
 *
 * @summary  of the claim's check
 * @claim    in and out: the row; without `claims` when the name is its own now
 * @return   ST_OK; ST_AGAIN a row was changed meanwhile; store errors
 * @thread   blocks on the DNS, up to CHECK_TIME_MS
 */
MUST_CHECK enum status registry_check_claim(struct registry *registry,
                                            const struct check_summary *summary,
                                            struct store_domain *claim, struct why *why);

#endif
