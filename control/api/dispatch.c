// SPDX-License-Identifier: Apache-2.0
#include "control/api/dispatch.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "control/api/handlers.h"
#include "control/api/json.h"
#include "control/api/path.h"

enum endpoint_takes {
    NOTHING, /* neither body nor query */
    QUERY,   /* the handler reads it */
    BODY,    /* a JSON object, always there */
    CHOICE   /* a JSON object, or nothing */
};

struct endpoint {
    const char *method;
    const char *pattern;
    enum endpoint_takes takes;
    handler *handle;
};

// Fixed words stand before {id} of the same length: the first match counts.
static const struct endpoint ENDPOINTS[] = {
    {"GET", "/v1/status", NOTHING, status_show},
    {"POST", "/v1/backup", BODY, backup_make},
    {"GET", "/v1/domains", QUERY, domains_list},
    {"POST", "/v1/domains", BODY, domains_add},
    {"GET", "/v1/domains/{id}", NOTHING, domains_show},
    {"PATCH", "/v1/domains/{id}", BODY, domains_change},
    {"DELETE", "/v1/domains/{id}", CHOICE, domains_remove},
    {"GET", "/v1/domains/{id}/records", NOTHING, domains_records},
    {"GET", "/v1/domains/{id}/zone", NOTHING, domains_zone},
    {"POST", "/v1/domains/{id}/verify", NOTHING, domains_verify},
    {"POST", "/v1/domains/{id}/approve", NOTHING, domains_approve},
    {"GET", "/v1/domains/{id}/events", QUERY, domains_events},
    {"GET", "/v1/tenants", QUERY, tenants_list},
    {"POST", "/v1/tenants", BODY, tenants_add},
    {"DELETE", "/v1/tenants/{id}", CHOICE, tenants_remove},
    {"GET", "/v1/messages", QUERY, messages_list},
    {"GET", "/v1/messages/{id}", NOTHING, messages_show},
    {"GET", "/v1/messages/{id}/raw", NOTHING, messages_raw},
    {"GET", "/v1/messages/{id}/evidence", NOTHING, messages_evidence},
    {"GET", "/v1/deliveries", QUERY, deliveries_list},
    {"POST", "/v1/deliveries/retry", BODY, deliveries_retry},
    {"GET", "/v1/deliveries/{id}", NOTHING, deliveries_show},
    {"GET", "/v1/holds", QUERY, holds_list},
    {"POST", "/v1/holds/release", BODY, holds_release},
    {"POST", "/v1/holds/discard", BODY, holds_discard},
};

// A HEAD is a GET whose body the server leaves out.
static bool
method_fits(const struct endpoint *endpoint, const char *method)
{
    return strcmp(endpoint->method, method) == 0 ||
           (strcmp(method, "HEAD") == 0 && strcmp(endpoint->method, "GET") == 0);
}

// The endpoint, or NULL with the error in the response.
static const struct endpoint *
find_endpoint(const struct request *request, char id[REQUEST_TEXT_SIZE], struct response *response)
{
    char allow[sizeof(response->allow)] = "";
    for (size_t i = 0; i < ARRAY_LEN(ENDPOINTS); i++) {
        const struct endpoint *endpoint = &ENDPOINTS[i];
        if (!path_match(endpoint->pattern, request->path, id, REQUEST_TEXT_SIZE)) {
            continue;
        }
        if (method_fits(endpoint, request->method)) {
            return endpoint;
        }
        size_t used = strlen(allow);
        (void)snprintf(allow + used, sizeof(allow) - used, "%s%s", used == 0 ? "" : ", ",
                       endpoint->method);
    }
    if (allow[0] == '\0') {
        response_error(response, 404, "not_found", "there is nothing at this path");
        return NULL;
    }
    response_error(response, 405, "method_not_allowed", "this path does not take the method");
    memcpy(response->allow, allow, sizeof(allow));
    return NULL;
}

static bool
is_json(const char *content_type)
{
    static const char JSON[] = "application/json";
    if (content_type == NULL || strncasecmp(content_type, JSON, sizeof(JSON) - 1) != 0) {
        return false;
    }
    char next = content_type[sizeof(JSON) - 1];
    return next == '\0' || next == ';' || next == ' ';
}

// False with the error in the response: what nobody would read is refused, not ignored.
static bool
check_shape(const struct endpoint *endpoint, const struct request *request,
            struct response *response)
{
    bool takes_body = endpoint->takes == BODY || endpoint->takes == CHOICE;
    if (!takes_body && request->body_length > 0) {
        response_error(response, 400, "bad_request", "this request takes no body");
        return false;
    }
    if (endpoint->takes != QUERY && request->parameter_count > 0) {
        response_error(response, 400, "bad_request", "this request takes no parameters");
        return false;
    }
    return true;
}

// False with the error in the response.
static bool
read_body(const struct request *request, json_t **body_out, struct response *response)
{
    // A web page can make a browser send a form anywhere, but not this content type.
    if (!is_json(request->content_type)) {
        response_error(response, 415, "unsupported_media_type",
                       "the body must be of Content-Type: application/json");
        return false;
    }
    struct why why;
    if (api_json_parse(request->body == NULL ? "" : request->body, request->body_length, body_out,
                       &why) != ST_OK) {
        response_error(response, 400, "bad_request", why.text);
        return false;
    }
    return true;
}

static bool
wants_body(const struct endpoint *endpoint, const struct request *request)
{
    return endpoint->takes == BODY || (endpoint->takes == CHOICE && request->body_length > 0);
}

void
api_dispatch(const struct api_context *context, int64_t started_mono_ms,
             const struct request *request, struct response *response)
{
    struct call call = {.context = context,
                        .request = request,
                        .response = response,
                        .started_mono_ms = started_mono_ms};
    const struct endpoint *endpoint = find_endpoint(request, call.id, response);
    AUTO_JSON *body = NULL;
    if (endpoint == NULL || !check_shape(endpoint, request, response) ||
        (wants_body(endpoint, request) && !read_body(request, &body, response))) {
        return;
    }
    call.body = body;
    struct why why = {.text = ""};
    enum status status = endpoint->handle(&call, &why);
    if (status != ST_OK) {
        response_error(response, response_http_status(status), status_name(status), why.text);
    }
}
