// SPDX-License-Identifier: Apache-2.0
// Between tenants: who may have which name. Decisions on rows, without store or network.
//
//   A name has one holder, and may have claims of other tenants beside it, each with a token of its
//   own. The holder keeps the name while its token stands. When it is gone, and the claim's is on
//   all servers, twice, CLAIMS_CONFIRM_MS apart, the name moves. A name that nobody has proven yet
//   goes to the first who does. Of names above and below each other, whoever proves the second one
//   waits for the operator's approval: names that nobody has proven ask nobody for anything, and
//   what a tenant has proven it keeps. An approval is of one entry, for as long as it is there.
#ifndef VERIFIER_DOMAIN_CLAIMS_H
#define VERIFIER_DOMAIN_CLAIMS_H

#include "common/status.h"
#include "verifier/domain/state.h"

#define CLAIMS_CONFIRM_MS STATE_HOUR_MS /* between two looks that agree before a name moves */
#define CLAIMS_DRIFT_MS STATE_MINUTE_MS /* clocks that are kept right differ by less */

/** What a row means for a name that `tenant` would like to add. */
enum claims_relation {
    CLAIMS_FREE,   /* nothing */
    CLAIMS_OWN,    /* the tenant has added it already */
    CLAIMS_TAKEN,  /* another tenant was first: it can only be claimed */
    CLAIMS_RELATED /* another tenant holds a name above or below it: the operator has to approve */
};

/** True when the tenant has proven to own the name, at any time, and nobody took it away. */
bool claims_is_held(const struct store_domain *row);

enum claims_relation claims_relate(const struct store_domain *row, const char *tenant,
                                   const char *name);

/** True while the row may not be verified nor take mail, whatever its records say. */
bool claims_waits(const struct store_domain *row);

/** What a check means for such a row: nothing passes yet. */
void claims_limit(struct domain_outcome *outcome);

/**
 * Why the row waits, as one sentence that names no other tenant; NULL when it does not.
 *
 * @is_held  of a claim: the one who has the name has proven to own it
 */
const char *claims_explain(const struct store_domain *row, bool is_held);

/** Event "domain.needs_approval" when the row waits for it and did not before. */
void claims_tell_approval(const struct store_domain *row, bool waited, struct domain_step *step);

/** What one look found of both proofs of ownership. */
struct claims_seen {
    enum check_outcome mine; /* of the one who claims */
    enum check_outcome holders;
    bool resolver_only;     /* the zone's own servers could not be asked: it proves nothing */
    bool holder_was_proven; /* at any time */
    int64_t holder_seen_at; /* when its proof was last seen; 0: never */
};

/** Time, as far as it can be trusted for taking a name away. */
struct claims_time {
    int64_t now;      /* the store's clock */
    int64_t ahead_ms; /* how far the wall clock is ahead of where it should be by now */
    int64_t up_ms;    /* since when this process watches */
    bool trusted;     /* the clock did not jump */
};

/**
 * Judge a claim after a look.
 *
 * @claim     claim_seen_at and contested_at are kept
 * @step_out  changed when they moved; event "domain.contested" once in a contest
 * @return    true: the name is the claimant's now
 */
bool claims_judge(struct store_domain *claim, const struct claims_seen *seen,
                  const struct claims_time *time, struct domain_step *step_out);

#endif
