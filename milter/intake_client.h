// SPDX-License-Identifier: Apache-2.0
// The milter's side of intake.sock: a connection per SMTP session, opened when first needed, and
// kept for sessions to come.
#ifndef MILTER_INTAKE_CLIENT_H
#define MILTER_INTAKE_CLIENT_H

#include <stdbool.h>

#include "common/intake_protocol.h"
#include "common/status.h"

enum {
    /* The daemon answers RCPT from memory; one that does not is gone. Far below Postfix's
     * milter_command_timeout (30 s): past it every later recipient of the session gets 451. */
    INTAKE_RCPT_TIMEOUT_MS = 5000,
    INTAKE_PROGRESS_MS = 10000,    /* how often the MTA is told that we still wait */
    INTAKE_COMMIT_MAX_MS = 240000, /* the SMTP client waits 10 minutes (RFC 5321, 4.5.3.2.6) */
};

/* Connections kept while no session needs them; the daemon takes 4000 in all. */
enum { INTAKE_IDLE_MAX = 64 };

struct intake_client;
struct intake_pool;

/** @path borrowed. Connects nothing yet. */
struct intake_pool *intake_pool_new(const char *path);
void intake_pool_free(struct intake_pool *pool); /* NULL-safe; all clients were given back */

/** A client for one session, with a connection if one is kept. Never NULL. Any thread; so is the
 *  other. */
struct intake_client *intake_pool_take(struct intake_pool *pool);

/** The session is over, and so is its transaction: intake_client_reset() was called where the
 *  daemon holds something for it. */
void intake_pool_give(struct intake_pool *pool, struct intake_client *client);

/** True while a connection stands. For tests. */
bool intake_client_is_open(const struct intake_client *client);

/**
 * Ask about one recipient. Connects if need be, and once more if the connection turns out dead: the
 * daemon was restarted. It decides every recipient again at
 * COMMIT, so that it need not know those accepted before.
 *
 * @answer_out  its texts are valid until the next call
 * @return      ST_OK; ST_TOO_LARGE: an address too long to ask about; ST_AGAIN, ST_IO, ST_INVALID:
 *              no usable answer, the connection is closed
 */
MUST_CHECK enum status intake_client_rcpt(struct intake_client *client,
                                          const struct intake_rcpt *question,
                                          struct intake_rcpt_answer *answer_out, struct why *why);

/** Called every INTAKE_PROGRESS_MS of waiting; false: nobody waits for the answer any more. */
typedef bool (*intake_progress_fn)(void *arg);

/**
 * Hand over the message and wait for the outcome, then acknowledge it. When the connection turns
 * out dead before the answer (the daemon was restarted), the message is handed over once more: if
 * the first copy is stored, the daemon knows it by the key of dedupe.
 *
 * @fd      the message's bytes; stays the caller's
 * @return  as above. The message may be stored all the same when the answer did not come: the
 *          sender repeats it and the daemon knows the copy.
 */
MUST_CHECK enum status intake_client_commit(struct intake_client *client,
                                            const struct intake_commit *message, int fd,
                                            intake_progress_fn progress, void *arg,
                                            struct intake_commit_answer *answer_out,
                                            struct why *why);

/**
 * Tell why a message was refused, and hear whether that is kept. Connects and repeats as
 * intake_client_rcpt, and waits as long.
 *
 * @return  as above; it may be kept all the same when the answer did not come
 */
MUST_CHECK enum status intake_client_refused(struct intake_client *client,
                                             const struct intake_refused *refused,
                                             struct intake_refused_answer *answer_out,
                                             struct why *why);

/** The transaction is over without a commit. */
void intake_client_reset(struct intake_client *client);

#endif
