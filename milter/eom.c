// SPDX-License-Identifier: Apache-2.0
#include "milter/eom.h"

#include <stdio.h>

#include "common/clock.h"
#include "common/id.h"
#include "common/log.h"
#include "milter/notes.h"
#include "milter/policy.h"

static const char TOO_MANY_FORGED[] = "too many Authentication-Results fields in our name";

/* All that is found out about one message on its way through this file. */
struct message {
    struct message_bytes bytes;
    struct verdict ours;           /* unless it is the same as that of the MTA's own copy */
    struct verdict own;            /* of the MTA's own copy */
    const struct verdict *verdict; /* that counts for ours; without ours, for the MTA's own copy */
    const char *hold;              /* static */
    const char *event;
    const char *reason; /* static, or status words, for the log */
    char id[ID_SIZE];   /* ours, or of the evidence of a refusal; "" when there is neither */
    int64_t started_ms;
    struct notes notes;
    struct policy_case input; /* what decided for ours */
    struct strbuf verdict_json;
    struct strbuf evidence; /* "" when none is kept */
};

static void
message_done(struct message *message)
{
    notes_done(&message->notes);
    strbuf_done(&message->verdict_json);
    strbuf_done(&message->evidence);
}

static void
log_message(const struct session *session, const struct message *message,
            const struct answer *answer)
{
    log_info(
        message->event, LOG_STR("queue_id", session->queue_id), LOG_STR("message", message->id),
        LOG_STR("domain", session->transaction.domain), LOG_STR("client", session->client_address),
        LOG_STR("spf", auth_result_name(message->verdict->spf.result)),
        LOG_STR("dkim", auth_result_name(verdict_dkim_overall(message->verdict))),
        LOG_STR("dmarc", auth_result_name(message->verdict->dmarc.result)),
        LOG_STR("forwarder", message->verdict->forwarder.name),
        LOG_STR("forwarded", forwarder_result_name(message->verdict->forwarder.result)),
        LOG_STR("reason", message->reason), LOG_INT("reply", answer->code),
        LOG_INT("forged", session->transaction.forged.count), LOG_INT("bytes", message->bytes.size),
        LOG_INT("ms", clock_mono_ms() - message->started_ms));
}

static void
check(const struct session *session, struct message *message, const struct forwarders *forwarders,
      bool is_noted, struct verdict *verdict_out)
{
    const struct auth_message input = {
        .label = session->queue_id,
        .client_address = session->client_address,
        .helo = session->helo,
        .sender = session->transaction.sender,
        .data = message->bytes.data,
        .fd = message->bytes.fd,
        .size = message->bytes.size,
        .header_length = message->bytes.header_length,
        .forwarders = forwarders,
        .now_s = message->notes.now_s,
        .recorder = is_noted ? message->notes.recorder : NULL,
        .trace = is_noted && message->notes.recorder != NULL ? &message->notes.trace : NULL,
    };
    auth_check(session->host->auth, &input, verdict_out);
}

// The MTA's own copy is judged without regard to the forwarders that a tenant has registered.
static void
judge(struct session *session, struct message *message)
{
    struct transaction *transaction = &session->transaction;
    bool own = transaction_judges_own(transaction);
    if (own) {
        check(session, message, NULL, !transaction_is_excused(transaction), &message->own);
        transaction->results = own_mail_fold(message->own.authentication_results);
        if (message->own.received_spf[0] != '\0') {
            transaction->received_spf = own_mail_fold(message->own.received_spf);
        }
    }
    if (transaction->ours == 0 || (own && !transaction_is_excused(transaction))) {
        message->verdict = &message->own;
    } else if (transaction->trusted || session->authenticated) {
        auth_local(session->host->auth, &message->ours);
    } else {
        check(session, message, transaction->forwarders, true, &message->ours);
    }
}

