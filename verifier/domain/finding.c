// SPDX-License-Identifier: Apache-2.0
#include "verifier/domain/finding.h"

#include <stddef.h>

#include "common/attrs.h"

static const char *const NAMES[] = {
    [FINDING_MISSING] = "missing",
    [FINDING_WRONG_VALUE] = "wrong_value",
    [FINDING_PROPAGATING] = "propagating",
    [FINDING_STALE_CACHE] = "stale_cache",
    [FINDING_NAME_DOUBLED] = "name_doubled",
    [FINDING_WRONG_LEVEL] = "wrong_level",
    [FINDING_QUOTED_VALUE] = "quoted_value",
    [FINDING_DUPLICATE] = "duplicate",
    [FINDING_CNAME_AS_TXT] = "cname_as_txt",
    [FINDING_CNAME_BESIDE] = "cname_beside",
    [FINDING_WILDCARD] = "wildcard",
    [FINDING_CNAME_LEAVES_ZONE] = "cname_leaves_zone",
    [FINDING_UNDERSCORE_MISSING] = "underscore_missing",
    [FINDING_VALUE_RELATIVE] = "value_relative",
    [FINDING_VALUE_ESCAPED] = "value_escaped",
    [FINDING_NOT_ASCII] = "not_ascii",
    [FINDING_WRONG_TYPE] = "wrong_type",
    [FINDING_PROXIED] = "proxied",
    [FINDING_NO_DOMAIN] = "no_domain",
    [FINDING_NO_ANSWER] = "no_answer",
    [FINDING_LAME_SERVER] = "lame_server",
    [FINDING_DEAD_SERVER] = "dead_server",
    [FINDING_DNSSEC_BROKEN] = "dnssec_broken",
    [FINDING_PRIVATE_SERVER] = "private_server",
    [FINDING_RESOLVER_ONLY] = "resolver_only",
    [FINDING_TOO_MANY_QUERIES] = "too_many_queries",
    [FINDING_SPF_TWO_RECORDS] = "spf_two_records",
    [FINDING_SPF_INCLUDE_MISSING] = "spf_include_missing",
    [FINDING_SPF_SYNTAX] = "spf_syntax",
    [FINDING_SPF_TOO_MANY_LOOKUPS] = "spf_too_many_lookups",
    [FINDING_SPF_TOO_MANY_VOID] = "spf_too_many_void",
    [FINDING_SPF_PLUS_ALL] = "spf_plus_all",
    [FINDING_SPF_NO_ALL] = "spf_no_all",
    [FINDING_SPF_AFTER_ALL] = "spf_after_all",
    [FINDING_SPF_BROKEN_INCLUDE] = "spf_broken_include",
    [FINDING_SPF_TYPE99] = "spf_type99",
    [FINDING_DKIM_NO_KEY] = "dkim_no_key",
    [FINDING_DKIM_FLATTENED] = "dkim_flattened",
    [FINDING_DKIM_REVOKED] = "dkim_revoked",
    [FINDING_DKIM_OTHER_KEY] = "dkim_other_key",
    [FINDING_DMARC_SYNTAX] = "dmarc_syntax",
    [FINDING_DMARC_TWO_RECORDS] = "dmarc_two_records",
    [FINDING_DMARC_WEAKER] = "dmarc_weaker",
    [FINDING_DMARC_INHERITED] = "dmarc_inherited",
    [FINDING_DMARC_REPORT_NOT_AUTHORISED] = "dmarc_report_not_authorised",
    [FINDING_DMARC_REPORT_NO_ROUTE] = "dmarc_report_no_route",
    [FINDING_MX_OTHER_FIRST] = "mx_other_first",
    [FINDING_MX_OTHER_BESIDE] = "mx_other_beside",
    [FINDING_MX_IS_CNAME] = "mx_is_cname",
    [FINDING_MX_IS_ADDRESS] = "mx_is_address",
    [FINDING_MX_NULL] = "mx_null",
    [FINDING_MX_PRIORITY] = "mx_priority",
    [FINDING_MX_PRIORITY_IN_HOST] = "mx_priority_in_host",
    [FINDING_MAIL_FROM_REGION] = "mail_from_region",
    [FINDING_MAIL_FROM_COLLISION] = "mail_from_collision",
    [FINDING_NO_POSTMASTER_ROUTE] = "no_postmaster_route",
    [FINDING_NO_ABUSE_ROUTE] = "no_abuse_route",
};
_Static_assert(ARRAY_LEN(NAMES) == FINDING_COUNT, "each code has its word");

const char *
finding_code_name(enum finding_code code)
{
    return NAMES[code];
}
