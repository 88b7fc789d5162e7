// SPDX-License-Identifier: Apache-2.0
#include "verifier/domain/record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/xalloc.h"

static const char *const STATUS_NAMES[] = {
    [RECORD_UNCHECKED] = "unchecked",
    [RECORD_FOUND] = "found",
    [RECORD_PROPAGATING] = "propagating",
    [RECORD_MISSING] = "missing",
    [RECORD_WRONG] = "wrong",
    [RECORD_CONFLICT] = "conflict",
    [RECORD_UNKNOWN] = "unknown",
};

// The index of a word; the count of words when it is none of them.
static size_t
find_word(const char *const *words, const char *word)
{
    size_t i = 0;
    while (words[i] != NULL && strcmp(words[i], word) != 0) {
        i++;
    }
    return i;
}

const char *
record_purpose_name(enum record_purpose purpose)
{
    return RECORD_PURPOSE_WORDS[purpose];
}

enum status
record_purpose_from_name(const char *name, enum record_purpose *out)
{
    size_t found = find_word(RECORD_PURPOSE_WORDS, name);
    if (RECORD_PURPOSE_WORDS[found] == NULL) {
        return ST_INVALID;
    }
    *out = (enum record_purpose)found;
    return ST_OK;
}

const char *
record_for_name(enum record_for needed_for)
{
    return RECORD_FOR_WORDS[needed_for];
}

enum status
record_for_from_name(const char *name, enum record_for *out)
{
    size_t found = find_word(RECORD_FOR_WORDS, name);
    if (RECORD_FOR_WORDS[found] == NULL) {
        return ST_INVALID;
    }
    *out = (enum record_for)found;
    return ST_OK;
}

const char *
record_type_name(const struct domain_record *record)
{
    return RECORD_TYPE_WORDS[record_purpose_type(record->purpose)];
}

const char *
record_status_name(enum record_status status)
{
    return STATUS_NAMES[status];
}

// The length of the part of `name` in front of `zone`; false if it is not in it.
static bool
split_name(const char *name, const char *zone, size_t *host_length_out)
{
    size_t length = strlen(name);
    size_t end = strlen(zone);
    if (end == 0 || length < end || strcmp(name + length - end, zone) != 0) {
        return false;
    }
    if (length == end) {
        *host_length_out = 0;
        return true;
    }
    *host_length_out = length - end - 1;
    return name[length - end - 1] == '.';
}

void
record_host_part(const struct domain_record *record, const char *domain, const char *zone,
                 char out[RECORD_NAME_SIZE])
{
    size_t length = 0;
    if ((zone == NULL || !split_name(record->name, zone, &length)) &&
        !split_name(record->name, domain, &length)) {
        length = strlen(record->name); // in neither: as it is
    }
    const char *host = length == 0 ? "@" : record->name;
    (void)snprintf(out, RECORD_NAME_SIZE, "%.*s", length == 0 ? 1 : (int)length, host);
}

// ---- what a record owns

static char *
copy_cut(const char *text, size_t size)
{
    return xmemdup(text, strnlen(text, size - 1));
}

struct finding *
record_add_finding(struct domain_record *record, enum finding_code code, const char *problem,
                   const char *cure)
{
    size_t count = record->finding_count;
    if (count == RECORD_FINDINGS_MAX) {
        return NULL;
    }
    record->findings = xreallocarray(record->findings, count + 1, sizeof(*record->findings));
    record->finding_count++;
    record->findings[count] = (struct finding){.code = code,
                                               .problem = copy_cut(problem, FINDING_PROBLEM_SIZE),
                                               .cure = copy_cut(cure, FINDING_CURE_SIZE)};
    return &record->findings[count];
}

void
record_add_server(struct domain_record *record, const char *name, const char *address,
                  enum record_status status, const char *detail)
{
    size_t count = record->server_count;
    if (count == RECORD_SERVERS_MAX) {
        return;
    }
    record->servers = xreallocarray(record->servers, count + 1, sizeof(*record->servers));
    record->server_count++;
    struct record_server *server = &record->servers[count];
    *server = (struct record_server){.name = copy_cut(name, DOMAIN_NAME_SIZE), .status = status};
    (void)snprintf(server->address, sizeof(server->address), "%s", address);
    (void)snprintf(server->detail, sizeof(server->detail), "%s", detail);
}

void
record_drop_findings(struct domain_record *record)
{
    for (size_t i = 0; i < record->finding_count; i++) {
        free(record->findings[i].problem);
        free(record->findings[i].cure);
    }
    free(record->findings);
    record->findings = NULL;
    record->finding_count = 0;
}

void
record_forget(struct domain_record *record)
{
    for (size_t i = 0; i < record->server_count; i++) {
        free(record->servers[i].name);
    }
    free(record->servers);
    record->servers = NULL;
    record->server_count = record->servers_found = record->servers_answered = 0;
    record_drop_findings(record);
    record->status = RECORD_UNCHECKED;
    record->observed[0] = '\0';
    record->observed_ttl = 0;
    record->stale_until = 0;
}

// ---- the records of a domain

void
domain_records_done(struct domain_records *records)
{
    for (size_t i = 0; i < records->count; i++) {
        record_forget(&records->items[i]);
    }
    free(records->items);
    *records = (struct domain_records){.count = 0};
}

struct domain_record *
domain_records_insert(struct domain_records *records, size_t at)
{
    if (records->count == RECORDS_MAX) {
        return NULL;
    }
    records->items = xreallocarray(records->items, records->count + 1, sizeof(*records->items));
    struct domain_record *record = &records->items[at];
    memmove(record + 1, record, (records->count - at) * sizeof(*record));
    memset(record, 0, sizeof(*record));
    records->count++;
    return record;
}

struct domain_record *
domain_records_add(struct domain_records *records)
{
    return domain_records_insert(records, records->count);
}

void
domain_records_drop(struct domain_records *records, size_t at)
{
    struct domain_record *record = &records->items[at];
    record_forget(record);
    records->count--;
    memmove(record, record + 1, (records->count - at) * sizeof(*record));
}
