// SPDX-License-Identifier: Apache-2.0
// DKIM-Signature, ARC-Message-Signature and ARC-Seal fields, read strictly (RFC 6376, 3.5;
// RFC 8301; RFC 8463; RFC 8616; RFC 8617, 4.1).
#ifndef VERIFIER_MESSAGE_SIGNED_FIELD_H
#define VERIFIER_MESSAGE_SIGNED_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/verdict.h"
#include "verifier/message/canon.h"
#include "verifier/message/public_key.h"

enum signed_field_kind { SIGNED_DKIM, SIGNED_ARC_MESSAGE, SIGNED_ARC_SEAL };

enum {
    ARC_INSTANCES_MAX = 50,          /* RFC 8617, 4.2.1 */
    SIGNED_CLOCK_SKEW_SECONDS = 300, /* either way, for t= and x= */
};

enum arc_status { ARC_STATUS_NONE, ARC_STATUS_PASS, ARC_STATUS_FAIL, ARC_STATUS_INVALID };

struct signed_field {
    char domain[DOMAIN_NAME_SIZE];   /* d=, lower-case A-labels; "" when it could not be read */
    char selector[DOMAIN_NAME_SIZE]; /* s= */
    char identity[DOMAIN_NAME_SIZE]; /* domain of i=, or d= (DKIM only) */
    char algorithm[24];              /* a= */
    enum key_kind kind;              /* that a= wants */
    enum canon header;               /* c= */
    enum canon body;
    uint64_t length;                      /* l=, or BODY_HASH_WHOLE */
    unsigned char body_hash[SHA256_SIZE]; /* bh= */
    const char *names;                    /* h=, borrowed */
    size_t names_length;
    const char *signature; /* b=, base64 with white space, borrowed */
    size_t signature_length;
    size_t cut_offset; /* what b= takes, in the value, white space included */
    size_t cut_length;
    unsigned instance;      /* i= (ARC) */
    enum arc_status status; /* cv= (ARC-Seal) */
};

/**
 * Read the value of a field.
 *
 * @now     seconds since 1970
 * @out     filled as far as it could be read, also on failure; borrows from `value`
 * @reason  on failure: why
 * @return  AUTH_NONE: usable; AUTH_POLICY: an algorithm nobody may rely on; AUTH_PERMERROR
 */
enum auth_result signed_field_parse(enum signed_field_kind kind, const char *value, size_t length,
                                    int64_t now, struct signed_field *out,
                                    char reason[VERDICT_REASON_SIZE]);

/** The instance of an ARC-Authentication-Results field: its i= comes first (RFC 8617, 4.1.1).
 *  0: it has none. */
unsigned arc_results_instance(const char *value, size_t length);

#endif
