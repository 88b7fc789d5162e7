// SPDX-License-Identifier: Apache-2.0
#include "verifier/domain/records.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

size_t
domain_records_make(const struct store_domain *domain, const char *inbound_mx,
                    struct registry_record out[REGISTRY_RECORDS_MAX])
{
    out[0] = (struct registry_record){.purpose = "ownership", .type = "TXT", .required = true};
    record_put(out[0].name, sizeof(out[0].name), "_mailspur.%s", domain->name);
    record_put(out[0].value, sizeof(out[0].value), "mailspur-verify=%s", domain->token);
    if (inbound_mx == NULL || inbound_mx[0] == '\0') {
        return 1;
    }
    out[1] = (struct registry_record){.purpose = "inbound", .type = "MX", .required = false};
    record_put(out[1].name, sizeof(out[1].name), "%s", domain->name);
    record_put(out[1].value, sizeof(out[1].value), "10 %s", inbound_mx);
    return 2;
}

void
domain_record_check(const struct store_domain *domain, struct dns *dns, struct dns_budget *budget,
                    struct registry_record *record)
{
    record->observed[0] = '\0';
    if (strcmp(record->purpose, "ownership") == 0) {
        domain_check_ownership(domain, dns, budget, record);
    } else {
        domain_check_inbound(domain, dns, budget, record);
    }
}

void
record_put(char *out, size_t size, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(out, size, format, args);
    va_end(args);
}

void
record_put_observed(struct registry_record *record, const char *data, size_t length)
{
    size_t used = 0;
    for (; used < length && used + 1 < sizeof(record->observed); used++) {
        char c = data[used];
        record->observed[used] = c >= ' ' && c <= '~' ? c : '?';
    }
    record->observed[used] = '\0';
}

void
record_set_unknown(struct registry_record *record, const char *problem)
{
    record_put(record->status, sizeof(record->status), "unknown");
    record_put(record->problem, sizeof(record->problem), "could not be looked up: %s", problem);
    record_put(record->cure, sizeof(record->cure),
               "Nothing changed. Check again later; if it stays so, look at the name servers of "
               "the domain and at the resolver of this host.");
}

void
record_set_found(struct registry_record *record)
{
    record_put(record->status, sizeof(record->status), "found");
    record->problem[0] = '\0';
    record->cure[0] = '\0';
}
