// SPDX-License-Identifier: Apache-2.0
// Ways to answer that a resolver and the server of a zone have in common (server.h).
#ifndef TESTS_UNIT_DNS_REPLIES_H
#define TESTS_UNIT_DNS_REPLIES_H

#include "tests/unit/dns/server.h"

enum { RCODE_FORMERR = 1, RCODE_SERVFAIL = 2, RCODE_NXDOMAIN = 3, RCODE_REFUSED = 5 };
enum { FLAG_TC = 0x02 }; /* of the header's third byte */

/** The question and this code, no records. */
void reply_rcode(const struct exchange *exchange, unsigned rcode);

void reply_nothing(const struct exchange *exchange);

/** By UDP the question with TC; by TCP as `handle` says. */
void reply_by_tcp(const struct exchange *exchange, handle_fn *handle);

/** One byte of the answer by TCP, and no more until the client gives up. */
void reply_a_byte(const struct exchange *exchange);

/** As `handle` says, from another port than it was asked at. */
void reply_from_elsewhere(const struct exchange *exchange, handle_fn *handle);

/** FORMERR to a question with EDNS, to others as `handle` says. */
void reply_without_edns(const struct exchange *exchange, handle_fn *handle);

#endif
