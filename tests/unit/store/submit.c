// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/store/submit.h"

#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct waiting {
    sem_t answered;
    struct store_submit_result result;
};

static void
on_submitted(void *context, const struct store_submit_result *result)
{
    struct waiting *waiting = context;
    waiting->result = *result;
    assert_int_equal(sem_post(&waiting->answered), 0);
}

struct store_submit_result
submission_wait(struct store *store, const struct store_submission *submission)
{
    struct waiting waiting = {.result = {.status = ST_BUG}};
    struct store_submission ours = *submission;
    int more;
    ours.done = on_submitted;
    ours.context = &waiting;
    assert_int_equal(sem_init(&waiting.answered, 0, 0), 0);
    store_submit(store, &ours);
    assert_int_equal(sem_wait(&waiting.answered), 0);
    assert_int_equal(sem_getvalue(&waiting.answered, &more), 0);
    assert_int_equal(more, 0); // answered once
    assert_int_equal(sem_destroy(&waiting.answered), 0);
    return waiting.result;
}

void
submission_store(struct store *store, const struct store_submission *submission)
{
    struct store_submit_result result = submission_wait(store, submission);
    if (result.status != ST_OK) {
        fail_msg("submit: %s: %s", status_name(result.status), result.why.text);
    }
}
