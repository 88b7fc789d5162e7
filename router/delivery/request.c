// SPDX-License-Identifier: Apache-2.0
#include "router/delivery/request.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/clock.h"
#include "common/xalloc.h"
#include "router/delivery/body.h"
#include "router/delivery/payload.h"
#include "router/delivery/sign.h"
#include "router/delivery/ssrf.h"

enum {
    HASH_STEP = 1024 * 1024, /* bytes hashed in one request_prepare */
    HASH_PIECE = 64 * 1024,
    UPLOAD_BUFFER = 256 * 1024,
    HEADER_LINE_MAX = 8 * 1024,
    CONNECTION_IDLE_S = 60,     /* below the idle limit of most load balancers */
    CONNECTION_LIFETIME_S = 300 /* so that changes in the DNS are followed */
};

enum step { STEP_LOAD, STEP_HASH, STEP_READY };

struct request {
    struct store *store;
    const struct config *config;
    const struct config_destination *destination;
    const struct store_delivery *delivery; /* NULL: a text of ours is sent */
    struct id id;                          /* webhook-id */
    enum step step;
    struct store_message message;
    void *message_owner;         /* NULL with a letter */
    const struct letter *letter; /* NULL: the store is read */
    const char *recipients;      /* with a letter */
    struct body_source source;
    struct body body;
    struct body_reader *reader; /* of a large body */
    char *small;                /* the whole body of a small one, else NULL */
    uint64_t length;
    uint64_t given;      /* bytes of the body that curl has taken */
    bool repeat_refused; /* curl had sent it whole, and wanted to send it once more */
    int64_t timestamp_s;
    struct signer signer;
    CURL *easy;
    struct curl_slist *headers;
    struct ssrf_guard guard;
    char error[CURL_ERROR_SIZE];
    struct why read_why; /* the store failed while the body was sent */
    int64_t started_at;
    int64_t started_mono_ms;
    size_t response_bytes;
    char response[REQUEST_DETAIL_SIZE];
    size_t response_kept;
};

static enum status
read_stored(void *context, uint64_t offset, void *buffer, size_t size, size_t *length_out,
            struct why *why)
{
    struct request *request = context;
    return store_body_read(request->store, &request->message.id, offset, buffer, size, length_out,
                           why);
}

struct request *
request_new(struct store *store, const struct config *config,
            const struct config_destination *destination, const struct store_delivery *delivery)
{
    struct request *request = xcalloc(1, sizeof(*request));
    request->store = store;
    request->config = config;
    request->destination = destination;
    request->delivery = delivery;
    request->id = delivery->id;
    request->body = BODY_INIT;
    request->source = (struct body_source){.read = read_stored, .context = request};
    return request;
}

static enum status
read_letter(void *context, uint64_t offset, void *buffer, size_t size, size_t *length_out,
            struct why *why)
{
    (void)why;
    const struct request *request = context;
    uint64_t rest = offset < request->message.size ? request->message.size - offset : 0;
    *length_out = rest < size ? (size_t)rest : size;
    memcpy(buffer, letter_data(request->letter) + offset, *length_out);
    return ST_OK;
}

void
request_give_letter(struct request *request, const struct letter *letter, const char *recipients)
{
    request->letter = letter;
    request->recipients = recipients;
    request->message = *letter_message(letter);
    request->source = (struct body_source){.read = read_letter, .context = request};
}

struct request *
request_new_text(const struct config *config, const struct config_destination *destination,
                 const struct id *id, const char *json)
{
    struct request *request = xcalloc(1, sizeof(*request));
    request->config = config;
    request->destination = destination;
    request->id = *id;
    request->body = BODY_INIT;
    strbuf_puts(&request->body.before, json);
    return request;
}

void
request_free(struct request *request)
{
    if (request == NULL) {
        return;
    }
    curl_easy_cleanup(request->easy);
    curl_slist_free_all(request->headers);
    signer_done(&request->signer);
    body_reader_free(request->reader);
    body_done(&request->body);
    free(request->small);
    free(request->message_owner);
    free(request);
}

const char *
request_queue_id(const struct request *request)
{
    return request->message.queue_id == NULL ? "" : request->message.queue_id;
}

CURL *
request_handle(struct request *request)
{
    return request->easy;
}

bool
request_is_private(const struct request *request)
{
    return request->destination->allow_private.count > 0;
}

/* ---- headers --------------------------------------------------------------------------------- */

