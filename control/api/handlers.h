// SPDX-License-Identifier: Apache-2.0
// The handlers behind the table of endpoints (dispatch.c). Each reads its fields, does its work and
// fills the response; a failure is returned, and dispatch makes the error of it.
#ifndef CONTROL_API_HANDLERS_H
#define CONTROL_API_HANDLERS_H

#include "control/api/api.h"
#include "control/api/request.h"

struct json_t;

/** One request on its way through a handler. */
struct call {
    const struct api_context *context;
    const struct request *request;
    struct response *response;
    struct json_t *body; /* an object; NULL for endpoints without, and where it may be left out */
    char id[REQUEST_TEXT_SIZE]; /* what stands for {id} in the path */
    int64_t started_mono_ms;    /* the API's start */
};

typedef enum status handler(struct call *call, struct why *why);

handler domains_add, domains_list, domains_show, domains_records, domains_verify, domains_change,
    domains_approve, domains_remove, domains_events, domains_zone;
handler tenants_list, tenants_add, tenants_remove;
handler messages_list, messages_show, messages_raw, messages_evidence;
handler deliveries_list, deliveries_show, deliveries_retry;
handler holds_list, holds_release, holds_discard;
handler status_show;
handler backup_make;

enum registry_held;

/** What becomes of held mail: NULL nothing, else "drain" or "discard". ST_INVALID. */
MUST_CHECK enum status held_from_word(const char *word, enum registry_held *out, struct why *why);

#endif
