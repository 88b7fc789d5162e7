// SPDX-License-Identifier: Apache-2.0
// One MAIL transaction: which recipients are ours, and what was agreed for them at RCPT. The first
// one we accept fixes tenant and policy, so that one answer at the end can be right for all.
#ifndef MILTER_TRANSACTION_H
#define MILTER_TRANSACTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/address.h"
#include "common/forwarder.h"
#include "common/intake_protocol.h"
#include "common/policy.h"
#include "common/strbuf.h"
#include "milter/answer.h"
#include "milter/message_buffer.h"
#include "milter/own_mail.h"

enum { TRANSACTION_KEY_SIZE = 129 };

struct transaction {
    char *sender;           /* as in MAIL FROM, without angle brackets */
    uint64_t declared_size; /* SIZE=; 0 when not given */
    bool asked;             /* the daemon may hold a reservation */
    size_t ours;
    size_t others;            /* recipients that are the MTA's own business */
    struct strbuf recipients; /* ours, as in RCPT TO, each with '\n' behind it */
    char tenant[TRANSACTION_KEY_SIZE];
    char policy_key[TRANSACTION_KEY_SIZE];
    char domain[DOMAIN_NAME_SIZE]; /* of the first one */
    struct policy policy;
    struct forwarders *forwarders; /* registered for them; NULL: none */
    bool trusted;                  /* the message is not judged */
    uint64_t max_message;
    struct message_buffer *buffer; /* from DATA on, when the message is to be judged */
    const struct own_mail *own;    /* rules for mail of the MTA's own; NULL: it is not judged */
    bool cleaned;                  /* forged fields leave the MTA's copy */
    struct forged_list forged;
    char *results;      /* field value for the MTA's copy; NULL: none */
    char *received_spf; /* likewise */
};

void transaction_init(struct transaction *transaction);

/** Forget everything; ready for the next MAIL. */
void transaction_done(struct transaction *transaction);

/** MAIL FROM: `arguments` are the address and the ESMTP parameters, NULL-terminated. */
void transaction_begin(struct transaction *transaction, char *const *arguments);

/** A recipient of the MTA's own: apply the rules, fill `out`. */
void transaction_add_other(struct transaction *transaction, struct answer *out);

/** The daemon answered for this recipient: apply the rules, fill `out`. */
void transaction_add(struct transaction *transaction, const char *recipient,
                     const struct intake_rcpt_answer *daemon, struct answer *out);

/** Walk our recipients as they were in RCPT TO: *offset starts at 0; false at the end. */
bool transaction_next_recipient(const struct transaction *transaction, size_t *offset, char *out,
                                size_t size);

/** Append our recipients without angle brackets, one a line. */
void transaction_list_recipients(const struct transaction *transaction, struct strbuf *out);

static inline bool
transaction_is_mixed(const struct transaction *transaction)
{
    return transaction->ours > 0 && transaction->others > 0;
}

/** True if mail to ours is judged otherwise than a stranger's: the client is trusted, or forwarders
 *  are registered. */
static inline bool
transaction_is_excused(const struct transaction *transaction)
{
    return transaction->trusted || transaction->forwarders != NULL;
}

/** True if the MTA's copy of the message gets a verdict. */
static inline bool
transaction_judges_own(const struct transaction *transaction)
{
    return transaction->own != NULL && transaction->others > 0;
}

#endif
