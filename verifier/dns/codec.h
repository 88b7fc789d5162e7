// SPDX-License-Identifier: Apache-2.0
// DNS messages (RFC 1035, 4; EDNS: RFC 6891), by ldns. Whatever comes in is hostile: it counts only
// if id and question are those that were sent, and only records on the question's CNAME chain.
#ifndef VERIFIER_DNS_CODEC_H
#define VERIFIER_DNS_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/status.h"
#include "verifier/dns/reply.h"

enum { DNS_QUERY_MAX = 512, DNS_MESSAGE_MAX = 65535 };

/** A query as sent. */
struct dns_query {
    struct dns_question question;
    uint16_t id;
    bool edns;
    size_t length;
    unsigned char bytes[DNS_QUERY_MAX];
};

/** Build a query: RD and AD set, EDNS with DNS_EDNS_SIZE if wanted. ST_BUG if ldns cannot. */
MUST_CHECK enum status dns_codec_build(const struct dns_question *question, uint16_t id, bool edns,
                                       struct dns_query *out, struct why *why);

/**
 * True if the message answers the query: QR, id, opcode, and the question (name, type, class). A
 * refusal (an rcode that is neither NOERROR nor NXDOMAIN) may come without question.
 */
bool dns_codec_is_answer(const struct dns_query *query, const unsigned char *message,
                         size_t length);

/** TC is set. The message passed dns_codec_is_answer. */
bool dns_codec_is_truncated(const unsigned char *message);

/** The server does not understand EDNS: FORMERR or NOTIMP. As above. */
bool dns_codec_dislikes_edns(const unsigned char *message);

/**
 * Read the records that continue the reply's chain at `reply->canonical`. The reply becomes OK,
 * NXDOMAIN, NODATA, TEMPORARY, or unfinished.
 *
 * @message       passed dns_codec_is_answer
 * @trust_ad      AD of this server means something
 */
void dns_codec_read(const struct dns_query *query, const unsigned char *message, size_t length,
                    bool trust_ad, struct dns_reply *reply);

#endif
