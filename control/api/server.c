// SPDX-License-Identifier: Apache-2.0
// The HTTP side of the API over libmicrohttpd, which is included here only. It takes requests apart
// more leniently than a control socket should (two Content-Lengths, chunked bodies), so the head is
// checked again before anything is read.
//
// A request's way: on_request (head) → on_request (body pieces) → on_request (end): suspended and
// given to a worker → run_job: dispatch, resumed → on_request: answered → on_completed.
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <microhttpd.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/condition.h"
#include "common/listener.h"
#include "common/log.h"
#include "common/parse.h"
#include "common/strbuf.h"
#include "common/workers.h"
#include "common/xalloc.h"
#include "control/api/api.h"
#include "control/api/dispatch.h"
#include "control/api/path.h"
#include "control/api/request.h"

enum {
    CONNECTIONS_MAX = 512, /* idle ones of a careless client must not lock the operator out */
    IDLE_TIMEOUT_S = 10,
    HTTP_THREADS = 2,
    WORKERS = 8,               /* requests at once; a verification holds one for up to 15 s */
    CLOSE_WAIT_MS = 20 * 1000, /* for running requests: longer than a verification takes */
    STREAM_BLOCK = 64 * 1024   /* of a raw message per read of the store */
};
static const char RETRY_AFTER_S[] = "5";

struct api {
    struct api_context context;
    int64_t started_mono_ms;
    struct listener listener;
    struct MHD_Daemon *daemon;
    struct workers *workers;
    pthread_mutex_t lock; /* protects the three below */
    pthread_cond_t changed;
    bool closing;         /* no request begins any more */
    bool workers_closing; /* nor does one reach the workers, however long its body took */
    size_t running;       /* requests between head and completion */
};

enum exchange_state { READING, RUNNING, READY };

/** One request on its connection. Owned by the HTTP thread, while RUNNING by the worker. */
struct exchange {
    struct api *api;
    struct MHD_Connection *connection;
    enum exchange_state state;
    struct request request;
    struct strbuf body;
    struct response response;
};

// ---- answering

static ssize_t
on_stream_read(void *context, uint64_t offset, char *buffer, size_t size)
{
    const struct response_stream *stream = context;
    ssize_t length = stream->read(stream->context, offset, buffer, size);
    if (length > 0) {
        return length;
    }
    // Shorter than announced or unreadable: cut the connection, so that the client sees it.
    return MHD_CONTENT_READER_END_WITH_ERROR;
}

static void
on_stream_close(void *context)
{
    struct response_stream *stream = context;
    stream->close(stream->context);
    free(stream);
}

// Takes the body or stream out of `response`.
static struct MHD_Response *
make_response(struct response *response)
{
    if (response->stream.read == NULL) {
        struct MHD_Response *made = MHD_create_response_from_buffer(
            response->body_length, response->body, MHD_RESPMEM_MUST_FREE);
        if (made != NULL) {
            response->body = NULL;
        }
        return made;
    }
    struct response_stream *stream = xcalloc(1, sizeof(*stream));
    *stream = response->stream;
    struct MHD_Response *made = MHD_create_response_from_callback(
        stream->size, STREAM_BLOCK, on_stream_read, stream, on_stream_close);
    if (made == NULL) {
        free(stream);
        return NULL;
    }
    response->stream = (struct response_stream){.read = NULL};
    return made;
}

struct response_header {
    const char *name;
    const char *value;
};
static const struct response_header ALWAYS[] = {
    {"Cache-Control", "no-store"},
    {"X-Content-Type-Options", "nosniff"},
    {"Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"},
    {"Referrer-Policy", "no-referrer"},
};

