// SPDX-License-Identifier: Apache-2.0
// Two verdicts of one message, compared.
#ifndef VERIFIER_MESSAGE_DISAGREEMENT_H
#define VERIFIER_MESSAGE_DISAGREEMENT_H

#include "verifier/message/auth.h"

/**
 * Tell every result that differs: SPF, HELO, each signature, DMARC. ARC is not compared, since the
 * reference knows none.
 *
 * @label      of the message
 * @tell       called for each; may be NULL
 * @counts     those found are added
 */
void disagreement_find(const char *label, const struct verdict *own,
                       const struct verdict *reference,
                       void (*tell)(const struct auth_disagreement *disagreement),
                       size_t counts[AUTH_METHODS]);

#endif
