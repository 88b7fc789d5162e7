// SPDX-License-Identifier: Apache-2.0
// Findings: each mistake that is known has a code that never changes, a sentence that says what is
// wrong, and one that says what to do, with the text to paste.
#ifndef VERIFIER_DOMAIN_FINDING_H
#define VERIFIER_DOMAIN_FINDING_H

#include <stdbool.h>

enum { FINDING_PROBLEM_SIZE = 400, FINDING_CURE_SIZE = 1400 };

enum finding_code {
    /* any record */
    FINDING_MISSING,
    FINDING_WRONG_VALUE,
    FINDING_PROPAGATING,        /* some servers have it, some do not */
    FINDING_STALE_CACHE,        /* the zone has it; a resolver still has the old answer until ... */
    FINDING_NAME_DOUBLED,       /* it stands at _dmarc.example.com.example.com */
    FINDING_WRONG_LEVEL,        /* it stands at the parent, or at the domain itself */
    FINDING_QUOTED_VALUE,       /* quotes inside the value */
    FINDING_DUPLICATE,          /* more than one where one may be */
    FINDING_CNAME_AS_TXT,       /* a CNAME's target pasted as TXT */
    FINDING_CNAME_BESIDE,       /* a CNAME hides the record, or stands beside others */
    FINDING_WILDCARD,           /* the answer comes from a wildcard */
    FINDING_CNAME_LEAVES_ZONE,  /* the ownership TXT is reached through a CNAME out of the zone */
    FINDING_UNDERSCORE_MISSING, /* it stands at the name without its underscore */
    FINDING_VALUE_RELATIVE,     /* the DNS host appended the domain to the target */
    FINDING_VALUE_ESCAPED,      /* a backslash before a semicolon is part of the value */
    FINDING_NOT_ASCII,          /* typographic quotes and the like inside the value */
    FINDING_WRONG_TYPE,         /* the value stands there in a record of another type */
    FINDING_PROXIED,            /* the DNS host answers with its own addresses in place of it */
    /* the zone */
    FINDING_NO_DOMAIN, /* NXDOMAIN: not registered, or not delegated */
    FINDING_NO_ANSWER, /* no server of the zone answered */
    FINDING_LAME_SERVER,
    FINDING_DEAD_SERVER,
    FINDING_DNSSEC_BROKEN,
    FINDING_PRIVATE_SERVER,   /* its address is not asked */
    FINDING_RESOLVER_ONLY,    /* port 53 seems blocked: only our resolver was asked */
    FINDING_TOO_MANY_QUERIES, /* CHECK_QUERIES_MAX: the rest was not asked */
    /* SPF */
    FINDING_SPF_TWO_RECORDS,
    FINDING_SPF_INCLUDE_MISSING,
    FINDING_SPF_SYNTAX,
    FINDING_SPF_TOO_MANY_LOOKUPS,
    FINDING_SPF_TOO_MANY_VOID,
    FINDING_SPF_PLUS_ALL,
    FINDING_SPF_NO_ALL,
    FINDING_SPF_AFTER_ALL,      /* the include stands behind "all" */
    FINDING_SPF_BROKEN_INCLUDE, /* an include leads to no record, or to one that is not valid */
    FINDING_SPF_TYPE99,
    /* DKIM */
    FINDING_DKIM_NO_KEY,    /* the CNAME's target exists, but has no key */
    FINDING_DKIM_FLATTENED, /* the DNS host replaced the CNAME by what it leads to */
    FINDING_DKIM_REVOKED,
    FINDING_DKIM_OTHER_KEY,
    /* DMARC */
    FINDING_DMARC_SYNTAX,
    FINDING_DMARC_TWO_RECORDS,
    FINDING_DMARC_WEAKER,
    FINDING_DMARC_INHERITED,
    FINDING_DMARC_REPORT_NOT_AUTHORISED,
    FINDING_DMARC_REPORT_NO_ROUTE,
    /* MX */
    FINDING_MX_OTHER_FIRST,  /* another provider is preferred to ours */
    FINDING_MX_OTHER_BESIDE, /* ... or stands beside ours */
    FINDING_MX_IS_CNAME,
    FINDING_MX_IS_ADDRESS,
    FINDING_MX_NULL,             /* "0 ." (RFC 7505) */
    FINDING_MX_PRIORITY,         /* another than was asked for; alone, it is used all the same */
    FINDING_MX_PRIORITY_IN_HOST, /* the priority was entered in front of the host */
    FINDING_MAIL_FROM_REGION,    /* the host is of another region */
    FINDING_MAIL_FROM_COLLISION, /* the MAIL FROM name has other mail servers, or is registered */
    /* the configuration */
    FINDING_NO_POSTMASTER_ROUTE,
    FINDING_NO_ABUSE_ROUTE,
    FINDING_COUNT
};

struct finding {
    enum finding_code code;
    bool advice; /* the record may be good all the same */
    char *problem;
    char *cure;
};

/** One that is being written, with room for the longest sentences. */
struct finding_draft {
    enum finding_code code;
    bool advice;
    char problem[FINDING_PROBLEM_SIZE];
    char cure[FINDING_CURE_SIZE];
};

/** The code's stable word, such as "spf_two_records". Static text. */
const char *finding_code_name(enum finding_code code);

#endif
