// SPDX-License-Identifier: Apache-2.0
// An SPF record, read by our own parser (verifier/message/spf_record.h), and rewritten into what
// libspf2 handles safely and right: no exp=, no unknown modifiers, ip4 and ip6 decided here,
// redirect last, a bounded length.
#ifndef VERIFIER_MESSAGE_REFERENCE_SPF_RECORD_H
#define VERIFIER_MESSAGE_REFERENCE_SPF_RECORD_H

#include <stddef.h>

#include "common/network.h"

enum {
    SPF_RECORD_SAFE_SIZE = 512, /* libspf2 drops compiled terms past 511 bytes without a word */
    SPF_RECORD_TERMS_MAX = 11,  /* DNS terms kept of one record: the 11th is one too many */
};

/**
 * Rewrite a record for one client.
 *
 * @return ST_OK; ST_INVALID: a syntax error anywhere; ST_TOO_LARGE: what is left is too long
 */
MUST_CHECK enum status spf_record_rewrite(const char *text, size_t length,
                                          const struct network_address *client,
                                          char out[SPF_RECORD_SAFE_SIZE]);

#endif
