// SPDX-License-Identifier: Apache-2.0
#include "verifier/domain/identity.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/condition.h"
#include "common/map.h"
#include "common/xalloc.h"
#include "verifier/domain/record_json.h"

struct identities {
    struct store *store;
    pthread_mutex_t mutex; /* protects the map, not the clients */
    struct map *clients;   /* by region */
    bool cancelled;
    pthread_mutex_t busy_mutex; /* guards what follows */
    pthread_cond_t busy_changed;
    struct map *busy; /* "region name" of identities that somebody works on */
};

struct identities *
identities_new(struct store *store)
{
    struct identities *identities = xcalloc(1, sizeof(*identities));
    identities->store = store;
    (void)pthread_mutex_init(&identities->mutex, NULL);
    identities->clients = map_new();
    (void)pthread_mutex_init(&identities->busy_mutex, NULL);
    condition_init(&identities->busy_changed);
    identities->busy = map_new();
    return identities;
}

void
identities_cancel(struct identities *identities)
{
    size_t cursor = 0;
    struct ses *ses;
    AUTO_LOCK(lock, &identities->mutex);
    identities->cancelled = true;
    while ((ses = map_next(identities->clients, &cursor, NULL)) != NULL) {
        ses_cancel(ses);
    }
}

static void
close_client(void *client)
{
    ses_close(client);
}

void
identities_free(struct identities *identities)
{
    if (identities == NULL) {
        return;
    }
    map_free(identities->clients, close_client);
    map_free(identities->busy, NULL);
    (void)pthread_cond_destroy(&identities->busy_changed);
    (void)pthread_mutex_destroy(&identities->busy_mutex);
    (void)pthread_mutex_destroy(&identities->mutex);
    free(identities);
}

/* ---- one at a time --------------------------------------------------------------------------- */

enum { KEY_SIZE = SES_REGION_SIZE + DOMAIN_NAME_SIZE };

static void
put_key(const struct store_domain *domain, char out[KEY_SIZE])
{
    (void)snprintf(out, KEY_SIZE, "%s %s", domain->region, domain->name);
}

// Entries of several tenants share an identity: one must not find what another is just deleting.
static enum status
begin_work(struct identities *identities, const struct store_domain *domain, int64_t deadline,
           struct why *why)
{
    char key[KEY_SIZE];
    put_key(domain, key);
    AUTO_LOCK(lock, &identities->busy_mutex);
    while (map_get(identities->busy, key) != NULL) {
        int64_t left_ms = deadline - clock_mono_ms();
        struct timespec until = condition_deadline(left_ms);
        if (left_ms <= 0) {
            return why_set(why, ST_AGAIN,
                           "the SES identity of %.100s is still being worked on for another entry "
                           "of that name",
                           domain->name);
        }
        (void)pthread_cond_timedwait(&identities->busy_changed, &identities->busy_mutex, &until);
    }
    (void)map_put(identities->busy, key, identities);
    return ST_OK;
}

static void
end_work(struct identities *identities, const struct store_domain *domain)
{
    char key[KEY_SIZE];
    put_key(domain, key);
    AUTO_LOCK(lock, &identities->busy_mutex);
    (void)map_remove(identities->busy, key);
    (void)pthread_cond_broadcast(&identities->busy_changed);
}

/* ---- clients --------------------------------------------------------------------------------- */

enum status
identities_check_configured(const struct config *config, struct why *why)
{
    if (config->verification.ses.access_key_file == NULL) {
        return why_set(why, ST_REFUSED,
                       "Amazon SES is not configured: set verification.ses.access_key_file and "
                       "secret_key_file, and reload");
    }
    return ST_OK;
}

static enum status
open_client(const struct config *config, const char *region, struct ses **out, struct why *why)
{
    const struct config_ses *ses = &config->verification.ses;
    const struct ses_settings settings = {
        .region = region,
        .endpoint = ses->endpoint,
        .access_key_id_file = ses->access_key_file,
        .secret_key_file = ses->secret_key_file,
        .session_token_file = ses->session_token_file,
        .ca_file = ses->ca_file,
        .installation = ses->installation,
        .timeout_ms = SES_TIMEOUT_MS,
        .interval_ms = ses->interval_ms,
    };
    return ses_open(&settings, out, why);
}

// The client of a region, made with the configuration of its first use.
static enum status
find_client(struct identities *identities, const struct config *config, const char *region,
            struct ses **out, struct why *why)
{
    enum status status = identities_check_configured(config, why);
    if (status != ST_OK) {
        return status;
    }
    AUTO_LOCK(lock, &identities->mutex);
    struct ses *client = map_get(identities->clients, region);
    if (identities->cancelled) {
        return why_set(why, ST_AGAIN, "shutting down");
    }
    if (client == NULL) {
        status = open_client(config, region, &client, why);
        if (status != ST_OK) {
            return status;
        }
        (void)map_put(identities->clients, region, client);
    }
    *out = client;
    return ST_OK;
}

/* ---- identities ------------------------------------------------------------------------------ */

