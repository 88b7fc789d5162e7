// SPDX-License-Identifier: Apache-2.0
// JSON in and out of the API, over jansson. Included only inside control/api.
#ifndef CONTROL_API_JSON_H
#define CONTROL_API_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "common/cleanup.h"
#include "common/status.h"
#include "control/api/request.h"

static inline void
json_cleanup(json_t **json)
{
    json_decref(*json);
}
#define AUTO_JSON AUTO(json_cleanup) json_t

/** A string; bytes that are not UTF-8 become U+FFFD. NULL becomes null. New reference. */
json_t *api_json_text(const char *text);

/** As api_json_text, but null for "" too. */
json_t *api_json_text_or_null(const char *text);

/** Wall-clock milliseconds as "2026-11-22T10:15:30.123Z"; 0 becomes null. */
json_t *api_json_time(int64_t wall_ms);

json_t *api_json_number(uint64_t number);

/** As text, owned; ASCII only: strangers' text cannot drive a terminal. Any value. */
char *api_json_dump(const json_t *value);

/** Make `root` (taken) the response's body, as api_json_dump writes it. */
void api_respond_json(struct response *response, unsigned http_status, json_t *root);

/** Parse a request's body: one object, no member twice. ST_INVALID tells line and column. */
MUST_CHECK enum status api_json_parse(const char *text, size_t length, json_t **root_out,
                                      struct why *why);

#endif
