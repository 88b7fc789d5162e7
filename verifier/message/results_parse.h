// SPDX-License-Identifier: Apache-2.0
// ARC-Authentication-Results fields of others (RFC 8617, 4.1.1; RFC 8601, 2.2), read strictly: what
// a sealer says of SPF, DKIM and DMARC. Quoted strings and comments are what they are wherever they
// stand, so that no text that a sealer only repeats is taken for its own word.
#ifndef VERIFIER_MESSAGE_RESULTS_PARSE_H
#define VERIFIER_MESSAGE_RESULTS_PARSE_H

#include "common/status.h"
#include "common/verdict.h"

enum {
    RESULTS_ENTRIES_MAX = 32,      /* of the three methods; more is ST_TOO_LARGE */
    RESULTS_FIELD_MAX = 16 * 1024, /* bytes of the value */
    RESULTS_COMMENT_DEPTH_MAX = 8, /* comments inside each other */
};

enum results_method { RESULTS_SPF, RESULTS_DKIM, RESULTS_DMARC };

struct results_entry {
    enum results_method method;
    enum auth_result result; /* none for words that RFC 8601 does not know */
    /* Whom it speaks of, lower-case A-labels: the domain of smtp.mailfrom; header.d, or without it
     * that of header.i; header.from. "": not said, no name, or two different ones. */
    char domain[DOMAIN_NAME_SIZE];
};

struct results_list {
    unsigned instance; /* i= */
    struct results_entry entries[RESULTS_ENTRIES_MAX];
    size_t count;
};

/**
 * Read the value of a field, folded as it stands. Other methods are checked and passed over. Large
 * sealers write more than the grammar has, which is taken: properties without a type, as in
 * "action=none", "/", "+" and "=" outside of quotes, and empty results.
 *
 * @return ST_OK; ST_INVALID with what is wrong; ST_TOO_LARGE: over a cap. `out` is untouched then
 */
MUST_CHECK enum status results_parse(const char *value, size_t length, struct results_list *out,
                                     struct why *why);

#endif
