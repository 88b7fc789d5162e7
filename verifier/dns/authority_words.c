// SPDX-License-Identifier: Apache-2.0
// The words for what servers do, for output and logs.
#include "verifier/dns/authority.h"

const char *
authority_outcome_name(enum authority_outcome outcome)
{
    switch (outcome) {
    case AUTHORITY_FOUND:
        return "found";
    case AUTHORITY_CNAME:
        return "cname";
    case AUTHORITY_NXDOMAIN:
        return "nxdomain";
    case AUTHORITY_NODATA:
        return "nodata";
    case AUTHORITY_LAME:
        return "lame";
    case AUTHORITY_BROKEN:
        return "broken";
    case AUTHORITY_TIMEOUT:
        return "timeout";
    case AUTHORITY_UNREACHABLE:
        return "unreachable";
    case AUTHORITY_NOT_ASKED:
        return "not_asked";
    }
    return "?";
}

const char *
authority_reason_name(enum authority_reason reason)
{
    switch (reason) {
    case AUTHORITY_NO_REASON:
        return "";
    case AUTHORITY_REFUSED:
        return "refused";
    case AUTHORITY_SERVFAIL:
        return "servfail";
    case AUTHORITY_OTHER_RCODE:
        return "other_rcode";
    case AUTHORITY_NOT_AUTHORITATIVE:
        return "not_authoritative";
    case AUTHORITY_REFERRAL:
        return "referral";
    case AUTHORITY_PRIVATE_ADDRESS:
        return "private_address";
    case AUTHORITY_NO_ADDRESS:
        return "no_address";
    case AUTHORITY_ADDRESS_UNKNOWN:
        return "address_unknown";
    case AUTHORITY_NAME_IS_CNAME:
        return "name_is_cname";
    case AUTHORITY_RATE_LIMITED:
        return "rate_limited";
    case AUTHORITY_NO_ROUTE:
        return "no_route";
    case AUTHORITY_NO_TIME:
        return "no_time";
    case AUTHORITY_NO_QUERY:
        return "no_query";
    case AUTHORITY_LOCAL_FAULT:
        return "local_fault";
    }
    return "?";
}

bool
authority_is_answer(enum authority_outcome outcome)
{
    return outcome <= AUTHORITY_NODATA;
}
