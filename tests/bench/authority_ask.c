// SPDX-License-Identifier: Apache-2.0
// Asks the servers of many domains as a domain check does, on several threads, and says how many
// checks a second that were; with --print also what each server said.
#include <getopt.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "common/attrs.h"
#include "common/clock.h"
#include "common/network.h"
#include "common/parse.h"
#include "common/xalloc.h"
#include "verifier/dns/authority.h"

enum { CHECK_MS = 15000, THREADS_MAX = 64, NAME_SIZE = 1100 };

// What a check of a domain with DKIM, SPF, DMARC, ownership and MX asks.
static const struct {
    const char *label;
    enum dns_type type;
} QUESTIONS[] = {
    {"", DNS_SOA},
    {"", DNS_TXT},
    {"", DNS_MX},
    {"_mailspur.", DNS_TXT},
    {"_dmarc.", DNS_TXT},
    {"s1._domainkey.", DNS_CNAME},
    {"s2._domainkey.", DNS_CNAME},
    {"s3._domainkey.", DNS_CNAME},
    {"mail.", DNS_MX},
    {"mail.", DNS_TXT},
};

static struct authority *authority;
static char **domains;
static size_t domain_count;
static bool must_print;
static atomic_size_t next_domain;
static atomic_size_t outcomes[AUTHORITY_NOT_ASKED + 1];
static atomic_llong slowest_ms;

static void
print_result(const struct authority_result *result)
{
    const char *resolver = result->resolver.is_bogus ? "bogus" : "";
    for (size_t i = 0; result->zone != NULL && i < result->zone->server_count; i++) {
        const struct authority_server *server = &result->zone->servers[i];
        const struct authority_answer *answer = &result->answers[i];
        bool has_text = answer->answer != NULL && answer->answer->count > 0;
        printf("%s %s %s %s %s %s %s %u %s %s\n", result->name, dns_type_name(result->type),
               result->zone->name, server->name, server->address,
               authority_outcome_name(answer->outcome),
               answer->reason == AUTHORITY_NO_REASON ? "-" : authority_reason_name(answer->reason),
               answer->answer == NULL ? 0 : answer->answer->soa.serial,
               resolver[0] == '\0' ? "-" : resolver,
               has_text && result->type == DNS_TXT ? answer->answer->records[0].data : "-");
    }
    if (result->zone == NULL) {
        printf("%s %s - %s\n", result->name, dns_type_name(result->type), result->problem);
    }
}

static void
check(const char *domain)
{
    struct authority_question questions[ARRAY_LEN(QUESTIONS)];
    char names[ARRAY_LEN(QUESTIONS)][NAME_SIZE];
    struct authority_report *report = NULL;
    struct why why;
    for (size_t i = 0; i < ARRAY_LEN(QUESTIONS); i++) {
        (void)snprintf(names[i], NAME_SIZE, "%s%s", QUESTIONS[i].label, domain);
        questions[i] = (struct authority_question){names[i], QUESTIONS[i].type};
    }
    int64_t start = clock_mono_ms();
    struct dns_budget budget = {.deadline_mono_ms = start + CHECK_MS, .queries_left = UINT_MAX};
    if (authority_ask(authority, questions, ARRAY_LEN(questions), &budget, &report, &why) !=
        ST_OK) {
        (void)fprintf(stderr, "%s\n", why.text);
        exit(1);
    }
    long long took = clock_mono_ms() - start;
    long long before = atomic_load(&slowest_ms);
    while (took > before && !atomic_compare_exchange_weak(&slowest_ms, &before, took)) {
    }
    for (size_t i = 0; i < report->count; i++) {
        const struct authority_result *result = &report->results[i];
        for (size_t server = 0; result->zone != NULL && server < result->zone->server_count;
             server++) {
            atomic_fetch_add(&outcomes[result->answers[server].outcome], 1);
        }
        if (must_print) {
            print_result(result);
        }
    }
    authority_report_free(report);
}

