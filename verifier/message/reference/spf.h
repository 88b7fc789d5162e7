// SPDX-License-Identifier: Apache-2.0
// SPF (RFC 7208) by libspf2, behind guards: see spf_record.h for the records, spf.c for the limits.
#ifndef VERIFIER_MESSAGE_REFERENCE_SPF_H
#define VERIFIER_MESSAGE_REFERENCE_SPF_H

#include "common/network.h"
#include "verifier/message/reference/protocol.h"

/** Once, before the sandbox. False without memory. */
bool spf_start(void);

/**
 * Check one identity, asking over the wire.
 *
 * @helo    domain for %{h}
 * @sender  local@domain; the domain is the one that is judged
 */
void reference_spf_check(const struct network_address *client, const char *helo, const char *sender,
                         struct reference_spf *out);

#endif
