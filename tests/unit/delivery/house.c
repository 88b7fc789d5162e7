// SPDX-License-Identifier: Apache-2.0
#include "house.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/strbuf.h"
#include "common/xalloc.h"
#include "tests/unit/store/submit.h"

enum { PATIENCE_MS = 30 * 1000, LOOK_EVERY_MS = 5 };

const struct config_secret HOUSE_SECRET = {.bytes = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10,
                                                     11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
                                                     22, 23, 24, 25, 26, 27, 28, 29, 30, 31},
                                           .length = 32};

/* ---- life ------------------------------------------------------------------------------------ */

static void
open_store(struct house *house)
{
    char path[FOLDER_PATH_SIZE];
    struct why why;
    struct store_settings settings = {.path = folder_path(&house->folder, "store.db", path)};
    if (store_open(&settings, &house->store, &why) != ST_OK) {
        fail_msg("%s", why.text);
    }
}

int
house_setup(void **state)
{
    struct house *house = xcalloc(1, sizeof(*house));
    house->endpoint_host = "127.0.0.1";
    folder_make(&house->folder);
    folder_write(&house->folder, "secret", "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n");
    folder_write(&house->folder, "auth", "Bearer token-of-the-test\n");
    open_store(house);
    *state = house;
    return 0;
}

int
house_teardown(void **state)
{
    struct house *house = *state;
    dispatcher_stop(house->dispatcher, 0);
    dispatcher_close(house->dispatcher);
    config_holder_free(house->holder);
    store_close(house->store);
    folder_remove(&house->folder);
    free(house);
    return 0;
}

void
house_configure(struct house *house, uint16_t port, const char *extra)
{
    AUTO_STRBUF yaml = STRBUF_INIT(10000);
    strbuf_puts(&yaml, "hostname: mx.ours.example\ninbound_mx: mx.ours.example\n");
    if (port != 0) {
        strbuf_printf(&yaml,
                      "destinations:\n"
                      "  psa:\n"
                      "    kind: psa\n"
                      "    url: http://%s:%u/hook\n"
                      "    secret_file: %s/secret\n"
                      "    allow_http: on\n%s",
                      house->endpoint_host, port, house->folder.path, extra);
    }
    folder_write(&house->folder, "mailspur.yaml", strbuf_text(&yaml));
    struct config *config = folder_load_good(&house->folder);
    if (house->holder == NULL) {
        house->holder = config_holder_new(config);
    } else {
        config_holder_set(house->holder, config);
    }
    if (house->dispatcher != NULL) {
        dispatcher_reload(house->dispatcher);
    }
}

void
house_start(struct house *house)
{
    struct why why;
    if (dispatcher_open(house->store, house->holder, &house->dispatcher, &why) != ST_OK) {
        fail_msg("%s", why.text);
    }
}

void
house_begin(struct house *house, uint16_t port, const char *extra)
{
    house_configure(house, port, extra);
    house_start(house);
}

void
house_stop(struct house *house, int64_t grace_ms)
{
    dispatcher_stop(house->dispatcher, grace_ms);
    dispatcher_close(STEAL(house->dispatcher));
}

/* ---- messages -------------------------------------------------------------------------------- */

static const char HEADER[] = "Subject: a ticket\r\nTo: support+42@yourmsp.example\r\n\r\n";

static int
make_body(size_t size)
{
    enum { LINE = 64 };
    assert_true(size >= sizeof(HEADER));
    int fd = memfd_create("body", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, HEADER, sizeof(HEADER) - 1), sizeof(HEADER) - 1);
    char line[LINE * 1024];
    for (size_t i = 0; i < sizeof(line); i++) {
        line[i] = i % LINE == LINE - 2 ? '\r' : i % LINE == LINE - 1 ? '\n' : (char)('a' + i % 26);
    }
    for (size_t used = sizeof(HEADER) - 1; used < size;) {
        size_t left = size - used;
        ssize_t written = write(fd, line, left < sizeof(line) ? left : sizeof(line));
        assert_true(written > 0);
        used += (size_t)written;
    }
    return fd;
}

static struct store_message
make_message(size_t size)
{
    return (struct store_message){
        .id = id_new(),
        .tenant = "acme",
        .domain = "yourmsp.example",
        .sender = "someone@example.org",
        .recipients = "support+42@yourmsp.example",
        .queue_id = "4F1",
        .client_address = "192.0.2.1",
        .client_name = "mail.example.org",
        .helo = "mail.example.org",
        .subject = "a ticket",
        .message_id_field = "",
        .verdict = "{\"authentication_results\":\"mx.ours.example; spf=pass\"}",
        .received_at = clock_wall_ms(),
        .size = size,
        .header_length = sizeof(HEADER) - 1,
    };
}

