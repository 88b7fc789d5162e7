// SPDX-License-Identifier: Apache-2.0
// DKIM key records, read strictly (RFC 6376, 3.6.1; RFC 8301; RFC 8463).
#ifndef VERIFIER_MESSAGE_KEY_RECORD_H
#define VERIFIER_MESSAGE_KEY_RECORD_H

#include <stdbool.h>
#include <stddef.h>

#include "common/status.h"
#include "verifier/message/public_key.h"

struct key_record {
    struct public_key *key; /* owned; NULL: the key is revoked (p= is empty) */
    enum key_kind kind;     /* k= */
    bool allows_sha256;     /* h= */
    bool allows_mail;       /* s= */
    bool is_strict;         /* t=s: i= must be d= itself */
    bool is_testing;        /* t=y */
};

/**
 * Read the text of one TXT record.
 *
 * @return ST_OK, then key_record_done(); ST_INVALID: it breaks the grammar, or holds no key that
 *         can be read; `why` is fit for a verdict
 */
MUST_CHECK enum status key_record_parse(const char *text, size_t length,
                                        struct key_record *record_out, struct why *why);

void key_record_done(struct key_record *record);

#endif
