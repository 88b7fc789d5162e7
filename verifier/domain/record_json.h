// SPDX-License-Identifier: Apache-2.0
// Records as JSON: one form for the API, the CLI and what the store keeps of the last check.
#ifndef VERIFIER_DOMAIN_RECORD_JSON_H
#define VERIFIER_DOMAIN_RECORD_JSON_H

#include "verifier/domain/check.h"
#include "verifier/domain/ses/ses.h"

/**
 * An object as text, owned: {"records": [...]}, and of a check "zone", "resolver_only", "detail"
 * too (docs/api.md). Bytes that are not UTF-8 become "?".
 *
 * @domain   whose records they are: host parts are relative to the zone, or to it
 * @summary  NULL: they were not checked
 */
char *record_json(const struct domain_records *records, const char *domain,
                  const struct check_summary *summary);

/** What SES said, as the member "ses" of the API has it, owned. @report NULL: SES could not be
 *  asked, and `problem` says why */
char *record_json_ses(const struct ses_report *report, const char *problem);

/** How many findings in a text of record_json are more than advice. Reads no JSON: fit for
 * thousands. */
size_t record_json_problems(const char *json);

#endif
