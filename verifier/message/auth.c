// SPDX-License-Identifier: Apache-2.0
#include "verifier/message/auth.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/xalloc.h"
#include "verifier/message/disagreement.h"
#include "verifier/message/dmarc.h"
#include "verifier/message/engine.h"
#include "verifier/message/forwarded.h"
#include "verifier/message/from.h"
#include "verifier/message/results.h"

struct auth {
    struct auth_settings settings; /* its texts are not to be used */
    char *authserv_id;
    struct dns *dns;          /* borrowed */
    struct engine_own *own;   /* NULL: the reference decides */
    struct helper_pool *pool; /* NULL: neither decides nor shadows */
    atomic_uint_fast64_t compared;
    atomic_uint_fast64_t agreed;
    atomic_uint_fast64_t disagreements[AUTH_METHODS];
    atomic_uint_fast64_t failed;
};

enum status
auth_open(const struct auth_settings *settings, struct dns *dns, struct auth **auth_out,
          struct why *why)
{
    struct helper_pool *pool = NULL;
    if (settings->engine == AUTH_ENGINE_REFERENCE || settings->shadow) {
        enum status status = helper_pool_open(settings->helper, settings->helpers, &pool, why);
        if (status != ST_OK) {
            return status;
        }
    }
    struct auth *auth = xcalloc(1, sizeof(*auth));
    auth->settings = *settings;
    auth->authserv_id = xstrdup(settings->authserv_id);
    auth->dns = dns;
    auth->own = settings->engine == AUTH_ENGINE_OWN ? engine_own_new() : NULL;
    auth->pool = pool;
    *auth_out = auth;
    return ST_OK;
}

bool
auth_needs_file(const struct auth *auth)
{
    return auth->pool != NULL;
}

void
auth_close(struct auth *auth)
{
    if (auth == NULL) {
        return;
    }
    helper_pool_close(auth->pool);
    engine_own_free(auth->own);
    free(auth->authserv_id);
    free(auth);
}

static void
set_reason(char reason[VERDICT_REASON_SIZE], const char *text)
{
    (void)snprintf(reason, VERDICT_REASON_SIZE, "%.*s", VERDICT_REASON_SIZE - 1, text);
}

// Nothing is known of the message itself.
static void
set_message(struct verdict *out, enum auth_result result, const char *reason)
{
    out->dkim_count = 1;
    out->dkim[0] = (struct verdict_dkim){.result = result};
    set_reason(out->dkim[0].reason, reason);
    out->dmarc.result = result;
    set_reason(out->dmarc.reason, reason);
}

static bool
has_message(const struct auth_message *message)
{
    return message->data != NULL || message->fd >= 0;
}

// The header block in memory, or NULL when it cannot be read.
static char *
read_header(const struct auth_message *message)
{
    size_t length = (size_t)message->header_length;
    if (message->data != NULL) {
        return xmemdup(message->data, length);
    }
    AUTO_FREE char *header = xcalloc(length + 1, 1);
    for (size_t done = 0; done < length;) {
        ssize_t got = pread(message->fd, header + done, length - done, (off_t)done);
        if (got <= 0) {
            return NULL;
        }
        done += (size_t)got;
    }
    return STEAL(header);
}

static void
judge_author(const struct auth *auth, const struct engine_task *task, struct verdict *out)
{
    const struct auth_message *message = task->message;
    bool hidden = forwarded_hides_client(message->forwarders, message->client_address);
    struct dmarc_identity signers[VERDICT_DKIM_MAX];
    struct dmarc_input input = {
        .author = task->author,
        .spf = {.domain = out->spf.domain, .result = hidden ? AUTH_NONE : out->spf.result},
        .dkim = signers,
        .discovery = auth->settings.discovery,
    };
    for (size_t i = 0; i < out->dkim_count; i++) {
        if (!out->dkim[i].unsigned_tail) { // else anybody could have written the rest of it
            signers[input.dkim_count++] = (struct dmarc_identity){.domain = out->dkim[i].domain,
                                                                  .result = out->dkim[i].result};
        }
    }
    dmarc_evaluate(auth->dns, task->budget, &input, &out->dmarc);
}

static void
judge_header(const struct auth *auth, const struct engine_task *task, struct verdict *out)
{
    if (task->from != FROM_OK) {
        out->dmarc.result = AUTH_PERMERROR; // no policy can be found; refusing is local policy
        set_reason(out->dmarc.reason, from_problem(task->from));
        return;
    }
    judge_author(auth, task, out);
}

// What our own engines could not find out stays as they left it.
static void
decide_by_own(struct auth *auth, const struct engine_task *task, struct verdict *out)
{
    struct why why;
    if (engine_own_check(auth->own, task, out, &why) != ST_OK) {
        set_message(out, AUTH_TEMPERROR, why.text);
    } else if (task->header != NULL) {
        judge_header(auth, task, out);
    }
}

static enum status
decide_by_reference(struct auth *auth, const struct engine_task *task, struct verdict *out,
                    struct why *why)
{
    enum status status = engine_reference_check(auth->pool, task, out, why);
    if (status == ST_OK && task->header != NULL) {
        judge_header(auth, task, out);
    }
    return status;
}

