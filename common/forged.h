// SPDX-License-Identifier: Apache-2.0
// Authentication-Results fields that a stranger wrote in our name (RFC 8601, 5): whoever reads what
// we deliver must be able to trust the fields that carry our authserv-id.
#ifndef COMMON_FORGED_H
#define COMMON_FORGED_H

#include <stdbool.h>

#include "common/header.h"

/** True if the received field claims to be ours. */
bool forged_is(const struct header_field *field, const char *authserv_id);

#endif
