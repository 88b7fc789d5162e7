// SPDX-License-Identifier: Apache-2.0
// Tenants choose the URLs we call: a request must not reach the operator's own networks. The
// address is checked when the socket is made, behind name resolution, and again before each
// request, because a pooled connection skips the first check.
#ifndef ROUTER_DELIVERY_SSRF_H
#define ROUTER_DELIVERY_SSRF_H

#include <stdbool.h>

#include <curl/curl.h>

#include "config/config.h"

/** True unless the address is private, loopback, link-local or otherwise not public, and in none
 *  of the networks in `allow`. */
bool ssrf_allows(const struct config_networks *allow, const struct network_address *address);

struct ssrf_guard {
    const struct config_networks *allow; /* borrowed for the transfer */
    char refused[64];                    /* the address that was refused; "" when none */
};

/** Set both checks. The guard must outlive the transfer. */
void ssrf_attach(CURL *easy, struct ssrf_guard *guard);

#endif
