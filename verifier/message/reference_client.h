// SPDX-License-Identifier: Apache-2.0
// One conversation with a helper (reference/protocol.h): hand it a message, answer its questions
// from the DNS, take its results. The helper is not trusted.
#ifndef VERIFIER_MESSAGE_REFERENCE_CLIENT_H
#define VERIFIER_MESSAGE_REFERENCE_CLIENT_H

#include "common/verdict.h"
#include "verifier/dns/dns.h"
#include "verifier/message/helper_pool.h"
#include "verifier/message/reference/protocol.h"

enum { REFERENCE_QUESTIONS_MAX = 300 }; /* of one message; more is a helper gone mad */

struct reference_results {
    struct reference_spf sender;
    struct reference_spf helo;
    struct verdict_dkim dkim[VERDICT_DKIM_MAX];
    size_t dkim_count;
    uint64_t dkim_ignored;
};

/**
 * Have a message checked.
 *
 * @message_fd  the message from offset 0
 * @budget      its deadline ends the conversation
 * @return      ST_OK: the helper is ready for the next one; ST_AGAIN: it died, hung or spoke out
 *              of turn, and is to be killed
 */
MUST_CHECK enum status reference_ask(const struct helper *helper,
                                     const struct reference_check *check, int message_fd,
                                     struct dns *dns, struct dns_budget *budget,
                                     struct reference_results *out, struct why *why);

#endif
