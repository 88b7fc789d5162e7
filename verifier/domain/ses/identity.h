// SPDX-License-Identifier: Apache-2.0
// An email identity as SES describes it in JSON, read strictly: what ends in DNS records that
// people paste must be what it should be.
#ifndef VERIFIER_DOMAIN_SES_IDENTITY_H
#define VERIFIER_DOMAIN_SES_IDENTITY_H

#include "common/strbuf.h"
#include "verifier/domain/ses/ses.h"

/** The key of our tag; its value is the installation. */
#define SES_TAG_KEY "mailspur-installation"

struct ses_identity {
    struct ses_report report;
    bool own_keys; /* SigningAttributesOrigin EXTERNAL: no tokens of SES, tokens and zone are "" */
    char tokens[SES_TOKENS][SES_TOKEN_SIZE];
    char zone[DOMAIN_NAME_SIZE];
    char mail_from[DOMAIN_NAME_SIZE];
    char installation[SES_INSTALLATION_MAX + 1]; /* of our tag; "" none, or of no form of ours */
};

/**
 * Read the answer to "create" or "get". Members we do not know are passed over; null is absence.
 *
 * @domain  whose identity was asked for: its MAIL FROM domain must be below
 * @return  ST_OK; ST_AGAIN: not the JSON it should be (who knows whose answer it was)
 */
MUST_CHECK enum status ses_identity_parse(const struct strbuf *json, const char *domain,
                                          struct ses_identity *out, struct why *why);

/** The answer to a call that has nothing to say: empty, or a JSON object. ST_AGAIN as above. */
MUST_CHECK enum status ses_identity_check_empty(const struct strbuf *json, struct why *why);

#endif
