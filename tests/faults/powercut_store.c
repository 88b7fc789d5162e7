// SPDX-License-Identifier: Apache-2.0
// Load on a store, and the check of what is left of it. test_power_cut_store.py cuts the power.
//
//   powercut_store run FOLDER THREADS MESSAGES [off]   submits, delivers; says what it tries and
//                                                      what was acknowledged, a line each
//   powercut_store check FOLDER                        reads those lines, compares
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/map.h"
#include "common/xalloc.h"
#include "store/store.h"

enum { THREADS_MAX = 64, DELIVERIES_MAX = 3, LINE_SIZE = 256, BUFFER_SIZE = 64 * 1024 };

// The byte at an offset of a message's body.
static unsigned char
byte_at(const char *id, uint64_t offset)
{
    return (unsigned char)((unsigned char)id[offset % 36] ^ (offset / 509));
}

static void
say(const char *word, const char *id, uint64_t size, size_t deliveries)
{
    char line[LINE_SIZE];
    int length =
        snprintf(line, sizeof(line), "%s %s %" PRIu64 " %zu\n", word, id, size, deliveries);
    if (write(STDOUT_FILENO, line, (size_t)length) != length) { // one write: lines stay whole
        abort();
    }
}

// ---- run ----------------------------------------------------------------------------------------

struct turn {
    pthread_mutex_t mutex;
    pthread_cond_t ended;
    bool is_ended;
    enum status status;
    const struct store_message *message;
    size_t delivery_count;
    struct store *store;
    struct id completed;
};

static void
end_turn(struct turn *turn, enum status status)
{
    (void)pthread_mutex_lock(&turn->mutex);
    turn->status = status;
    turn->is_ended = true;
    (void)pthread_cond_signal(&turn->ended);
    (void)pthread_mutex_unlock(&turn->mutex);
}

static void
await_turn(struct turn *turn)
{
    (void)pthread_mutex_lock(&turn->mutex);
    while (!turn->is_ended) {
        (void)pthread_cond_wait(&turn->ended, &turn->mutex);
    }
    turn->is_ended = false;
    (void)pthread_mutex_unlock(&turn->mutex);
}

static void
on_submitted(void *context, const struct store_submit_result *result)
{
    struct turn *turn = context;
    if (result->status == ST_OK) {
        say("ok", turn->message->id.text, turn->message->size, turn->delivery_count);
    }
    end_turn(turn, result->status);
}

static int
make_body(const struct store_message *message)
{
    int fd = memfd_create("body", MFD_CLOEXEC);
    AUTO_FREE unsigned char *bytes = xcalloc(message->size + 1, 1);
    for (uint64_t i = 0; i < message->size; i++) {
        bytes[i] = byte_at(message->id.text, i);
    }
    if (fd < 0 || write(fd, bytes, message->size) != (ssize_t)message->size) {
        abort();
    }
    return fd;
}

static enum status
submit(struct store *store, uint64_t size, size_t delivery_count)
{
    struct store_message message = {.id = id_new(),
                                    .tenant = "acme",
                                    .domain = "acme.test",
                                    .sender = "",
                                    .recipients = "a@acme.test",
                                    .queue_id = "Q",
                                    .client_address = "192.0.2.1",
                                    .client_name = "",
                                    .helo = "",
                                    .subject = "",
                                    .message_id_field = "",
                                    .verdict = "{}",
                                    .received_at = store_now_ms(store),
                                    .size = size};
    struct store_delivery deliveries[DELIVERIES_MAX];
    for (size_t i = 0; i < delivery_count; i++) {
        deliveries[i] = (struct store_delivery){.id = id_new(),
                                                .tenant = "acme",
                                                .domain = "acme.test",
                                                .recipient = "a@acme.test",
                                                .route = "r",
                                                .action = "",
                                                .destination = "psa",
                                                .captures = "{}",
                                                .state = DELIVERY_QUEUED,
                                                .reason = ""};
    }
    AUTO_FD int fd = make_body(&message);
    struct turn turn = {.mutex = PTHREAD_MUTEX_INITIALIZER,
                        .ended = PTHREAD_COND_INITIALIZER,
                        .message = &message,
                        .delivery_count = delivery_count};
    struct store_submission submission = {.message = &message,
                                          .body_fd = fd,
                                          .deliveries = deliveries,
                                          .delivery_count = delivery_count,
                                          .dedupe = {.keep_ms = 60000},
                                          .done = on_submitted,
                                          .context = &turn};
    memcpy(submission.dedupe.key, message.id.text, SHA256_SIZE);
    say("try", message.id.text, size, delivery_count);
    store_submit(store, &submission);
    await_turn(&turn);
    return turn.status;
}

