// SPDX-License-Identifier: Apache-2.0
#include "verifier/domain/ses/exchange.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <curl/curl.h>

#include "common/clock.h"
#include "verifier/domain/ses/credentials.h"

static const char BLANKS[] = {' ', '\t', '\r', '\n'};

struct transfer {
    struct ses *ses;
    const struct ses_request *request;
    struct ses_answer *answer;
    CURL *easy;
    struct curl_slist *headers;
    int64_t allowed_ms;
    size_t head_bytes;
    char error[CURL_ERROR_SIZE];
};

void
ses_answer_done(struct ses_answer *answer)
{
    strbuf_done(&answer->body);
}

// curl keeps its own copy of the session token in this list.
static void
transfer_done(struct transfer *transfer)
{
    for (struct curl_slist *line = transfer->headers; line != NULL; line = line->next) {
        explicit_bzero(line->data, strlen(line->data));
    }
    curl_slist_free_all(transfer->headers);
    curl_easy_cleanup(transfer->easy);
}

/* ---- what comes back ------------------------------------------------------------------------- */

static size_t
on_body(char *data, size_t size, size_t count, void *context)
{
    struct transfer *transfer = context;
    strbuf_append(&transfer->answer->body, data, size * count);
    return transfer->answer->body.overflow ? 0 : size * count;
}

// The value of a header line of this name, trimmed, in `out`; cut when it is too long.
static bool
take_value(const char *line, size_t length, const char *name, char *out, size_t size)
{
    size_t name_length = strlen(name);
    if (length <= name_length || line[name_length] != ':' ||
        strncasecmp(line, name, name_length) != 0) {
        return false;
    }
    const char *value = line + name_length + 1;
    const char *end = line + length;
    while (value < end && (*value == ' ' || *value == '\t')) {
        value++;
    }
    while (end > value && memchr(BLANKS, end[-1], sizeof(BLANKS)) != NULL) {
        end--;
    }
    (void)snprintf(out, size, "%.*s", (int)(end - value), value);
    return true;
}

static size_t
on_header(char *data, size_t size, size_t count, void *context)
{
    struct transfer *transfer = context;
    size_t length = size * count;
    transfer->head_bytes += length;
    if (transfer->head_bytes > SES_ANSWER_HEAD_MAX) {
        return 0;
    }
    char date[64];
    if (take_value(data, length, "Date", date, sizeof(date))) {
        time_t seconds = curl_getdate(date, NULL);
        transfer->answer->date_ms = seconds < 0 ? -1 : (int64_t)seconds * 1000;
    }
    (void)take_value(data, length, "x-amzn-errortype", transfer->answer->error_type,
                     sizeof(transfer->answer->error_type));
    return length;
}

static int
on_progress(void *context, curl_off_t download_total, curl_off_t downloaded,
            curl_off_t upload_total, curl_off_t uploaded)
{
    (void)download_total;
    (void)downloaded;
    (void)upload_total;
    (void)uploaded;
    const struct transfer *transfer = context;
    return ses_client_is_cancelled(transfer->ses) ? 1 : 0;
}

/* ---- what goes out --------------------------------------------------------------------------- */

static void
add_header(struct transfer *transfer, const char *line)
{
    struct curl_slist *longer = curl_slist_append(transfer->headers, line);
    if (longer == NULL) {
        abort(); // only without memory
    }
    transfer->headers = longer;
}

static void
set_request(struct transfer *transfer, const struct ses_credentials *credentials)
{
    const struct ses_request *request = transfer->request;
    const struct ses_settings *settings = &transfer->ses->settings;
    CURL *easy = transfer->easy;
    char url[SES_URL_MAX + SES_PATH_MAX + 1];
    char signer[64];
    (void)snprintf(url, sizeof(url), "%s%s", settings->endpoint, request->path);
    (void)snprintf(signer, sizeof(signer), "aws:amz:%s:ses", settings->region);
    (void)curl_easy_setopt(easy, CURLOPT_URL, url);
    (void)curl_easy_setopt(easy, CURLOPT_AWS_SIGV4, signer);
    (void)curl_easy_setopt(easy, CURLOPT_USERNAME, credentials->access_key_id);
    (void)curl_easy_setopt(easy, CURLOPT_PASSWORD, credentials->secret_key);
    if (request->body != NULL) { // curl signs a body only from here
        add_header(transfer, "Content-Type: application/json");
        (void)curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body);
    }
    (void)curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
    if (credentials->session_token[0] != '\0') {
        char line[SES_SESSION_TOKEN_MAX + 32];
        (void)snprintf(line, sizeof(line), "X-Amz-Security-Token: %s", credentials->session_token);
        add_header(transfer, line);
        explicit_bzero(line, sizeof(line));
    }
    (void)curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer->headers);
}

