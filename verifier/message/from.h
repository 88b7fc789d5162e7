// SPDX-License-Identifier: Apache-2.0
// The domain of the author: the From field (RFC 5322, 3.4 and 3.6.2, with the obsolete syntax of
// 4.4), read as a mail reader would, since DMARC protects what people see.
#ifndef VERIFIER_MESSAGE_FROM_H
#define VERIFIER_MESSAGE_FROM_H

#include <stddef.h>

#include "common/address.h"

enum from_status {
    FROM_OK,      /* one domain, perhaps of several mailboxes */
    FROM_NONE,    /* no From field, or no mailbox in it */
    FROM_SEVERAL, /* several From fields, or mailboxes of different domains */
    FROM_INVALID  /* not to be understood: broken syntax, NUL, no domain name */
};

enum { FROM_MAILBOXES_MAX = 100, FROM_COMMENT_DEPTH_MAX = 16, FROM_VALUE_MAX = 64 * 1024 };

/**
 * Find the domain (lower-case A-labels) in a header block; `domain_out` is set for FROM_OK. A From
 * field that only some readers would see (NUL in its name, a bare CR before it) is FROM_INVALID.
 */
enum from_status from_find_domain(const char *headers, size_t length,
                                  char domain_out[DOMAIN_NAME_SIZE]);

/** The same for the value of one From field. */
enum from_status from_parse(const char *value, size_t length, char domain_out[DOMAIN_NAME_SIZE]);

/** One sentence on why there is no domain; "" for FROM_OK. */
const char *from_problem(enum from_status status);

#endif
