// SPDX-License-Identifier: Apache-2.0
#include "fixture_check.h"

#include <stdio.h>
#include <string.h>

#include "common/clock.h"

enum { QUERIES = 20, TIME_MS = 10000 };

static bool
is_wanted(const struct domain_record *record, const struct dns_record *found)
{
    return found->length == strlen(record->value) &&
           memcmp(found->data, record->value, found->length) == 0;
}

static void
look_up(struct dns *dns, struct domain_record *record)
{
    struct dns_budget budget = {
        .deadline_mono_ms = clock_mono_ms() + TIME_MS, .queries_left = QUERIES, .fresh = true};
    AUTO_ANSWER *answer = dns_get(dns, &budget, record->name, record->type);
    if (answer->status == DNS_TEMPORARY) {
        record->status = RECORD_UNKNOWN;
        return;
    }
    record->status = answer->count == 0 ? RECORD_MISSING : RECORD_WRONG;
    for (size_t i = 0; i < answer->count; i++) {
        const struct dns_record *found = &answer->records[i];
        (void)snprintf(record->observed, sizeof(record->observed), "%.*s", (int)found->length,
                       found->data);
        if (is_wanted(record, found)) {
            record->status = RECORD_FOUND;
            return;
        }
    }
}

static void
add(enum check_outcome *outcome, enum record_status status)
{
    if (status == RECORD_UNKNOWN) {
        *outcome = *outcome == CHECK_MISS ? CHECK_MISS : CHECK_UNKNOWN;
    } else if (status != RECORD_FOUND) {
        *outcome = CHECK_MISS;
    }
}

void
fixture_check(const struct check_context *context, const struct check_subject *subject,
              struct domain_records *records, struct check_summary *summary_out)
{
    *summary_out = (struct check_summary){.ownership = CHECK_PASS, .required = CHECK_PASS};
    (void)snprintf(summary_out->zone, sizeof(summary_out->zone), "%s", subject->domain);
    for (size_t i = 0; i < records->count; i++) {
        struct domain_record *record = &records->items[i];
        look_up(context->dns, record);
        if (record->status != RECORD_FOUND) {
            record_add_finding(record, FINDING_MISSING, "it is not there", "publish it");
        }
        if (record->needed_for == RECORD_FOR_OWNERSHIP) {
            add(&summary_out->ownership, record->status);
        }
        if (record->required) {
            add(&summary_out->required, record->status);
        }
        if (record->required && record->status != RECORD_FOUND && summary_out->detail[0] == '\0') {
            (void)snprintf(summary_out->detail, sizeof(summary_out->detail), "%.4s %.200s: %s",
                           record_type_name(record), record->name,
                           record_status_name(record->status));
        }
    }
}
