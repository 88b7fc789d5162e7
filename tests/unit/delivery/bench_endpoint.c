// SPDX-License-Identifier: Apache-2.0
// A local endpoint that answers 200, for bench_delivery: prints its port, ends with its input.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "endpoint.h"
#include "house.h"

int
main(void)
{
    const struct endpoint_reply good = {.status = 200};
    struct endpoint *endpoint = endpoint_open(&HOUSE_SECRET, &good, 1);
    printf("%u\n", endpoint_port(endpoint));
    (void)fflush(stdout);
    while (getchar() != EOF) {
    }
    endpoint_close(endpoint);
    return 0;
}
