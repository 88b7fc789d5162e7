// SPDX-License-Identifier: Apache-2.0
// DMARC records from a stranger: what is read as one keeps the promises of dmarc_record.h.
#include "tests/fuzz/target.h"

#include <stdlib.h>
#include <string.h>

#include "verifier/message/dmarc_record.h"

static bool
is_action(enum dmarc_action action)
{
    return action == DMARC_ACTION_NONE || action == DMARC_ACTION_QUARANTINE ||
           action == DMARC_ACTION_REJECT;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dmarc_record record;
    memset(&record, 0x55, sizeof(record));
    if (dmarc_record_parse((const char *)data, size, &record) != ST_OK) {
        return 0;
    }
    if (memmem(data, size, "DMARC1", 6) == NULL || !is_action(record.policy) ||
        !is_action(record.subdomain_policy) || !is_action(record.nonexistent_policy)) {
        abort();
    }
    // Nothing is enforced that is no good policy.
    bool enforces = record.policy != DMARC_ACTION_NONE ||
                    record.subdomain_policy != DMARC_ACTION_NONE ||
                    record.nonexistent_policy != DMARC_ACTION_NONE;
    if (enforces && !record.has_policy) {
        abort();
    }
    return 0;
}