static void
apply_policy(const struct session *session, struct policy_case *input, const char *domain,
             struct policy_decision *decision_out)
{
    if (policy_may_defer(input->policy, input->verdict)) {
        input->deferred_since_ms = defer_memory_age(
            session->host->deferred, input->verdict->dmarc.domain, domain, clock_mono_ms());
    }
    policy_decide(input, decision_out);
}

static void
decide_ours(const struct session *session, struct message *message, bool mixed,
            struct policy_decision *decision_out)
{
    message->input = (struct policy_case){
        .policy = &session->transaction.policy, .verdict = message->verdict, .mixed = mixed};
    apply_policy(session, &message->input, session->transaction.domain, decision_out);
}

// The MTA has no place where mail waits to be released: what would be held goes on, marked.
static void
decide_own(const struct session *session, const struct message *message,
           struct policy_decision *decision_out)
{
    *decision_out = (struct policy_decision){.action = POLICY_ACCEPT, .hold = ""};
    if (!transaction_judges_own(&session->transaction)) {
        return;
    }
    struct policy_case input = {.policy = &session->host->own.policy, .verdict = &message->own};
    apply_policy(session, &input, "", decision_out);
    if (decision_out->action == POLICY_HOLD) {
        *decision_out = (struct policy_decision){.action = POLICY_ACCEPT, .hold = ""};
    }
}

// One answer for all: what both ask for, or else what harms neither.
static void
decide(const struct session *session, struct message *message, struct policy_decision *decision_out)
{
    struct policy_decision own;
    decide_own(session, message, &own);
    if (session->transaction.ours == 0) {
        *decision_out = own;
        return;
    }
    bool mixed = transaction_is_mixed(&session->transaction);
    decide_ours(session, message, false, decision_out);
    if (mixed && decision_out->action != own.action) {
        decide_ours(session, message, true, decision_out);
    }
}

// The daemon keeps it: what the MTA is to do with its own copy.
static void
answer_stored(const struct transaction *transaction, struct answer *out)
{
    *out =
        (struct answer){.kind = transaction_is_mixed(transaction) ? ANSWER_REMOVE : ANSWER_DISCARD};
}

// The daemon does not keep it. A 5xx would also refuse the recipients of the MTA's own, who have
// nothing to do with it: put off instead, and the daemon's next answer at RCPT separates them.
static void
answer_not_stored(const struct transaction *transaction, const struct smtp_reply *reply,
                  struct answer *out)
{
    answer_relay(out, reply);
    if (transaction_is_mixed(transaction) && out->code >= 500) {
        answer_reply(out, 451, "4.3.0", "try again later");
    }
}

static enum status
hand_over(struct session *session, const struct message *message, intake_progress_fn progress,
          void *arg, struct intake_commit_answer *daemon_out, struct why *why)
{
    AUTO_STRBUF recipients = STRBUF_INIT(INTAKE_RECIPIENTS_TEXT_MAX);
    transaction_list_recipients(&session->transaction, &recipients);
    const struct intake_commit commit = {
        .queue_id = session->queue_id,
        .mta_name = session->mta_name,
        .sender = session->transaction.sender,
        .client_address = session->client_address,
        .client_name = session->client_name,
        .helo = session->helo,
        .recipients = strbuf_text(&recipients),
        .verdict = strbuf_text(&message->verdict_json),
        .hold = message->hold,
        .policy_key = session->transaction.policy_key,
        .evidence = strbuf_text(&message->evidence),
        .size = message->bytes.size,
        .header_length = message->bytes.header_length,
        .received_at = (uint64_t)clock_wall_ms(),
    };
    return intake_client_commit(session->intake, &commit, message->bytes.fd, progress, arg,
                                daemon_out, why);
}

