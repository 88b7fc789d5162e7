// SPDX-License-Identifier: Apache-2.0
// A small Internet on loopback for the tests of authority.h: a resolver, and servers of zones at
// 127.0.0.N, each with its own way to be right or wrong.
//
// The resolver knows zones by their first label: `z-11-12-p.test` has three servers. A number N is
// the host aN.host.test with the address 127.0.0.N, a letter one of the hosts of world.c; `d-...`
// is a zone the resolver fails for, but that the servers of `test` delegate likewise; `b-...` is
// one that it answers only with CD, `n-...` one too new for it: still NXDOMAIN; of `s-...` it says
// nothing until it is asked again, of `w-...` nothing about NS. A label `-child` before a zone's
// name is a zone of its own.
#ifndef TESTS_UNIT_DNS_WORLD_H
#define TESTS_UNIT_DNS_WORLD_H

#include "tests/unit/dns/server.h"
#include "verifier/dns/authority.h"

enum {
    WORLD_PARENT = 10, /* serves `test`: delegates */
    WORLD_GOOD,
    WORLD_LATE, /* an older zone */
    WORLD_REFUSES,
    WORLD_SERVFAILS,
    WORLD_SILENT,
    WORLD_WRONG_ID,
    WORLD_WRONG_QUESTION,
    WORLD_TRUNCATES,
    WORLD_TRUNCATES_TCP_DEAD,
    WORLD_REFERS_UP,
    WORLD_NOT_AUTHORITATIVE,
    WORLD_NXDOMAIN,
    WORLD_NODATA,
    WORLD_CNAME_OUT,
    WORLD_GARBAGE,
    WORLD_REFERS_DOWN,
    WORLD_CNAME_IN,
    WORLD_NO_EDNS,
    WORLD_ODD_RCODE,
    WORLD_WRONG_SOURCE,
    WORLD_TRUNCATES_TCP_STALLS,
    WORLD_TRUNCATES_TCP_FORGED,
    WORLD_CNAME_LOOP,
    WORLD_END,
    WORLD_NOBODY = 99 /* nothing listens there */
};

/** cmocka setup and teardown of a whole group. */
int world_start(void **state);
int world_stop(void **state);

/** A resolver handle on the world; dns_close. */
struct dns *world_dns(void);

/** Settings that fit the world: its port, loopback allowed, one try of `timeout_ms`. */
struct authority_settings world_settings(struct dns *dns, int64_t timeout_ms);

/** Queries that came to 127.0.0.N, by UDP. */
unsigned world_count(int server);

/** Queries that came to the resolver. */
unsigned world_resolver_count(void);

/** All queries that came to anybody, by UDP and by TCP. */
unsigned world_count_all(void);

/** From now on the servers at 127.0.0.10 and above say nothing, as behind a firewall. */
void world_block(bool is_blocked);

#endif
