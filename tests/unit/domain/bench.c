// SPDX-License-Identifier: Apache-2.0
#include "bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/strbuf.h"
#include "fixture_check.h"

static const char *
path_in(const struct bench *bench, const char *file, char out[BENCH_PATH_SIZE])
{
    (void)snprintf(out, BENCH_PATH_SIZE, "%s/%s", bench->folder, file);
    return out;
}

struct registry_settings
bench_settings(struct bench *bench)
{
    return (struct registry_settings){.store = bench->store,
                                      .dns = bench->dns,
                                      .holder = bench->holder,
                                      .clock = &bench->clock,
                                      .check = fixture_check};
}

static struct config *
load_config(const struct bench *bench, const char *lines)
{
    char path[BENCH_PATH_SIZE];
    struct config *config = NULL;
    struct diagnostics list = {.items = NULL};
    FILE *file = fopen(path_in(bench, "mailspur.yaml", path), "w");
    assert_non_null(file);
    assert_true(fprintf(file,
                        "hostname: " BENCH_MX_HOST "\ninbound_mx: " BENCH_MX_HOST "\n"
                        "limits: {pending_domains: %d, domains: %d}\n%s",
                        BENCH_PENDING_MAX, BENCH_DOMAINS_MAX, lines) > 0);
    assert_int_equal(fclose(file), 0);
    if (config_load(path, &list, &config) != ST_OK) {
        fail_msg("%s", list.count == 0 ? "?" : list.items[0].text);
    }
    diagnostics_done(&list);
    return config;
}

void
bench_configure(struct bench *bench, const char *lines)
{
    config_holder_set(bench->holder, load_config(bench, lines));
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
    const struct registry_settings settings = bench_settings(bench);
    if (registry_open(&settings, &bench->registry, &why) != ST_OK) {
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
    assert_int_equal(mkdir(path_in(bench, "domains.d", path), 0700), 0);
    clock_guard_init(&bench->clock);
    bench->holder = config_holder_new(load_config(bench, ""));
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
    config_holder_free(bench->holder);
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", bench->folder);
    assert_int_equal(system(command), 0);
    free(bench);
    return 0;
}

enum status
bench_try_add(struct bench *bench, const char *tenant, const char *name, const char *profile,
              struct store_domain *domain, struct why *why)
{
    const struct registry_addition addition = {
        .tenant = tenant, .domain = name, .profile = profile};
    return registry_add(bench->registry, &addition, domain, why);
}

struct store_domain
bench_add(struct bench *bench, const char *tenant, const char *name)
{
    struct store_domain domain;
    struct why why = {.text = ""};
    if (bench_try_add(bench, tenant, name, "inbound", &domain, &why) != ST_OK) {
        fail_msg("%s: %s", name, why.text);
    }
    return domain;
}

void
bench_remove(struct bench *bench, const char *name)
{
    struct store_domain domain;
    struct why why = {.text = ""};
    if (registry_remove(bench->registry, name, REGISTRY_HELD_STAYS, &domain, NULL, &why) != ST_OK) {
        fail_msg("%s: %s", name, why.text);
    }
}

struct registry_check *
bench_verify(struct bench *bench, const char *name)
{
    struct why why = {.text = ""};
    struct registry_check *check = NULL;
    if (registry_verify(bench->registry, name, &check, &why) != ST_OK) {
        fail_msg("%s: %s", name, why.text);
    }
    return check;
}

struct store_domain
bench_add_verified(struct bench *bench, const char *tenant, const char *name)
{
    struct store_domain domain = bench_add(bench, tenant, name);
    char zone[BENCH_PATH_SIZE * 2];
    (void)snprintf(zone, sizeof(zone), "_mailspur.%s TXT mailspur-verify=$\n", domain.name);
    bench_reopen(bench, &domain, zone);
    AUTO_REGISTRY_CHECK *check = bench_verify(bench, name);
    assert_int_equal(check->domain.status, DOMAIN_VERIFIED);
    return check->domain;
}

static bool
is_wanted(void *context)
{
    (void)context;
    return true;
}

static void
on_stored(void *context, const struct store_submit_result *result)
{
    assert_int_equal(result->status, ST_OK);
    assert_int_equal(sem_post(context), 0);
}

struct id
bench_hold(struct bench *bench, const struct store_domain *domain, const char *reason)
{
    FILE *body = tmpfile();
    sem_t stored;
    assert_non_null(body);
    assert_true(fputs("x: y\r\n\r\n", body) >= 0 && fflush(body) == 0);
    assert_int_equal(sem_init(&stored, 0, 0), 0);
    const struct store_message message = {.id = id_new(),
                                          .tenant = domain->tenant,
                                          .domain = domain->name,
                                          .sender = "",
                                          .recipients = "a@example.com",
                                          .queue_id = "1",
                                          .client_address = "192.0.2.1",
                                          .client_name = "",
                                          .helo = "",
                                          .subject = "",
                                          .message_id_field = "",
                                          .verdict = "{}",
                                          .size = 8,
                                          .header_length = 8};
    const struct store_delivery delivery = {.id = id_new(),
                                            .tenant = domain->tenant,
                                            .domain = domain->name,
                                            .recipient = "a@example.com",
                                            .route = "all",
                                            .action = "",
                                            .destination = "psa",
                                            .captures = "{}",
                                            .state = DELIVERY_HELD,
                                            .reason = reason};
    struct store_submission submission = {.message = &message,
                                          .body_fd = fileno(body),
                                          .deliveries = &delivery,
                                          .delivery_count = 1,
                                          .still_wanted = is_wanted,
                                          .done = on_stored,
                                          .context = &stored};
    memcpy(submission.dedupe.key, message.id.text + 5, sizeof(submission.dedupe.key) - 1);
    store_submit(bench->store, &submission);
    assert_int_equal(sem_wait(&stored), 0);
    assert_int_equal(sem_destroy(&stored), 0);
    assert_int_equal(fclose(body), 0);
    return delivery.id;
}

static void
on_delivery(void *context, const struct store_delivery *delivery)
{
    *(enum delivery_state *)context = delivery->state;
}

enum delivery_state
bench_state(struct bench *bench, const struct id *delivery)
{
    enum delivery_state state = DELIVERY_UNKNOWN;
    const struct store_filter filter = {.delivery_id = delivery->text};
    assert_int_equal(store_delivery_list(bench->store, &filter, on_delivery, &state, NULL), ST_OK);
    return state;
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