static void
on_completed(void *context, enum status status)
{
    struct turn *turn = context;
    if (status == ST_OK) {
        say("done", turn->completed.text, 0, 0);
    }
    end_turn(turn, status);
}

static void
on_claimed(void *context, enum status status, const struct store_delivery *deliveries, size_t count,
           int64_t next_due_at)
{
    (void)next_due_at;
    struct turn *turn = context;
    if (status != ST_OK || count == 0) {
        end_turn(turn, status);
        return;
    }
    turn->completed = deliveries[0].id;
    const struct store_completion completion = {
        .delivery_id = deliveries[0].id,
        .fence = deliveries[0].fence,
        .state = DELIVERY_DONE,
        .reason = "",
        .attempt = {.number = 1, .outcome = "done", .detail = ""},
        .done = on_completed,
        .context = turn};
    store_complete(turn->store, &completion);
}

static void
deliver_one(struct store *store)
{
    struct turn turn = {
        .mutex = PTHREAD_MUTEX_INITIALIZER, .ended = PTHREAD_COND_INITIALIZER, .store = store};
    const struct store_claim claim = {.owner = "test",
                                      .destination = "psa",
                                      .most = 1,
                                      .lease_ms = 60000,
                                      .done = on_claimed,
                                      .context = &turn};
    store_claim(store, &claim);
    await_turn(&turn);
}

static void
add_domain(struct store *store, unsigned number)
{
    struct store_domain domain = {.id = id_new(), .tenant = "acme", .profile = "local"};
    (void)snprintf(domain.name, sizeof(domain.name), "d%u-%s.test", number, domain.id.text);
    const struct store_event event = {.kind = "domain.added", .detail = ""};
    if (store_domain_put(store, &domain, 0, &event, NULL) == ST_OK) {
        say("domain", domain.id.text, domain.version, 0);
    }
}

struct load {
    struct store *store;
    unsigned messages; /* of each thread */
};

static void *
load_main(void *argument)
{
    const struct load *load = argument;
    for (unsigned i = 0; i < load->messages; i++) {
        uint64_t size = i % 11 == 7  ? STORE_STAGE_ABOVE + 300000
                        : i % 5 == 3 ? STORE_CHUNK_SIZE + 100
                                     : 4096;
        if (submit(load->store, size, 1 + i % DELIVERIES_MAX) != ST_OK) {
            abort(); // nothing is wrong with the disk but that it forgets
        }
        if (i % 2 == 1) {
            deliver_one(load->store);
        }
        if (i % 8 == 5) {
            add_domain(load->store, i);
        }
    }
    return NULL;
}

static struct store *
open_store(const char *folder, bool synchronous_off)
{
    char path[4096];
    (void)snprintf(path, sizeof(path), "%s/store.db", folder);
    struct store *store = NULL;
    struct why why;
    enum status status = store_open(
        &(struct store_settings){.path = path, .synchronous_off = synchronous_off}, &store, &why);
    if (status != ST_OK) {
        (void)fprintf(stderr, "open: %s: %s\n", status_name(status), why.text);
    }
    return store;
}

static int
run(const char *folder, unsigned threads, unsigned messages, bool synchronous_off)
{
    struct load load = {.store = open_store(folder, synchronous_off), .messages = messages};
    if (load.store == NULL) {
        return 2;
    }
    pthread_t ids[THREADS_MAX];
    for (unsigned i = 0; i < threads; i++) {
        if (pthread_create(&ids[i], NULL, load_main, &load) != 0) {
            return 2;
        }
    }
    for (unsigned i = 0; i < threads; i++) {
        (void)pthread_join(ids[i], NULL);
    }
    store_close(load.store);
    return 0;
}

// ---- check --------------------------------------------------------------------------------------

struct tried {
    uint64_t size;
    size_t deliveries;
    bool was_acknowledged;
    bool was_found;
};

struct check {
    struct store *store;
    struct map *messages;   /* id -> struct tried */
    struct map *deliveries; /* id of an acknowledged completion -> itself */
    struct map *domains;    /* id of an acknowledged domain -> itself */
    unsigned faults;
    size_t deliveries_found; /* of the message looked at */
};

static void
fault(struct check *check, const char *what, const char *id)
{
    check->faults++;
    (void)printf("FAULT %s %s\n", what, id);
}

static void
read_line(struct check *check, const char *line)
{
    char word[16];
    char id[64];
    char size[24];
    char deliveries[24];
    if (sscanf(line, "%15s %63s %23s %23s", word, id, size, deliveries) != 4) {
        return; // the last line of a killed program
    }
    struct map *set = strcmp(word, "done") == 0     ? check->deliveries
                      : strcmp(word, "domain") == 0 ? check->domains
                                                    : check->messages;
    struct tried *tried = map_get(set, id);
    if (tried == NULL) {
        tried = xcalloc(1, sizeof(*tried));
        tried->size = strtoull(size, NULL, 10);
        tried->deliveries = strtoul(deliveries, NULL, 10);
        (void)map_put(set, id, tried);
    }
    tried->was_acknowledged = tried->was_acknowledged || strcmp(word, "try") != 0;
}