// No answer: temperror everywhere, fail nowhere.
static void
set_unknown(const struct identities *identities, const char *reason, struct verdict *out)
{
    out->spf.result = AUTH_TEMPERROR;
    out->spf.helo = AUTH_TEMPERROR;
    out->spf.identity_is_helo = identities->sender_is_null;
    set_message(out, AUTH_TEMPERROR, reason);
}

// The reference judges too. It has queries of its own, but no more time.
static void
compare_with_reference(struct auth *auth, const struct engine_task *task,
                       const struct verdict *decided)
{
    struct verdict other = {.local = false};
    struct why why;
    struct dns_budget budget = {.deadline_mono_ms = task->budget->deadline_mono_ms,
                                .queries_left = auth->settings.queries};
    struct engine_task again = *task;
    again.budget = &budget;
    if (decide_by_reference(auth, &again, &other, &why) != ST_OK) {
        atomic_fetch_add(&auth->failed, 1);
        return;
    }
    size_t counts[AUTH_METHODS] = {0};
    size_t all = 0;
    disagreement_find(task->message->label, decided, &other, auth->settings.disagreed, counts);
    for (size_t i = 0; i < AUTH_METHODS; i++) {
        atomic_fetch_add(&auth->disagreements[i], counts[i]);
        all += counts[i];
    }
    atomic_fetch_add(&auth->compared, 1);
    atomic_fetch_add(&auth->agreed, all == 0 ? 1 : 0);
}

static void
decide(struct auth *auth, const struct engine_task *task, struct verdict *out)
{
    struct why why;
    if (auth->own != NULL) {
        decide_by_own(auth, task, out);
        if (auth->pool != NULL) {
            compare_with_reference(auth, task, out);
        }
    } else if (decide_by_reference(auth, task, out, &why) != ST_OK) {
        set_unknown(task->identities, why.text, out);
    }
}

// Behind the comparison with the reference, which knows no forwarders.
static void
judge_forwarder(const struct auth *auth, const struct engine_task *task, struct verdict *out)
{
    const struct forwarded_case input = {.forwarders = task->message->forwarders,
                                         .client_address = task->message->client_address,
                                         .trail = task->trail,
                                         .dns = auth->dns,
                                         .budget = task->budget,
                                         .discovery = auth->settings.discovery};
    forwarded_judge(&input, out);
}

static void
check(struct auth *auth, const struct auth_message *message, struct verdict *out)
{
    struct identities identities;
    struct dns_budget budget = {.deadline_mono_ms = clock_mono_ms() + auth->settings.timeout_ms,
                                .queries_left = auth->settings.queries,
                                .recorder = message->recorder};
    identities_find(message->client_address, message->helo, message->sender, &identities);
    bool too_large = has_message(message) && message->header_length > AUTH_HEADER_MAX;
    bool wanted = has_message(message) && !too_large;
    AUTO_FREE char *header = wanted ? read_header(message) : NULL;
    char author[DOMAIN_NAME_SIZE] = "";
    enum from_status from =
        header == NULL ? FROM_OK : from_find_domain(header, (size_t)message->header_length, author);
    AUTO(arc_trail_done) struct arc_trail trail = {.count = 0};
    const struct engine_task task = {.message = message,
                                     .identities = &identities,
                                     .header = header,
                                     .from = from,
                                     .author = from == FROM_OK ? author : "",
                                     .receiver = auth->authserv_id,
                                     .dns = auth->dns,
                                     .budget = &budget,
                                     .trail = &trail};
    decide(auth, &task, out);
    if (header != NULL) {
        judge_forwarder(auth, &task, out);
    }
    if (too_large) {
        set_message(out, AUTH_PERMERROR, "the header block is too large");
    } else if (wanted && header == NULL) {
        set_message(out, AUTH_TEMPERROR, "the message could not be read");
    }
}

void
auth_check(struct auth *auth, const struct auth_message *message, struct verdict *verdict_out)
{
    *verdict_out = (struct verdict){.local = false};
    check(auth, message, verdict_out);
    results_format(auth->authserv_id, has_message(message) ? RESULTS_ALL : RESULTS_SPF,
                   verdict_out);
    if (auth->settings.received_spf) {
        results_format_received_spf(auth->authserv_id, message->client_address, message->helo,
                                    message->sender, verdict_out);
    }
}

void
auth_local(const struct auth *auth, struct verdict *verdict_out)
{
    *verdict_out = (struct verdict){.local = true};
    results_format(auth->authserv_id, RESULTS_ALL, verdict_out);
}

void
auth_shadow_counts(struct auth *auth, struct auth_shadow_counts *out)
{
    *out = (struct auth_shadow_counts){
        .compared = atomic_load(&auth->compared),
        .agreed = atomic_load(&auth->agreed),
        .failed = atomic_load(&auth->failed),
    };
    for (size_t i = 0; i < AUTH_METHODS; i++) {
        out->disagreements[i] = atomic_load(&auth->disagreements[i]);
    }
}
