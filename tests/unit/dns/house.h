// SPDX-License-Identifier: Apache-2.0
// An authority of the test's own that asks the world (world.h) and remembers nothing of others.
#ifndef TESTS_UNIT_DNS_HOUSE_H
#define TESTS_UNIT_DNS_HOUSE_H

#include <stdint.h>

#include "common/cleanup.h"
#include "verifier/dns/authority.h"

struct house {
    struct dns *dns;
    struct authority *authority;
};

/** @per_second  queries to one server; 0: no limit */
struct house open_house(int64_t timeout_ms, unsigned per_second);
void close_house(struct house *house);

#define AUTO_HOUSE AUTO(close_house) struct house

#endif
