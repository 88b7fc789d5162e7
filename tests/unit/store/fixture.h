// SPDX-License-Identifier: Apache-2.0
// A store in a folder of its own, and the asynchronous calls made waiting, for tests.
#ifndef TESTS_UNIT_STORE_FIXTURE_H
#define TESTS_UNIT_STORE_FIXTURE_H

#include "store/store.h"

struct fixture {
    char folder[64];
    char path[96]; /* of the database */
    struct store *store;
};

/** cmocka setup and teardown: *state is a struct fixture with an open, empty store. */
int fixture_setup(void **state);
int fixture_teardown(void **state);

/** Close and open again. */
void fixture_reopen(struct fixture *fixture);

enum { SAMPLE_DELIVERIES = 3 };

/** A message that may be changed before it is submitted. */
struct sample {
    struct store_message message;
    struct store_delivery deliveries[SAMPLE_DELIVERIES];
    size_t delivery_count; /* 1 by default */
    struct store_dedupe dedupe;
    const char *evidence; /* NULL by default */
    bool (*still_wanted)(void *context);
    uint64_t lie_about_size; /* not 0: told to the store instead of the true one */
    bool is_in_memory;       /* the body is handed over as bytes, without a file */
    int64_t lease_ms;        /* of deliveries born leased; an hour by default */
};

/** Fresh ids, tenant "acme", domain "acme.test", destination "psa"; its own dedupe key. */
struct sample sample_new(uint64_t size);

/** The byte at an offset of the body with this id. */
unsigned char sample_byte(const struct id *id, uint64_t offset);

/** Submit and wait. */
struct store_submit_result submit_wait(struct store *store, const struct sample *sample);

/** As submit_wait, with these deliveries. */
struct store_submit_result submit_list_wait(struct store *store, const struct sample *sample,
                                            const struct store_delivery *deliveries, size_t count);

/** Submit a sample of this size; it must succeed. */
struct sample submit_new(struct store *store, uint64_t size);

struct claimed {
    enum status status;
    struct store_delivery deliveries[16]; /* texts are not kept */
    char recipient[64];                   /* of the first */
    size_t count;
    int64_t next_due_at;
};
struct claimed claim_wait(struct store *store, const char *destination, size_t most,
                          int64_t lease_ms);

/** Complete with an attempt (number 1, HTTP status as given) and wait. */
enum status complete_wait(struct store *store, const struct store_delivery *delivery,
                          enum delivery_state state, const char *reason, int64_t due_at,
                          uint64_t http_status);

/** The whole body is that of the sample. */
void assert_body(struct store *store, const struct sample *sample);

/** The delivery as listed; it must exist. Its texts are not kept, but for the reason. */
struct store_delivery get_delivery(struct store *store, const struct id *id, char reason_out[256]);

/** Wait until the store's clock has passed this moment. */
void wait_until_after(struct store *store, int64_t moment_ms);

#endif