static enum MHD_Result
answer(struct exchange *exchange)
{
    struct response *response = &exchange->response;
    struct MHD_Response *made = make_response(response);
    if (made == NULL) {
        return MHD_NO; // no memory: the connection is cut
    }
    (void)MHD_add_response_header(made, "Content-Type", response->content_type);
    for (size_t i = 0; i < ARRAY_LEN(ALWAYS); i++) {
        (void)MHD_add_response_header(made, ALWAYS[i].name, ALWAYS[i].value);
    }
    if (response->allow[0] != '\0') {
        (void)MHD_add_response_header(made, "Allow", response->allow);
    }
    if (response->http_status == 503) {
        (void)MHD_add_response_header(made, "Retry-After", RETRY_AFTER_S);
    }
    // After a mistake the two sides may see the next request's start differently.
    if (response->http_status >= 400 && response->http_status < 500) {
        (void)MHD_add_response_header(made, "Connection", "close");
    }
    enum MHD_Result queued = MHD_queue_response(exchange->connection, response->http_status, made);
    MHD_destroy_response(made);
    return queued;
}

static enum MHD_Result
answer_error(struct exchange *exchange, unsigned http_status, const char *code, const char *message)
{
    exchange->state = READY;
    response_error(&exchange->response, http_status, code, message);
    return answer(exchange);
}

// ---- the head

struct head {
    size_t content_lengths;
    size_t transfer_encodings;
    size_t hosts;
    size_t content_types;
    bool bad_name;
    const char *content_length;
};

static enum MHD_Result
on_header(void *context, enum MHD_ValueKind kind, const char *name, const char *value)
{
    (void)kind;
    // RFC 9110, 5.6.2: token. The library takes a blank before the colon as part of the name.
    static const char TOKEN[] = "!#$%&'*+-.^_`|~0123456789"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    struct head *head = context;
    head->bad_name = head->bad_name || name[strspn(name, TOKEN)] != '\0';
    if (strcasecmp(name, "Content-Length") == 0) {
        head->content_lengths++;
        head->content_length = value;
    } else if (strcasecmp(name, "Transfer-Encoding") == 0) {
        head->transfer_encodings++;
    } else if (strcasecmp(name, "Host") == 0) {
        head->hosts++;
    } else if (strcasecmp(name, "Content-Type") == 0) {
        head->content_types++;
    }
    return MHD_YES;
}

/** A head that is refused, and why. */
struct refusal {
    unsigned http_status;
    const char *code;
    const char *message;
};

// NULL when the head is fine.
static const struct refusal *
check_head(const struct head *head)
{
    static const struct refusal NAME = {400, "bad_request", "a header's name is no name"};
    static const struct refusal REPEATED = {
        400, "bad_request", "Content-Length, Content-Type or Host stands there twice"};
    static const struct refusal BOTH = {400, "bad_request",
                                        "Content-Length and Transfer-Encoding exclude each other"};
    static const struct refusal CHUNKED = {411, "length_required",
                                           "send the body with Content-Length, not chunked"};
    static const struct refusal NUMBER = {400, "bad_request", "Content-Length is no number"};
    static const struct refusal LARGE = {413, "body_too_large", "the body is larger than 1 MB"};
    if (head->bad_name) {
        return &NAME;
    }
    if (head->content_lengths > 1 || head->hosts > 1 || head->content_types > 1) {
        return &REPEATED;
    }
    if (head->transfer_encodings > 0) {
        return head->content_lengths > 0 ? &BOTH : &CHUNKED;
    }
    uint64_t length = 0;
    if (head->content_length != NULL &&
        parse_uint(head->content_length, UINT64_MAX, &length, NULL) != ST_OK) {
        return &NUMBER;
    }
    return length > REQUEST_BODY_MAX ? &LARGE : NULL;
}

static char *
decode_parameter(const char *text)
{
    char decoded[REQUEST_TEXT_SIZE];
    const char *source = text == NULL ? "" : text;
    return percent_decode(source, strlen(source), decoded, sizeof(decoded)) ? xstrdup(decoded)
                                                                            : NULL;
}

struct parameters {
    struct request *request;
    bool bad;
};

