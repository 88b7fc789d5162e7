// SPDX-License-Identifier: Apache-2.0
// The four calls of SES v2 that a domain identity needs. Each blocks to the deadline
// (clock_mono_ms()) or the client's timeout; any thread.
//
// All return ST_AGAIN when SES may have done it or not: nobody knows until the next "get". What
// else they return: fault.h. `domain` is normalised (names.h).
#ifndef VERIFIER_DOMAIN_SES_CALLS_H
#define VERIFIER_DOMAIN_SES_CALLS_H

#include "verifier/domain/ses/client.h"
#include "verifier/domain/ses/identity.h"

/** CreateEmailIdentity, with our tag and 2048-bit DKIM keys that SES makes. ST_CONFLICT: it exists.
 */
MUST_CHECK enum status ses_call_create(struct ses *ses, const char *domain, int64_t deadline,
                                       struct ses_identity *out, struct why *why);

/** GetEmailIdentity. ST_NOT_FOUND. */
MUST_CHECK enum status ses_call_get(struct ses *ses, const char *domain, int64_t deadline,
                                    struct ses_identity *out, struct why *why);

/** PutEmailIdentityMailFromAttributes; while its MX is missing SES uses its own domain. */
MUST_CHECK enum status ses_call_set_mail_from(struct ses *ses, const char *domain,
                                              const char *mail_from, int64_t deadline,
                                              struct why *why);

/** DeleteEmailIdentity. ST_NOT_FOUND. */
MUST_CHECK enum status ses_call_delete(struct ses *ses, const char *domain, int64_t deadline,
                                       struct why *why);

#endif
