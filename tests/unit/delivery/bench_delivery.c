// SPDX-License-Identifier: Apache-2.0
// CPU time of this process per delivery, without the endpoint's: `bench_delivery URL-PORT [count
// [concurrency [size]]]`. The endpoint is another process, such as `bench_endpoint`.
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/parse.h"
#include "house.h"

static uint64_t
argument(char **argv, int argc, int index, uint64_t otherwise)
{
    uint64_t value = otherwise;
    if (index < argc && parse_uint(argv[index], 100000000, &value, NULL) != ST_OK) {
        exit(2);
    }
    return value;
}

static double
cpu_us(void)
{
    struct rusage usage;
    (void)getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

int
main(int argc, char **argv)
{
    uint64_t port = argument(argv, argc, 1, 0);
    uint64_t count = argument(argv, argc, 2, 2000);
    uint64_t concurrency = argument(argv, argc, 3, 8);
    uint64_t size = argument(argv, argc, 4, 4096);
    (void)signal(SIGPIPE, SIG_IGN);
    void *state = NULL;
    (void)house_setup(&state);
    struct house *house = state;
    char extra[128];
    (void)snprintf(extra, sizeof(extra), "    allow_private: [127.0.0.0/8]\n    concurrency: %d\n",
                   (int)concurrency);
    house_configure(house, (uint16_t)port, extra);
    struct id last = {.text = ""};
    for (uint64_t i = 0; i < count; i++) {
        last = house_submit(house, size);
    }
    double cpu = cpu_us();
    int64_t begin = clock_mono_ms();
    house_start(house);
    house_await(house, &last, DELIVERY_DONE);
    while (house_status(house).done < count) {
        house_await(house, &last, DELIVERY_DONE);
    }
    house_stop(house, 10000);
    int64_t wall = clock_mono_ms() - begin;
    printf("deliveries=%llu bytes=%llu concurrency=%llu cpu_us_each=%.0f per_s=%.0f\n",
           (unsigned long long)count, (unsigned long long)size, (unsigned long long)concurrency,
           (cpu_us() - cpu) / (double)count, (double)count * 1000 / (double)wall);
    return house_teardown(&state);
}
