// SPDX-License-Identifier: Apache-2.0
#include "common/intake_protocol.h"

#include "common/evidence.h"

enum { REPLY_TEXT_MAX = 400, NAME_MAX_BYTES = 1024, ENVELOPE_ADDRESS_MAX = 2048, KEY_MAX = 128 };

static const struct frame_field RCPT[] = {
    FRAME_TEXT_FIELD(1, struct intake_rcpt, recipient, ENVELOPE_ADDRESS_MAX),
    FRAME_TEXT_FIELD(2, struct intake_rcpt, client_address, KEY_MAX),
    FRAME_NUMBER_FIELD(3, struct intake_rcpt, authenticated),
    FRAME_NUMBER_FIELD(4, struct intake_rcpt, size),
};

static const struct frame_field RCPT_ANSWER[] = {
    FRAME_NUMBER_FIELD(1, struct intake_rcpt_answer, decision),
    FRAME_NUMBER_FIELD(2, struct intake_rcpt_answer, reply.code),
    FRAME_TEXT_FIELD(3, struct intake_rcpt_answer, reply.enhanced, KEY_MAX),
    FRAME_TEXT_FIELD(4, struct intake_rcpt_answer, reply.text, REPLY_TEXT_MAX),
    FRAME_TEXT_FIELD(5, struct intake_rcpt_answer, tenant, KEY_MAX),
    FRAME_TEXT_FIELD(6, struct intake_rcpt_answer, domain, DOMAIN_NAME_MAX),
    FRAME_TEXT_FIELD(7, struct intake_rcpt_answer, policy_key, KEY_MAX),
    FRAME_NUMBER_FIELD(8, struct intake_rcpt_answer, dmarc),
    FRAME_NUMBER_FIELD(9, struct intake_rcpt_answer, on_temperror),
    FRAME_NUMBER_FIELD(10, struct intake_rcpt_answer, defer_for_ms),
    FRAME_NUMBER_FIELD(11, struct intake_rcpt_answer, trusted),
    FRAME_NUMBER_FIELD(12, struct intake_rcpt_answer, max_message),
    FRAME_TEXT_FIELD(13, struct intake_rcpt_answer, forwarders, FORWARDERS_TEXT_MAX),
};

static const struct frame_field COMMIT[] = {
    FRAME_TEXT_FIELD(1, struct intake_commit, queue_id, KEY_MAX),
    FRAME_TEXT_FIELD(2, struct intake_commit, mta_name, NAME_MAX_BYTES),
    FRAME_TEXT_FIELD(3, struct intake_commit, sender, ENVELOPE_ADDRESS_MAX),
    FRAME_TEXT_FIELD(4, struct intake_commit, client_address, KEY_MAX),
    FRAME_TEXT_FIELD(5, struct intake_commit, client_name, NAME_MAX_BYTES),
    FRAME_TEXT_FIELD(6, struct intake_commit, helo, NAME_MAX_BYTES),
    FRAME_TEXT_FIELD(7, struct intake_commit, recipients, INTAKE_RECIPIENTS_TEXT_MAX),
    FRAME_TEXT_FIELD(8, struct intake_commit, verdict, INTAKE_VERDICT_MAX),
    FRAME_TEXT_FIELD(9, struct intake_commit, hold, KEY_MAX),
    FRAME_NUMBER_FIELD(10, struct intake_commit, size),
    FRAME_NUMBER_FIELD(11, struct intake_commit, header_length),
    FRAME_NUMBER_FIELD(12, struct intake_commit, received_at),
    FRAME_TEXT_FIELD(13, struct intake_commit, policy_key, KEY_MAX),
    FRAME_TEXT_FIELD(14, struct intake_commit, evidence, EVIDENCE_MAX),
};

// Every field at its cap, and the fields' own tags and lengths.
_Static_assert(INTAKE_RECIPIENTS_TEXT_MAX + INTAKE_VERDICT_MAX + EVIDENCE_MAX + 3 * NAME_MAX_BYTES +
                       ENVELOPE_ADDRESS_MAX + 4 * KEY_MAX + 256 <=
                   FRAME_MAX,
               "the largest COMMIT fits a packet");

static const struct frame_field COMMIT_ANSWER[] = {
    FRAME_NUMBER_FIELD(1, struct intake_commit_answer, outcome),
    FRAME_NUMBER_FIELD(2, struct intake_commit_answer, reply.code),
    FRAME_TEXT_FIELD(3, struct intake_commit_answer, reply.enhanced, KEY_MAX),
    FRAME_TEXT_FIELD(4, struct intake_commit_answer, reply.text, REPLY_TEXT_MAX),
    FRAME_TEXT_FIELD(5, struct intake_commit_answer, message_id, KEY_MAX),
};

static const struct frame_field REFUSED[] = {
    FRAME_TEXT_FIELD(1, struct intake_refused, id, KEY_MAX),
    FRAME_TEXT_FIELD(2, struct intake_refused, queue_id, KEY_MAX),
    FRAME_TEXT_FIELD(3, struct intake_refused, tenant, KEY_MAX),
    FRAME_TEXT_FIELD(4, struct intake_refused, domain, DOMAIN_NAME_MAX),
    FRAME_TEXT_FIELD(5, struct intake_refused, evidence, EVIDENCE_MAX),
};

static const struct frame_field REFUSED_ANSWER[] = {
    FRAME_NUMBER_FIELD(1, struct intake_refused_answer, kept),
};

static const struct frame_field NOTHING[] = {
    FRAME_NUMBER_FIELD(1, struct intake_nothing, unused),
};

const struct frame_layout INTAKE_RCPT_LAYOUT = {INTAKE_RCPT, RCPT, ARRAY_LEN(RCPT)};
const struct frame_layout INTAKE_RCPT_ANSWER_LAYOUT = {INTAKE_RCPT_ANSWER, RCPT_ANSWER,
                                                       ARRAY_LEN(RCPT_ANSWER)};
const struct frame_layout INTAKE_COMMIT_LAYOUT = {INTAKE_COMMIT, COMMIT, ARRAY_LEN(COMMIT)};
const struct frame_layout INTAKE_COMMIT_ANSWER_LAYOUT = {INTAKE_COMMIT_ANSWER, COMMIT_ANSWER,
                                                         ARRAY_LEN(COMMIT_ANSWER)};
const struct frame_layout INTAKE_ACK_LAYOUT = {INTAKE_ACK, NOTHING, ARRAY_LEN(NOTHING)};
const struct frame_layout INTAKE_RESET_LAYOUT = {INTAKE_RESET, NOTHING, ARRAY_LEN(NOTHING)};
const struct frame_layout INTAKE_REFUSED_LAYOUT = {INTAKE_REFUSED, REFUSED, ARRAY_LEN(REFUSED)};
const struct frame_layout INTAKE_REFUSED_ANSWER_LAYOUT = {INTAKE_REFUSED_ANSWER, REFUSED_ANSWER,
                                                          ARRAY_LEN(REFUSED_ANSWER)};
