// SPDX-License-Identifier: Apache-2.0
#include "house.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/strbuf.h"
#include "common/unixsock.h"
#include "common/xalloc.h"
#include "tests/unit/domain/fixture_check.h"
#include "tests/unit/store/submit.h"
#include "verifier/dns/dns.h"

enum { ANSWER_MAX = 8 * 1024 * 1024 };

static void
write_configuration(const struct house *house)
{
    const char *at = house->folder.path;
    AUTO_STRBUF text = STRBUF_INIT(8192);
    strbuf_printf(&text,
                  "hostname: mx.test.example\n"
                  "inbound_mx: mx.test.example\n"
                  "sockets:\n"
                  "  control: {path: %s/control.sock}\n"
                  "  intake: {path: %s/intake.sock}\n"
                  "  socketmap: {path: %s/socketmap.sock}\n"
                  "store: {path: %s/mailspur.db}\n"
                  "limits: {pending_domains: 3}\n"
                  "verification: {default_profile: inbound, dkim_zone: dkim.test.example,\n"
                  "  spf_include: _spf.test.example, dkim_keys: %s/dkim}\n"
                  "destinations:\n"
                  "  psa: {kind: psa, url: \"https://psa.invalid/hook\"}\n",
                  at, at, at, at, at);
    folder_write(&house->folder, "mailspur.yaml", strbuf_text(&text));
    folder_write(&house->folder, "domains.d/ours.example.yaml",
                 "domain: ours.example\n"
                 "routes:\n  - {name: all, recipient: \"*\", destinations: [psa]}\n");
    folder_write(&house->folder, "domains.d/bare.example.yaml", "domain: bare.example\n");
}

static void
open_upper_parts(struct house *house)
{
    struct why why = {.text = ""};
    char zone[FOLDER_PATH_SIZE];
    house->limits = limits_new(house->store);
    const struct api_context context = {.store = house->store,
                                        .holder = house->holder,
                                        .dispatcher = house->dispatcher,
                                        .limits = house->limits};
    if (dns_open_fixture(folder_path(&house->folder, "zone", zone), &house->dns, &why) != ST_OK) {
        fail_msg("dns: %s", why.text);
    }
    clock_guard_init(&house->clock);
    const struct registry_settings settings = {.store = house->store,
                                               .dns = house->dns,
                                               .holder = house->holder,
                                               .clock = &house->clock,
                                               .check = fixture_check};
    if (registry_open(&settings, &house->registry, &why) != ST_OK) {
        fail_msg("registry: %s", why.text);
    }
    struct api_context whole = context;
    whole.registry = house->registry;
    if (api_open(&whole, &house->socket, &house->api, &why) != ST_OK) {
        fail_msg("api: %s", why.text);
    }
}

static void
close_upper_parts(struct house *house)
{
    api_close(house->api);
    limits_free(house->limits);
    registry_close(house->registry);
    dns_close(house->dns);
}

int
house_set_up(void **state)
{
    static struct house opened;
    struct house *house = &opened;
    *house = (struct house){.store = NULL};
    folder_make(&house->folder);
    (void)folder_path(&house->folder, "mailspur.yaml", house->config_path);
    (void)folder_path(&house->folder, "control.sock", house->socket_path);
    house->socket = (struct config_socket){.path = house->socket_path, .mode = 0600};
    write_configuration(house);
    folder_write(&house->folder, "zone", "# empty\n");
    struct why why = {.text = ""};
    char path[FOLDER_PATH_SIZE];
    const struct store_settings settings = {.path =
                                                folder_path(&house->folder, "mailspur.db", path)};
    if (store_open(&settings, &house->store, &why) != ST_OK) {
        fail_msg("store: %s", why.text);
    }
    house->holder = config_holder_new(folder_load_good(&house->folder));
    if (dispatcher_open(house->store, house->holder, &house->dispatcher, &why) != ST_OK) {
        fail_msg("dispatcher: %s", why.text);
    }
    open_upper_parts(house);
    *state = house;
    return 0;
}

