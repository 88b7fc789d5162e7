// SPDX-License-Identifier: Apache-2.0
// What one check of a 4 KB message with an RSA-2048 signature costs, in CPU time: this process
// (DNS from memory) and the helper. Not a test: prints a line for each engine.
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/clock.h"

enum { WARM_UP = 200, ROUNDS = 5, CHECKS = 900 };

static double
own_cpu_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

// CPU clocks of other processes: the kernel's own encoding (clock_getcpuclockid).
static double
helper_cpu_us(pid_t pid)
{
    clockid_t id;
    struct timespec now = {.tv_sec = 0};
    if (clock_getcpuclockid(pid, &id) != 0 || clock_gettime(id, &now) != 0) {
        return 0;
    }
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static pid_t
only_child(void)
{
    char path[64];
    int pid = 0;
    (void)snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
    AUTO_FILE FILE *file = fopen(path, "r");
    return file != NULL && fscanf(file, "%d", &pid) == 1 ? pid : 0;
}

static int
by_value(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static void
check_many(struct auth *auth, const struct auth_message *message, int count)
{
    static struct verdict verdict;
    for (int i = 0; i < count; i++) {
        auth_check(auth, message, &verdict);
    }
    if (verdict.dkim[0].result != AUTH_PASS || verdict.dmarc.result != AUTH_PASS) {
        (void)fprintf(stderr, "unexpected: %s\n", verdict.authentication_results);
        exit(1);
    }
}

struct cost {
    double own[ROUNDS]; /* CPU of this process */
    double helper[ROUNDS];
    double wall[ROUNDS];
};

// A fresh helper each round, so that none wears out in the middle.
static void
measure(struct dns *dns, const struct auth_message *message, enum auth_engine engine, size_t round,
        struct cost *out)
{
    struct auth_settings settings = {.authserv_id = "mx.example.net",
                                     .engine = engine,
                                     .helper = HELPER,
                                     .helpers = 1,
                                     .timeout_ms = 10000,
                                     .queries = 100};
    struct auth *auth = NULL;
    if (auth_open(&settings, dns, &auth, NULL) != ST_OK) {
        exit(1);
    }
    int warm_up = WARM_UP / ROUNDS;
    check_many(auth, message, warm_up);
    pid_t child = engine == AUTH_ENGINE_OWN ? 0 : only_child();
    double own_before = own_cpu_us();
    double helper_before = child == 0 ? 0 : helper_cpu_us(child);
    int64_t wall_before = clock_mono_ms();
    check_many(auth, message, CHECKS);
    out->own[round] = (own_cpu_us() - own_before) / CHECKS;
    out->helper[round] = child == 0 ? 0 : (helper_cpu_us(child) - helper_before) / CHECKS;
    out->wall[round] = (double)(clock_mono_ms() - wall_before) * 1000 / CHECKS;
    auth_close(auth);
}

static void
print_cost(const char *engine, const struct auth_message *message, struct cost *cost)
{
    qsort(cost->own, ROUNDS, sizeof(cost->own[0]), by_value);
    qsort(cost->helper, ROUNDS, sizeof(cost->helper[0]), by_value);
    qsort(cost->wall, ROUNDS, sizeof(cost->wall[0]), by_value);
    (void)printf("%s: %llu bytes, rsa-2048: CPU us per check, median of %d rounds: milter %.0f, "
                 "helper %.0f, both %.0f (spread %.0f to %.0f); wall %.0f\n",
                 engine, (unsigned long long)message->size, ROUNDS, cost->own[ROUNDS / 2],
                 cost->helper[ROUNDS / 2], cost->own[ROUNDS / 2] + cost->helper[ROUNDS / 2],
                 cost->own[0] + cost->helper[0], cost->own[ROUNDS - 1] + cost->helper[ROUNDS - 1],
                 cost->wall[ROUNDS / 2]);
}

int
main(void)
{
    struct dns *dns = support_fixture_zone();
    struct auth_message message;
    struct cost own;
    struct cost reference;
    support_message("four_kilobytes.eml", &message);
    for (size_t i = 0; i < ROUNDS; i++) {
        measure(dns, &message, AUTH_ENGINE_OWN, i, &own);
        measure(dns, &message, AUTH_ENGINE_REFERENCE, i, &reference);
    }
    print_cost("own", &message, &own);
    print_cost("reference", &message, &reference);
    (void)close(message.fd);
    dns_close(dns);
    return 0;
}