static void *
work(void *context)
{
    (void)context;
    for (;;) {
        size_t index = atomic_fetch_add(&next_domain, 1);
        if (index >= domain_count) {
            return NULL;
        }
        check(domains[index]);
    }
}

static void
read_domains(void)
{
    char line[1024];
    size_t room = 0;
    while (fgets(line, sizeof(line), stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (domain_count == room) {
            room = room == 0 ? 1024 : room * 2;
            domains = xreallocarray(domains, room, sizeof(*domains));
        }
        domains[domain_count++] = xstrdup(line);
    }
}

static void
print_figures(int64_t took_ms)
{
    struct rusage usage;
    (void)getrusage(RUSAGE_SELF, &usage);
    printf("{\"checks\": %zu, \"seconds\": %.3f, \"per_second\": %.0f, \"slowest_ms\": %lld, "
           "\"max_rss_kb\": %ld, \"outcomes\": {",
           domain_count, (double)took_ms / 1000, 1000.0 * (double)domain_count / (double)took_ms,
           atomic_load(&slowest_ms), usage.ru_maxrss);
    for (int i = 0; i <= AUTHORITY_NOT_ASKED; i++) {
        printf("%s\"%s\": %zu", i == 0 ? "" : ", ",
               authority_outcome_name((enum authority_outcome)i), atomic_load(&outcomes[i]));
    }
    printf("}}\n");
}

static uint64_t
number(const char *text, uint64_t most)
{
    uint64_t value = 0;
    struct why why;
    if (parse_uint(text, most, &value, &why) != ST_OK) {
        (void)fprintf(stderr, "%s\n", why.text);
        exit(2);
    }
    return value;
}

int
main(int argc, char **argv)
{
    static const struct option options[] = {{"resolver", required_argument, NULL, 'r'},
                                            {"threads", required_argument, NULL, 't'},
                                            {"rate", required_argument, NULL, 'q'},
                                            {"print", no_argument, NULL, 'p'},
                                            {NULL, 0, NULL, 0}};
    static const struct network loopback = {.address = {.bytes = {127}, .length = 4}, .prefix = 8};
    const char *server = "127.0.0.1";
    size_t threads = 4;
    struct authority_settings settings = {
        .allow_private = &loopback, .allow_private_count = 1, .timeout_ms = 2000, .tries = 2};
    int option = 0;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'r':
            server = optarg;
            break;
        case 't':
            threads = number(optarg, THREADS_MAX);
            break;
        case 'q':
            settings.queries_per_second = (unsigned)number(optarg, UINT16_MAX);
            break;
        case 'p':
            must_print = true;
            break;
        default:
            (void)fprintf(stderr,
                          "usage: %s [--resolver ADDRESS] [--threads N] [--rate N] "
                          "[--print] < DOMAINS\n",
                          argv[0]);
            return 2;
        }
    }
    const struct dns_settings dns_settings = {.servers = &server,
                                              .server_count = 1,
                                              .timeout_ms = 2000,
                                              .tries = 2,
                                              .cache_bytes = 1 << 20};
    struct why why;
    if (dns_open(&dns_settings, &settings.dns, &why) != ST_OK ||
        authority_open(&settings, &authority, &why) != ST_OK) {
        (void)fprintf(stderr, "%s\n", why.text);
        return 1;
    }
    read_domains();
    pthread_t workers[THREADS_MAX];
    int64_t start = clock_mono_ms();
    for (size_t i = 0; i < threads; i++) {
        if (pthread_create(&workers[i], NULL, work, NULL) != 0) {
            abort();
        }
    }
    for (size_t i = 0; i < threads; i++) {
        (void)pthread_join(workers[i], NULL);
    }
    print_figures(clock_mono_ms() - start);
    authority_close(authority);
    dns_close(settings.dns);
    for (size_t i = 0; i < domain_count; i++) {
        free(domains[i]);
    }
    free(domains);
    return 0;
}
