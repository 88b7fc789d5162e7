// SPDX-License-Identifier: Apache-2.0
// What the engines cost without a milter around them: CPU of one auth_check, DNS answers, records
// and keys remembered, beside that of one SHA-256 over the same bodies. Prints one JSON line.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/evp.h>

#include "tests/bench/load.h"
#include "verifier/message/auth.h"

enum { CACHE_BYTES = 64 * 1024 * 1024 };

static double
cpu_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static size_t
body_start(const struct load_message *message)
{
    return message->header_length + 2;
}

static void
check(struct auth *auth, const struct load *load, unsigned number)
{
    static struct verdict verdict;
    const struct load_message *message = &load->messages[number % load->message_count];
    const struct auth_message input = {.client_address = load->client,
                                       .helo = "mail.sender.example",
                                       .sender = message->sender,
                                       .data = message->data,
                                       .fd = -1,
                                       .size = message->length,
                                       .header_length = body_start(message)};
    auth_check(auth, &input, &verdict);
    if (verdict.spf.result != AUTH_PASS || verdict_dkim_overall(&verdict) != AUTH_PASS ||
        verdict.dmarc.result != AUTH_PASS) {
        (void)fprintf(stderr, "unexpected: %s\n", verdict.authentication_results);
        exit(1);
    }
}

static double
cost_of_checks(struct auth *auth, const struct load *load)
{
    double before = cpu_us();
    for (unsigned i = 0; i < load->total; i++) {
        check(auth, load, i);
    }
    return (cpu_us() - before) / load->total;
}

static double
cost_of_hash(const struct load *load)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    double before = cpu_us();
    for (unsigned i = 0; i < load->total; i++) {
        const struct load_message *message = &load->messages[i % load->message_count];
        size_t start = body_start(message);
        (void)EVP_DigestInit_ex(context, EVP_sha256(), NULL);
        (void)EVP_DigestUpdate(context, message->data + start, message->length - start);
        (void)EVP_DigestFinal_ex(context, digest, NULL);
    }
    double cost = (cpu_us() - before) / load->total;
    EVP_MD_CTX_free(context);
    return cost;
}

static struct auth *
open_auth(const char *server)
{
    const struct dns_settings dns_settings = {.servers = &server,
                                              .server_count = 1,
                                              .timeout_ms = 2000,
                                              .tries = 2,
                                              .cache_bytes = CACHE_BYTES};
    const struct auth_settings settings = {
        .authserv_id = "mx.mailspur.example", .timeout_ms = 20000, .queries = 60};
    struct dns *dns = NULL;
    struct auth *auth = NULL;
    struct why why = {""};
    if (dns_open(&dns_settings, &dns, &why) != ST_OK ||
        auth_open(&settings, dns, &auth, &why) != ST_OK) {
        (void)fprintf(stderr, "%s\n", why.text);
        exit(1);
    }
    return auth;
}

int
main(int argc, char **argv)
{
    if (argc != 5) {
        (void)fprintf(stderr, "usage: %s DNS-SERVER FOLDER TOTAL CLIENT\n", argv[0]);
        return 2;
    }
    struct load load = {.total = (unsigned)strtoul(argv[3], NULL, 10), .client = argv[4]};
    if (!load_read(argv[2], &load)) {
        (void)fprintf(stderr, "no messages in %s\n", argv[2]);
        return 2;
    }
    struct auth *auth = open_auth(argv[1]);
    for (unsigned i = 0; i < load.message_count; i++) {
        check(auth, &load, i);
    }
    double checks = cost_of_checks(auth, &load);
    printf("{\"check_us\":%.2f,\"sha256_us\":%.2f}\n", checks, cost_of_hash(&load));
    return 0;
}
