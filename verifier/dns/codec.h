// SPDX-License-Identifier: Apache-2.0
// DNS messages (RFC 1035, 4; EDNS: RFC 6891), by ldns. Whatever comes in is hostile: it counts only
// if id and question are those that were sent, and only records on the question's CNAME chain.
#ifndef VERIFIER_DNS_CODEC_H
#define VERIFIER_DNS_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/network.h"
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

/**
 * Build a query: RD and AD set unless it is iterative, EDNS with DNS_EDNS_SIZE if wanted. ST_BUG if
 * ldns cannot.
 */
MUST_CHECK enum status dns_codec_build(const struct dns_question *question, uint16_t id, bool edns,
                                       struct dns_query *out, struct why *why);

/**
 * True if the message answers the query: QR, id, opcode, and the question (name, type, class). A
 * refusal (an rcode that is neither NOERROR nor NXDOMAIN) may come without question.
 */
bool dns_codec_is_answer(const struct dns_query *query, const unsigned char *message,
                         size_t length);

/** An answer by UDP has TC set, or is longer than we announced. It passed dns_codec_is_answer. */
bool dns_codec_needs_tcp(const struct dns_query *query, const unsigned char *message,
                         size_t length);

/** The server does not understand EDNS: FORMERR or NOTIMP. As above. */
bool dns_codec_dislikes_edns(const unsigned char *message);

/** The server says SERVFAIL. As above. */
bool dns_codec_is_servfail(const unsigned char *message);

/**
 * Read the records that continue the reply's chain at `reply->canonical`. The reply becomes OK,
 * NXDOMAIN, NODATA, TEMPORARY, or unfinished.
 *
 * @message       passed dns_codec_is_answer
 * @trust_ad      AD of this server means something
 */
void dns_codec_read(const struct dns_query *query, const unsigned char *message, size_t length,
                    bool trust_ad, struct dns_reply *reply);

/** What a server that was asked without RD is to the zone. */
enum dns_stance {
    DNS_STANCE_ANSWERS, /* AA: the reply is OK, NXDOMAIN or NODATA, or unfinished: a CNAME out of
                           the zone */
    DNS_STANCE_REFUSED,
    DNS_STANCE_SERVFAIL,
    DNS_STANCE_OTHER_RCODE,
    DNS_STANCE_NOT_AUTHORITATIVE,
    DNS_STANCE_REFERRAL,
    DNS_STANCE_BROKEN
};

/**
 * As dns_codec_read, for an answer of a server of `zone`: only with AA, and nothing of names
 * outside of the zone.
 */
enum dns_stance dns_codec_read_authority(const struct dns_query *query,
                                         const unsigned char *message, size_t length,
                                         const struct dns_name *zone, struct dns_reply *reply);

enum { DNS_REFERRAL_NAMES_MAX = 16, DNS_REFERRAL_GLUE_MAX = 32 };

/** Where a zone is delegated to. */
struct dns_referral {
    struct dns_name zone;
    size_t count;
    struct dns_name names[DNS_REFERRAL_NAMES_MAX]; /* of its servers */
    size_t glue_count;
    struct {
        size_t name; /* index in `names` */
        struct network_address address;
    } glue[DNS_REFERRAL_GLUE_MAX]; /* of names below `parent` only */
};

/**
 * Read the NS records of a zone below `parent`, around the question's name, with their glue. What
 * is above the caps is left out.
 *
 * @message  passed dns_codec_is_answer
 * @return   false: it refers to no such zone; `out` is undefined
 */
bool dns_codec_read_referral(const struct dns_query *query, const unsigned char *message,
                             size_t length, const struct dns_name *parent,
                             struct dns_referral *out);

enum { DNS_ERROR_TEXT_SIZE = 160 };

/** An Extended DNS Error (RFC 8914). */
struct dns_error {
    int code;                       /* -1: none */
    char text[DNS_ERROR_TEXT_SIZE]; /* printable ASCII; other bytes are '?' */
};

/** The first one of the message, which passed dns_codec_is_answer. */
void dns_codec_read_error(const unsigned char *message, size_t length, struct dns_error *out);

#endif
