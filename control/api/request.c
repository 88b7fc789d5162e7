// SPDX-License-Identifier: Apache-2.0
#include "control/api/request.h"

#include <stdlib.h>
#include <string.h>

#include "control/api/json.h"

static const unsigned HTTP_STATUS[] = {
    [ST_OK] = 200,        [ST_NOT_FOUND] = 404, [ST_CONFLICT] = 409, [ST_INVALID] = 422,
    [ST_TOO_LARGE] = 429, // a cap of ours, such as pending domains; bodies are 413, by server.c
    [ST_REFUSED] = 409,   [ST_AGAIN] = 503,     [ST_NO_SPACE] = 503, [ST_AMBIGUOUS] = 503,
    [ST_IO] = 503,        [ST_BUG] = 500,
};
_Static_assert(ARRAY_LEN(HTTP_STATUS) == ST_BUG + 1, "every status has an HTTP status");

void
api_request_done(struct request *request)
{
    for (size_t i = 0; i < request->parameter_count; i++) {
        free(request->parameters[i].name);
        free(request->parameters[i].value);
    }
    free(request->method);
    free(request->path);
    free(request->content_type);
    free(request->body);
    *request = (struct request){.method = NULL};
}

void
response_done(struct response *response)
{
    free(response->body);
    if (response->stream.close != NULL) {
        response->stream.close(response->stream.context);
    }
    *response = (struct response){.http_status = 0};
}

unsigned
response_http_status(enum status status)
{
    return (size_t)status < ARRAY_LEN(HTTP_STATUS) ? HTTP_STATUS[status] : 500;
}

void
response_error(struct response *response, unsigned http_status, const char *code,
               const char *message)
{
    response_done(response);
    json_t *error = json_object();
    json_object_set_new(error, "code", api_json_text(code));
    json_object_set_new(error, "message", api_json_text(message));
    json_t *root = json_object();
    json_object_set_new(root, "error", error);
    api_respond_json(response, http_status, root);
}
