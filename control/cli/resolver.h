// SPDX-License-Identifier: Apache-2.0
// The DNS for commands that work without the daemon: the host's own resolvers.
#ifndef CONTROL_CLI_RESOLVER_H
#define CONTROL_CLI_RESOLVER_H

#include "verifier/dns/dns.h"

enum { RESOLVER_TRY_MS = 2000, RESOLVER_TRIES = 2 };

/**
 * Open.
 *
 * @server   "192.0.2.53", "127.0.0.1:5353", "[::1]:53"; NULL: those of /etc/resolv.conf
 * @dns_out  dns_close
 * @return   ST_OK; ST_INVALID the text is no address
 */
MUST_CHECK enum status resolver_open(const char *server, struct dns **dns_out, struct why *why);

#endif
