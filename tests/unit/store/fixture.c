// SPDX-License-Identifier: Apache-2.0
#include "fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/xalloc.h"
#include "tests/unit/store/submit.h"

int
fixture_setup(void **state)
{
    struct fixture *fixture = xcalloc(1, sizeof(*fixture));
    (void)snprintf(fixture->folder, sizeof(fixture->folder), "/tmp/mailspur-store-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    (void)snprintf(fixture->path, sizeof(fixture->path), "%s/store.db", fixture->folder);
    fixture_reopen(fixture);
    *state = fixture;
    return 0;
}

int
fixture_teardown(void **state)
{
    static const char *const suffixes[] = {"", "-wal", "-shm", ".lock"};
    struct fixture *fixture = *state;
    store_close(fixture->store);
    for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
        char name[128];
        (void)snprintf(name, sizeof(name), "%s%s", fixture->path, suffixes[i]);
        (void)unlink(name); // some do not exist
    }
    int result = rmdir(fixture->folder); // fails if the store left anything else
    free(fixture);
    return result;
}

void
fixture_reopen(struct fixture *fixture)
{
    struct why why = {.text = ""};
    store_close(fixture->store);
    fixture->store = NULL;
    enum status status =
        store_open(&(struct store_settings){.path = fixture->path}, &fixture->store, &why);
    if (status != ST_OK) {
        fail_msg("open: %s: %s", status_name(status), why.text);
    }
}

struct sample
sample_new(uint64_t size)
{
    struct sample sample = {
        .message = {.id = id_new(),
                    .tenant = "acme",
                    .domain = "acme.test",
                    .sender = "sender@example.org",
                    .recipients = "support@acme.test",
                    .queue_id = "4XyZ",
                    .client_address = "192.0.2.1",
                    .client_name = "mx.example.org",
                    .helo = "mx.example.org",
                    .subject = "It does not work",
                    .message_id_field = "<1@example.org>",
                    .verdict = "{}",
                    .received_at = 1700000000000,
                    .size = size,
                    .header_length = size / 2},
        .delivery_count = 1,
        .dedupe = {.keep_ms = 60000},
    };
    for (size_t i = 0; i < SAMPLE_DELIVERIES; i++) {
        sample.deliveries[i] = (struct store_delivery){.id = id_new(),
                                                       .tenant = "acme",
                                                       .domain = "acme.test",
                                                       .recipient = "support@acme.test",
                                                       .route = "support",
                                                       .action = "ticket",
                                                       .destination = "psa",
                                                       .captures = "{\"a\":\"1\"}",
                                                       .state = DELIVERY_QUEUED,
                                                       .reason = "",
                                                       .created_at = 1700000000000,
                                                       .due_at = 1700000000000 + (int64_t)i};
    }
    memcpy(sample.dedupe.key, sample.message.id.text, SHA256_SIZE);
    return sample;
}

unsigned char
sample_byte(const struct id *id, uint64_t offset)
{
    return (unsigned char)((unsigned char)id->text[offset % 36] ^ (offset / 977));
}

static char *
sample_bytes(const struct sample *sample)
{
    char *bytes = xcalloc(sample->message.size + 1, 1);
    for (uint64_t i = 0; i < sample->message.size; i++) {
        bytes[i] = (char)sample_byte(&sample->message.id, i);
    }
    return bytes;
}

// An unlinked file with the body.
static int
sample_body(const struct sample *sample)
{
    int fd = memfd_create("body", MFD_CLOEXEC);
    assert_true(fd >= 0);
    AUTO_FREE char *bytes = sample_bytes(sample);
    assert_int_equal(write(fd, bytes, sample->message.size), sample->message.size);
    return fd;
}

struct waiting {
    pthread_mutex_t mutex;
    pthread_cond_t called;
    unsigned calls;
    struct claimed claimed;
    enum status status;
};
#define WAITING_INIT                                                                               \
    {                                                                                              \
        .mutex = PTHREAD_MUTEX_INITIALIZER, .called = PTHREAD_COND_INITIALIZER                     \
    }

static void
wake(struct waiting *waiting)
{
    waiting->calls++;
    (void)pthread_cond_signal(&waiting->called);
}

static void
wait_for_call(struct waiting *waiting)
{
    AUTO_LOCK(lock, &waiting->mutex);
    while (waiting->calls == 0) {
        (void)pthread_cond_wait(&waiting->called, &waiting->mutex);
    }
    assert_int_equal(waiting->calls, 1);
}

