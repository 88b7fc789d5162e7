// SPDX-License-Identifier: Apache-2.0
// Names as SES gives them, or takes them: only what is safe in a DNS record, a path and JSON.
#ifndef VERIFIER_DOMAIN_SES_NAMES_H
#define VERIFIER_DOMAIN_SES_NAMES_H

#include <stdbool.h>

/** A DKIM token: one DNS label of letters, digits and inner hyphens. */
bool ses_name_is_token(const char *text);

/** A domain of at least two labels, in the form address_normalize_domain() gives. */
bool ses_name_is_domain(const char *text);

/** True if `name` is below `domain`, both normalised. */
bool ses_name_is_below(const char *name, const char *domain);

/** An AWS region, by its characters: "eu-central-1". */
bool ses_name_is_region(const char *text);

/** An installation's id: 1 to SES_INSTALLATION_MAX letters, digits, "-", "_", ".". */
bool ses_name_is_installation(const char *text);

#endif
