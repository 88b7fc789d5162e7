// SPDX-License-Identifier: Apache-2.0
#include "verifier/domain/record.h"

#include <stdio.h>
#include <string.h>

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

void
record_add_finding(struct domain_record *record, enum finding_code code, const char *problem,
                   const char *cure)
{
    if (record->finding_count == RECORD_FINDINGS_MAX) {
        return;
    }
    struct finding *finding = &record->findings[record->finding_count++];
    *finding = (struct finding){.code = code};
    (void)snprintf(finding->problem, sizeof(finding->problem), "%s", problem);
    (void)snprintf(finding->cure, sizeof(finding->cure), "%s", cure);
}