// Values partly come from SMTP clients: a control byte would start another field.
static void
add_header(struct request *request, const char *name, const char *value)
{
    AUTO_STRBUF line = STRBUF_INIT(HEADER_LINE_MAX);
    strbuf_printf(&line, "%s: ", name);
    for (; *value != '\0'; value++) {
        unsigned char c = (unsigned char)*value;
        strbuf_putc(&line, c < 0x20 || c == 0x7f ? '?' : *value);
    }
    if (!line.overflow) {
        request->headers = curl_slist_append(request->headers, strbuf_text(&line));
    }
}

// The envelope, which has no place in message/rfc822.
static void
add_envelope_headers(struct request *request)
{
    const struct store_delivery *delivery = request->delivery;
    add_header(request, "X-Mailspur-Message-Id", request->message.id.text);
    add_header(request, "X-Mailspur-Tenant", delivery->tenant);
    add_header(request, "X-Mailspur-Recipient", delivery->recipient);
    add_header(request, "X-Mailspur-Route", delivery->route);
    add_header(request, "X-Mailspur-Captures", delivery->captures);
    if (request->message.sender[0] != '\0') {
        add_header(request, "X-Mailspur-Mail-From", request->message.sender);
    }
    if (delivery->action[0] != '\0') {
        add_header(request, "X-Mailspur-Action", delivery->action);
    }
}

static void
add_headers(struct request *request, const char *signature)
{
    const struct config_destination *destination = request->destination;
    char timestamp[24];
    (void)snprintf(timestamp, sizeof(timestamp), "%" PRId64, request->timestamp_s);
    enum destination_format format = request->delivery == NULL ? FORMAT_JSON : destination->format;
    add_header(request, "Content-Type", payload_content_type(format));
    add_header(request, "webhook-id", request->id.text);
    add_header(request, "webhook-timestamp", timestamp);
    if (signature[0] != '\0') {
        add_header(request, "webhook-signature", signature);
    }
    add_header(request, "Idempotency-Key", request->id.text);
    if (destination->authorization != NULL) {
        add_header(request, "Authorization", destination->authorization);
    }
    if (format == FORMAT_RAW) {
        add_envelope_headers(request);
    }
    if (request->small != NULL) {
        request->headers = curl_slist_append(request->headers, "Expect:"); // not worth a round trip
    }
}

/* ---- callbacks of the transfer --------------------------------------------------------------- */

static enum status
read_body(struct request *request, char *buffer, size_t size, size_t *length_out)
{
    if (request->small == NULL) {
        return body_reader_read(request->reader, buffer, size, length_out, &request->read_why);
    }
    uint64_t left = request->length - request->given;
    *length_out = left < size ? (size_t)left : size;
    memcpy(buffer, request->small + request->given, *length_out);
    return ST_OK;
}

static size_t
on_read(char *buffer, size_t size, size_t count, void *context)
{
    struct request *request = context;
    size_t length = 0;
    if (read_body(request, buffer, size * count, &length) != ST_OK) {
        return CURL_READFUNC_ABORT;
    }
    request->given += length;
    return length;
}

// A kept connection that turned out dead is replaced by curl, which sends the body from the start.
// Not once it has taken all of it: the endpoint may have acted on that, and a second request inside
// one attempt would hide it. (For CURLOPT_POSTFIELDS curl would not even ask.)
static int
on_seek(void *context, curl_off_t offset, int origin)
{
    struct request *request = context;
    if (origin != SEEK_SET || offset != 0) {
        return CURL_SEEKFUNC_CANTSEEK;
    }
    if (request->given == request->length) {
        request->repeat_refused = true;
        return CURL_SEEKFUNC_FAIL;
    }
    request->given = 0;
    if (request->small == NULL) {
        body_reader_rewind(request->reader);
    }
    return CURL_SEEKFUNC_OK;
}

// Keeps the start for the attempt's record; gives up on endpoints that send without end.
static size_t
on_write(char *data, size_t size, size_t count, void *context)
{
    struct request *request = context;
    size_t length = size * count;
    size_t room = sizeof(request->response) - 1 - request->response_kept;
    size_t kept = length < room ? length : room;
    memcpy(request->response + request->response_kept, data, kept);
    request->response_kept += kept;
    request->response_bytes += length;
    return request->response_bytes > REQUEST_RESPONSE_MAX ? 0 : length;
}

/* ---- preparing ------------------------------------------------------------------------------- */

