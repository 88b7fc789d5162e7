// SPDX-License-Identifier: Apache-2.0
// What the milter and mailspur-reference say to each other (SOCK_SEQPACKET, one packet a struct,
// see common/frame.h). The helper is not trusted: the milter checks and caps all it says.
//
//   milter                                    helper
//                                         ←   READY, once, when its sandbox stands
//   CHECK with the message as descriptor  →
//                                         ←   QUESTION        any number of times
//   ANSWER                                →
//                                         ←   SPF             for each identity given in CHECK
//                                         ←   DKIM            for each signature, in order
//                                         ←   DONE            ready for the next CHECK
//
// Anything else, from either side, ends the conversation: the milter kills the helper.
#ifndef VERIFIER_MESSAGE_REFERENCE_PROTOCOL_H
#define VERIFIER_MESSAGE_REFERENCE_PROTOCOL_H

#include <stddef.h>
#include <stdint.h>

#include "common/frame.h"
#include "common/strbuf.h"
#include "verifier/dns/dns.h"

enum reference_kind {
    REFERENCE_READY = 1,
    REFERENCE_CHECK = 2,
    REFERENCE_QUESTION = 3,
    REFERENCE_ANSWER = 4,
    REFERENCE_SPF = 5,
    REFERENCE_DKIM = 6,
    REFERENCE_DONE = 7
};

enum {
    REFERENCE_FD = 3,                      /* the helper's socket */
    REFERENCE_VERSION = 1,                 /* of this protocol; checked in READY */
    REFERENCE_NAME_MAX = 1024,             /* bytes of a question's name */
    REFERENCE_RECORDS_MAX = 200 * 1024,    /* bytes of an answer's records; more is temporary */
    REFERENCE_HEADER_MAX = 4 * 1024 * 1024 /* header block the helper reads; more: DKIM permerror */
};

struct reference_ready {
    uint64_t version;
};

struct reference_check {
    const char *client;      /* IP text; IPv4 is never written as mapped IPv6; "": no SPF */
    const char *helo;        /* a domain name to check; "": not checked */
    const char *sender;      /* local@domain to check; "": not checked */
    uint64_t size;           /* bytes of the message */
    uint64_t header_length;  /* empty line included */
    uint64_t signatures_max; /* evaluate so many, ignore the rest */
};

struct reference_question {
    const char *name;
    uint64_t type; /* enum dns_type */
};

struct reference_answer {
    uint64_t status;     /* enum dns_status */
    uint64_t count;      /* of records */
    const char *records; /* one a line: PREFERENCE SPACE data in hexadecimal */
};

struct reference_spf {
    uint64_t is_helo; /* which identity this is about */
    uint64_t result;  /* enum auth_result */
    uint64_t terms;
    uint64_t voids;
};

struct reference_dkim {
    uint64_t result; /* enum auth_result */
    const char *domain;
    const char *selector;
    const char *algorithm;
    const char *reason;
    uint64_t bits;
    uint64_t unsigned_tail; /* 1: l= leaves bytes of the body unsigned */
};

struct reference_done {
    uint64_t ignored; /* signatures past signatures_max */
};

extern const struct frame_layout REFERENCE_READY_LAYOUT;
extern const struct frame_layout REFERENCE_CHECK_LAYOUT;
extern const struct frame_layout REFERENCE_QUESTION_LAYOUT;
extern const struct frame_layout REFERENCE_ANSWER_LAYOUT;
extern const struct frame_layout REFERENCE_SPF_LAYOUT;
extern const struct frame_layout REFERENCE_DKIM_LAYOUT;
extern const struct frame_layout REFERENCE_DONE_LAYOUT;

/** Append the records of an answer in the form of reference_answer.records. */
void reference_format_records(const struct dns_answer *answer, struct strbuf *out);

/** One record as the helper gets it. */
struct reference_record {
    uint16_t preference;
    size_t length;
    char *data; /* NUL-terminated behind `length` */
};

struct reference_records {
    struct reference_record *list;
    size_t count;
};

/** Read records back. ST_INVALID: not as reference_format_records writes them, or too many. */
MUST_CHECK enum status reference_parse_records(const char *text, size_t count,
                                               struct reference_records *out);

void reference_free_records(struct reference_records *records);

#endif