static void
commit(struct session *session, struct message *message, intake_progress_fn progress, void *arg,
       struct answer *out)
{
    struct intake_commit_answer daemon;
    struct why why = {""};
    enum status status = message->verdict_json.overflow
                             ? why_set(&why, ST_BUG, "the verdict is larger than the protocol's")
                             : hand_over(session, message, progress, arg, &daemon, &why);
    if (status != ST_OK) {
        log_warn("commit.failed", LOG_STR("queue_id", session->queue_id),
                 LOG_STR("status", status_name(status)), LOG_STR("why", why.text));
        message->event = "message.deferred";
        message->reason = "commit_failed";
        answer_reply(out, 451, "4.3.0", "mail routing does not answer, try again later");
        return;
    }
    session->transaction.asked = false; // the reservation became the message, or was dropped
    if (daemon.outcome == INTAKE_STORED || daemon.outcome == INTAKE_DUPLICATE) {
        (void)snprintf(message->id, sizeof(message->id), "%s", daemon.message_id);
        message->event = message->hold[0] == '\0' ? "message.accepted" : "message.held";
        message->reason = daemon.outcome == INTAKE_DUPLICATE ? "duplicate" : message->hold;
        answer_stored(&session->transaction, out);
        return;
    }
    answer_not_stored(&session->transaction, &daemon.reply, out);
    message->event = out->code >= 500 ? "message.refused" : "message.deferred";
    message->reason = "not_stored";
}

static void
take_notes(const struct session *session, struct message *message,
           const struct policy_decision *decision)
{
    if (session->transaction.ours == 0) {
        return;
    }
    verdict_format_json(message->verdict, &message->verdict_json);
    const struct notes_outcome outcome = {.bytes = &message->bytes,
                                          .verdict = strbuf_text(&message->verdict_json),
                                          .input = &message->input,
                                          .decision = decision};
    notes_format(&message->notes, session, &outcome, &message->evidence);
    if (message->evidence.overflow) {
        strbuf_reset(&message->evidence); // the message goes on without
    }
}

// Who asks why a message was refused has only the answer: it names the evidence, if there is any.
static void
send_refusal(struct session *session, struct message *message, struct answer *out)
{
    const struct id id = id_new();
    const struct answer reply = *out;
    const struct intake_refused refused = {.id = id.text,
                                           .queue_id = session->queue_id,
                                           .tenant = session->transaction.tenant,
                                           .domain = session->transaction.domain,
                                           .evidence = strbuf_text(&message->evidence)};
    struct intake_refused_answer answer;
    struct why why;
    if (message->evidence.length == 0) {
        return;
    }
    if (intake_client_refused(session->intake, &refused, &answer, &why) != ST_OK) {
        log_warn("evidence.not_sent", LOG_STR("queue_id", session->queue_id),
                 LOG_STR("why", why.text));
        return;
    }
    if (answer.kept == 0) {
        return;
    }
    (void)snprintf(message->id, sizeof(message->id), "%s", id.text);
    answer_reply(out, reply.code, reply.enhanced, "%s (%s)", reply.text, id.text);
}

static void
process(struct session *session, struct message *message, intake_progress_fn progress, void *arg,
        struct answer *out)
{
    judge(session, message);
    struct policy_decision decision;
    decide(session, message, &decision);
    take_notes(session, message, &decision);
    message->hold = decision.hold;
    if (decision.action == POLICY_REFUSE || decision.action == POLICY_DEFER) {
        *out = decision.reply;
        message->event = decision.action == POLICY_REFUSE ? "message.refused" : "message.deferred";
        message->reason = "dmarc";
        if (decision.action == POLICY_REFUSE) {
            send_refusal(session, message, out);
        }
        return;
    }
    if (session->transaction.ours == 0) {
        *out = (struct answer){.kind = ANSWER_CONTINUE};
        message->event = "message.passed";
        return;
    }
    if (!progress(arg)) { // authentication may have taken its 20 s: start the MTA's clock anew
        message->event = "message.deferred";
        message->reason = "mta_gone";
        answer_reply(out, 451, "4.3.0", "try again later");
        return;
    }
    commit(session, message, progress, arg, out);
}