int
house_tear_down(void **state)
{
    struct house *house = *state;
    close_upper_parts(house);
    dispatcher_stop(house->dispatcher, 0);
    dispatcher_close(house->dispatcher);
    store_close(house->store);
    config_holder_free(house->holder);
    folder_remove(&house->folder);
    return 0;
}

// Stop the API; registry and DNS start anew with this zone (verifier/dns/dns.h), then the API.
static void
publish(struct house *house, const char *zone)
{
    close_upper_parts(house);
    folder_write(&house->folder, "zone", zone);
    open_upper_parts(house);
}

// ---- asking

char *
house_send(const struct house *house, const char *bytes, size_t length)
{
    int fd;
    struct why why;
    if (unixsock_connect(house->socket_path, SOCK_STREAM, &fd, &why) != ST_OK) {
        fail_msg("%s", why.text);
    }
    unixsock_set_timeout(fd, 30 * 1000);
    size_t sent = 0;
    while (sent < length) {
        ssize_t step = send(fd, bytes + sent, length - sent, MSG_NOSIGNAL);
        if (step <= 0) {
            break; // an early answer closes the connection: read it
        }
        sent += (size_t)step;
    }
    struct strbuf answer = STRBUF_INIT(ANSWER_MAX);
    char piece[16 * 1024];
    ssize_t got;
    while ((got = recv(fd, piece, sizeof(piece), 0)) > 0) {
        strbuf_append(&answer, piece, (size_t)got);
    }
    assert_int_equal(close(fd), 0);
    return strbuf_steal(&answer);
}

int
house_ask(const struct house *house, const char *method, const char *target, const char *body,
          json_t **answer_out)
{
    AUTO_STRBUF request = STRBUF_INIT(ANSWER_MAX);
    strbuf_printf(&request, "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n", method,
                  target);
    if (body != NULL) {
        strbuf_printf(&request, "Content-Type: application/json\r\nContent-Length: %zu\r\n",
                      strlen(body));
    }
    strbuf_puts(&request, "\r\n");
    strbuf_puts(&request, body == NULL ? "" : body);
    AUTO_FREE char *answer = house_send(house, strbuf_text(&request), request.length);
    int status = 0;
    assert_int_equal(sscanf(answer, "HTTP/1.1 %d ", &status), 1);
    if (answer_out != NULL) {
        const char *text = strstr(answer, "\r\n\r\n");
        assert_non_null(text);
        *answer_out = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(*answer_out);
    }
    return status;
}

const char *
house_text(const json_t *answer, const char *path)
{
    const json_t *at = answer;
    for (const char *part = path; at != NULL && *part != '\0';) {
        size_t length = strcspn(part, ".");
        AUTO_FREE char *name = strndup(part, length);
        at = json_is_array(at) ? json_array_get(at, (size_t)(name[0] - '0'))
                               : json_object_get(at, name);
        part += length + (part[length] == '.' ? 1 : 0);
    }
    if (!json_is_string(at)) {
        fail_msg("the answer has no text '%s'", path);
    }
    return json_string_value(at);
}

void
house_verify_for(struct house *house, const char *tenant, const char *domain)
{
    char text[1024];
    json_t *answer;
    (void)snprintf(text, sizeof(text), "{\"domain\":\"%s\",\"tenant\":\"%s\"}", domain, tenant);
    assert_int_equal(house_ask(house, "POST", "/v1/domains", text, &answer), 201);
    (void)snprintf(text, sizeof(text), "%s TXT %s\n%s MX 10 mx.test.example\n",
                   house_text(answer, "records.0.name"), house_text(answer, "records.0.value"),
                   domain);
    json_decref(answer);
    publish(house, text);
    (void)snprintf(text, sizeof(text), "/v1/domains/%s/verify", domain);
    assert_int_equal(house_ask(house, "POST", text, NULL, &answer), 200);
    assert_string_equal(house_text(answer, "status"), "verified");
    json_decref(answer);
}

void
house_verify(struct house *house, const char *domain)
{
    house_verify_for(house, "default", domain);
}

