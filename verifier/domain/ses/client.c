// SPDX-License-Identifier: Apache-2.0
#include "verifier/domain/ses/client.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <curl/curl.h>

#include "common/clock.h"
#include "common/condition.h"
#include "common/xalloc.h"
#include "verifier/domain/ses/credentials.h"
#include "verifier/domain/ses/names.h"

/* ---- settings -------------------------------------------------------------------------------- */

// "https://host[:port]": curl signs the path as it goes out, so there may be none in the way.
static bool
is_endpoint(const char *text)
{
    static const char *const SCHEMES[] = {"https://", "http://"};
    for (size_t i = 0; i < ARRAY_LEN(SCHEMES); i++) {
        size_t length = strlen(SCHEMES[i]);
        if (strncmp(text, SCHEMES[i], length) == 0) {
            const char *host = text + length;
            return host[0] != '\0' && strlen(text) <= SES_URL_MAX &&
                   strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "-._:[]") == strlen(host);
        }
    }
    return false;
}

static enum status
check_settings(const struct ses_settings *settings, struct why *why)
{
    if (!ses_name_is_region(settings->region)) {
        return why_set(why, ST_INVALID,
                       "SES region '%.64s': lower-case letters, digits and hyphens, such as "
                       "eu-central-1",
                       settings->region);
    }
    if (settings->endpoint != NULL && !is_endpoint(settings->endpoint)) {
        return why_set(why, ST_INVALID,
                       "SES endpoint '%.128s': https://host or https://host:port, without a path",
                       settings->endpoint);
    }
    if (!ses_name_is_installation(settings->installation)) {
        return why_set(why, ST_INVALID,
                       "SES installation '%.64s': 1 to %d letters, digits, '-', '_' or '.'",
                       settings->installation, SES_INSTALLATION_MAX);
    }
    if (settings->timeout_ms <= 0 || settings->interval_ms < 0) {
        return why_set(why, ST_INVALID,
                       "SES timeout of %" PRId64 " ms, interval of %" PRId64
                       " ms: the first must be above 0, the second not below",
                       settings->timeout_ms, settings->interval_ms);
    }
    return ST_OK;
}

static char *
make_endpoint(const struct ses_settings *settings)
{
    if (settings->endpoint != NULL) {
        return xstrdup(settings->endpoint);
    }
    char url[sizeof("https://email..amazonaws.com") + SES_REGION_SIZE];
    (void)snprintf(url, sizeof(url), "https://email.%s.amazonaws.com", settings->region);
    return xstrdup(url);
}

/* ---- life ------------------------------------------------------------------------------------ */

enum status
ses_open(const struct ses_settings *settings, struct ses **ses_out, struct why *why)
{
    AUTO_CREDENTIALS credentials = {.session_token = ""};
    enum status status = check_settings(settings, why);
    if (status == ST_OK) {
        status = ses_credentials_read(settings, &credentials, why);
    }
    if (status != ST_OK) {
        return status;
    }
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        return why_set(why, ST_IO, "curl_global_init failed");
    }
    struct ses *ses = xcalloc(1, sizeof(*ses));
    ses->settings = (struct ses_settings){
        .region = xstrdup(settings->region),
        .endpoint = make_endpoint(settings),
        .access_key_id_file = xstrdup(settings->access_key_id_file),
        .secret_key_file = xstrdup(settings->secret_key_file),
        .session_token_file = xstrdup(settings->session_token_file),
        .ca_file = xstrdup(settings->ca_file),
        .installation = xstrdup(settings->installation),
        .timeout_ms = settings->timeout_ms,
        .interval_ms = settings->interval_ms,
    };
    (void)pthread_mutex_init(&ses->lock, NULL);
    condition_init(&ses->changed);
    *ses_out = ses;
    return ST_OK;
}

static void
free_text(const char *text)
{
    free((void *)(uintptr_t)text);
}

void
ses_close(struct ses *ses)
{
    if (ses == NULL) {
        return;
    }
    free_text(ses->settings.region);
    free_text(ses->settings.endpoint);
    free_text(ses->settings.access_key_id_file);
    free_text(ses->settings.secret_key_file);
    free_text(ses->settings.session_token_file);
    free_text(ses->settings.ca_file);
    free_text(ses->settings.installation);
    (void)pthread_cond_destroy(&ses->changed);
    (void)pthread_mutex_destroy(&ses->lock);
    free(ses);
    curl_global_cleanup();
}

void
ses_cancel(struct ses *ses)
{
    AUTO_LOCK(guard, &ses->lock);
    ses->cancelled = true;
    (void)pthread_cond_broadcast(&ses->changed);
}

bool
ses_client_is_cancelled(struct ses *ses)
{
    AUTO_LOCK(guard, &ses->lock);
    return ses->cancelled;
}

/* ---- pace ------------------------------------------------------------------------------------ */

// Sleeps on the condition, lock held: woken by cancel, and now and then for nothing.
static void
sleep_locked(struct ses *ses, int64_t wait_ms)
{
    struct timespec until = condition_deadline(wait_ms);
    (void)pthread_cond_timedwait(&ses->changed, &ses->lock, &until);
}

enum status
ses_client_take_turn(struct ses *ses, int64_t deadline, struct why *why)
{
    AUTO_LOCK(guard, &ses->lock);
    for (;;) {
        int64_t now = clock_mono_ms();
        if (ses->cancelled) {
            return why_set(why, ST_AGAIN, "SES: shutting down");
        }
        if (now >= deadline || ses->next_call_at >= deadline) {
            int64_t wait = ses->next_call_at > now ? ses->next_call_at - now : 0;
            return why_set(why, ST_AGAIN,
                           "SES: no time left for another call; the next one may start in %" PRId64
                           " ms",
                           wait);
        }
        if (ses->next_call_at <= now) {
            ses->next_call_at = now + ses->settings.interval_ms;
            return ST_OK;
        }
        sleep_locked(ses, ses->next_call_at - now);
    }
}

void
ses_client_hold_off(struct ses *ses, int64_t wait_ms)
{
    AUTO_LOCK(guard, &ses->lock);
    int64_t wait = wait_ms < SES_ASKED_WAIT_MAX_MS ? wait_ms : SES_ASKED_WAIT_MAX_MS;
    int64_t until = clock_mono_ms() + wait;
    if (ses->next_call_at < until) {
        ses->next_call_at = until;
    }
}

int64_t
ses_wait_ms(struct ses *ses)
{
    AUTO_LOCK(guard, &ses->lock);
    int64_t wait = ses->next_call_at - clock_mono_ms();
    return wait > 0 ? wait : 0;
}

bool
ses_client_pause(struct ses *ses, int64_t wait_ms, int64_t deadline)
{
    AUTO_LOCK(guard, &ses->lock);
    int64_t until = clock_mono_ms() + wait_ms;
    if (until >= deadline) {
        return false;
    }
    for (int64_t now = clock_mono_ms(); now < until && !ses->cancelled; now = clock_mono_ms()) {
        sleep_locked(ses, until - now);
    }
    return !ses->cancelled;
}
