// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/load.h"

#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/header.h"
#include "common/xalloc.h"

enum { MESSAGES_MAX = 4096 };

static load_session *run_session;

uint64_t
load_now_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

bool
load_take(struct load *load, unsigned *number_out)
{
    *number_out = atomic_fetch_add(&load->next, 1);
    return *number_out < load->total;
}

static bool
read_message(const char *folder, const char *name, struct load_message *out)
{
    char path[1024];
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0) {
        return false;
    }
    out->length = (size_t)ftell(file);
    rewind(file);
    out->data = xcalloc(out->length + 1, 1);
    bool whole = fread(out->data, 1, out->length, file) == out->length;
    (void)fclose(file);
    out->header_length = header_block_length(out->data, out->length) - 2;
    const char *dash = strchr(name, '-');
    const char *dot = strstr(name, ".eml");
    (void)snprintf(out->sender, sizeof(out->sender), "%.*s", (int)(dot - dash - 1), dash + 1);
    return whole;
}

bool
load_read(const char *folder, struct load *load)
{
    DIR *listing = opendir(folder);
    if (listing == NULL) {
        return false;
    }
    load->messages = xcalloc(MESSAGES_MAX, sizeof(*load->messages));
    for (const struct dirent *entry; (entry = readdir(listing)) != NULL;) {
        if (strstr(entry->d_name, ".eml") != NULL && load->message_count < MESSAGES_MAX &&
            read_message(folder, entry->d_name, &load->messages[load->message_count])) {
            load->message_count++;
        }
    }
    (void)closedir(listing);
    return load->message_count > 0;
}

static void *
worker(void *context)
{
    struct load *load = context;
    while (atomic_load(&load->next) < load->total) {
        run_session(load);
    }
    return NULL;
}

static int
compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static void
report(struct load *load, uint64_t elapsed_us)
{
    qsort(load->end_us, load->total, sizeof(*load->end_us), compare);
    printf("{\"messages\":%u,\"failed\":%u,\"passed\":%u,\"seconds\":%.3f,\"per_second\":%.1f,"
           "\"end_p50_us\":%u,\"end_p99_us\":%u}\n",
           load->total, atomic_load(&load->failed), atomic_load(&load->passed),
           (double)elapsed_us / 1e6, (double)load->total * 1e6 / (double)elapsed_us,
           load->end_us[load->total / 2], load->end_us[load->total * 99 / 100]);
}

int
load_main(int argc, char **argv, const char **target_out, load_session *session)
{
    if (argc != 8) {
        fprintf(stderr, "usage: %s TARGET FOLDER TOTAL SESSIONS PER-SESSION RECIPIENT CLIENT\n",
                argv[0]);
        return 2;
    }
    struct load load = {.total = (unsigned)strtoul(argv[3], NULL, 10),
                        .sessions = (unsigned)strtoul(argv[4], NULL, 10),
                        .per_session = (unsigned)strtoul(argv[5], NULL, 10),
                        .recipient = argv[6],
                        .client = argv[7]};
    *target_out = argv[1];
    run_session = session;
    if (!load_read(argv[2], &load)) {
        fprintf(stderr, "no messages in %s\n", argv[2]);
        return 2;
    }
    load.end_us = xcalloc(load.total, sizeof(*load.end_us));
    pthread_t *threads = xcalloc(load.sessions, sizeof(*threads));
    uint64_t start = load_now_us();
    for (unsigned i = 0; i < load.sessions; i++) {
        (void)pthread_create(&threads[i], NULL, worker, &load);
    }
    for (unsigned i = 0; i < load.sessions; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    report(&load, load_now_us() - start);
    return atomic_load(&load.failed) == 0 ? 0 : 1;
}