void
house_lose(struct house *house, const char *domain)
{
    struct store_domain row;
    assert_int_equal(registry_find(house->registry, domain, &row), ST_OK);
    row.status = DOMAIN_AT_RISK;
    assert_int_equal(store_domain_put(house->store, &row, row.version, NULL, NULL), ST_OK);
    publish(house, "");
}

void
house_fill(struct house *house, size_t count)
{
    const struct store_event added = {.kind = "domain.added", .detail = ""};
    for (size_t i = 0; i < count; i++) {
        struct store_domain row = {.id = id_new(), .profile = "local", .created_at = 1};
        id_new_token(row.token);
        (void)snprintf(row.name, sizeof(row.name), "d%04zu.example", i);
        (void)snprintf(row.tenant, sizeof(row.tenant), "t%04zu", i);
        struct why why;
        if (store_domain_put(house->store, &row, 0, &added, &why) != ST_OK) {
            fail_msg("%s: %s", row.name, why.text);
        }
    }
    publish(house, "");
}

// ---- messages

static int
make_body(size_t size)
{
    FILE *file = tmpfile();
    assert_non_null(file);
    int fd = dup(fileno(file));
    assert_true(fd >= 0);
    for (size_t i = 0; i < size; i++) {
        (void)fputc(i % 64 == 63 ? '\n' : 'a' + (int)(i % 26), file);
    }
    assert_int_equal(fclose(file), 0);
    return fd;
}

// One message with copies of one delivery; their ids are made here.
static struct id
store_copies(struct house *house, const char *subject, enum delivery_state state, size_t size,
             struct store_delivery *deliveries, size_t count)
{
    const struct store_message message = {
        .id = id_new(),
        .tenant = "default",
        .domain = "ours.example",
        .sender = "sender@elsewhere.example",
        .recipients = "a@ours.example\nb@ours.example",
        .queue_id = "4Q1",
        .client_address = "192.0.2.1",
        .client_name = "client.example",
        .helo = "helo.example",
        .subject = subject,
        .message_id_field = "",
        .verdict = "{\"local\":false,\"spf\":{\"result\":\"pass\"},\"dkim\":[{\"result\":\"fail\"},"
                   "{\"result\":\"pass\"}],\"dmarc\":{\"result\":\"fail\"}}",
        .received_at = store_now_ms(house->store),
        .size = size,
        .header_length = 0};
    const struct store_delivery delivery = {
        .tenant = "default",
        .domain = "ours.example",
        .recipient = "a@ours.example",
        .route = "all",
        .action = "",
        .destination = "psa",
        .captures = "{\"who\":\"a\"}",
        .state = state,
        .reason = state == DELIVERY_HELD ? "dmarc quarantine" : "",
        .created_at = message.received_at,
        .due_at = message.received_at + 24 * 3600 * 1000}; // not while a test runs
    for (size_t i = 0; i < count; i++) {
        deliveries[i] = delivery;
        deliveries[i].id = id_new();
    }
    struct store_submission submission = {.message = &message,
                                          .body_fd = make_body(size),
                                          .deliveries = deliveries,
                                          .delivery_count = count,
                                          .dedupe = {.keep_ms = 1000}};
    (void)snprintf((char *)submission.dedupe.key, sizeof(submission.dedupe.key), "%.30s",
                   message.id.text + 6);
    submission_store(house->store, &submission);
    assert_int_equal(close(submission.body_fd), 0);
    return message.id;
}

struct id
house_store(struct house *house, const char *subject, enum delivery_state state, size_t size,
            struct id *delivery_out)
{
    struct store_delivery delivery;
    struct id message = store_copies(house, subject, state, size, &delivery, 1);
    *delivery_out = delivery.id;
    return message;
}

struct id
house_store_many(struct house *house, size_t count)
{
    AUTO_FREE struct store_delivery *deliveries = xcalloc(count, sizeof(*deliveries));
    return store_copies(house, "many", DELIVERY_HELD, 10, deliveries, count);
}
