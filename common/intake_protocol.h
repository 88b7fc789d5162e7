// SPDX-License-Identifier: Apache-2.0
// What mailspur-milter and mailspurd say to each other on intake.sock (SOCK_SEQPACKET). One
// connection is one SMTP session; the milter asks, the daemon answers in order.
//
//   RCPT    → RCPT_ANSWER     is this recipient ours, and under which policy?
//   COMMIT  → COMMIT_ANSWER   keep this message (its bytes come as a descriptor with the packet)
//   ACK     (no answer)       the answer to COMMIT has arrived
//   RESET   (no answer)       the transaction is over: drop its reservation
//   REFUSED → REFUSED_ANSWER  the policy refused the message: keep why; is it kept?
//
// The message's bytes: header fields as received, CRLF line ends, empty line, body.
#ifndef COMMON_INTAKE_PROTOCOL_H
#define COMMON_INTAKE_PROTOCOL_H

#include <stddef.h>

#include "common/address.h"
#include "common/forwarder.h"
#include "common/frame.h"
#include "common/smtp_reply.h"

enum intake_kind {
    INTAKE_RCPT = 1,
    INTAKE_RCPT_ANSWER = 2,
    INTAKE_COMMIT = 3,
    INTAKE_COMMIT_ANSWER = 4,
    INTAKE_ACK = 5,
    INTAKE_RESET = 6,
    INTAKE_REFUSED = 7,
    INTAKE_REFUSED_ANSWER = 8
};

enum {
    INTAKE_RECIPIENTS_MAX = 1000,            /* per transaction; RFC 5321, 4.5.3.1.8 asks for 100 */
    INTAKE_RECIPIENTS_TEXT_MAX = 160 * 1024, /* all of them, one a line */
    INTAKE_VERDICT_MAX = 32 * 1024
};

/** Whose business a recipient is. The same words for socketmap and milter. */
enum gate_decision {
    GATE_NOT_OURS, /* unknown or pending name: stay out of the way */
    GATE_ACCEPT,   /* verified, inbound on, and a route takes it */
    GATE_REFUSE,   /* ours, but no: `reply` is a 5xx */
    GATE_DEFER     /* ours, not now: `reply` is a 4xx */
};

struct intake_rcpt {
    const char *recipient;      /* as in RCPT TO */
    const char *client_address; /* IP text; "" when unknown */
    uint64_t authenticated;     /* 1: SASL */
    uint64_t size;              /* SIZE= of MAIL FROM; 0 when not given. Reserved until RESET */
};

struct intake_rcpt_answer {
    uint64_t decision; /* enum gate_decision */
    struct smtp_reply reply;
    const char *tenant;     /* id of the tenant whose domain it is */
    const char *domain;     /* registered name that takes it */
    const char *policy_key; /* equal text: equal policy */
    uint64_t dmarc;         /* enum dmarc_mode */
    uint64_t on_temperror;  /* enum temperror_mode */
    uint64_t defer_for_ms;
    uint64_t trusted;       /* 1: authenticated or from trusted_networks: not judged */
    uint64_t max_message;   /* bytes */
    const char *forwarders; /* registered ones, as common/forwarder.h writes them */
};

struct intake_commit {
    const char *queue_id;
    const char *mta_name; /* the MTA's own host name, macro j */
    const char *sender;   /* as in MAIL FROM; "" is the null sender */
    const char *client_address;
    const char *client_name;
    const char *helo;
    const char *recipients; /* those accepted by us, one a line */
    const char *verdict;    /* JSON of common/verdict.h */
    const char *hold;       /* reason to hold it; "": deliver */
    const char *policy_key; /* of the answers to RCPT: the policy it was judged by */
    const char *evidence;   /* JSON of common/evidence.h; "": none */
    uint64_t size;          /* bytes of the message */
    uint64_t header_length; /* bytes of it that are the header block, empty line included */
    uint64_t received_at;   /* wall clock, ms */
};

enum intake_outcome {
    INTAKE_STORED,
    INTAKE_DUPLICATE, /* the first copy is durable: answer 250 */
    INTAKE_NOT_STORED /* `reply` says why, 4xx or 5xx */
};

struct intake_commit_answer {
    uint64_t outcome; /* enum intake_outcome */
    struct smtp_reply reply;
    const char *message_id; /* our id; "" when not stored */
};

/** There is no message, only why there is none. The daemon need not keep it. */
struct intake_refused {
    const char *id; /* made by the milter; the SMTP answer names it if it is kept */
    const char *queue_id;
    const char *tenant; /* as in the answers to RCPT */
    const char *domain;
    const char *evidence;
};

struct intake_refused_answer {
    uint64_t kept; /* 1: it can be asked for by its id */
};

/** For ACK and RESET, which carry nothing. */
struct intake_nothing {
    uint64_t unused;
};

extern const struct frame_layout INTAKE_RCPT_LAYOUT;
extern const struct frame_layout INTAKE_RCPT_ANSWER_LAYOUT;
extern const struct frame_layout INTAKE_COMMIT_LAYOUT;
extern const struct frame_layout INTAKE_COMMIT_ANSWER_LAYOUT;
extern const struct frame_layout INTAKE_ACK_LAYOUT;
extern const struct frame_layout INTAKE_RESET_LAYOUT;
extern const struct frame_layout INTAKE_REFUSED_LAYOUT;
extern const struct frame_layout INTAKE_REFUSED_ANSWER_LAYOUT;

#endif
