// SPDX-License-Identifier: Apache-2.0
#include "verifier/message/auth.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/network.h"
#include "common/xalloc.h"
#include "verifier/message/dmarc.h"
#include "verifier/message/from.h"
#include "verifier/message/helper_pool.h"
#include "verifier/message/reference_client.h"
#include "verifier/message/results.h"

struct auth {
    char *authserv_id;
    int64_t timeout_ms;
    unsigned queries;
    struct dns *dns; /* borrowed */
    struct helper_pool *pool;
};

enum { SENDER_SIZE = LOCAL_PART_SIZE + DOMAIN_NAME_SIZE };

/* What SPF is asked about; empty texts: not to be checked (RFC 7208, 4.3). */
struct identities {
    char client[INET6_ADDRSTRLEN];
    char helo[DOMAIN_NAME_SIZE];
    char sender[SENDER_SIZE];
    char sender_domain[DOMAIN_NAME_SIZE];
    bool sender_is_null;
};

enum status
auth_open(const struct auth_settings *settings, struct dns *dns, struct auth **auth_out,
          struct why *why)
{
    struct auth *auth = xcalloc(1, sizeof(*auth));
    enum status status = helper_pool_open(settings->helper, settings->helpers, &auth->pool, why);
    if (status != ST_OK) {
        free(auth);
        return status;
    }
    auth->authserv_id = xstrdup(settings->authserv_id);
    auth->timeout_ms = settings->timeout_ms;
    auth->queries = settings->queries;
    auth->dns = dns;
    *auth_out = auth;
    return ST_OK;
}

void
auth_close(struct auth *auth)
{
    if (auth == NULL) {
        return;
    }
    helper_pool_close(auth->pool);
    free(auth->authserv_id);
    free(auth);
}

// A name with at least two labels; anything else has no SPF record.
static bool
take_domain(const char *text, char out[DOMAIN_NAME_SIZE])
{
    char name[DOMAIN_NAME_SIZE];
    if (address_normalize_domain(text, name, NULL) != ST_OK || strchr(name, '.') == NULL) {
        return false;
    }
    memcpy(out, name, sizeof(name));
    return true;
}

// The local part matters for the macro %{l} only. Bytes that need quotes become "_".
static void
take_sender(const struct address *address, struct identities *out)
{
    char local_part[LOCAL_PART_SIZE];
    size_t length = 0;
    for (; address->local_part[length] != '\0'; length++) {
        char c = address->local_part[length];
        bool plain = isalnum((unsigned char)c) || strchr("!#$&'*+-./=?^_`{|}~", c) != NULL;
        local_part[length] = '_';
        if (plain) {
            local_part[length] = c;
        }
    }
    local_part[length] = '\0';
    (void)snprintf(out->sender, sizeof(out->sender), "%s@%s", local_part, out->sender_domain);
}

static void
find_identities(const struct auth_message *message, struct identities *out)
{
    *out = (struct identities){.client = ""};
    struct network_address client;
    struct address sender;
    if (network_parse_address(message->client_address, &client, NULL) == ST_OK) {
        int family = client.length == 4 ? AF_INET : AF_INET6;
        (void)inet_ntop(family, client.bytes, out->client, sizeof(out->client));
    }
    (void)take_domain(message->helo, out->helo);
    if (address_parse(message->sender, &sender, NULL) != ST_OK) {
        const char *at = strrchr(message->sender, '@');
        sender = (struct address){.local_part = "postmaster"}; // RFC 7208, 4.3
        if (at != NULL && take_domain(at + 1, out->sender_domain)) {
            take_sender(&sender, out);
        }
        return;
    }
    out->sender_is_null = sender.domain[0] == '\0';
    if (!out->sender_is_null && take_domain(sender.domain, out->sender_domain)) {
        take_sender(&sender, out);
    }
}

static void
set_reason(char reason[VERDICT_REASON_SIZE], const char *text)
{
    (void)snprintf(reason, VERDICT_REASON_SIZE, "%.*s", VERDICT_REASON_SIZE - 1, text);
}

// What could not be found out: temperror everywhere, fail nowhere.
static void
fill_unknown(const struct identities *identities, const char *reason, struct verdict *out)
{
    out->spf.result = AUTH_TEMPERROR;
    out->spf.helo = AUTH_TEMPERROR;
    out->spf.identity_is_helo = identities->sender_is_null;
    out->dkim_count = 1;
    out->dkim[0].result = AUTH_TEMPERROR;
    set_reason(out->dkim[0].reason, reason);
    out->dmarc.result = AUTH_TEMPERROR;
    set_reason(out->dmarc.reason, reason);
}

