// SPDX-License-Identifier: Apache-2.0
#include "milter/notes.h"

#include <stdio.h>

#include "common/clock.h"

void
notes_begin(struct notes *notes, bool wanted)
{
    *notes = (struct notes){
        .recorder = wanted ? dns_recorder_new() : NULL,
        .trace = {.text = STRBUF_INIT(EVIDENCE_TRACE_MAX)},
        .now_s = clock_wall_ms() / 1000,
    };
}

void
notes_done(struct notes *notes)
{
    dns_recorder_free(notes->recorder);
    strbuf_done(&notes->trace.text);
}

static const char *
action_word(enum policy_action action)
{
    static const char *const words[] = {[POLICY_ACCEPT] = "accept",
                                        [POLICY_HOLD] = "hold",
                                        [POLICY_REFUSE] = "refuse",
                                        [POLICY_DEFER] = "defer"};
    return words[action];
}

static void
format_reply(const struct policy_decision *decision, char *out, size_t size)
{
    bool has_reply = decision->action == POLICY_REFUSE || decision->action == POLICY_DEFER;
    const struct answer *reply = &decision->reply;
    out[0] = '\0';
    if (has_reply) {
        (void)snprintf(out, size, "%u %s %s", reply->code, reply->enhanced, reply->text);
    }
}

void
notes_format(const struct notes *notes, const struct session *session,
             const struct notes_outcome *outcome, struct strbuf *out)
{
    if (notes->recorder == NULL) {
        return;
    }
    const struct transaction *transaction = &session->transaction;
    char reply[sizeof(outcome->decision->reply)];
    AUTO_STRBUF dns = STRBUF_INIT(EVIDENCE_DNS_MAX);
    AUTO_STRBUF forwarders = STRBUF_INIT(FORWARDERS_TEXT_MAX);
    AUTO_STRBUF recipients = STRBUF_INIT(INTAKE_RECIPIENTS_TEXT_MAX);
    size_t left_out = dns_recorder_format(notes->recorder, &dns);
    if (transaction->forwarders != NULL) {
        forwarders_format(transaction->forwarders, &forwarders);
    }
    transaction_list_recipients(transaction, &recipients);
    format_reply(outcome->decision, reply, sizeof(reply));
    const struct evidence evidence = {
        .now_s = notes->now_s,
        .queue_id = session->queue_id,
        .client_address = session->client_address,
        .client_name = session->client_name,
        .helo = session->helo,
        .sender = transaction->sender,
        .recipients = strbuf_text(&recipients),
        .size = outcome->bytes->size,
        .header_length = outcome->bytes->header_length,
        .authserv_id = session->host->authserv_id,
        .discovery = session->host->discovery,
        .forwarders = strbuf_text(&forwarders),
        .dns = strbuf_text(&dns),
        .dns_left_out = left_out,
        .spf_trace = strbuf_text(&notes->trace.text),
        .trace_cut = notes->trace.text.overflow,
        .policy = transaction->policy,
        .mixed = outcome->input->mixed,
        .deferred_since_ms = outcome->input->deferred_since_ms,
        .action = action_word(outcome->decision->action),
        .reason = outcome->decision->hold,
        .reply = reply,
        .verdict = outcome->verdict,
    };
    evidence_format(&evidence, out);
}
