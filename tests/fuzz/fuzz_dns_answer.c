// SPDX-License-Identifier: Apache-2.0
// DNS messages from a stranger, as answers to a question of each type: caps hold, and only what
// answers the question is read.
#include "tests/fuzz/target.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "verifier/dns/codec.h"

enum { QUERY_ID = 0x1234 };

static const enum dns_type TYPES[] = {DNS_TXT, DNS_A,  DNS_AAAA,  DNS_MX,
                                      DNS_PTR, DNS_NS, DNS_CNAME, DNS_SOA};

static void
check(const struct dns_reply *reply, enum dns_type type)
{
    if (reply->count > DNS_RECORDS_MAX || reply->cnames > DNS_CNAME_MAX ||
        ((reply->status == DNS_OK) != (reply->count > 0) && !reply->unfinished)) {
        abort();
    }
    for (size_t i = 0; i < reply->count; i++) {
        if (reply->records[i].offset + reply->records[i].length >= reply->data.length) {
            abort();
        }
    }
    dns_answer_release(dns_answer_new(reply, type, 0));
}

// The same message as one of a server of the zone, as a referral, and with its error.
static void
read_as_authority(const struct dns_query *query, const unsigned char *message, size_t length)
{
    struct dns_name zone = query->question.name;
    AUTO_REPLY reply;
    dns_reply_init(&reply, &query->question.name);
    enum dns_stance stance = dns_codec_read_authority(query, message, length, &zone, &reply);
    if (stance == DNS_STANCE_ANSWERS) {
        check(&reply, query->question.type);
    }
    AUTO_FREE struct dns_referral *referral = malloc(sizeof(*referral));
    struct dns_name parent;
    if (referral == NULL || !dns_name_parse("test", &parent)) {
        abort();
    }
    if (dns_codec_read_referral(query, message, length, &parent, referral) &&
        (referral->count == 0 || referral->count > DNS_REFERRAL_NAMES_MAX ||
         referral->glue_count > DNS_REFERRAL_GLUE_MAX || referral->zone.length <= parent.length)) {
        abort();
    }
    struct dns_error error;
    dns_codec_read_error(message, length, &error);
    if (error.code < -1 || memchr(error.text, '\0', sizeof(error.text)) == NULL) {
        abort();
    }
}

// The first byte chooses the type; the rest is the message.
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > DNS_MESSAGE_MAX) {
        return 0;
    }
    struct dns_question question = {.type = TYPES[data[0] % ARRAY_LEN(TYPES)]};
    struct dns_query query;
    if (!dns_name_parse("a.test", &question.name) ||
        dns_codec_build(&question, QUERY_ID, true, &query, NULL) != ST_OK) {
        abort();
    }
    // Of its exact size, so that the sanitizer sees one byte too far.
    size_t length = size - 1;
    AUTO_FREE unsigned char *message = malloc(length == 0 ? 1 : length);
    if (message == NULL) {
        return 0;
    }
    memcpy(message, data + 1, length);
    if (!dns_codec_is_answer(&query, message, length)) {
        return 0;
    }
    (void)dns_codec_needs_tcp(&query, message, length);
    (void)dns_codec_dislikes_edns(message);
    read_as_authority(&query, message, length);
    AUTO_REPLY reply;
    dns_reply_init(&reply, &question.name);
    dns_codec_read(&query, message, length, true, &reply);
    check(&reply, question.type);
    return 0;
}