static void
set_limits(struct transfer *transfer)
{
    const struct ses_settings *settings = &transfer->ses->settings;
    CURL *easy = transfer->easy;
    bool plain = strncmp(settings->endpoint, "http:", strlen("http:")) == 0;
    (void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)transfer->allowed_ms);
    (void)curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, plain ? "http" : "https");
    (void)curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    (void)curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    (void)curl_easy_setopt(easy, CURLOPT_PROXY, ""); // none from the environment
    (void)curl_easy_setopt(easy, CURLOPT_USERAGENT, "mailspur/" MAILSPUR_VERSION);
    if (settings->ca_file != NULL) {
        (void)curl_easy_setopt(easy, CURLOPT_CAINFO, settings->ca_file);
    }
}

static void
set_callbacks(struct transfer *transfer)
{
    CURL *easy = transfer->easy;
    (void)curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->error);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
    (void)curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    (void)curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
    (void)curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, on_progress);
    (void)curl_easy_setopt(easy, CURLOPT_XFERINFODATA, transfer);
    (void)curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
}

/* ---- the whole ------------------------------------------------------------------------------- */

static enum status
explain(const struct transfer *transfer, CURLcode code, struct why *why)
{
    const struct ses_request *request = transfer->request;
    const char *endpoint = transfer->ses->settings.endpoint;
    if (transfer->answer->body.overflow) {
        return why_set(why, ST_AGAIN, "SES, %s %.100s: the answer is larger than %d bytes",
                       request->what, request->domain, SES_ANSWER_MAX);
    }
    if (transfer->head_bytes > SES_ANSWER_HEAD_MAX) {
        return why_set(why, ST_AGAIN, "SES, %s %.100s: the answer's header is over %d bytes",
                       request->what, request->domain, SES_ANSWER_HEAD_MAX);
    }
    if (code == CURLE_ABORTED_BY_CALLBACK) {
        return why_set(why, ST_AGAIN, "SES, %s %.100s: shutting down", request->what,
                       request->domain);
    }
    if (code == CURLE_OPERATION_TIMEDOUT) {
        return why_set(why, ST_AGAIN, "SES, %s %.100s: no answer from %.100s within %" PRId64 " ms",
                       request->what, request->domain, endpoint, transfer->allowed_ms);
    }
    if (code == CURLE_SSL_CACERT_BADFILE) {
        return why_set(why, ST_IO, "SES: ca_file %.200s cannot be read as PEM certificates",
                       transfer->ses->settings.ca_file);
    }
    return why_set(why, ST_AGAIN, "SES, %s %.80s: %.80s: %.100s", request->what, request->domain,
                   endpoint,
                   transfer->error[0] != '\0' ? transfer->error : curl_easy_strerror(code));
}

static void
read_rest(const struct transfer *transfer)
{
    struct ses_answer *answer = transfer->answer;
    (void)curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &answer->http_status);
    curl_off_t seconds = 0; // curl reads both forms, and answers 0 for nothing and for the past
    (void)curl_easy_getinfo(transfer->easy, CURLINFO_RETRY_AFTER, &seconds);
    if (seconds > 0) {
        answer->retry_after_ms = seconds > SES_ASKED_WAIT_MAX_MS / 1000 ? SES_ASKED_WAIT_MAX_MS
                                                                        : (int64_t)seconds * 1000;
    }
}

enum status
ses_exchange(struct ses *ses, const struct ses_request *request, int64_t deadline,
             struct ses_answer *answer, struct why *why)
{
    AUTO_CREDENTIALS credentials = {.session_token = ""};
    enum status status = ses_credentials_read(&ses->settings, &credentials, why);
    if (status == ST_OK) {
        status = ses_client_take_turn(ses, deadline, why);
    }
    if (status != ST_OK) {
        return status;
    }
    AUTO(transfer_done)
    struct transfer transfer = {
        .ses = ses, .request = request, .answer = answer, .easy = curl_easy_init()};
    if (transfer.easy == NULL) {
        abort(); // only without memory
    }
    int64_t left = deadline - clock_mono_ms();
    transfer.allowed_ms = left < ses->settings.timeout_ms ? left : ses->settings.timeout_ms;
    if (transfer.allowed_ms < 1) {
        transfer.allowed_ms = 1; // 0 would mean no limit
    }
    set_request(&transfer, &credentials);
    set_limits(&transfer);
    set_callbacks(&transfer);
    CURLcode code = curl_easy_perform(transfer.easy);
    if (code != CURLE_OK) {
        return explain(&transfer, code, why);
    }
    read_rest(&transfer);
    return ST_OK;
}
