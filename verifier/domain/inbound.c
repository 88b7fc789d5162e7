// SPDX-License-Identifier: Apache-2.0
// The MX record that leads mail to this host. A finding only: mail that Microsoft 365 or Google
// forwards arrives without it.
#include <string.h>

#include "common/strbuf.h"
#include "verifier/domain/records.h"

static bool
is_our_host(const struct dns_record *mx, const char *host)
{
    char ours[DOMAIN_NAME_SIZE];
    return address_normalize_domain(host, ours, NULL) == ST_OK && strcmp(mx->data, ours) == 0;
}

static bool
has_our_host(const struct dns_answer *answer, const char *host)
{
    for (size_t i = 0; i < answer->count; i++) {
        if (is_our_host(&answer->records[i], host)) {
            return true;
        }
    }
    return false;
}

static void
put_hosts(const struct dns_answer *answer, struct registry_record *record)
{
    AUTO_STRBUF hosts = STRBUF_INIT(sizeof(record->observed) - 1);
    for (size_t i = 0; i < answer->count && !hosts.overflow; i++) {
        strbuf_printf(&hosts, "%s%u %s", i == 0 ? "" : ", ", answer->records[i].preference,
                      answer->records[i].data);
    }
    record_put_observed(record, strbuf_text(&hosts), hosts.length);
}

void
domain_check_inbound(const struct store_domain *domain, struct dns *dns, struct dns_budget *budget,
                     struct registry_record *record)
{
    const char *host = strchr(record->value, ' ') + 1;
    AUTO_ANSWER *answer = dns_get(dns, budget, domain->name, DNS_MX);
    switch (answer->status) {
    case DNS_TEMPORARY:
    case DNS_BAD_NAME:
        record_set_unknown(record, answer->problem);
        return;
    case DNS_OK:
        if (has_our_host(answer, host)) {
            record_set_found(record);
            return;
        }
        put_hosts(answer, record);
        record_put(record->status, sizeof(record->status), "wrong");
        record_put(record->problem, sizeof(record->problem), "mail goes to other hosts");
        break;
    case DNS_NXDOMAIN:
    case DNS_NODATA:
        record_put(record->status, sizeof(record->status), "missing");
        record_put(record->problem, sizeof(record->problem), "the domain has no MX record");
        break;
    }
    record_put(record->cure, sizeof(record->cure),
               "Publish MX %s with the value %s, unless other hosts forward its mail here.",
               record->name, record->value);
}
