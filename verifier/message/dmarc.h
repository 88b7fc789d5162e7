// SPDX-License-Identifier: Apache-2.0
// DMARC (RFC 9989): find the author domain's policy, compare the authenticated domains with it, and
// say what comes of it.
#ifndef VERIFIER_MESSAGE_DMARC_H
#define VERIFIER_MESSAGE_DMARC_H

#include "common/verdict.h"
#include "verifier/dns/dns.h"
#include "verifier/message/dmarc_discovery.h"

/** A domain that SPF or DKIM speaks for. Only pass and temperror can matter. */
struct dmarc_identity {
    const char *domain; /* lower-case A-labels */
    enum auth_result result;
};

struct dmarc_input {
    const char *author; /* domain of From, lower-case A-labels */
    struct dmarc_identity spf;
    const struct dmarc_identity *dkim;
    size_t dkim_count;
    enum dmarc_discovery discovery;
};

/**
 * Evaluate. A DNS failure that could have changed the result makes it temperror, never fail.
 *
 * @thread any; blocks on the DNS up to the budget's deadline
 */
void dmarc_evaluate(struct dns *dns, struct dns_budget *budget, const struct dmarc_input *input,
                    struct verdict_dmarc *out);

#endif