static void
check_body(struct check *check, const struct store_message *message)
{
    static unsigned char buffer[BUFFER_SIZE];
    uint64_t offset = 0;
    size_t length = 1;
    while (length > 0) {
        if (store_body_read(check->store, &message->id, offset, buffer, sizeof(buffer), &length,
                            NULL) != ST_OK) {
            fault(check, "unreadable", message->id.text);
            return;
        }
        for (size_t i = 0; i < length; i++) {
            if (buffer[i] != byte_at(message->id.text, offset + i)) {
                fault(check, "wrong_body", message->id.text);
                return;
            }
        }
        offset += length;
    }
    if (offset != message->size) {
        fault(check, "half_body", message->id.text);
    }
}

static void
on_delivery(void *context, const struct store_delivery *delivery)
{
    struct check *check = context;
    check->deliveries_found++;
    struct tried *done = map_get(check->deliveries, delivery->id.text);
    if (done == NULL) {
        return;
    }
    done->was_found = true;
    if (delivery->state != DELIVERY_DONE) {
        fault(check, "completion_lost", delivery->id.text);
    }
}

static void
on_message(void *context, const struct store_message *message)
{
    struct check *check = context;
    struct tried *tried = map_get(check->messages, message->id.text);
    if (tried == NULL) {
        fault(check, "invented", message->id.text);
        return;
    }
    tried->was_found = true;
    if (tried->size != message->size) {
        fault(check, "wrong_size", message->id.text);
    }
    check_body(check, message);
    check->deliveries_found = 0;
    const struct store_filter filter = {.message_id = message->id.text};
    if (store_delivery_list(check->store, &filter, on_delivery, check, NULL) != ST_OK ||
        check->deliveries_found != tried->deliveries) {
        fault(check, "half_deliveries", message->id.text);
    }
}

static void
on_domain(void *context, const struct store_domain *domain)
{
    struct check *check = context;
    struct tried *put = map_get(check->domains, domain->id.text);
    if (put != NULL) {
        put->was_found = true;
    }
}

// What was acknowledged and is not there.
static unsigned
count_lost(struct check *check, const struct map *set, const char *what)
{
    unsigned acknowledged = 0;
    size_t cursor = 0;
    const char *id = NULL;
    for (const struct tried *tried; (tried = map_next(set, &cursor, &id)) != NULL;) {
        acknowledged += tried->was_acknowledged ? 1 : 0;
        if (tried->was_acknowledged && !tried->was_found) {
            fault(check, what, id);
        }
    }
    return acknowledged;
}

static int
check(const char *folder)
{
    struct check check = {.messages = map_new(), .deliveries = map_new(), .domains = map_new()};
    char line[LINE_SIZE];
    while (fgets(line, sizeof(line), stdin) != NULL) {
        read_line(&check, line);
    }
    check.store = open_store(folder, false);
    if (check.store == NULL) {
        return 2;
    }
    const struct store_filter all = {.limit = 0};
    if (store_message_list(check.store, &all, on_message, &check, NULL) != ST_OK ||
        store_domains_since(check.store, 0, on_domain, &check, NULL) != ST_OK) {
        fault(&check, "unlistable", folder);
    }
    unsigned messages = count_lost(&check, check.messages, "lost");
    unsigned done = count_lost(&check, check.deliveries, "completion_lost");
    unsigned domains = count_lost(&check, check.domains, "domain_lost");
    store_close(check.store);
    (void)printf("acknowledged %u done %u domains %u faults %u\n", messages, done, domains,
                 check.faults);
    map_free(check.messages, free);
    map_free(check.deliveries, free);
    map_free(check.domains, free);
    return check.faults == 0 ? 0 : 1;
}

int
main(int argc, char **argv)
{
    if (argc >= 5 && strcmp(argv[1], "run") == 0) {
        unsigned long threads = strtoul(argv[3], NULL, 10);
        unsigned long messages = strtoul(argv[4], NULL, 10);
        bool off = argc > 5 && strcmp(argv[5], "off") == 0;
        return threads <= THREADS_MAX ? run(argv[2], (unsigned)threads, (unsigned)messages, off)
                                      : 2;
    }
    if (argc == 3 && strcmp(argv[1], "check") == 0) {
        return check(argv[2]);
    }
    (void)fprintf(stderr, "usage: powercut_store run FOLDER THREADS MESSAGES [off]\n"
                          "       powercut_store check FOLDER\n");
    return 2;
}