static enum MHD_Result
on_parameter(void *context, enum MHD_ValueKind kind, const char *name, const char *value)
{
    (void)kind;
    struct parameters *parameters = context;
    struct request *request = parameters->request;
    if (request->parameter_count == REQUEST_PARAMETERS_MAX) {
        parameters->bad = true;
        return MHD_NO;
    }
    struct parameter parameter = {.name = decode_parameter(name), .value = decode_parameter(value)};
    request->parameters[request->parameter_count++] = parameter; // freed with the request
    parameters->bad = parameter.name == NULL || parameter.value == NULL;
    return parameters->bad ? MHD_NO : MHD_YES;
}

static enum MHD_Result
read_head(struct exchange *exchange, const char *url, const char *method)
{
    struct MHD_Connection *connection = exchange->connection;
    struct head head = {.hosts = 0};
    (void)MHD_get_connection_values(connection, MHD_HEADER_KIND, on_header, &head);
    const struct refusal *refusal = check_head(&head);
    if (refusal != NULL) {
        return answer_error(exchange, refusal->http_status, refusal->code, refusal->message);
    }
    struct request *request = &exchange->request;
    request->method = xstrdup(method);
    request->path = xstrdup(url);
    request->content_type =
        xstrdup(MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Content-Type"));
    struct parameters parameters = {.request = request};
    (void)MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, on_parameter, &parameters);
    if (parameters.bad) {
        return answer_error(exchange, 400, "bad_request",
                            "the query is too long, has too many parameters or a broken %XX");
    }
    return MHD_YES;
}

// ---- running

// Who asked, for the log: the socket's file rights let several people in.
static int64_t
peer_uid(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct ucred credentials;
    socklen_t length = sizeof(credentials);
    if (info == NULL ||
        getsockopt(info->connect_fd, SOL_SOCKET, SO_PEERCRED, &credentials, &length) != 0) {
        return -1;
    }
    return (int64_t)credentials.uid;
}

static void
log_change(const struct exchange *exchange)
{
    const struct request *request = &exchange->request;
    if (strcmp(request->method, "GET") == 0 || strcmp(request->method, "HEAD") == 0) {
        return;
    }
    log_info("api.change", LOG_STR("method", request->method), LOG_STR("path", request->path),
             LOG_INT("http_status", exchange->response.http_status),
             LOG_INT("uid", peer_uid(exchange->connection)));
}

// A worker's job.
static void
run_job(void *context, void *job)
{
    (void)context;
    struct exchange *exchange = job;
    const struct api *api = exchange->api;
    api_dispatch(&api->context, api->started_mono_ms, &exchange->request, &exchange->response);
    log_change(exchange);
    exchange->state = READY;
    MHD_resume_connection(exchange->connection); // from here the HTTP thread owns it
}

static enum MHD_Result
start_job(struct exchange *exchange)
{
    struct api *api = exchange->api;
    struct request *request = &exchange->request;
    request->body_length = exchange->body.length;
    request->body = request->body_length == 0 ? NULL : strbuf_steal(&exchange->body);
    AUTO_LOCK(held, &api->lock);
    if (api->workers_closing) {
        return MHD_NO;
    }
    exchange->state = RUNNING;
    MHD_suspend_connection(exchange->connection);
    workers_push(api->workers, exchange);
    return MHD_YES;
}

// ---- libmicrohttpd's callbacks

// False when the API is closing.
static bool
enter(struct api *api)
{
    AUTO_LOCK(held, &api->lock);
    if (!api->closing) {
        api->running++;
    }
    return !api->closing;
}

static void
leave(struct api *api)
{
    AUTO_LOCK(held, &api->lock);
    api->running--;
    (void)pthread_cond_broadcast(&api->changed);
}

static enum MHD_Result
on_request(void *context, struct MHD_Connection *connection, const char *url, const char *method,
           const char *version, const char *data, size_t *data_size, void **slot)
{
    (void)version;
    struct exchange *exchange = *slot;
    if (exchange == NULL) {
        if (!enter(context)) {
            return MHD_NO;
        }
        exchange = xcalloc(1, sizeof(*exchange));
        *exchange = (struct exchange){
            .api = context, .connection = connection, .body = STRBUF_INIT(REQUEST_BODY_MAX)};
        *slot = exchange;
        return read_head(exchange, url, method);
    }
    if (exchange->state == READY) {
        return answer(exchange);
    }
    if (*data_size > 0) {
        strbuf_append(&exchange->body, data, *data_size);
        *data_size = 0;
        return exchange->body.overflow ? MHD_NO : MHD_YES; // never: Content-Length was checked
    }
    return start_job(exchange);
}