static void
fill_results(const struct identities *identities, const struct reference_results *results,
             struct verdict *out)
{
    bool null = identities->sender_is_null;
    const struct reference_spf *spf = null ? &results->helo : &results->sender;
    out->spf.result = (enum auth_result)spf->result;
    out->spf.terms = (unsigned)spf->terms;
    out->spf.voids = (unsigned)spf->voids;
    out->spf.identity_is_helo = null;
    out->spf.helo = (enum auth_result)results->helo.result;
    memcpy(out->spf.domain, null ? identities->helo : identities->sender_domain,
           sizeof(out->spf.domain));
    memcpy(out->dkim, results->dkim, sizeof(out->dkim));
    out->dkim_count = results->dkim_count;
    out->dkim_ignored = (size_t)results->dkim_ignored;
}

static enum status
ask_helper(struct auth *auth, const struct auth_message *message,
           const struct identities *identities, struct dns_budget *budget,
           struct reference_results *results_out, struct why *why)
{
    struct helper helper;
    enum status status = helper_pool_lend(auth->pool, budget->deadline_mono_ms, &helper, why);
    if (status != ST_OK) {
        return status;
    }
    struct reference_check check = {.client = identities->client,
                                    .helo = identities->helo,
                                    .sender = identities->sender,
                                    .size = message->size,
                                    .header_length = message->header_length,
                                    .signatures_max = VERDICT_DKIM_MAX};
    status = reference_ask(&helper, &check, message->fd, auth->dns, budget, results_out, why);
    helper_pool_return(auth->pool, &helper, status == ST_OK);
    return status;
}

// The header block in memory, or NULL when it cannot be read.
static char *
read_header(const struct auth_message *message)
{
    size_t length = (size_t)message->header_length;
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
judge_author(struct auth *auth, const char *author, const struct reference_results *results,
             struct dns_budget *budget, struct verdict *out)
{
    struct dmarc_identity signers[VERDICT_DKIM_MAX];
    struct dmarc_input input = {
        .author = author,
        .spf = {.domain = out->spf.domain, .result = out->spf.result},
        .dkim = signers,
    };
    for (size_t i = 0; i < out->dkim_count; i++) {
        if (!results->unsigned_tail[i]) { // else anybody could have written the rest of it
            signers[input.dkim_count++] = (struct dmarc_identity){.domain = out->dkim[i].domain,
                                                                  .result = out->dkim[i].result};
        }
    }
    dmarc_evaluate(auth->dns, budget, &input, &out->dmarc);
}

static void
refuse_message(struct verdict *out, const char *reason)
{
    out->dkim_count = 1;
    out->dkim[0].result = AUTH_PERMERROR;
    set_reason(out->dkim[0].reason, reason);
    out->dmarc.result = AUTH_PERMERROR;
    set_reason(out->dmarc.reason, reason);
}

static void
check(struct auth *auth, const struct auth_message *message, struct verdict *out)
{
    struct identities identities;
    struct reference_results results = {.dkim_count = 0};
    struct why why;
    struct dns_budget budget = {.deadline_mono_ms = clock_mono_ms() + auth->timeout_ms,
                                .queries_left = auth->queries};
    find_identities(message, &identities);
    if (ask_helper(auth, message, &identities, &budget, &results, &why) != ST_OK) {
        fill_unknown(&identities, why.text, out);
        return;
    }
    fill_results(&identities, &results, out);
    if (message->header_length > REFERENCE_HEADER_MAX) {
        refuse_message(out, "the header block is too large");
        return;
    }
    AUTO_FREE char *header = read_header(message);
    if (header == NULL) {
        fill_unknown(&identities, "the message could not be read", out);
        return;
    }
    char author[DOMAIN_NAME_SIZE];
    enum from_status from = from_find_domain(header, (size_t)message->header_length, author);
    if (from != FROM_OK) {
        out->dmarc.result = AUTH_PERMERROR; // no policy can be found; refusing is local policy
        set_reason(out->dmarc.reason, from_problem(from));
        return;
    }
    judge_author(auth, author, &results, &budget, out);
}

void
auth_check(struct auth *auth, const struct auth_message *message, struct verdict *verdict_out)
{
    *verdict_out = (struct verdict){.local = false};
    check(auth, message, verdict_out);
    results_format(auth->authserv_id, verdict_out);
}

void
auth_local(const struct auth *auth, struct verdict *verdict_out)
{
    *verdict_out = (struct verdict){.local = true};
    results_format(auth->authserv_id, verdict_out);
}
