// SPDX-License-Identifier: Apache-2.0
// From a profile to the records of one domain.
#ifndef VERIFIER_DOMAIN_PROFILE_H
#define VERIFIER_DOMAIN_PROFILE_H

#include "config/config.h"
#include "verifier/domain/record.h"

/** What is known of the domain; all borrowed. */
struct profile_inputs {
    const char *domain; /* A-labels */
    const char *token;  /* the domain's; NULL: unknown, as in a check by hand: what needs it is left
                           out, and so are the records for inbound */
    const char *region; /* NULL: verification.region */
    const char *ses_tokens[CONFIG_DKIM_KEYS]; /* of profiles with `dkim: ses`; NULL: not known yet,
                                                 the records that need them are left out */
    const char *ses_zone;                     /* SigningHostedZone; NULL: not known yet */
    const char *existing_spf;                 /* the SPF record the domain has; NULL: none, or not
                                                 known. The record shown is the merged one */
};

/**
 * Make the records of a domain, not checked yet.
 *
 * In the order of the profile; then for inbound, where the profile has none of its own: the
 * ownership TXT at _mailspur.DOMAIN and an MX for inbound_mx and each of backup_mx. When a record
 * for sending names a setting of `verification` that is not set, all of them are left out: half of
 * them would be no use. An existing SPF record that cannot be merged is replaced.
 *
 * @out      what it had is released; on failure it is not to be used
 * @profile  borrowed from the configuration, as config_find_profile() gives it
 * @return   ST_OK; ST_TOO_LARGE a name or value would be longer than the DNS or a record allows:
 *           `why` says which; ST_INVALID the profile makes no valid name or SPF record of its
 * values
 * @thread   any; asks nobody
 */
MUST_CHECK enum status profile_records_make(const struct config *config,
                                            const struct config_profile *profile,
                                            const struct profile_inputs *inputs,
                                            struct domain_records *out, struct why *why);

#endif