static void
on_completed(void *context, struct MHD_Connection *connection, void **slot,
             enum MHD_RequestTerminationCode code)
{
    (void)connection;
    (void)code;
    struct exchange *exchange = *slot;
    if (exchange == NULL) {
        return;
    }
    api_request_done(&exchange->request);
    response_done(&exchange->response);
    strbuf_done(&exchange->body);
    free(exchange);
    *slot = NULL;
    leave(context);
}

// Paths and parameters are decoded by path.c, which is strict.
static size_t
on_unescape(void *context, struct MHD_Connection *connection, char *text)
{
    (void)context;
    (void)connection;
    return strlen(text);
}

static void PRINTF_LIKE(2, 0) on_library_log(void *context, const char *format, va_list args)
{
    (void)context;
    char text[256];
    (void)vsnprintf(text, sizeof(text), format, args);
    text[strcspn(text, "\n")] = '\0';
    log_debug("api.http", LOG_STR("text", text));
}

// ---- life

static struct MHD_Daemon *
start_daemon(struct api *api, int fd)
{
    return MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL,
        on_request, api, MHD_OPTION_EXTERNAL_LOGGER, on_library_log, NULL, MHD_OPTION_LISTEN_SOCKET,
        fd, MHD_OPTION_THREAD_POOL_SIZE, (unsigned)HTTP_THREADS, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_TIMEOUT_S,
        MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_UNESCAPE_CALLBACK, on_unescape, NULL,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, api, MHD_OPTION_END);
}

static enum status
start_serving(struct api *api, const struct config_socket *socket, struct why *why)
{
    const struct unixsock_rights rights = {.mode = socket->mode, .group = socket->group};
    enum status status = listener_open(&api->listener, socket->path, SOCK_STREAM, &rights, why);
    if (status != ST_OK) {
        return status;
    }
    api->daemon = start_daemon(api, api->listener.fd);
    if (api->daemon == NULL) {
        return why_set(why, ST_IO, "cannot start the HTTP server on %s", socket->path);
    }
    return ST_OK;
}

enum status
api_open(const struct api_context *context, const struct config_socket *socket,
         struct api **api_out, struct why *why)
{
    struct api *api = xcalloc(1, sizeof(*api));
    api->context = *context;
    api->listener = (struct listener)LISTENER_INIT;
    api->started_mono_ms = clock_mono_ms();
    (void)pthread_mutex_init(&api->lock, NULL); // cannot fail without attributes
    condition_init(&api->changed);
    enum status status = workers_open(WORKERS, run_job, NULL, &api->workers, why);
    if (status == ST_OK) {
        status = start_serving(api, socket, why);
    }
    if (status != ST_OK) {
        api_close(api);
        return status;
    }
    *api_out = api;
    return ST_OK;
}

// Let running requests end; new ones find their connection closed.
static void
wait_for_requests(struct api *api)
{
    struct timespec until = condition_deadline(CLOSE_WAIT_MS);
    AUTO_LOCK(held, &api->lock);
    api->closing = true;
    while (api->running > 0 && pthread_cond_timedwait(&api->changed, held, &until) != ETIMEDOUT) {
    }
    api->workers_closing = true;
}

void
api_close(struct api *api)
{
    if (api == NULL) {
        return;
    }
    if (api->daemon != NULL) {
        (void)MHD_quiesce_daemon(api->daemon); // gives the listening descriptor back to us
        wait_for_requests(api);
    }
    workers_close(api->workers, NULL); // resumes what it still runs
    if (api->daemon != NULL) {
        MHD_stop_daemon(api->daemon);
    }
    listener_close(&api->listener);
    (void)pthread_cond_destroy(&api->changed);
    (void)pthread_mutex_destroy(&api->lock);
    free(api);
}
