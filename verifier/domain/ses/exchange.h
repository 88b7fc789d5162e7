// SPDX-License-Identifier: Apache-2.0
// One signed HTTP request to SES and its answer, whatever it is. The endpoint may be hostile: all
// it says is capped.
#ifndef VERIFIER_DOMAIN_SES_EXCHANGE_H
#define VERIFIER_DOMAIN_SES_EXCHANGE_H

#include "common/strbuf.h"
#include "verifier/domain/ses/client.h"

enum {
    SES_PATH_MAX = 320,             /* "/v2/email/identities/<domain>/mail-from" */
    SES_ANSWER_MAX = 64 * 1024,     /* bytes of a body */
    SES_ANSWER_HEAD_MAX = 32 * 1024 /* bytes of all header lines */
};

struct ses_request {
    const char *what;   /* for sentences: "create identity" */
    const char *domain; /* likewise */
    const char *method;
    const char *path; /* only unreserved characters: curl does not encode before it signs */
    const char *body; /* JSON; NULL: none */
};

struct ses_answer {
    long http_status;
    char error_type[128];   /* of the header x-amzn-errortype, as sent; "" */
    int64_t date_ms;        /* of the header Date; -1: none */
    int64_t retry_after_ms; /* 0: not asked for */
    struct strbuf body;
};

void ses_answer_done(struct ses_answer *answer);

#define AUTO_ANSWER AUTO(ses_answer_done) struct ses_answer

/**
 * Send and receive; waits for its turn first.
 *
 * @answer  SES_ANSWER_INIT; filled on ST_OK
 * @return  ST_OK any HTTP answer; ST_AGAIN network, deadline, an answer past the caps: SES may have
 *          done it or not; ST_IO, ST_INVALID the key files or ca_file
 */
MUST_CHECK enum status ses_exchange(struct ses *ses, const struct ses_request *request,
                                    int64_t deadline, struct ses_answer *answer, struct why *why);

#define SES_ANSWER_INIT ((struct ses_answer){.date_ms = -1, .body = STRBUF_INIT(SES_ANSWER_MAX)})

#endif
