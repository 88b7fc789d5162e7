// SPDX-License-Identifier: Apache-2.0
// ARC-Authentication-Results of others: whatever stands there, what is read keeps to its caps, and
// every domain is one that may be compared.
#include "tests/fuzz/target.h"

#include <stdlib.h>
#include <string.h>

#include "verifier/message/results_parse.h"

static void
check_entry(const struct results_entry *entry)
{
    char name[DOMAIN_NAME_SIZE];
    if (entry->method > RESULTS_DMARC || entry->result > AUTH_PERMERROR ||
        memchr(entry->domain, '\0', sizeof(entry->domain)) == NULL) {
        abort();
    }
    if (entry->domain[0] != '\0' && (address_normalize_domain(entry->domain, name, NULL) != ST_OK ||
                                     strcmp(name, entry->domain) != 0)) {
        abort();
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct results_list list;
    struct why why = {.text = ""};
    enum status status = results_parse((const char *)data, size, &list, &why);
    if (status != ST_OK) {
        if (why.text[0] == '\0') {
            abort();
        }
        return 0;
    }
    if (size > RESULTS_FIELD_MAX || list.count > RESULTS_ENTRIES_MAX || list.instance > 99) {
        abort();
    }
    for (size_t i = 0; i < list.count; i++) {
        check_entry(&list.entries[i]);
    }
    return 0;
}
