// SPDX-License-Identifier: Apache-2.0
// One SMTP session as the milter sees it: who the client is, its connection to the daemon, and the
// transaction under way. libmilter calls from changing threads, one at a time.
#ifndef MILTER_SESSION_H
#define MILTER_SESSION_H

#include "milter/answer.h"
#include "milter/host.h"
#include "milter/intake_client.h"
#include "milter/transaction.h"

enum { SESSION_NAME_SIZE = 256 }; /* names and HELO arguments are cut to this; RFC 1035: 253 */

struct session {
    const struct host *host;
    char client_name[SESSION_NAME_SIZE];
    char client_address[64]; /* IP text; "" when unknown */
    char helo[SESSION_NAME_SIZE];
    char mta_name[SESSION_NAME_SIZE]; /* macro j */
    char queue_id[64];                /* macro i, known from DATA on */
    bool authenticated;
    bool trusted; /* mail of the MTA's own is left alone */
    bool counted; /* in host->sessions */
    bool warned;  /* that the daemon is away: once a session is enough */
    struct intake_client *intake;
    struct transaction transaction;
};

/** @host borrowed. Connects nothing yet. NULL texts count as "". */
struct session *session_new(const struct host *host, const char *client_name,
                            const char *client_address, const char *mta_name);
void session_free(struct session *session); /* NULL-safe */

void session_helo(struct session *session, const char *name);

/** @arguments as transaction_begin */
void session_mail(struct session *session, char *const *arguments, bool authenticated);

/**
 * Blocks on the daemon's answer, at most 2 × INTAKE_RCPT_TIMEOUT_MS.
 *
 * @mailer  the transport the MTA has chosen (macro {rcpt_mailer}); "" when it does not tell
 */
void session_rcpt(struct session *session, const char *recipient, const char *mailer,
                  struct answer *out);

/** ANSWER_ACCEPT when no recipient is ours, and the MTA's own mail is left alone: then no byte of
 *  the message comes here. */
void session_data(struct session *session, const char *queue_id, struct answer *out);

/** One header field; `value` begins with what followed the colon. */
void session_field(struct session *session, const char *name, const char *value);

/** The transaction ended, however: drop it, and the daemon's reservation for it. */
void session_reset(struct session *session);

#endif