// The MTA's own mail that is only marked goes on even when it could not be kept for the verdict:
// then that is one of SPF.
static bool
passes_unread(const struct transaction *transaction)
{
    return transaction->ours == 0 && transaction->own->policy.dmarc != DMARC_MODE_ENFORCE;
}

// Mail that is not judged: at most its forged fields go.
static void
pass_unjudged(const struct session *session, struct answer *out)
{
    const struct forged_list *forged = &session->transaction.forged;
    *out = (struct answer){.kind = ANSWER_CONTINUE};
    if (forged->overflow) {
        answer_reply(out, 550, "5.7.1", "%s", TOO_MANY_FORGED);
    }
    if (forged->count > 0) {
        log_info(forged->overflow ? "message.refused" : "message.passed",
                 LOG_STR("queue_id", session->queue_id), LOG_STR("client", session->client_address),
                 LOG_INT("forged", forged->count));
    }
}

// What stands in the way before the message is even looked at; false: nothing.
static bool
answer_early(struct session *session, struct message *message, struct answer *out)
{
    struct transaction *transaction = &session->transaction;
    struct why why = {""};
    if (transaction->buffer == NULL) { // DATA was never told to us
        message->reason = "no_data";
        answer_reply(out, 451, "4.3.0", "mail routing is restarting, try again later");
        return true;
    }
    if (transaction->forged.overflow) {
        message->reason = "forged_fields";
        answer_reply(out, 550, "5.7.1", "%s", TOO_MANY_FORGED);
        return true;
    }
    bool stays_here = transaction->ours == 0 && !auth_needs_file(session->host->auth);
    enum status status = message_buffer_finish(transaction->buffer,
                                               stays_here ? MESSAGE_FORM_ANY : MESSAGE_FORM_FILE,
                                               &message->bytes, &why);
    if (status != ST_OK && passes_unread(transaction)) {
        log_warn("buffer.failed", LOG_STR("queue_id", session->queue_id),
                 LOG_STR("status", status_name(status)), LOG_STR("why", why.text));
        message->bytes = (struct message_bytes){.fd = -1};
    } else if (status != ST_OK) {
        // Too large stays 552 in a mixed transaction: later it is no smaller, and Postfix's own
        // limit (message_size_limit) is the same.
        message->reason = status_name(status);
        answer_failure(out, status);
        if (status != ST_TOO_LARGE) {
            log_err("buffer.failed", LOG_STR("queue_id", session->queue_id),
                    LOG_STR("status", status_name(status)), LOG_STR("why", why.text));
        }
        return true;
    }
    if (!limiter_enter(session->host->messages)) {
        message->reason = "busy";
        answer_reply(out, 451, "4.3.2", "too many messages at once, try again later");
        return true;
    }
    return false;
}

void
eom_decide(struct session *session, intake_progress_fn progress, void *arg, struct answer *out)
{
    const struct transaction *transaction = &session->transaction;
    if (transaction->ours == 0 && !transaction_judges_own(transaction)) {
        pass_unjudged(session, out);
        return;
    }
    AUTO(message_done)
    struct message message = {.started_ms = clock_mono_ms(),
                              .hold = "",
                              .reason = "",
                              .verdict_json = STRBUF_INIT(INTAKE_VERDICT_MAX),
                              .evidence = STRBUF_INIT(EVIDENCE_MAX)};
    message.verdict = &message.ours;
    notes_begin(&message.notes, session->host->keep_evidence && transaction->ours > 0);
    bool entered = false;
    if (answer_early(session, &message, out)) {
        message.event = out->code >= 500 ? "message.refused" : "message.deferred";
    } else {
        process(session, &message, progress, arg, out);
        entered = true;
    }
    log_message(session, &message, out);
    if (entered) {
        limiter_leave(session->host->messages); // last: at stop the process ends behind it
    }
}
