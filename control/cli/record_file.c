// SPDX-License-Identifier: Apache-2.0
#include "control/cli/record_file.h"

#include <stdio.h>
#include <string.h>

#include "common/xalloc.h"
#include "control/cli/call.h"
#include "verifier/domain/record_format.h"

static bool
copy_text(const json_t *json, const char *member, char *out, size_t size)
{
    int length = snprintf(out, size, "%s", call_text(json, member));
    return length > 0 && (size_t)length < size;
}

static enum record_status
status_of(const char *word)
{
    for (int status = RECORD_UNCHECKED; status <= RECORD_UNKNOWN; status++) {
        if (strcmp(word, record_status_name((enum record_status)status)) == 0) {
            return (enum record_status)status;
        }
    }
    return RECORD_UNCHECKED;
}

static enum status
read_record(const json_t *json, struct domain_record *out, struct why *why)
{
    const char *purpose = call_text(json, "purpose");
    if (record_purpose_from_name(purpose, &out->purpose) != ST_OK ||
        record_for_from_name(call_text(json, "for"), &out->needed_for) != ST_OK) {
        return why_set(why, ST_INVALID,
                       "mailspurd has records of a kind ('%.40s') that this "
                       "program does not know: are they of one version?",
                       purpose);
    }
    if (!copy_text(json, "name", out->name, sizeof(out->name)) ||
        !copy_text(json, "value", out->value, sizeof(out->value))) {
        return why_set(why, ST_INVALID,
                       "the %.40s record has no name or value, or a longer one "
                       "than there may be",
                       purpose);
    }
    out->required = json_is_true(json_object_get(json, "required"));
    out->preference = (unsigned)call_number(json, "priority");
    out->ttl = (uint32_t)call_number(json, "ttl");
    out->status = status_of(call_text(json, "status"));
    return ST_OK;
}

static enum status
read_records(const json_t *list, struct domain_records *out, struct why *why)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        struct domain_record *record = domain_records_add(out);
        if (record == NULL) {
            return why_set(why, ST_INVALID, "there are more than %d records", (int)RECORDS_MAX);
        }
        enum status status = read_record(json_array_get(list, i), record, why);
        if (status != ST_OK) {
            return status;
        }
    }
    return ST_OK;
}

enum status
record_file_write(const json_t *domain, enum record_file form, struct strbuf *out, struct why *why)
{
    AUTO_RECORDS records = {.count = 0};
    enum status status = read_records(json_object_get(domain, "records"), &records, why);
    if (status != ST_OK) {
        return status;
    }
    const char *zone = call_text(domain, "zone");
    switch (form) {
    case RECORD_FILE_BIND:
        record_format_bind(&records, out);
        break;
    case RECORD_FILE_CSV:
        record_format_csv(&records, call_text(domain, "domain"), zone[0] == '\0' ? NULL : zone,
                          out);
        break;
    }
    return ST_OK;
}
