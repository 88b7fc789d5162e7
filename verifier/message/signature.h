// SPDX-License-Identifier: Apache-2.0
// DKIM-Signature fields and DKIM key records, read strictly (RFC 6376, 3.5 and 3.6.1; RFC 8301;
// RFC 8463): what is refused here is never shown to a cryptographic library.
#ifndef VERIFIER_MESSAGE_SIGNATURE_H
#define VERIFIER_MESSAGE_SIGNATURE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/address.h"
#include "common/verdict.h"

enum {
    SIGNATURE_IDENTITY_MAX = 254, /* bytes of i= */
    SIGNATURE_RSA_BITS_MIN = 1024 /* RFC 8301, 3.2 */
};

struct signature {
    char domain[DOMAIN_NAME_SIZE];   /* d=, lower case; "" when it could not be read */
    char selector[DOMAIN_NAME_SIZE]; /* s= */
    char algorithm[24];              /* a= */
    bool is_ed25519;
    bool has_length; /* l= is there: bytes behind it may be a stranger's */
};

/**
 * Read the value of a DKIM-Signature field.
 *
 * @out     filled as far as it could be read, also on failure
 * @reason  on failure: why
 * @return  AUTH_NONE: usable; AUTH_POLICY: an algorithm nobody may rely on; AUTH_PERMERROR
 */
enum auth_result signature_parse(const char *value, size_t length, struct signature *out,
                                 char reason[VERDICT_REASON_SIZE]);

/**
 * May this key record be used for the signature?
 *
 * @return AUTH_NONE: yes; AUTH_PERMERROR with `reason`
 */
enum auth_result signature_check_key(const struct signature *signature, const char *record,
                                     size_t length, char reason[VERDICT_REASON_SIZE]);

#endif
