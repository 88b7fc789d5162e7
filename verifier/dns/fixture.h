// SPDX-License-Identifier: Apache-2.0
// The DNS of tests: a file of records, as dns_open_fixture in dns.h describes it.
#ifndef VERIFIER_DNS_FIXTURE_H
#define VERIFIER_DNS_FIXTURE_H

#include "common/status.h"
#include "verifier/dns/reply.h"

struct dns_fixture;

/** ST_INVALID with the line's number; ST_IO. Immutable afterwards: any thread may ask. */
MUST_CHECK enum status dns_fixture_open(const char *path, struct dns_fixture **fixture_out,
                                        struct why *why);

/** The same from memory; what is told of lines names no file. */
MUST_CHECK enum status dns_fixture_open_text(const char *text, size_t length,
                                             struct dns_fixture **fixture_out, struct why *why);

/** It holds recorded answers, and nothing else is known ("!ONLY"). */
bool dns_fixture_is_only(const struct dns_fixture *fixture);

void dns_fixture_close(struct dns_fixture *fixture);

/** Answer for `reply->canonical`, CNAMEs included. Never unfinished. */
void dns_fixture_ask(const struct dns_fixture *fixture, enum dns_type type,
                     struct dns_reply *reply);

#endif
