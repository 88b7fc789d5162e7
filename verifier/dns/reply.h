// SPDX-License-Identifier: Apache-2.0
// What was learned about one question: filled by codec or fixture, turned into the answer that the
// cache shares.
#ifndef VERIFIER_DNS_REPLY_H
#define VERIFIER_DNS_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/attrs.h"
#include "common/strbuf.h"
#include "verifier/dns/dns.h"
#include "verifier/dns/name.h"

struct dns_question {
    struct dns_name name;
    enum dns_type type;
    bool is_iterative; /* without RD: what the server itself knows */
    bool is_unchecked; /* with CD (RFC 4035, 3.2.2): also what fails DNSSEC */
};

struct dns_reply_record {
    uint16_t preference;
    size_t offset; /* in `data` */
    size_t length;
};

struct dns_reply {
    enum dns_status status;
    struct dns_name canonical; /* where the chain of CNAMEs ended */
    bool unfinished;           /* nothing was said about `canonical`: ask for it */
    unsigned cnames;           /* length of the chain */
    uint32_t ttl;              /* seconds, smallest on the chain */
    bool authenticated;
    struct dns_soa soa;
    char problem[160]; /* with DNS_TEMPORARY */
    size_t count;
    size_t room;                      /* of records */
    struct dns_reply_record *records; /* owned, as data's memory is */
    struct strbuf data;
};

/** A reply to start with: the chain is at `name`, nothing is known. */
void dns_reply_init(struct dns_reply *reply, const struct dns_name *name);

/** As `start` was before there were records; what came since leaves no trace. Keeps its memory. */
void dns_reply_restart(struct dns_reply *reply, const struct dns_reply *start);
void dns_reply_done(struct dns_reply *reply);

#define AUTO_REPLY AUTO(dns_reply_done) struct dns_reply

/** Make it temporary, with one sentence. */
void dns_reply_fail(struct dns_reply *reply, const char *format, ...) PRINTF_LIKE(2, 3);

/** Add a record. Past a cap the reply becomes temporary and false is returned. */
bool dns_reply_add(struct dns_reply *reply, uint16_t preference, const void *data, size_t length);

/** Add a record that is a name. */
bool dns_reply_add_name(struct dns_reply *reply, uint16_t preference, const unsigned char *wire,
                        size_t length);

/** Go one CNAME further. A chain over DNS_CNAME_MAX makes the reply temporary: false. */
bool dns_reply_follow(struct dns_reply *reply, const struct dns_name *target, uint32_t ttl);

/** The shared form, with one reference. `keep_ms` sets when it expires. */
const struct dns_answer *dns_answer_new(const struct dns_reply *reply, enum dns_type type,
                                        int64_t keep_ms);

#endif
