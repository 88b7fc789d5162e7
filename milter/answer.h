// SPDX-License-Identifier: Apache-2.0
// What a step of the SMTP dialogue comes to, before callbacks.c says it in libmilter's words.
#ifndef MILTER_ANSWER_H
#define MILTER_ANSWER_H

#include "common/attrs.h"
#include "common/smtp_reply.h"
#include "common/status.h"

enum answer_kind {
    ANSWER_CONTINUE, /* go on */
    ANSWER_ACCEPT,   /* no further step of this message concerns us */
    ANSWER_DISCARD,  /* end of message: we keep it, the MTA answers 250 and queues nothing */
    ANSWER_REMOVE,   /* end of message: we keep our recipients' copy, the MTA queues the others' */
    ANSWER_REPLY     /* the SMTP reply below, 4xx or 5xx */
};

enum { ANSWER_ENHANCED_SIZE = 12, ANSWER_TEXT_SIZE = 402 };

struct answer {
    enum answer_kind kind;
    unsigned code;
    char enhanced[ANSWER_ENHANCED_SIZE];
    char text[ANSWER_TEXT_SIZE]; /* printable ASCII */
};

/** Fill with an SMTP reply. Bytes that are not printable ASCII become '?'; longer text is cut. */
void answer_reply(struct answer *out, unsigned code, const char *enhanced, const char *format, ...)
    PRINTF_LIKE(4, 5);

/** The daemon's reply; one that is neither 4xx nor 5xx becomes 451 4.3.0. */
void answer_relay(struct answer *out, const struct smtp_reply *reply);

/** How the failure of a local step is told to the client: 452 no room, 552 too large, else 451. */
void answer_failure(struct answer *out, enum status status);

#endif