static struct store_delivery
make_delivery(const struct store_message *message, enum delivery_state state)
{
    return (struct store_delivery){
        .id = id_new(),
        .message_id = message->id,
        .tenant = "acme",
        .domain = "yourmsp.example",
        .recipient = "support+42@yourmsp.example",
        .route = "support",
        .action = "ticket",
        .destination = "psa",
        .captures = "{\"tenant_id\":\"42\"}",
        .state = state,
        .reason = "",
        .created_at = message->received_at,
        .due_at = message->received_at,
        .fence = state == DELIVERY_LEASED ? 1 : 0,
    };
}

static void
submit_one(struct house *house, const struct store_message *message,
           const struct store_delivery *delivery)
{
    AUTO_FD int fd = make_body(message->size);
    struct store_submission submission = {.message = message,
                                          .body_fd = fd,
                                          .deliveries = delivery,
                                          .delivery_count = 1,
                                          .lease_owner = "house",
                                          .lease_ms = 3600000};
    memcpy(submission.dedupe.key, message->id.text + ID_SIZE - 1 - SHA256_SIZE, SHA256_SIZE);
    submission.dedupe.keep_ms = 1000;
    submission_store(house->store, &submission);
}

struct id
house_submit(struct house *house, size_t size)
{
    const struct store_message message = make_message(size);
    const struct store_delivery delivery = make_delivery(&message, DELIVERY_QUEUED);
    submit_one(house, &message, &delivery);
    if (house->dispatcher != NULL) {
        dispatcher_kick(house->dispatcher, "psa");
    }
    return delivery.id;
}

struct id
house_hand_over(struct house *house, const char *bytes)
{
    struct store_message message = make_message(strlen(bytes));
    message.header_length = (uint64_t)(strstr(bytes, "\r\n\r\n") + 4 - bytes);
    const struct store_delivery delivery = make_delivery(&message, DELIVERY_LEASED);
    submit_one(house, &message, &delivery);
    struct letter *letter = letter_new(&message, xstrdup(bytes));
    dispatcher_hand_over(house->dispatcher, &delivery, message.recipients, letter);
    letter_unref(letter);
    return delivery.id;
}

void
house_take_place(struct house *house)
{
    int64_t until = clock_mono_ms() + PATIENCE_MS;
    while (!dispatcher_take_place(house->dispatcher, "psa")) { // nobody is told of places
        assert_true(clock_mono_ms() < until);
        (void)nanosleep(&(struct timespec){.tv_nsec = LOOK_EVERY_MS * 1000000L}, NULL);
    }
}

/* ---- looking --------------------------------------------------------------------------------- */

static void
visit_delivery(void *context, const struct store_delivery *delivery)
{
    struct house_delivery *out = context;
    out->state = delivery->state;
    (void)snprintf(out->reason, sizeof(out->reason), "%s", delivery->reason);
    out->attempts = delivery->attempts;
    out->last_http_status = delivery->last_http_status;
    out->due_at = delivery->due_at;
}

struct house_delivery
house_delivery(struct house *house, const struct id *delivery)
{
    struct house_delivery out = {.attempts = UINT64_MAX};
    struct store_filter filter = {.delivery_id = delivery->text, .limit = 1};
    struct why why;
    assert_int_equal(store_delivery_list(house->store, &filter, visit_delivery, &out, &why), ST_OK);
    assert_true(out.attempts != UINT64_MAX);
    return out;
}

void
house_await(struct house *house, const struct id *delivery, enum delivery_state state)
{
    int64_t until = clock_mono_ms() + PATIENCE_MS;
    struct house_delivery now = house_delivery(house, delivery);
    while (now.state != state) {
        if (clock_mono_ms() > until) {
            fail_msg("%s, not %s: %s", delivery_state_name(now.state), delivery_state_name(state),
                     now.reason);
        }
        // The store tells nobody of changes: looking again is the only way.
        (void)nanosleep(&(struct timespec){.tv_nsec = LOOK_EVERY_MS * 1000000L}, NULL);
        now = house_delivery(house, delivery);
    }
}

static void
visit_attempt(void *context, const struct store_attempt *attempt)
{
    struct house_attempt *out = context;
    out->count++;
    (void)snprintf(out->outcome, sizeof(out->outcome), "%s", attempt->outcome);
    (void)snprintf(out->detail, sizeof(out->detail), "%s", attempt->detail);
}

struct house_attempt
house_attempt(struct house *house, const struct id *delivery)
{
    struct house_attempt out = {.count = 0};
    struct why why;
    assert_int_equal(store_attempts(house->store, delivery->text, visit_attempt, &out, &why),
                     ST_OK);
    return out;
}

static void
visit_destination(void *context, const struct dispatcher_destination *destination)
{
    *(struct dispatcher_destination *)context = *destination;
}

struct dispatcher_destination
house_status(struct house *house)
{
    struct dispatcher_destination out = {.key = NULL};
    dispatcher_status(house->dispatcher, visit_destination, &out);
    return out;
}
