// SPDX-License-Identifier: Apache-2.0
// What a transaction comes to: every recipient decided again in the configuration in force, and a
// delivery for each recipient and destination.
#ifndef ROUTER_PLAN_H
#define ROUTER_PLAN_H

#include "common/smtp_reply.h"
#include "config/config.h"
#include "store/store.h"
#include "verifier/domain/registry.h"

struct plan {
    const struct config *config; /* borrowed: names below point into it */
    char tenant[STORE_NAME_SIZE];
    const char *domain; /* of the first recipient */
    char **recipients;  /* normalised, each once, in the order of the transaction */
    size_t recipient_count;
    struct store_delivery *deliveries;
    size_t delivery_count;
    char **captures; /* JSON texts the deliveries point to */
    size_t captures_count;
    const char **destinations; /* keys, each once: whom to kick */
    size_t destination_count;
};

struct plan_question {
    const char *recipients; /* one a line, as in RCPT TO */
    const char *hold;       /* not "": the deliveries are held for this reason */
    const char *policy_key; /* that the verdict was judged by */
    int64_t now_ms;         /* of the store */
};

/**
 * Make the plan of a transaction.
 *
 * @config    must stay referenced until plan_done
 * @plan_out  set only when NULL is returned
 * @return    NULL; else the reply to refuse the whole transaction with, static: 451 4.3.0 when a
 *            recipient that was accepted no longer is, has another policy now, or they are of
 *            several tenants;
 * 452 4.5.3 for too many recipients or deliveries (RCPT answers the same before it comes to that;
 *            temporary, because the sender need only split the transaction)
 * @thread    any; never blocks
 */
MUST_CHECK const struct smtp_reply *plan_make(const struct config *config,
                                              struct registry *registry,
                                              const struct plan_question *question,
                                              struct plan *plan_out);

void plan_done(struct plan *plan);

#define AUTO_PLAN AUTO(plan_done) struct plan

#endif
