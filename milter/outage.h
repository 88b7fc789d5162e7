// SPDX-License-Identifier: Apache-2.0
// What to say of a recipient while mailspurd does not answer. Postfix asks the same daemon over the
// socketmap before we are asked, so a stranger's recipient that gets here during an outage is
// usually the MTA's own and must go on. Two kinds are not, and letting them through would put them
// into Postfix's queue, where the second lock (best_mx_transport = retry:) only holds them:
//   - the daemon said "ours" over the socketmap and died before it could say so here;
//   - a client that Postfix trusts (mynetworks, SASL) writes to one of our names.
// So the names that were ours are remembered, and in the first seconds of an outage a recipient
// that Postfix would send abroad for a stranger waits. All in the milter's memory, asked in outages
// only.
#ifndef MILTER_OUTAGE_H
#define MILTER_OUTAGE_H

#include <stdbool.h>
#include <stdint.h>

enum {
    OUTAGE_NAMES_MAX = 20000, /* later names are protected by the first seconds only */
    /* Longer than smtpd takes from the socketmap's answer to our RCPT. */
    OUTAGE_DOUBT_MS = 10 * 1000
};

struct outage;

struct outage *outage_new(void);
void outage_free(struct outage *outage); /* NULL-safe */

/** The daemon has answered about `recipient`: there is no outage. `ours`: it knows the name. */
void outage_heard(struct outage *outage, const char *recipient, bool ours);

/**
 * The daemon has not answered. True: the recipient has to wait (451); false: it is the MTA's own.
 *
 * @mailer         the transport the MTA has chosen (macro {rcpt_mailer}); "" when it does not tell
 * @authenticated  a SASL client
 * @now_ms         monotonic
 * @thread         any
 */
bool outage_must_wait(struct outage *outage, const char *recipient, const char *mailer,
                      bool authenticated, int64_t now_ms);

#endif
