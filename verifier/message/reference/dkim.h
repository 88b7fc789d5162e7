// SPDX-License-Identifier: Apache-2.0
// DKIM (RFC 6376) by libopendkim, behind guards.
#ifndef VERIFIER_MESSAGE_REFERENCE_DKIM_H
#define VERIFIER_MESSAGE_REFERENCE_DKIM_H

#include <stdbool.h>

#include "verifier/message/reference/protocol.h"

/** Once, before the sandbox. False without memory. */
bool verify_start(void);

/** Evaluate the signatures of the message in `fd` and send a DKIM packet for each. Returns how
 *  many were ignored. */
uint64_t verify_signatures(int fd, const struct reference_check *check);

#endif