static void
set_body(struct request *request)
{
    CURL *easy = request->easy;
    (void)curl_easy_setopt(easy, CURLOPT_POST, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->length);
    (void)curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read);
    (void)curl_easy_setopt(easy, CURLOPT_READDATA, request);
    (void)curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, on_seek);
    (void)curl_easy_setopt(easy, CURLOPT_SEEKDATA, request);
    if (request->small == NULL) {
        (void)curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, (long)UPLOAD_BUFFER);
    }
}

static void
set_limits(struct request *request)
{
    const struct config_destination *destination = request->destination;
    CURL *easy = request->easy;
    (void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    // Or the end of a transfer would wait for the thread that resolves its name, and with it all
    // other transfers: getaddrinfo() has its own, longer idea of a timeout.
    (void)curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)destination->connect_timeout_ms);
    (void)curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)destination->timeout_ms);
    (void)curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR,
                           destination->allow_http ? "http,https" : "https");
    (void)curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    // A proxy from the environment would make the checks of ssrf.h see only the proxy.
    (void)curl_easy_setopt(easy, CURLOPT_PROXY, "");
    // Share an HTTP/2 connection that is being made. Without TLS (and its ALPN) curl would learn
    // only from the first answer that there is nothing to share, and all others would wait for it.
    bool has_tls = strncasecmp(destination->url, "https:", strlen("https:")) == 0;
    (void)curl_easy_setopt(easy, CURLOPT_PIPEWAIT, has_tls ? 1L : 0L);
    (void)curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, (long)CONNECTION_IDLE_S);
    (void)curl_easy_setopt(easy, CURLOPT_MAXLIFETIME_CONN, (long)CONNECTION_LIFETIME_S);
    if (destination->ca_file != NULL) {
        (void)curl_easy_setopt(easy, CURLOPT_CAINFO, destination->ca_file);
    }
    ssrf_attach(easy, &request->guard);
}

static void
make_handle(struct request *request)
{
    request->easy = curl_easy_init();
    if (request->easy == NULL) {
        abort(); // only without memory
    }
    CURL *easy = request->easy;
    request->guard.allow = &request->destination->allow_private;
    (void)curl_easy_setopt(easy, CURLOPT_URL, request->destination->url);
    (void)curl_easy_setopt(easy, CURLOPT_USERAGENT, "mailspur/" MAILSPUR_VERSION);
    (void)curl_easy_setopt(easy, CURLOPT_HTTPHEADER, request->headers);
    (void)curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, request->error);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_write);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, request);
    set_body(request);
    set_limits(request);
}

static enum status
build_body(struct request *request, const char *recipients, struct why *why)
{
    struct payload_input input = {
        .message = &request->message,
        .delivery = request->delivery,
        .recipients = recipients,
        .destination = request->destination,
        .hostname = request->config->hostname,
        .authserv_id = request->config->authserv_id,
    };
    return payload_build(&input, &request->source, &request->body, why);
}

static enum status
load(struct request *request, struct why *why)
{
    const struct store_delivery *delivery = request->delivery;
    if (delivery == NULL) {
        return ST_OK; // the body is there
    }
    if (request->letter != NULL) {
        return build_body(request, request->recipients, why);
    }
    enum status status = store_message_get(request->store, delivery->message_id.text,
                                           &request->message, &request->message_owner, why);
    if (status != ST_OK) {
        return status;
    }
    AUTO_FREE char *recipients = NULL;
    status = store_recipients_for(request->store, &delivery->message_id, delivery->domain,
                                  delivery->destination, &recipients, why);
    return status == ST_OK ? build_body(request, recipients, why) : status;
}

static void
begin_hashing(struct request *request)
{
    const struct config_destination *destination = request->destination;
    request->length = body_length(&request->body);
    request->reader = body_reader_new(&request->body, &request->source);
    if (request->length <= REQUEST_SMALL_MAX) {
        request->small = xreallocarray(NULL, (size_t)request->length + 1, 1);
    }
    request->timestamp_s = clock_wall_ms() / 1000;
    signer_init(&request->signer, destination->secrets, destination->secret_count, request->id.text,
                request->timestamp_s);
}

// Hashes up to HASH_STEP bytes; the bytes of a small body are kept.
static enum status
hash_step(struct request *request, bool *over_out, struct why *why)
{
    char piece[HASH_PIECE];
    size_t hashed = 0;
    while (hashed < HASH_STEP) {
        size_t length = 0;
        enum status status = body_reader_read(request->reader, piece, sizeof(piece), &length, why);
        if (status != ST_OK) {
            return status;
        }
        if (length == 0) {
            *over_out = true;
            return ST_OK;
        }
        signer_update(&request->signer, piece, length);
        if (request->small != NULL) {
            memcpy(request->small + hashed, piece, length);
        }
        hashed += length;
    }
    return ST_OK;
}

