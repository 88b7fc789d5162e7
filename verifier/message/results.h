// SPDX-License-Identifier: Apache-2.0
// The Authentication-Results field (RFC 8601) of a verdict, and the Received-SPF field (RFC
// 7208, 9.1).
#ifndef VERIFIER_MESSAGE_RESULTS_H
#define VERIFIER_MESSAGE_RESULTS_H

#include "common/verdict.h"

enum results_scope { RESULTS_ALL, RESULTS_SPF /* there is no message yet */ };

/**
 * Write verdict->authentication_results from the rest of the verdict: one line of printable ASCII.
 * "; " stands between the results and nowhere else, so that is where it may be folded. Signatures
 * that do not fit are left out; SPF, ARC and DMARC always fit. ARC is told when there is a chain
 * (RFC 8617, 10.2).
 */
void results_format(const char *authserv_id, enum results_scope scope, struct verdict *verdict);

/**
 * Write verdict->received_spf: the result of the identity that counts and what it was found from,
 * likewise one line to be folded at "; ". "" for a message that was not judged.
 */
void results_format_received_spf(const char *receiver, const char *client_address, const char *helo,
                                 const char *sender, struct verdict *verdict);

#endif
