// SPDX-License-Identifier: Apache-2.0
#include "verifier/message/engine.h"

#include <stdlib.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/xalloc.h"
#include "verifier/message/dkim.h"
#include "verifier/message/spf.h"

/* What a stranger's zones may use up of the message's DNS budget, in percent of what is left: SPF,
 * then the signatures. The rest is DMARC's, or a slow zone would be a way around a policy of
 * reject. */
enum { SPF_PERCENT = 50, SIGNATURES_PERCENT = 60 };

enum {
    CHUNK = 64 * 1024,                 /* of a body, read at once */
    SPF_CACHE_BYTES = 8 * 1024 * 1024, /* records read */
    KEY_CACHE_BYTES = 8 * 1024 * 1024  /* keys read */
};

struct engine_own {
    struct spf_cache *records;
    struct key_cache *keys;
};

struct engine_own *
engine_own_new(void)
{
    struct engine_own *engine = xcalloc(1, sizeof(*engine));
    engine->records = spf_cache_new(SPF_CACHE_BYTES);
    engine->keys = key_cache_new(KEY_CACHE_BYTES);
    return engine;
}

void
engine_own_free(struct engine_own *engine)
{
    if (engine != NULL) {
        spf_cache_free(engine->records);
        key_cache_free(engine->keys);
        free(engine);
    }
}

static enum status
feed_body(const struct auth_message *message, struct dkim_verifier *verifier, struct why *why)
{
    uint64_t body = message->size - message->header_length;
    if (message->data != NULL) {
        dkim_verifier_body(verifier, message->data + message->header_length, (size_t)body);
        return ST_OK;
    }
    AUTO_FREE char *chunk = xcalloc(1, body < CHUNK ? (size_t)body + 1 : CHUNK);
    for (uint64_t at = message->header_length; at < message->size;) {
        uint64_t left = message->size - at;
        ssize_t got = pread(message->fd, chunk, left < CHUNK ? (size_t)left : CHUNK, (off_t)at);
        if (got <= 0) {
            return why_set(why, ST_IO, "the message could not be read");
        }
        dkim_verifier_body(verifier, chunk, (size_t)got);
        at += (uint64_t)got;
    }
    return ST_OK;
}

static enum status
check_signatures(struct engine_own *engine, const struct engine_task *task, struct verdict *out,
                 struct why *why)
{
    const struct auth_message *message = task->message;
    int64_t now = message->now_s != 0 ? message->now_s : clock_wall_ms() / 1000;
    AUTO_DKIM_VERIFIER *verifier =
        dkim_verifier_new(task->header, (size_t)message->header_length, now);
    enum status status = feed_body(message, verifier, why);
    if (status == ST_OK) {
        struct dns_budget share =
            dns_budget_share(task->budget, SIGNATURES_PERCENT, clock_mono_ms());
        dkim_verifier_prefer(verifier, task->author);
        dkim_verifier_finish(verifier, engine->keys, task->dns, &share, out->dkim, &out->dkim_count,
                             &out->dkim_ignored, &out->arc);
        dns_budget_settle(task->budget, &share);
        if (task->trail != NULL) {
            dkim_verifier_copy_trail(verifier, task->trail);
        }
    }
    return status;
}

enum status
engine_own_check(struct engine_own *engine, const struct engine_task *task, struct verdict *out,
                 struct why *why)
{
    const struct spf_query query = {.client_address = task->message->client_address,
                                    .helo = task->message->helo,
                                    .sender = task->message->sender,
                                    .receiver = task->receiver,
                                    .explain = true,
                                    .now_s = task->message->now_s};
    struct dns_budget share = dns_budget_share(task->budget, SPF_PERCENT, clock_mono_ms());
    spf_check(engine->records, task->dns, &share, &query, &out->spf, task->message->trace);
    dns_budget_settle(task->budget, &share);
    return task->header == NULL ? ST_OK : check_signatures(engine, task, out, why);
}
