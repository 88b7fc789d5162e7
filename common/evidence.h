// SPDX-License-Identifier: Apache-2.0
// Evidence: why a message was judged as it was, complete enough to judge it again without the DNS.
// Its one JSON form (docs/api.md), which milter, store, API and CLI share.
#ifndef COMMON_EVIDENCE_H
#define COMMON_EVIDENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/policy.h"
#include "common/strbuf.h"

enum {
    EVIDENCE_VERSION = 1,
    EVIDENCE_MAX = 48 * 1024,     /* bytes of the JSON text */
    EVIDENCE_DNS_MAX = 28 * 1024, /* of the recorded answers in it */
    EVIDENCE_TRACE_MAX = 8 * 1024,
    EVIDENCE_RECIPIENTS_MAX = 10 /* named; all are counted */
};

/** Texts are borrowed and never NULL. */
struct evidence {
    int64_t now_s; /* the moment of the check, as the engines had it */
    const char *queue_id;
    const char *client_address;
    const char *client_name;
    const char *helo;
    const char *sender;
    const char *recipients; /* one a line */
    uint64_t size;          /* of the message judged */
    uint64_t header_length;
    const char *authserv_id;
    const char *discovery;  /* treewalk, psl */
    const char *forwarders; /* as common/forwarder.h writes them */
    const char *dns;        /* a file for dns_open_fixture */
    size_t dns_left_out;    /* answers that are missing in it */
    const char *spf_trace;
    bool trace_cut;
    struct policy policy; /* of the recipients' domain */
    bool mixed;           /* the MTA's own recipients were in the transaction too */
    int64_t deferred_since_ms;
    const char *action;  /* accept, hold, refuse */
    const char *reason;  /* of hold; "" otherwise */
    const char *reply;   /* SMTP answer of refuse; "" otherwise */
    const char *verdict; /* JSON of common/verdict.h */
};

/**
 * Append the JSON object. What makes it larger than the buffer is left out, the answers of the DNS
 * first, and "truncated" says so.
 *
 * @out  cap of EVIDENCE_MAX; on overflow even the least did not fit
 */
void evidence_format(const struct evidence *evidence, struct strbuf *out);

#endif
