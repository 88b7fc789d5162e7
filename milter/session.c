// SPDX-License-Identifier: Apache-2.0
#include "milter/session.h"

#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/xalloc.h"

static void
copy_text(char *out, size_t size, const char *text)
{
    (void)snprintf(out, size, "%s", text == NULL ? "" : text);
}

struct session *
session_new(const struct host *host, const char *client_name, const char *client_address,
            const char *mta_name)
{
    struct session *session = xcalloc(1, sizeof(*session));
    session->host = host;
    session->counted = limiter_enter(host->sessions);
    copy_text(session->client_name, sizeof(session->client_name), client_name);
    copy_text(session->client_address, sizeof(session->client_address), client_address);
    copy_text(session->mta_name, sizeof(session->mta_name), mta_name);
    session->trusted = own_mail_trusts(&host->own, session->client_address);
    session->intake = intake_pool_take(host->intake);
    transaction_init(&session->transaction);
    return session;
}

void
session_free(struct session *session)
{
    if (session == NULL) {
        return;
    }
    session_reset(session); // the daemon drops what it reserved
    intake_pool_give(session->host->intake, session->intake);
    if (session->counted) {
        limiter_leave(session->host->sessions);
    }
    free(session);
}

void
session_helo(struct session *session, const char *name)
{
    copy_text(session->helo, sizeof(session->helo), name);
}

void
session_mail(struct session *session, char *const *arguments, bool authenticated)
{
    session_reset(session);
    session->authenticated = authenticated;
    transaction_begin(&session->transaction, arguments);
    const struct own_mail *own = &session->host->own;
    if (own->judged && !session->trusted && !authenticated) {
        session->transaction.own = own;
    }
}

static bool
has_control_bytes(const char *text)
{
    for (const char *c = text; *c != '\0'; c++) {
        if ((unsigned char)*c < ' ' || *c == 0x7f) {
            return true;
        }
    }
    return false;
}

// No answer about this recipient: outage.h tells which ones may go on. Beside a recipient that was
// accepted as ours none does: it may be ours too, and nothing is known of its tenant.
static void
answer_unreachable(struct session *session, const char *recipient, const char *mailer,
                   const struct why *why, struct answer *out)
{
    struct transaction *transaction = &session->transaction;
    if (!session->warned) {
        session->warned = true;
        log_warn("intake.unreachable", LOG_STR("why", why->text),
                 LOG_STR("client", session->client_address));
    }
    if (transaction->ours > 0 || outage_must_wait(session->host->outage, recipient, mailer,
                                                  session->authenticated, clock_mono_ms())) {
        answer_reply(out, 451, "4.3.0", "mail routing is restarting, try again later");
        return;
    }
    transaction_add_other(transaction, out);
}

void
session_rcpt(struct session *session, const char *recipient, const char *mailer, struct answer *out)
{
    struct transaction *transaction = &session->transaction;
    if (has_control_bytes(recipient)) {
        answer_reply(out, 553, "5.1.3", "the address has control characters");
        return;
    }
    struct intake_rcpt question = {
        .recipient = recipient,
        .client_address = session->client_address,
        .authenticated = session->authenticated ? 1 : 0,
        .size = transaction->declared_size,
    };
    struct intake_rcpt_answer daemon;
    struct why why = {""};
    enum status status = intake_client_rcpt(session->intake, &question, &daemon, &why);
    if (status == ST_TOO_LARGE) {
        answer_reply(out, 553, "5.1.3", "the address is too long");
    } else if (status != ST_OK) {
        answer_unreachable(session, recipient, mailer, &why, out);
    } else {
        transaction->asked = transaction->asked || daemon.decision == GATE_ACCEPT;
        outage_heard(session->host->outage, recipient, daemon.decision != GATE_NOT_OURS);
        transaction_add(transaction, recipient, &daemon, out);
    }
}

void
session_data(struct session *session, const char *queue_id, struct answer *out)
{
    struct transaction *transaction = &session->transaction;
    copy_text(session->queue_id, sizeof(session->queue_id), queue_id);
    transaction->cleaned =
        session->host->own.judged && !session->trusted && transaction->others > 0;
    if (transaction->ours == 0 && !transaction->cleaned) {
        *out = (struct answer){.kind = ANSWER_ACCEPT};
        return;
    }
    if (transaction->ours > 0) {
        transaction->buffer = message_buffer_new(session->host->spool, transaction->max_message);
    } else if (transaction_judges_own(transaction)) {
        transaction->buffer = message_buffer_new(session->host->spool, OWN_MAIL_BYTES_MAX);
    }
    *out = (struct answer){.kind = ANSWER_CONTINUE};
}

void
session_field(struct session *session, const char *name, const char *value)
{
    struct transaction *transaction = &session->transaction;
    if (transaction->buffer != NULL) {
        message_buffer_add_field(transaction->buffer, name, value);
    }
    if (transaction->cleaned) {
        forged_list_see(&transaction->forged, session->host->own.authserv_id, name, value);
    }
}

void
session_reset(struct session *session)
{
    if (session->transaction.asked) {
        intake_client_reset(session->intake);
    }
    session->queue_id[0] = '\0';
    transaction_done(&session->transaction);
}
