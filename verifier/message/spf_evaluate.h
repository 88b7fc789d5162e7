// SPDX-License-Identifier: Apache-2.0
// check_host() of RFC 7208, 4: the policy of one domain, its includes and redirects, with limits
// that count over all of them.
#ifndef VERIFIER_MESSAGE_SPF_EVALUATE_H
#define VERIFIER_MESSAGE_SPF_EVALUATE_H

#include "common/verdict.h"
#include "verifier/message/spf_lookup.h"

/** The check of one identity. */
struct spf_run {
    struct spf_lookups lookups;
    const char *local_part; /* of the identity: "postmaster" with HELO */
    const char *sender_domain;
    const char *helo;
    const char *receiver;
    int64_t now_s;           /* of the check */
    struct spf_trace *trace; /* NULL: none */
    unsigned terms;
    unsigned voids;
};

/** Where the check stands: one for the identity's domain, one more for each include around. */
struct spf_level {
    char domain[SPF_NAME_SIZE]; /* the current <domain>; a redirect replaces it */
    const struct spf_policy *policy;
    unsigned depth;
};

void spf_level_done(struct spf_level *level);

/**
 * Evaluate the policy of `level->domain`. On return the level is at the domain that decided.
 *
 * @return as RFC 7208, 2.6; lookups.problem says why with temperror and permerror
 */
enum auth_result spf_evaluate(struct spf_run *run, struct spf_level *level);

/**
 * The explanation of a fail (RFC 7208, 6.2) of the level that decided: printable ASCII, "" when
 * there is none that can be used.
 */
void spf_explain(struct spf_run *run, const struct spf_level *level, char *out, size_t size);

#endif
