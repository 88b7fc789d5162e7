// SPDX-License-Identifier: Apache-2.0
// /v1/backup: a copy of the store while it works.
#include "common/log.h"
#include "control/api/fields.h"
#include "control/api/handlers.h"
#include "control/api/json.h"

struct backup_body {
    const char *path;
};
static const struct field BACKUP_FIELDS[] = {
    {FIELD(struct backup_body, path, FIELD_TEXT), .required = true},
};

enum status
backup_make(struct call *call, struct why *why)
{
    struct backup_body body = {.path = NULL};
    struct store_backup_result result;
    enum status status =
        fields_read_body(call->body, BACKUP_FIELDS, ARRAY_LEN(BACKUP_FIELDS), &body, why);
    if (status == ST_OK) {
        status = store_backup(call->context->store, body.path, &result, why);
    }
    if (status != ST_OK) {
        return status;
    }
    log_notice("store.backup", LOG_STR("path", body.path), LOG_INT("bytes", result.bytes),
               LOG_INT("ms", result.duration_ms));
    AUTO_JSON *root = json_object();
    json_object_set_new(root, "path", api_json_text(body.path));
    json_object_set_new(root, "bytes", json_integer((json_int_t)result.bytes));
    json_object_set_new(root, "duration_ms", json_integer(result.duration_ms));
    api_respond_json(call->response, 201, STEAL(root));
    return ST_OK;
}
