// SPDX-License-Identifier: Apache-2.0
#include "bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/strbuf.h"

static const char *
path_in(const struct bench *bench, const char *file, char out[BENCH_PATH_SIZE])
{
    (void)snprintf(out, BENCH_PATH_SIZE, "%s/%s", bench->folder, file);
    return out;
}

static void
open_registry(struct bench *bench, const char *zone)
{
    char path[BENCH_PATH_SIZE];
    struct why why = {.text = ""};
    FILE *file = fopen(path_in(bench, "zone", path), "w");
    assert_non_null(file);
    assert_true(fputs(zone, file) >= 0);
    assert_int_equal(fclose(file), 0);
    if (dns_open_fixture(path, &bench->dns, &why) != ST_OK) {
        fail_msg("%s", why.text);
    }
    const struct registry_settings settings = {.hostname = BENCH_MX_HOST,
                                               .pending_per_tenant = BENCH_PENDING_MAX};
    if (registry_open(&settings, bench->store, bench->dns, &bench->registry, &why) != ST_OK) {
        fail_msg("%s", why.text);
    }
}

void
bench_close_registry(struct bench *bench)
{
    registry_close(bench->registry);
    dns_close(bench->dns);
}

void
bench_reopen(struct bench *bench, const struct store_domain *domain, const char *zone)
{
    AUTO_STRBUF text = STRBUF_INIT(BENCH_ZONE_MAX);
    for (const char *c = zone; *c != '\0'; c++) {
        if (*c == '$') {
            strbuf_puts(&text, domain->token);
        } else {
            strbuf_putc(&text, *c);
        }
    }
    bench_close_registry(bench);
    open_registry(bench, strbuf_text(&text));
}

int
bench_set_up(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    char path[BENCH_PATH_SIZE];
    (void)snprintf(bench->folder, sizeof(bench->folder), "/tmp/test-registry-XXXXXX");
    assert_non_null(mkdtemp(bench->folder));
    const struct store_settings settings = {.path = path_in(bench, "db", path)};
    struct why why = {.text = ""};
    if (store_open(&settings, &bench->store, &why) != ST_OK) {
        fail_msg("%s", why.text);
    }
    open_registry(bench, "");
    *state = bench;
    return 0;
}

int
bench_tear_down(void **state)
{
    struct bench *bench = *state;
    char command[BENCH_PATH_SIZE];
    bench_close_registry(bench);
    store_close(bench->store);
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", bench->folder);
    assert_int_equal(system(command), 0);
    free(bench);
    return 0;
}

struct store_domain
bench_add(struct bench *bench, const char *tenant, const char *name)
{
    struct store_domain domain;
    struct why why = {.text = ""};
    if (registry_add(bench->registry, tenant, name, "local", &domain, &why) != ST_OK) {
        fail_msg("%s: %s", name, why.text);
    }
    return domain;
}

size_t
bench_verify(struct bench *bench, const char *name, struct store_domain *domain,
             struct registry_record records[REGISTRY_RECORDS_MAX])
{
    struct why why = {.text = ""};
    size_t count = 0;
    if (registry_verify(bench->registry, name, BENCH_MX_HOST, domain, records, &count, &why) !=
        ST_OK) {
        fail_msg("%s: %s", name, why.text);
    }
    return count;
}

struct store_domain
bench_add_verified(struct bench *bench, const char *tenant, const char *name)
{
    struct store_domain domain = bench_add(bench, tenant, name);
    struct registry_record records[REGISTRY_RECORDS_MAX];
    char zone[BENCH_PATH_SIZE * 2];
    (void)snprintf(zone, sizeof(zone), "_mailspur.%s TXT mailspur-verify=$\n", domain.name);
    bench_reopen(bench, &domain, zone);
    (void)bench_verify(bench, name, &domain, records);
    assert_int_equal(domain.status, DOMAIN_VERIFIED);
    return domain;
}

static void
on_event(void *context, const struct store_event_row *event)
{
    struct bench_events *events = context;
    assert_true(events->count < ARRAY_LEN(events->kinds));
    if (events->count == 0) {
        memcpy(events->detail, event->detail, sizeof(events->detail));
    }
    memcpy(events->kinds[events->count++], event->kind, sizeof(event->kind));
}

struct bench_events
bench_events(struct bench *bench, const char *domain)
{
    struct bench_events events = {.count = 0};
    assert_int_equal(store_events(bench->store, domain, NULL, 16, on_event, &events, NULL), ST_OK);
    return events;
}

void
bench_assert_newest_event(struct bench *bench, const char *domain, size_t count, const char *kind)
{
    struct bench_events events = bench_events(bench, domain);
    assert_int_equal(events.count, count);
    assert_string_equal(events.kinds[0], kind);
}
