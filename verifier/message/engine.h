// SPDX-License-Identifier: Apache-2.0
// What stands behind auth.h: an engine finds out SPF, DKIM and ARC of one message.
#ifndef VERIFIER_MESSAGE_ENGINE_H
#define VERIFIER_MESSAGE_ENGINE_H

#include "common/verdict.h"
#include "verifier/dns/dns.h"
#include "verifier/message/arc.h"
#include "verifier/message/auth.h"
#include "verifier/message/from.h"
#include "verifier/message/helper_pool.h"
#include "verifier/message/identities.h"

/** One message, for any engine. */
struct engine_task {
    const struct auth_message *message;
    const struct identities *identities; /* of it */
    const char *header;                  /* its header block; NULL: only SPF is wanted */
    enum from_status from;               /* whether the author was found */
    const char *author;                  /* domain of From; "": not found */
    const char *receiver;                /* our name */
    struct dns *dns;
    struct dns_budget *budget;
    struct arc_trail *trail; /* out: the sets of the ARC chain. NULL: not wanted */
};

/** Our own engines, with what they remember. */
struct engine_own;

struct engine_own *engine_own_new(void);

/** No check may be under way. NULL-safe. */
void engine_own_free(struct engine_own *engine);

/**
 * Fill in spf, dkim and arc of the verdict.
 *
 * @return ST_OK; ST_IO: the message could not be read, only spf is filled
 * @thread any; blocks on the DNS up to the budget's deadline
 */
MUST_CHECK enum status engine_own_check(struct engine_own *engine, const struct engine_task *task,
                                        struct verdict *out, struct why *why);

/**
 * The same by mailspur-reference, which knows no ARC.
 *
 * @return ST_OK; ST_AGAIN: there was no answer, nothing is filled
 * @thread any; blocks up to the budget's deadline
 */
MUST_CHECK enum status engine_reference_check(struct helper_pool *pool,
                                              const struct engine_task *task, struct verdict *out,
                                              struct why *why);

#endif