static void
finish_hashing(struct request *request)
{
    char signature[SIGN_SIZE];
    signer_finish(&request->signer, signature);
    if (request->small == NULL) {
        body_reader_rewind(request->reader);
    } else {
        body_reader_free(STEAL(request->reader));
        body_done(&request->body);
    }
    add_headers(request, signature);
    make_handle(request);
    request->started_at = clock_wall_ms();
    request->started_mono_ms = clock_mono_ms();
}

enum status
request_prepare(struct request *request, bool *ready_out, struct why *why)
{
    if (request->step == STEP_LOAD) {
        enum status status = load(request, why);
        if (status != ST_OK) {
            return status;
        }
        begin_hashing(request);
        request->step = STEP_HASH;
    }
    bool over = false;
    enum status status = hash_step(request, &over, why);
    if (status != ST_OK) {
        return status;
    }
    if (over) {
        finish_hashing(request);
        request->step = STEP_READY;
    }
    *ready_out = over;
    return ST_OK;
}

/* ---- result ---------------------------------------------------------------------------------- */

// The body counts as sent once the system took all of it: then the endpoint may have acted on it.
static bool
was_sent(const struct request *request)
{
    curl_off_t uploaded = 0;
    (void)curl_easy_getinfo(request->easy, CURLINFO_SIZE_UPLOAD_T, &uploaded);
    return request->repeat_refused || (uploaded > 0 && (uint64_t)uploaded >= request->length);
}

// Answers are shown to people: one line of printable ASCII.
static void
copy_printable(const char *text, size_t length, char *out, size_t size)
{
    size_t used = 0;
    for (size_t i = 0; i < length && used + 1 < size; i++) {
        unsigned char c = (unsigned char)text[i];
        out[used++] = c >= 0x20 && c < 0x7f ? text[i] : c >= 0x80 ? '?' : ' ';
    }
    out[used] = '\0';
}

static void
describe(const struct request *request, CURLcode code, long http_status, char *out, size_t size)
{
    char *location = NULL;
    (void)curl_easy_getinfo(request->easy, CURLINFO_REDIRECT_URL, &location);
    char text[CURL_ERROR_SIZE + 64];
    if (http_status == 0 && request->guard.refused[0] != '\0') {
        (void)snprintf(text, sizeof(text), "address %s is not allowed for this destination",
                       request->guard.refused);
    } else if (http_status == 0 && request->repeat_refused) {
        (void)snprintf(text, sizeof(text), "the kept connection ended without an answer");
    } else if (http_status == 0 && request->read_why.text[0] != '\0') {
        (void)snprintf(text, sizeof(text), "%.200s", request->read_why.text);
    } else if (http_status == 0) {
        (void)snprintf(text, sizeof(text), "%.200s",
                       request->error[0] != '\0' ? request->error : curl_easy_strerror(code));
    } else if (location != NULL) {
        (void)snprintf(text, sizeof(text), "redirects are not followed: %.200s", location);
    } else {
        copy_printable(request->response, request->response_kept, out, size);
        return;
    }
    copy_printable(text, strlen(text), out, size);
}

static int64_t
read_retry_after_ms(const struct request *request)
{
    curl_off_t seconds = 0; // curl reads both forms, and answers 0 for nothing and for the past
    (void)curl_easy_getinfo(request->easy, CURLINFO_RETRY_AFTER, &seconds);
    if (seconds <= 0) {
        return 0;
    }
    return seconds > REQUEST_RETRY_AFTER_MAX_MS / 1000 ? REQUEST_RETRY_AFTER_MAX_MS
                                                       : (int64_t)seconds * 1000;
}

void
request_result(struct request *request, CURLcode code, struct request_result *out)
{
    long http_status = 0;
    (void)curl_easy_getinfo(request->easy, CURLINFO_RESPONSE_CODE, &http_status);
    if (http_status < 200) {
        http_status = 0; // "100 Continue" is no answer
    }
    *out = (struct request_result){
        .outcome = outcome_of(http_status, was_sent(request)),
        .http_status = http_status,
        .started_at = request->started_at,
        .duration_ms = clock_mono_ms() - request->started_mono_ms,
        .retry_after_ms = read_retry_after_ms(request),
    };
    describe(request, code, http_status, out->detail, sizeof(out->detail));
}
