// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/dns/house.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/dns/world.h"

struct house
open_house(int64_t timeout_ms, unsigned per_second)
{
    struct house house = {.dns = world_dns()};
    struct authority_settings settings = world_settings(house.dns, timeout_ms);
    settings.queries_per_second = per_second;
    assert_int_equal(authority_open(&settings, &house.authority, NULL), ST_OK);
    return house;
}

void
close_house(struct house *house)
{
    authority_close(house->authority);
    dns_close(house->dns);
}
