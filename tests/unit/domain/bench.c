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
#include "fixture_check.h"
#include "tests/unit/store/submit.h"

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
    AUTO_STRBUF text = STRBUF_INIT(BENCH_ZONE_MAX);
    strbuf_printf(&text,
                  "hostname: " BENCH_MX_HOST "\ninbound_mx: " BENCH_MX_HOST "\n"
                  "limits: {pending_domains: %d, domains: %d}\n%s",
                  BENCH_PENDING_MAX, BENCH_DOMAINS_MAX, lines);
    folder_write(&bench->folder, "mailspur.yaml", strbuf_text(&text));
    return folder_load_good(&bench->folder);
}

void
bench_configure(struct bench *bench, const char *lines)
{
    config_holder_set(bench->holder, load_config(bench, lines));
}

static void
open_registry(struct bench *bench, const char *zone)
{
    char path[FOLDER_PATH_SIZE];
    struct why why = {.text = ""};
    folder_write(&bench->folder, "zone", zone);
    if (dns_open_fixture(folder_path(&bench->folder, "zone", path), &bench->dns, &why) != ST_OK) {
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
    char path[FOLDER_PATH_SIZE];
    folder_make(&bench->folder);
    clock_guard_init(&bench->clock);
    bench->holder = config_holder_new(load_config(bench, ""));
    const struct store_settings settings = {.path = folder_path(&bench->folder, "db", path)};
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
    bench_close_registry(bench);
    store_close(bench->store);
    config_holder_free(bench->holder);
    folder_remove(&bench->folder);
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
    char zone[2 * DOMAIN_NAME_SIZE];
    (void)snprintf(zone, sizeof(zone), "_mailspur.%s TXT mailspur-verify=$\n", domain.name);
    bench_reopen(bench, &domain, zone);
    AUTO_REGISTRY_CHECK *check = bench_verify(bench, name);
    assert_int_equal(check->domain.status, DOMAIN_VERIFIED);
    return check->domain;
}

struct id
bench_hold(struct bench *bench, const struct store_domain *domain, const char *reason)
{
    FILE *body = tmpfile();
    assert_non_null(body);
    assert_true(fputs("x: y\r\n\r\n", body) >= 0 && fflush(body) == 0);
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
    struct store_submission submission = {
        .message = &message, .body_fd = fileno(body), .deliveries = &delivery, .delivery_count = 1};
    memcpy(submission.dedupe.key, message.id.text + 5, sizeof(submission.dedupe.key) - 1);
    submission_store(bench->store, &submission);
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
    assert_int_equal(
        store_events(bench->store,
                     &(struct store_event_choice){
                         .domain = domain, .tenant = NULL, .before = INT64_MAX, .limit = 16},
                     on_event, &events, NULL),
        ST_OK);
    return events;
}

void
bench_assert_newest_event(struct bench *bench, const char *domain, size_t count, const char *kind)
{
    struct bench_events events = bench_events(bench, domain);
    assert_int_equal(events.count, count);
    assert_string_equal(events.kinds[0], kind);
}
