// SPDX-License-Identifier: Apache-2.0
#include "control/cli/client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "common/cleanup.h"

enum {
    URL_MAX = 64 * 1024,
    CONNECT_TIMEOUT_S = 5,
    PATIENCE_S = 60 /* a verification answers within 15 s */
};

static void
curl_cleanup(CURL **handle)
{
    curl_easy_cleanup(*handle);
}

static void
header_cleanup(struct curl_slist **list)
{
    curl_slist_free_all(*list);
}

struct transfer {
    CURL *handle;
    const struct client_request *request;
    struct client_answer *answer;
    bool stopped; /* by on_piece */
};

static size_t
on_data(char *data, size_t size, size_t count, void *context)
{
    struct transfer *transfer = context;
    const struct client_request *request = transfer->request;
    size_t length = size * count;
    long http_status = 0;
    (void)curl_easy_getinfo(transfer->handle, CURLINFO_RESPONSE_CODE, &http_status);
    if (request->on_piece != NULL && http_status >= 200 && http_status < 300) {
        transfer->stopped = !request->on_piece(request->context, data, length);
        return transfer->stopped ? CURL_WRITEFUNC_ERROR : length;
    }
    strbuf_append(&transfer->answer->body, data, length);
    return transfer->answer->body.overflow ? CURL_WRITEFUNC_ERROR : length;
}

// The numbers an option takes are all long, the texts const char *: one check for all.
#define SET(handle, option, value)                                                                 \
    do {                                                                                           \
        if (curl_easy_setopt(handle, option, value) != CURLE_OK) {                                 \
            return why_set(why, ST_BUG, "libcurl does not take " #option);                         \
        }                                                                                          \
    } while (false)

static enum status
prepare_connection(CURL *handle, const struct client_request *request, struct why *why)
{
    SET(handle, CURLOPT_UNIX_SOCKET_PATH, request->socket_path);
    SET(handle, CURLOPT_PROXY, ""); // http_proxy is for other hosts
    SET(handle, CURLOPT_PROTOCOLS_STR, "http");
    SET(handle, CURLOPT_NOSIGNAL, 1L);
    SET(handle, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_TIMEOUT_S);
    SET(handle, CURLOPT_LOW_SPEED_LIMIT, 1L);
    SET(handle, CURLOPT_LOW_SPEED_TIME,
        request->patience_s > 0 ? request->patience_s : (long)PATIENCE_S);
    return ST_OK;
}

static enum status
prepare_request(CURL *handle, const struct client_request *request, struct curl_slist *headers,
                struct why *why)
{
    AUTO_STRBUF url = STRBUF_INIT(URL_MAX);
    strbuf_printf(&url, "http://localhost%s", request->url);
    SET(handle, CURLOPT_URL, strbuf_text(&url));
    SET(handle, CURLOPT_PATH_AS_IS, 1L); // ".." in a name is a name
    SET(handle, CURLOPT_CUSTOMREQUEST, request->method);
    SET(handle, CURLOPT_HTTPHEADER, headers);
    if (request->body != NULL) {
        SET(handle, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(request->body));
        SET(handle, CURLOPT_POSTFIELDS, request->body);
    }
    return ST_OK;
}

static enum status
prepare_answer(const struct transfer *transfer, char *error, struct why *why)
{
    SET(transfer->handle, CURLOPT_WRITEFUNCTION, on_data);
    SET(transfer->handle, CURLOPT_WRITEDATA, transfer);
    SET(transfer->handle, CURLOPT_ERRORBUFFER, error);
    return ST_OK;
}

static enum status
prepare(const struct transfer *transfer, struct curl_slist *headers, char *error, struct why *why)
{
    const struct client_request *request = transfer->request;
    enum status status = prepare_connection(transfer->handle, request, why);
    if (status == ST_OK) {
        status = prepare_request(transfer->handle, request, headers, why);
    }
    if (status == ST_OK) {
        status = prepare_answer(transfer, error, why);
    }
    return status;
}

static enum status
explain(const struct transfer *transfer, CURLcode code, const char *error, struct why *why)
{
    const char *path = transfer->request->socket_path;
    if (transfer->stopped) {
        return why_set(why, ST_IO, "the output cannot be written");
    }
    if (transfer->answer->body.overflow) {
        return why_set(why, ST_TOO_LARGE, "the answer is too large");
    }
    long number = 0;
    (void)curl_easy_getinfo(transfer->handle, CURLINFO_OS_ERRNO, &number);
    if (code == CURLE_COULDNT_CONNECT && number != 0) {
        errno = (int)number;
        return why_errno(why, errno == EACCES ? ST_REFUSED : ST_AGAIN, "mailspurd, at %s", path);
    }
    return why_set(why, ST_AGAIN, "mailspurd, at %s: %s", path,
                   error[0] == '\0' ? curl_easy_strerror(code) : error);
}

enum status
client_ask(const struct client_request *request, struct client_answer *answer_out, struct why *why)
{
    char error[CURL_ERROR_SIZE] = "";
    AUTO(curl_cleanup) CURL *handle = curl_easy_init();
    AUTO(header_cleanup)
    struct curl_slist *headers = curl_slist_append(
        NULL, request->body == NULL ? "Content-Type:" : "Content-Type: application/json");
    if (handle == NULL || headers == NULL) {
        return why_set(why, ST_AGAIN, "libcurl does not start");
    }
    struct transfer transfer = {.handle = handle, .request = request, .answer = answer_out};
    enum status status = prepare(&transfer, headers, error, why);
    if (status != ST_OK) {
        return status;
    }
    CURLcode code = curl_easy_perform(handle);
    if (code != CURLE_OK) {
        return explain(&transfer, code, error, why);
    }
    (void)curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &answer_out->http_status);
    return ST_OK;
}
