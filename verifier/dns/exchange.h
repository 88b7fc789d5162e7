// SPDX-License-Identifier: Apache-2.0
// Many exchanges with many servers at once, in one poll loop of the calling thread: UDP, each on a
// connected socket of its own; TCP when truncated; tries; each server's rate and health.
#ifndef VERIFIER_DNS_EXCHANGE_H
#define VERIFIER_DNS_EXCHANGE_H

#include <stddef.h>
#include <stdint.h>

#include "verifier/dns/codec.h"
#include "verifier/dns/peers.h"
#include "verifier/dns/transport.h"

enum { DNS_EXCHANGES_OPEN_MAX = 64 }; /* sockets of one run */

enum dns_exchange_end {
    DNS_EXCHANGE_ANSWERED,
    DNS_EXCHANGE_BROKEN,       /* truncated, and TCP failed */
    DNS_EXCHANGE_TIMEOUT,      /* asked, nothing came */
    DNS_EXCHANGE_UNREACHABLE,  /* nobody listens there */
    DNS_EXCHANGE_RATE_LIMITED, /* not asked: no turn before the deadline */
    DNS_EXCHANGE_NO_ROUTE,     /* not asked: no way there from this host */
    DNS_EXCHANGE_NO_TIME,      /* not asked: the deadline came first */
    DNS_EXCHANGE_NO_QUERY,     /* not asked: the budget has none left */
    DNS_EXCHANGE_LOCAL_FAULT   /* not asked: no socket */
};

struct dns_exchange;

/** How it ended. `query` and `message` are for DNS_EXCHANGE_ANSWERED only, and borrowed. */
typedef void dns_exchange_end_fn(struct dns_exchange *exchange, enum dns_exchange_end end,
                                 int64_t took_ms, const struct dns_query *query,
                                 const unsigned char *message, size_t length);

struct dns_exchange_policy {
    struct dns_peers *peers; /* NULL: no rates, nobody is dead */
    int64_t timeout_ms;      /* of one try */
    unsigned tries;
    bool is_hasty; /* `timeout_ms` is too short for silence to say that a server is dead */
    const struct dns_cancel *cancel; /* the same for all of a run; NULL: none */
    struct dns_budget *budget;       /* each try, by UDP and by TCP, is a query; NULL: no limit.
                                        Its deadline is not looked at */
};

struct dns_exchange {
    const struct dns_server *server; /* borrowed, as the next two */
    const struct dns_question *question;
    const struct dns_exchange_policy *policy;
    dns_exchange_end_fn *on_end;
    void *context; /* the caller's */
    /* The rest is dns_exchange_run's; zero before. */
    unsigned tries;
    bool is_started;
    bool is_over;
    bool without_edns;
    int64_t not_before_ms;
    int64_t first_sent_ms;
};

/** Run all; `on_end` is called once for each, on this thread. Blocks up to the deadline, or until
 *  cancelled. */
void dns_exchange_run(struct dns_exchange *exchanges, size_t count, int64_t deadline_mono_ms);

#endif
