// SPDX-License-Identifier: Apache-2.0
// The SES identities of domains whose profile has `dkim: ses`: one client a region, and what is
// kept of each domain in the store (verifier/domain/ses).
#ifndef VERIFIER_DOMAIN_IDENTITY_H
#define VERIFIER_DOMAIN_IDENTITY_H

#include "config/config.h"
#include "store/store.h"
#include "verifier/domain/ses/ses.h"

struct identities;

/** @store  outlives it */
struct identities *identities_new(struct store *store);

/** Calls under way and to come give up soon. Any thread. */
void identities_cancel(struct identities *identities);
void identities_free(struct identities *identities); /* NULL-safe; no call may be under way */

/** ST_REFUSED: no access keys are configured. */
MUST_CHECK enum status identities_check_configured(const struct config *config, struct why *why);

/** What is kept of a domain. ST_NOT_FOUND: it has no identity. */
MUST_CHECK enum status identity_load(struct identities *identities,
                                     const struct store_domain *domain, struct ses_state *state_out,
                                     struct why *why);

/**
 * See to it that the identity exists, and ask how it stands; what it became, and what was said, is
 * kept. One call works on a name and region at a time, whichever entry it is for: another waits.
 *
 * @state_out  also filled when SES could not be asked, with what was known before
 * @return     ST_OK; as identities_check_configured, ses_ensure, store errors
 * @thread     any; blocks to the deadline (clock_mono_ms). Not while another works on the domain.
 */
MUST_CHECK enum status identity_ensure(struct identities *identities, const struct config *config,
                                       const struct store_domain *domain, int64_t deadline,
                                       struct ses_state *state_out, struct ses_report *report_out);

/** Does another entry of the same name and region use the identity? */
typedef bool identity_others(const void *context, const struct store_domain *domain);

/**
 * Give the identity of a removed domain back; to be repeated until ST_OK. Nothing was kept: ST_OK.
 *
 * @has_others  asked when nobody else works on an identity of the name: who comes later finds the
 *              release over
 * @thread      as identity_ensure
 */
MUST_CHECK enum status identity_release(struct identities *identities, const struct config *config,
                                        const struct store_domain *domain,
                                        identity_others *has_others, const void *context,
                                        int64_t deadline);

/** What SES said last, or why it could not be asked: JSON of record_json_ses, owned.
 *  ST_NOT_FOUND: it was not asked. */
MUST_CHECK enum status identity_said(struct identities *identities,
                                     const struct store_domain *domain, char **json_out,
                                     struct why *why);

#endif
