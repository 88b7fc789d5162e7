// SPDX-License-Identifier: Apache-2.0
// One question to the configured servers: tries, the next server, TCP, without EDNS.
#ifndef VERIFIER_DNS_RESOLVER_H
#define VERIFIER_DNS_RESOLVER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/status.h"
#include "verifier/dns/cancel.h"
#include "verifier/dns/dns.h"
#include "verifier/dns/reply.h"
#include "verifier/dns/transport.h"

struct dns_resolver {
    struct dns_server servers[DNS_SERVERS_MAX];
    size_t server_count;
    int64_t timeout_ms;
    unsigned tries;
    struct dns_cancel cancel;
    atomic_size_t preferred; /* the server that answered last is asked first */
};

/** ST_INVALID as dns_open; ST_IO. */
MUST_CHECK enum status dns_resolver_init(struct dns_resolver *resolver,
                                         const struct dns_settings *settings, struct why *why);

/**
 * Ask for `reply->canonical` and go on with the reply.
 *
 * @deadline_mono_ms  of the caller
 * @return            false if it was the caller's deadline, or that it was cancelled, which cut it
 *                    short: the reply is temporary, and says nothing about the servers
 */
bool dns_resolver_ask(struct dns_resolver *resolver, enum dns_type type, int64_t deadline_mono_ms,
                      struct dns_reply *reply);

void dns_resolver_done(struct dns_resolver *resolver);

/** The resolver behind dns_get; NULL for a fixture. */
struct dns_resolver *dns_resolver_of(struct dns *dns);

#endif
