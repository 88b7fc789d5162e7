// SPDX-License-Identifier: Apache-2.0
#include "verifier/message/engine.h"

#include <fcntl.h>
#include <string.h>

#include "common/cleanup.h"
#include "verifier/message/reference_client.h"

_Static_assert((int)AUTH_HEADER_MAX == (int)REFERENCE_HEADER_MAX,
               "both read the same header blocks");

static void
fill_results(const struct identities *identities, const struct reference_results *results,
             struct verdict *out)
{
    bool null = identities->sender_is_null;
    const struct reference_spf *spf = null ? &results->helo : &results->sender;
    out->spf = (struct verdict_spf){.result = (enum auth_result)spf->result,
                                    .terms = (unsigned)spf->terms,
                                    .voids = (unsigned)spf->voids,
                                    .identity_is_helo = null,
                                    .helo = (enum auth_result)results->helo.result};
    memcpy(out->spf.domain, null ? identities->helo : identities->sender_domain,
           sizeof(out->spf.domain));
    memcpy(out->dkim, results->dkim, sizeof(out->dkim));
    out->dkim_count = results->dkim_count;
    out->dkim_ignored = (size_t)results->dkim_ignored;
}

static enum status
ask(struct helper_pool *pool, const struct engine_task *task, int fd,
    const struct reference_check *check, struct reference_results *results_out, struct why *why)
{
    struct helper helper;
    enum status status = helper_pool_lend(pool, task->budget->deadline_mono_ms, &helper, why);
    if (status != ST_OK) {
        return status;
    }
    status = reference_ask(&helper, check, fd, task->dns, task->budget, results_out, why);
    helper_pool_return(pool, &helper, status == ST_OK);
    return status;
}

enum status
engine_reference_check(struct helper_pool *pool, const struct engine_task *task,
                       struct verdict *out, struct why *why)
{
    const struct identities *identities = task->identities;
    struct reference_check check = {.client = identities->client,
                                    .helo = identities->helo,
                                    .sender = identities->sender,
                                    .signatures_max = VERDICT_DKIM_MAX};
    AUTO_FD int nothing = -1; // a message is always passed, if only an empty one
    int fd = task->message->fd;
    if (fd >= 0) {
        check.size = task->message->size;
        check.header_length = task->message->header_length;
    } else {
        nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
        fd = nothing;
    }
    if (fd < 0) {
        return why_errno(why, ST_AGAIN, "/dev/null");
    }
    struct reference_results results = {.dkim_count = 0};
    enum status status = ask(pool, task, fd, &check, &results, why);
    if (status == ST_OK) {
        fill_results(identities, &results, out);
    }
    return status;
}
