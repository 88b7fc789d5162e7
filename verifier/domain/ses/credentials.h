// SPDX-License-Identifier: Apache-2.0
// The keys of the AWS account: read from files for one call, then wiped. They appear in no text.
#ifndef VERIFIER_DOMAIN_SES_CREDENTIALS_H
#define VERIFIER_DOMAIN_SES_CREDENTIALS_H

#include "common/cleanup.h"
#include "common/status.h"
#include "verifier/domain/ses/ses.h"

enum {
    SES_ACCESS_KEY_ID_MAX = 128, /* characters */
    SES_SECRET_KEY_MAX = 256,
    SES_SESSION_TOKEN_MAX = 8000
};

struct ses_credentials {
    char access_key_id[SES_ACCESS_KEY_ID_MAX + 1];
    char secret_key[SES_SECRET_KEY_MAX + 1];
    char session_token[SES_SESSION_TOKEN_MAX + 1]; /* "" none */
};

/** Read the files the settings name. ST_IO: cannot be read; ST_INVALID: not one line of printable
 *  characters, or longer than above. */
MUST_CHECK enum status ses_credentials_read(const struct ses_settings *settings,
                                            struct ses_credentials *out, struct why *why);

void ses_credentials_wipe(struct ses_credentials *credentials);

#define AUTO_CREDENTIALS AUTO(ses_credentials_wipe) struct ses_credentials

#endif
