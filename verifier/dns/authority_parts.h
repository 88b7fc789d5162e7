// SPDX-License-Identifier: Apache-2.0
// What an authority is made of. For the files of authority.h only.
#ifndef VERIFIER_DNS_AUTHORITY_PARTS_H
#define VERIFIER_DNS_AUTHORITY_PARTS_H

#include <stdatomic.h>
#include <stdint.h>

#include "common/network.h"
#include "verifier/dns/authority.h"
#include "verifier/dns/exchange.h"
#include "verifier/dns/peers.h"
#include "verifier/dns/zones.h"

struct authority {
    struct authority_settings settings;
    struct network *allow_private; /* settings' */
    struct dns_peers *peers;
    struct dns_zones *zones;
    struct dns_exchange_policy policy;
    atomic_int_least64_t answered_mono_ms; /* when a server last answered; 0: never */
};

#endif