enum status
identity_load(struct identities *identities, const struct store_domain *domain,
              struct ses_state *state_out, struct why *why)
{
    AUTO_FREE char *text = NULL;
    enum status status = store_note_get(identities->store, &domain->id, STORE_NOTE_SES, &text, why);
    return status == ST_OK ? ses_state_parse(text, state_out, why) : status;
}

static enum status
keep(struct identities *identities, const struct store_domain *domain,
     const struct ses_state *state, struct why *why)
{
    char text[SES_STATE_TEXT_SIZE];
    ses_state_format(state, text);
    return store_note_put(identities->store, &domain->id, STORE_NOTE_SES, text, why);
}

// For people, so it is no failure when it cannot be kept.
static void
keep_said(struct identities *identities, const struct store_domain *domain,
          const struct ses_report *report, const char *problem)
{
    AUTO_FREE char *json = record_json_ses(report, problem);
    if (json != NULL) {
        status_ignore(
            store_note_put(identities->store, &domain->id, STORE_NOTE_SES_SAID, json, NULL));
    }
}

enum status
identity_said(struct identities *identities, const struct store_domain *domain, char **json_out,
              struct why *why)
{
    return store_note_get(identities->store, &domain->id, STORE_NOTE_SES_SAID, json_out, why);
}

// What is kept; a domain without gets a first one, stored before anything is sent.
static enum status
load_or_init(struct identities *identities, const struct store_domain *domain,
             struct ses_state *state_out, struct why *why)
{
    enum status status = identity_load(identities, domain, state_out, why);
    if (status == ST_NOT_FOUND) {
        ses_state_init(state_out, domain->region);
        status = keep(identities, domain, state_out, why);
    }
    return status;
}

static enum status
ensure(struct identities *identities, const struct config *config,
       const struct store_domain *domain, int64_t deadline, struct ses_state *state_out,
       struct ses_report *report_out, struct why *why)
{
    struct ses *client = NULL;
    char mail_from[DOMAIN_NAME_SIZE];
    int length = snprintf(mail_from, sizeof(mail_from), "%s.%s", config->verification.mail_from,
                          domain->name);
    if (length < 0 || (size_t)length >= sizeof(mail_from)) {
        return why_set(why, ST_TOO_LARGE, "the MAIL FROM name below %.200s is too long",
                       domain->name);
    }
    enum status status = load_or_init(identities, domain, state_out, why);
    if (status == ST_OK) {
        status = find_client(identities, config, domain->region, &client, why);
    }
    if (status != ST_OK) {
        return status;
    }
    char before[SES_STATE_TEXT_SIZE];
    char after[SES_STATE_TEXT_SIZE];
    ses_state_format(state_out, before);
    status = ses_ensure(client, domain->name, mail_from, deadline, state_out, report_out, why);
    ses_state_format(state_out, after);
    if (strcmp(before, after) != 0) {
        struct why kept_why;
        enum status kept = keep(identities, domain, state_out, &kept_why);
        if (kept != ST_OK && status == ST_OK) {
            return why_set(why, kept, "%s", kept_why.text);
        }
    }
    return status;
}

enum status
identity_ensure(struct identities *identities, const struct config *config,
                const struct store_domain *domain, int64_t deadline, struct ses_state *state_out,
                struct ses_report *report_out)
{
    struct why why;
    enum status status = begin_work(identities, domain, deadline, &why);
    if (status != ST_OK) {
        status_ignore(identity_load(identities, domain, state_out, NULL));
    } else {
        status = ensure(identities, config, domain, deadline, state_out, report_out, &why);
        end_work(identities, domain);
    }
    keep_said(identities, domain, status == ST_OK ? report_out : NULL, why.text);
    return status;
}

static enum status
release(struct identities *identities, const struct config *config,
        const struct store_domain *domain, bool others_left, int64_t deadline, struct why *why)
{
    struct ses_state state;
    struct ses *client = NULL;
    enum status status = identity_load(identities, domain, &state, why);
    if (status == ST_NOT_FOUND) {
        return ST_OK;
    }
    if (status == ST_OK && !state.release_pending) {
        if (state.holding == SES_HOLDING_GONE) {
            return ST_OK;
        }
        ses_state_request_release(&state);
        status = keep(identities, domain, &state, why);
    }
    if (status == ST_OK) {
        status = find_client(identities, config, state.region, &client, why);
    }
    if (status != ST_OK) {
        return status;
    }
    status = ses_release(client, domain->name, others_left, deadline, &state, why);
    enum status kept = keep(identities, domain, &state, status == ST_OK ? why : NULL);
    return status == ST_OK ? kept : status;
}

enum status
identity_release(struct identities *identities, const struct config *config,
                 const struct store_domain *domain, identity_others *has_others,
                 const void *context, int64_t deadline)
{
    struct why why;
    enum status status = begin_work(identities, domain, deadline, &why);
    if (status == ST_OK) {
        bool others_left = has_others(context, domain);
        status = release(identities, config, domain, others_left, deadline, &why);
        end_work(identities, domain);
    }
    keep_said(identities, domain, NULL, status == ST_OK ? "" : why.text);
    return status;
}
