// SPDX-License-Identifier: Apache-2.0
// The DNS records a tenant has to publish: what they are, and whether they are there.
#ifndef VERIFIER_DOMAIN_RECORDS_H
#define VERIFIER_DOMAIN_RECORDS_H

#include <stddef.h>

#include "common/attrs.h"
#include "verifier/domain/registry.h"

/** Fill in the records of profile "local", not checked yet. `inbound_mx` NULL or "": no MX. */
size_t domain_records_make(const struct store_domain *domain, const char *inbound_mx,
                           struct registry_record out[REGISTRY_RECORDS_MAX]);

/** Look one record up, and fill in status, observed, problem and cure. Blocks on the DNS. */
void domain_record_check(const struct store_domain *domain, struct dns *dns,
                         struct dns_budget *budget, struct registry_record *record);

/* ---- for the checks of single records -------------------------------------------------------- */

/** ownership.c: the TXT with the token. */
void domain_check_ownership(const struct store_domain *domain, struct dns *dns,
                            struct dns_budget *budget, struct registry_record *record);

/** inbound.c: the MX. */
void domain_check_inbound(const struct store_domain *domain, struct dns *dns,
                          struct dns_budget *budget, struct registry_record *record);

/** As snprintf; what does not fit is cut. */
void record_put(char *out, size_t size, const char *format, ...) PRINTF_LIKE(3, 4);

/** Data of a stranger as text for people: what is not printable ASCII becomes '?'. */
void record_put_observed(struct registry_record *record, const char *data, size_t length);

/** The record could not be asked for. */
void record_set_unknown(struct registry_record *record, const char *problem);

void record_set_found(struct registry_record *record);

#endif