struct store_submit_result
submit_list_wait(struct store *store, const struct sample *sample,
                 const struct store_delivery *deliveries, size_t count)
{
    AUTO_FD int fd = sample_body(sample);
    struct store_message message = sample->message;
    if (sample->lie_about_size != 0) {
        message.size = sample->lie_about_size;
    }
    AUTO_FREE char *bytes = sample->is_in_memory ? sample_bytes(sample) : NULL;
    const struct store_submission submission = {
        .message = &message,
        .body = bytes,
        .body_fd = sample->is_in_memory ? -1 : fd,
        .lease_owner = "test",
        .lease_ms = sample->lease_ms == 0 ? 3600000 : sample->lease_ms,
        .deliveries = deliveries,
        .delivery_count = count,
        .dedupe = sample->dedupe,
        .evidence = sample->evidence,
        .still_wanted = sample->still_wanted,
    };
    return submission_wait(store, &submission);
}

struct store_submit_result
submit_wait(struct store *store, const struct sample *sample)
{
    return submit_list_wait(store, sample, sample->deliveries, sample->delivery_count);
}

struct sample
submit_new(struct store *store, uint64_t size)
{
    struct sample sample = sample_new(size);
    struct store_submit_result result = submit_wait(store, &sample);
    if (result.status != ST_OK || result.duplicate) {
        fail_msg("submit: %s: %s", status_name(result.status), result.why.text);
    }
    return sample;
}

static void
on_claimed(void *context, enum status status, const struct store_delivery *deliveries, size_t count,
           int64_t next_due_at)
{
    struct waiting *waiting = context;
    AUTO_LOCK(lock, &waiting->mutex);
    struct claimed *claimed = &waiting->claimed;
    claimed->status = status;
    claimed->count = count;
    claimed->next_due_at = next_due_at;
    for (size_t i = 0; i < count && i < ARRAY_LEN(claimed->deliveries); i++) {
        claimed->deliveries[i] = deliveries[i];
    }
    if (count > 0) {
        (void)snprintf(claimed->recipient, sizeof(claimed->recipient), "%s",
                       deliveries[0].recipient);
    }
    wake(waiting);
}

struct claimed
claim_wait(struct store *store, const char *destination, size_t most, int64_t lease_ms)
{
    struct waiting waiting = WAITING_INIT;
    const struct store_claim claim = {.owner = "test",
                                      .destination = destination,
                                      .most = most,
                                      .lease_ms = lease_ms,
                                      .done = on_claimed,
                                      .context = &waiting};
    store_claim(store, &claim);
    wait_for_call(&waiting);
    return waiting.claimed;
}

static void
on_completed(void *context, enum status status)
{
    struct waiting *waiting = context;
    AUTO_LOCK(lock, &waiting->mutex);
    waiting->status = status;
    wake(waiting);
}

enum status
complete_wait(struct store *store, const struct store_delivery *delivery, enum delivery_state state,
              const char *reason, int64_t due_at, uint64_t http_status)
{
    struct waiting waiting = WAITING_INIT;
    const struct store_completion completion = {
        .delivery_id = delivery->id,
        .fence = delivery->fence,
        .state = state,
        .reason = reason,
        .due_at = due_at,
        .attempt = {.at = 1700000000001,
                    .number = delivery->attempts + 1,
                    .outcome = "retry",
                    .http_status = http_status,
                    .detail = "as the endpoint said",
                    .duration_ms = 7},
        .done = on_completed,
        .context = &waiting,
    };
    store_complete(store, &completion);
    wait_for_call(&waiting);
    return waiting.status;
}

void
assert_body(struct store *store, const struct sample *sample)
{
    AUTO_FREE unsigned char *bytes = xcalloc(STORE_CHUNK_SIZE, 1);
    uint64_t offset = 0;
    size_t length = 1;
    while (length > 0) {
        struct why why;
        assert_int_equal(store_body_read(store, &sample->message.id, offset, bytes,
                                         STORE_CHUNK_SIZE, &length, &why),
                         ST_OK);
        for (size_t i = 0; i < length; i++) {
            if (bytes[i] != sample_byte(&sample->message.id, offset + i)) {
                fail_msg("body differs at %zu", (size_t)offset + i);
            }
        }
        offset += length;
    }
    assert_int_equal(offset, sample->message.size);
}

struct found_delivery {
    struct store_delivery row;
    char *reason;
    unsigned count;
};

static void
on_delivery(void *context, const struct store_delivery *row)
{
    struct found_delivery *found = context;
    found->row = *row;
    found->count++;
    if (found->reason != NULL) {
        (void)snprintf(found->reason, 256, "%s", row->reason);
    }
}

struct store_delivery
get_delivery(struct store *store, const struct id *id, char reason_out[256])
{
    struct found_delivery found = {.reason = reason_out};
    const struct store_filter filter = {.delivery_id = id->text};
    assert_int_equal(store_delivery_list(store, &filter, on_delivery, &found, NULL), ST_OK);
    assert_int_equal(found.count, 1);
    return found.row;
}

void
wait_until_after(struct store *store, int64_t moment_ms)
{
    while (store_now_ms(store) <= moment_ms) {
        (void)nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
    }
}
